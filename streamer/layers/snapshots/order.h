/* order: where a record of an id belongs in the id's history: rules O2 to O10 (schemas/README.md,
 * "Order of events"). A topic is a set of events, told apart by their times, or a database's log,
 * in which the partition's order is the truth and times only label it. This turns a record of
 * either into an event with a place; the history (history.h) knows of sets only. Pure. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_ORDER_H
#define STREAMER_LAYERS_SNAPSHOTS_ORDER_H

#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/event.h"

#include <stdbool.h>
#include <stdint.h>

struct order_options {
    int64_t late_window_ms, future_window_ms;
    bool floor_holds_all[ENTITY_COUNT]; /* order.* = event_time: the floor of a truncate holds for
                                           all records, by time */
};

/* The latest truncate of an entity, as far as this partition knows (rule O9). */
struct order_floor {
    bool exists;
    int64_t at;
    bool has_own_time; /* else `at` is its Kafka timestamp */
    bool by_time_only; /* order.* = event_time: positions say nothing */
    struct slice position;
    int32_t source_partition;
    int64_t source_offset;
};

enum verdict {
    VERDICT_APPLY,
    VERDICT_UNKNOWN_TOMBSTONE, /* of an id that was never seen */
    VERDICT_IGNORE, /* a tombstone of what is not there, or of a delete that said it already (O7) */
    VERDICT_REPEAT, /* O4 */
    VERDICT_TOO_LATE,  /* O5 */
    VERDICT_TOO_EARLY, /* O5 */
};

/* Where a record is beside the latest truncate. */
enum floor_side {
    SIDE_ABOVE,
    SIDE_BELOW,         /* before it, so that it ends the record's version */
    SIDE_BELOW_AT_ONCE, /* the same, at the record's own time: there is no such version */
    SIDE_BELOW_ITS_END, /* the same; the end that it made before, which is not behind the record,
                           moves there */
    SIDE_BELOW_AND_ON,  /* the same of a truncate without a time: that end goes, and comes again
                           behind the record */
};

struct placement {
    enum verdict verdict;
    int64_t at;               /* its place */
    enum newest_end end;      /* what it makes of the newest event, if it is that then */
    bool moves_end;           /* O8 */
    enum floor_side side;     /* O9 */
    bool is_reordered;        /* O3: its time was replaced by that of the newest event */
    bool is_behind_tombstone; /* O8 would move the tombstone, were this a log */
};

/* Whether the newest event, an end, never was, or was later. */
static inline bool placement_takes_end_away(const struct placement *p) {
    return p->moves_end || p->side == SIDE_BELOW_ITS_END || p->side == SIDE_BELOW_AND_ON;
}

/* O5: whether the record's own time is more than future.window ahead of its Kafka timestamp (of a
 * replay: of its time). A log's is not believed then; by event time the record is refused. */
bool order_is_too_far_ahead(const struct order_options *o, const struct event *e);

/* O4: whether a record, which may be a bad one, was applied before. (Of a tombstone order_place
 * tells.) */
bool order_is_repeat(const struct order_options *o, const struct timeline *t,
                     const struct event *e);
/* Where `e`, which is no truncate, belongs. */
struct placement order_place(const struct order_options *o, const struct timeline *t,
                             const struct event *e, const struct order_floor *floor);

/* O9: whether the newest record of an id lies before the truncate. */
bool order_lies_before(const struct timeline *t, const struct order_floor *truncate);
/* O9: where the truncate ends an id whose newest record lies before it. */
int64_t order_end_of(const struct timeline *t, const struct order_floor *truncate);
/* O9: whether `a` is the later one of two truncates. */
bool order_is_later(const struct order_floor *a, const struct order_floor *b);

/* What is remembered of a record that was applied. `before`: the newest event before it
 * (TIMESTAMP_NONE: none); `happened`: it is an event that was not known already. */
void order_note_applied(struct timeline *t, const struct event *e, const struct placement *p,
                        int64_t before, bool happened);
/* The same of the end that a truncate made at `at`; `before_end`: the newest event before that. */
void order_note_truncated(struct timeline *t, int64_t before_end);
/* The same of a record that was ignored, or a repeat. */
void order_note_ignored(struct timeline *t, const struct event *e, enum verdict verdict);
/* The same of one that was rejected, and is no repeat. */
void order_note_rejected(struct timeline *t, const struct event *e, enum reason_code code);

#endif
