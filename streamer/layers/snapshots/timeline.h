/* timeline: what is read and written for every event of an id: its current version, its newest
 * event, the confirmations that it holds, and what the order of a log has to remember. Pure.
 *
 * Confirmations are events within the late window that changed nothing, but would if a late event
 * came between. An id has a few of them at most, which are part of its timeline; more of them have
 * rows of their own, so that one more never costs what all of them do. Where one is does not matter
 * to anybody. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_TIMELINE_H
#define STREAMER_LAYERS_SNAPSHOTS_TIMELINE_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [from, to); to == TIMESTAMP_NONE: current. All times are epoch ms. */
struct version {
    int64_t from, to;
    int64_t loaded_at; /* of the event that opened it */
    struct slice attributes;
};

/* An event that changed nothing: the value that held then, or (deleted) that there was none then.
 */
struct confirmation {
    int64_t at;
    bool deleted;
    int64_t loaded_at;
};
#define CONFIRMATIONS_INSIDE                                                                       \
    6 /* of a timeline; a list of an older version's topic may be longer                           \
       */

/* What came last of an id, as far as a tombstone behind it has to know (rules O4, O7). */
enum last_record {
    LAST_OTHER,
    LAST_DELETE, /* no tombstone: its companion may follow */
    LAST_REPEAT,
};

/* What the newest event is. */
enum newest_end {
    END_NONE,      /* an upsert, or a delete with a time of its own */
    END_TOMBSTONE, /* a delete without one (rule O6): it may turn out to have been earlier (O8) */
    END_TRUNCATE,  /* the end that a truncate made (O9) */
};

/* Rules O4 to O9, and what is outdated (schemas/README.md, "Order of events"). */
struct order_memory {
    enum last_record last;
    enum newest_end end;
    int64_t
        before_end; /* unless END_NONE: the newest event before the newest; TIMESTAMP_NONE: none */
    bool
        outdated; /* a record that came later was rejected; only where there is a current version */
    struct slice
        position; /* of the last applied record that carried one (position.h); empty: none */
    bool position_is_last; /* that was the last record */
    /* Whether it is a snapshot row's. Changes that the row does not contain can lie before it: of a
     * transaction that wrote before the snapshot and committed behind it (seen with PostgreSQL). So
     * only what lies not behind `seen`, the position that was there before such rows, is known to
     * have been applied; empty: none was. */
    bool position_is_read;
    struct slice seen;
    int64_t revision; /* counts up with each position, so that a restore knows the last one */
};

/* `current.to` is TIMESTAMP_NONE. */
struct timeline {
    int64_t newest_event_at; /* TIMESTAMP_NONE: no event yet */
    bool has_current;
    struct version current;
    struct confirmation *confirmations; /* ascending by `at`; owned */
    size_t confirmation_count, confirmation_cap;
    int64_t outside_count;  /* confirmations with rows of their own */
    int64_t outside_oldest; /* the first of them; TIMESTAMP_NONE: there is none */
    struct order_memory memory;
};
void timeline_clear(struct timeline *t); /* no event, no confirmation; keeps memory */
void timeline_release(struct timeline *t);

bool timeline_is_empty(const struct timeline *t); /* as after timeline_clear */
/* NULL: there is none. */
static inline const struct version *timeline_current(const struct timeline *t) {
    return t->has_current ? &t->current : NULL;
}
/* Whether the current version counts as outdated. */
static inline bool timeline_is_outdated(const struct timeline *t) {
    return t->has_current && t->memory.outdated;
}
/* Whether there is nothing to remember but what the versions and confirmations say. */
bool order_memory_is_empty(const struct order_memory *m);

/* The confirmation at that time that the timeline holds; NULL: none. */
const struct confirmation *timeline_find(const struct timeline *t, int64_t at);
void timeline_add(struct timeline *t, struct confirmation c);
/* Of one that is there. */
void timeline_remove(struct timeline *t, int64_t at);

/* In the state, where most times are written as how long they are behind another one: small numbers
 * take few bytes. Such differences wrap around, so that they are right for any two times. */
static inline int64_t time_after(int64_t at, int64_t base) {
    return (int64_t)((uint64_t)at - (uint64_t)base);
}
static inline int64_t time_plus(int64_t base, int64_t after) {
    return (int64_t)((uint64_t)base + (uint64_t)after);
}

/* Avro binary: the field "timeline" of schemas/internal/account_row.avsc and customer_row.avsc.
 * Reads from the front of `in` and moves it behind. Slices of the decoded timeline point into `in`.
 */
void timeline_encode(const struct timeline *t, struct buf *out);
bool timeline_decode(struct slice *in, struct timeline *t);
/* A closed version, by schemas/internal/version.avsc; `from` is part of its key. */
void version_encode(const struct version *v, struct buf *out);
bool version_decode(struct slice in, int64_t from, struct version *v);
/* A confirmation in a row or message of its own, by schemas/internal/confirmation.avsc; `at` is
 * part of its key. */
void confirmation_encode(const struct confirmation *c, struct buf *out);
bool confirmation_decode(struct slice in, int64_t at, struct confirmation *c);
/* What an id's own message in the confirmations topic says, by schemas/internal/id_memory.avsc: the
 * timeline's confirmations and its memory. */
void id_memory_encode(const struct timeline *t, struct buf *out);
/* Replaces confirmations and memory; but a position only if its revision is not lower. */
bool id_memory_decode(struct slice in, struct timeline *t);
/* The list of confirmations that older versions wrote there, by
 * schemas/internal/confirmations.avsc. */
bool confirmations_decode(struct slice in, struct timeline *t);

#endif
