/* timeline: the part of an id's history that is read and written for each of its events: the
 * current version, the newest event, some confirmations, and the memory of the order. Pure. A
 * confirmation is an event within the late window that changed nothing, but would change something
 * if a late event came before it. The timeline holds a few confirmations of its id. More of them
 * have rows of their own, so that one more confirmation does not cost as much as all of them. No
 * reader depends on which are where. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_TIMELINE_H
#define STREAMER_LAYERS_SNAPSHOTS_TIMELINE_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A version is valid in [from, to). to == TIMESTAMP_NONE: it is current. All times are epoch ms. */
struct version {
    int64_t from, to;
    int64_t loaded_at; /* of the event that opened it */
    struct slice attributes;
};

/* An event that changed nothing. It confirms the value at its time, or (deleted) that there was
 * none. */
struct confirmation {
    int64_t at;
    bool deleted;
    int64_t loaded_at;
};
/* A timeline holds so many confirmations. A list in the topic of an older version may be longer. */
#define CONFIRMATIONS_INSIDE 6

/* The last record of an id, as far as it matters to a tombstone after it (rules O4, O7). */
enum last_record {
    LAST_OTHER,
    LAST_DELETE, /* a delete that is no tombstone, so that its companion may follow */
    LAST_REPEAT,
};

/* What kind of end the newest event is. */
enum newest_end {
    /* An upsert, or a delete with a time of its own. */
    END_NONE,
    /* A delete without a time (rule O6), which may turn out to have been earlier (O8). */
    END_TOMBSTONE,
    /* The end that a truncate made (O9). */
    END_TRUNCATE,
    /* A delete without a time, too, but the event before it is the end that a truncate made. */
    END_TOMBSTONE_AFTER_TRUNCATE,
};

/* What rules O4 to O9 and "Outdated rows" have to remember of an id (schemas/README.md). */
struct order_memory {
    enum last_record last;
    enum newest_end end;
    /* Unless END_NONE: the newest event but one. TIMESTAMP_NONE: there is none. */
    int64_t before_end;
    /* A later record was rejected. Only true if there is a current version. */
    bool outdated;
    /* Position (position.h) of the last applied record that carried one. Empty: there is none. */
    struct slice position;
    bool position_is_last; /* that record was the id's last one */
    /* Whether the position is that of a snapshot's row. Changes that the row does not contain can
     * lie before it: those of a transaction that wrote before the snapshot and committed after it
     * (seen with PostgreSQL). Therefore only changes up to `seen`, the position before such rows,
     * are known to be applied. `seen` is empty if there was no position. */
    bool position_is_read;
    struct slice seen;
    int64_t revision; /* grows with each position, so that a restore knows the last one */
};

/* `current.to` is TIMESTAMP_NONE. */
struct timeline {
    int64_t newest_event_at; /* TIMESTAMP_NONE: no event yet */
    bool has_current;
    struct version current;
    struct confirmation *confirmations; /* ascending by `at`; owned */
    size_t confirmation_count, confirmation_cap;
    int64_t outside_count;  /* how many confirmations have rows of their own */
    int64_t outside_oldest; /* time of the first of them; TIMESTAMP_NONE: there is none */
    struct order_memory memory;
};
void timeline_clear(struct timeline *t); /* makes it empty, and keeps its memory for reuse */
void timeline_release(struct timeline *t);

bool timeline_is_empty(const struct timeline *t); /* as after timeline_clear */
/* The current version, or NULL. */
static inline const struct version *timeline_current(const struct timeline *t) {
    return t->has_current ? &t->current : NULL;
}
/* Whether the current version counts as outdated. */
static inline bool timeline_is_outdated(const struct timeline *t) {
    return t->has_current && t->memory.outdated;
}
/* Whether the versions and confirmations say all that there is to remember. */
bool order_memory_is_empty(const struct order_memory *m);

/* The timeline's confirmation at this time, or NULL. */
const struct confirmation *timeline_find(const struct timeline *t, int64_t at);
void timeline_add(struct timeline *t, struct confirmation c);
/* The timeline must hold a confirmation at `at`. */
void timeline_remove(struct timeline *t, int64_t at);

/* In the state most times are written as their distance from another time, because small numbers
 * take few bytes. The difference wraps around, so that it is right for any two times. */
static inline int64_t time_after(int64_t at, int64_t base) {
    return (int64_t)((uint64_t)at - (uint64_t)base);
}
static inline int64_t time_plus(int64_t base, int64_t after) {
    return (int64_t)((uint64_t)base + (uint64_t)after);
}

/* Avro binary: the field "timeline" of schemas/internal/account_row.avsc and customer_row.avsc.
 * timeline_decode reads it from the front of `in`, and moves `in` behind it. Slices of the decoded
 * timeline point into the bytes of `in`. */
void timeline_encode(const struct timeline *t, struct buf *out);
bool timeline_decode(struct slice *in, struct timeline *t);
/* A closed version, by schemas/internal/version.avsc; `from` is part of its key. */
void version_encode(const struct version *v, struct buf *out);
bool version_decode(struct slice in, int64_t from, struct version *v);
/* A confirmation in a row or message of its own, by schemas/internal/confirmation.avsc; `at` is
 * part of its key. */
void confirmation_encode(const struct confirmation *c, struct buf *out);
bool confirmation_decode(struct slice in, int64_t at, struct confirmation *c);
/* The value of an id's own message in the confirmations topic, by schemas/internal/id_memory.avsc:
 * the timeline's confirmations and its memory. */
void id_memory_encode(const struct timeline *t, struct buf *out);
/* Replaces confirmations and memory. A position is replaced only if the revision of the new one is
 * not lower. */
bool id_memory_decode(struct slice in, struct timeline *t);
/* Decodes the list of confirmations that older versions of the program wrote there, by
 * schemas/internal/confirmations.avsc. */
bool confirmations_decode(struct slice in, struct timeline *t);

#endif
