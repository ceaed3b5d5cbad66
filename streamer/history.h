/* history: the snapshots layer, SCD2. Turns one event of one id into changes of that id's versions. Pure and
 * without regard to what the attributes are: two versions are equal when their attribute bytes are.
 *
 * The versions of an id are a function of the set of its accepted events (README, "History"). What is kept to
 * make that true with bounded state: the versions themselves, and the confirmations: events within the late
 * window that changed nothing, but would if a late event came between. */
#ifndef STREAMER_HISTORY_H
#define STREAMER_HISTORY_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* [from, to); to == TIMESTAMP_NONE: current. All times are epoch ms. */
struct version {
    int64_t from, to;
    int64_t loaded_at; /* of the event that opened it */
    struct slice attributes;
};

/* An event that changed nothing: the value that held then, or (deleted) that there was none then. */
struct confirmation {
    int64_t at;
    bool deleted;
    int64_t loaded_at;
};

/* What is read and written for every event of an id. `current.to` is TIMESTAMP_NONE. */
struct timeline {
    int64_t newest_event_at; /* TIMESTAMP_NONE: no event yet */
    bool has_current;
    struct version current;
    struct confirmation *confirmations; /* ascending by `at`; owned */
    size_t confirmation_count, confirmation_cap;
};
void timeline_clear(struct timeline *t); /* no event, no confirmation; keeps memory */
void timeline_release(struct timeline *t);

bool timeline_is_empty(const struct timeline *t); /* as after timeline_clear */
/* NULL: there is none. */
static inline const struct version *timeline_current(const struct timeline *t) {
    return t->has_current ? &t->current : NULL;
}

/* In the state, where most times are written as how long they are behind another one: small numbers take few bytes. Such
 * differences wrap around, so that they are right for any two times. */
static inline int64_t time_after(int64_t at, int64_t base) {
    return (int64_t)((uint64_t)at - (uint64_t)base);
}
static inline int64_t time_plus(int64_t base, int64_t after) {
    return (int64_t)((uint64_t)base + (uint64_t)after);
}

/* Avro binary: the field "timeline" of schemas/account_row.avsc and customer_row.avsc. Reads from the front of `in` and
 * moves it behind. Slices of the decoded timeline point into `in`. */
void timeline_encode(const struct timeline *t, struct buf *out);
bool timeline_decode(struct slice *in, struct timeline *t);
/* A closed version, by schemas/version.avsc; `from` is part of its key. */
void version_encode(const struct version *v, struct buf *out);
bool version_decode(struct slice in, int64_t from, struct version *v);
/* The confirmations alone, as the topic has them, by schemas/confirmations.avsc. */
void confirmations_encode(const struct timeline *t, struct buf *out);
bool confirmations_decode(struct slice in, struct timeline *t);

struct history_event {
    int64_t at, loaded_at;
    bool deleted;
    struct slice attributes; /* of no meaning when deleted */
};

enum version_state { VERSION_ABSENT, VERSION_CLOSED, VERSION_CURRENT };

/* One row of the history that is different now. */
struct version_change {
    enum version_state before, after; /* never both ABSENT */
    struct version version;           /* as it is now; after == ABSENT: only `from` counts */
};

struct history_options {
    int64_t late_window_ms;
    size_t confirmations_max; /* for one id; the oldest are forgotten first */
};

/* Result and scratch memory, reused from event to event. Zero-initialized is valid. */
struct history {
    struct version_change *changes; /* ascending by `from` */
    size_t change_count, change_cap;
    bool confirmations_changed;
    size_t confirmations_dropped; /* over confirmations_max */
    bool late;                    /* older than the newest event */
    struct history_moment *moments;
    size_t moment_count, moment_cap;
    struct confirmation *old_confirmations;
    size_t old_cap;
    struct version *versions;
    size_t version_count, version_cap;
};
void history_release(struct history *h);

/* True if the event is older than the window allows: quarantine it as too_late and do not apply it. */
bool history_too_late(const struct history_options *o, const struct timeline *t, int64_t at);

/* True if history_apply needs the versions around the event (a late one or a tie); else it needs none. */
bool history_needs_versions(const struct timeline *t, const struct history_event *e);

/* Applies an event that is not too late. `versions` (when needed) are, ascending, the last two that start at
 * or before `e->at` and all that start after, the current one included. Afterwards h->changes says which rows
 * differ, and `t` is the new timeline; its `current.attributes` and the changes point into the event, the old
 * timeline or `versions`. No change and no confirmation: a repeated event. */
void history_apply(struct history *h, const struct history_options *o, struct timeline *t,
                   const struct version *versions, size_t version_count, const struct history_event *e);

#endif
