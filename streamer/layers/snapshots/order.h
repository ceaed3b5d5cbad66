/* order: decides where a record belongs in its id's history, by rules O2 to O10 (schemas/README.md,
 * "Order of events"). A topic is either a set of events, which their times order, or a database's
 * log, in which the order of the partition is the truth and times are only labels. This module
 * turns a record of either kind into an event with a place, because the history (history.h) works
 * on sets only. Pure. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_ORDER_H
#define STREAMER_LAYERS_SNAPSHOTS_ORDER_H

#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/event.h"

#include <stdbool.h>
#include <stdint.h>

struct order_options {
    int64_t late_window_ms, future_window_ms;
    /* order.* = event_time: the floor of a truncate holds for all records, by time. */
    bool floor_holds_all[ENTITY_COUNT];
};

/* The floor: the latest truncate of an entity, as far as this partition knows it (rule O9). */
struct order_floor {
    bool exists;
    int64_t at;
    bool has_own_time; /* else `at` is the Kafka timestamp */
    bool by_time_only; /* order.* = event_time: positions do not count */
    struct slice position;
    int32_t source_partition;
    int64_t source_offset;
};

enum verdict {
    VERDICT_APPLY,
    VERDICT_UNKNOWN_TOMBSTONE, /* of an id that was never seen */
    VERDICT_IGNORE,    /* a tombstone of an id that is not current, or a delete's companion (O7) */
    VERDICT_REPEAT,    /* O4 */
    VERDICT_TOO_LATE,  /* O5 */
    VERDICT_TOO_EARLY, /* O5 */
};

/* Where a record lies relative to the latest truncate. */
enum floor_side {
    SIDE_ABOVE,
    SIDE_BELOW,         /* before the truncate, which therefore ends the record's version */
    SIDE_BELOW_AT_ONCE, /* the same, but it ends at the record's own time, so there is no version */
    /* Before the truncate, which has ended the id already, at a time not after the record's: that
     * end moves behind the record. */
    SIDE_BELOW_ITS_END,
    /* The same for a truncate without a time: its end is dropped, and made anew behind the
     * record. */
    SIDE_BELOW_AND_ON,
};

struct placement {
    enum verdict verdict;
    int64_t at;               /* the place: the event's time in the history */
    enum newest_end end;      /* the kind of end that it is, if it becomes the newest event */
    bool moves_end;           /* O8 */
    enum floor_side side;     /* O9 */
    bool is_reordered;        /* O3: its time was replaced by that of the newest event */
    bool drops_delete;        /* order_drops_delete; the caller of order_place sets it */
    bool is_behind_tombstone; /* O8 would move the tombstone if this were a log */
};

/* Whether the newest event, an end, is dropped or moves. */
static inline bool placement_takes_end_away(const struct placement *p) {
    return p->moves_end || p->side == SIDE_BELOW_ITS_END || p->side == SIDE_BELOW_AND_ON;
}

/* O5: whether the record's own time is more than future.window ahead of its Kafka timestamp, or for
 * a replay ahead of the replay's time. In a log such a time does not count; by event time the
 * record is refused. */
bool order_is_too_far_ahead(const struct order_options *o, const struct event *e);
/* O5: the time of a record before anything is known of its id: its own, or in a log the Kafka
 * timestamp in place of one that is too far ahead. */
int64_t order_time(const struct order_options *o, const struct event *e);

/* O4: whether a record, which may be a rejected one, was applied before. For a tombstone only
 * order_place knows. */
bool order_is_repeat(const struct order_options *o, const struct timeline *t,
                     const struct event *e);
/* O8, O9: whether the record shows that the newest event, a delete without a time, was earlier, and
 * the event before the delete is the end that a truncate made. Then the delete is dropped before
 * the record is placed, so that the record meets the truncate. */
bool order_drops_delete(const struct order_options *o, const struct timeline *t,
                        const struct event *e);
/* The place of `e`, which is no truncate. */
struct placement order_place(const struct order_options *o, const struct timeline *t,
                             const struct event *e, const struct order_floor *floor);

/* O9: whether the newest record of an id lies before the truncate. */
bool order_lies_before(const struct timeline *t, const struct order_floor *truncate);
/* O9: where the truncate ends an id whose newest record lies before it. */
int64_t order_end_of(const struct timeline *t, const struct order_floor *truncate);
/* O9: whether `a` is the later one of two truncates. */
bool order_is_later(const struct order_floor *a, const struct order_floor *b);

/* Remembers a record that was applied. `before`: the newest event before it (TIMESTAMP_NONE: none).
 * `happened`: the event was not known before. */
void order_note_applied(struct timeline *t, const struct event *e, const struct placement *p,
                        int64_t before, bool happened);
/* Remembers the end that a truncate made. `before_end`: the newest event before that end. */
void order_note_truncated(struct timeline *t, int64_t before_end);
/* Forgets the delete of order_drops_delete, so that the end of the truncate is the newest event
 * again. `before_end`: the newest event before that end. */
void order_note_delete_dropped(struct timeline *t, int64_t before_end);
/* Remembers a record that was ignored or a repeat. */
void order_note_ignored(struct timeline *t, const struct event *e, enum verdict verdict);
/* Remembers a record that was rejected and is no repeat. */
void order_note_rejected(struct timeline *t, const struct event *e, enum reason_code code);

#endif
