/* history: the snapshots layer, SCD2. Turns one event of one id into changes of that id's versions.
 * Pure and without regard to what the attributes are: two versions are equal when their attribute
 * bytes are.
 *
 * The versions of an id are a function of the set of its accepted events (rule O2; README,
 * "History"): sort them by time and read the versions off. What is kept to make that true with
 * bounded state: the versions themselves, and the confirmations (timeline.h).
 *
 * An event can only change the version that covers its time, the version before that if the event
 * lies on the boundary of the two, and what the next event behind it is: the next version's start,
 * an end, or a confirmation. So these, its neighbours, are all that is looked at, however long the
 * history is. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_HISTORY_H
#define STREAMER_LAYERS_SNAPSHOTS_HISTORY_H

#include "streamer/layers/snapshots/timeline.h"

#include <stdbool.h>
#include <stdint.h>

/* An event at its place: where rules O2 to O9 put it (order.h). */
struct history_event {
    int64_t at, loaded_at;
    bool deleted;
    struct slice attributes; /* of no meaning when deleted */
    bool moves_end;          /* rule O8: the newest event, an end behind this one, never was */
};

#define NEIGHBOUR_VERSIONS 3
#define NEIGHBOUR_CONFIRMATIONS 2

/* What an event has to know of its id's history. */
struct neighbours {
    /* Ascending: the last two that start at or before the event, and the next one. */
    struct version versions[NEIGHBOUR_VERSIONS];
    size_t version_count;
    /* Ascending: the one at the event's time, and the next one behind it, unless the next version
     * starts before that. */
    struct confirmation confirmations[NEIGHBOUR_CONFIRMATIONS];
    size_t confirmation_count;
};

/* The version that holds at a time, which these are the neighbours of; NULL: none. With
 * `moves_end`, the version that the newest event ends does not end there. */
const struct version *neighbours_version_at(const struct neighbours *n, int64_t at,
                                            const struct timeline *t, bool moves_end);

enum version_state { VERSION_ABSENT, VERSION_CLOSED, VERSION_CURRENT };

/* One row of the history that is different now. */
struct version_change {
    enum version_state before, after; /* never both ABSENT */
    struct version version;           /* as it is now; after == ABSENT: only `from` counts */
};

/* One confirmation that is there now, or (gone) no longer. */
struct confirmation_change {
    struct confirmation confirmation; /* gone: only `at` counts */
    bool gone;
    bool replaces; /* one with the same time */
};

#define HISTORY_MOMENTS (2 * NEIGHBOUR_VERSIONS + NEIGHBOUR_CONFIRMATIONS + 1)

/* What an event changed; its slices point into the event, the old timeline or the neighbours. */
struct history {
    struct version_change changes[HISTORY_MOMENTS + NEIGHBOUR_VERSIONS]; /* ascending by `from` */
    size_t change_count;
    struct confirmation_change confirmations[HISTORY_MOMENTS + NEIGHBOUR_CONFIRMATIONS];
    size_t confirmation_count;
    bool happened; /* false: the very event was known, so nothing of the timeline has changed */
};

/* True if history_apply needs the event's neighbours (it is late, or a tie); else it needs none. */
bool history_needs_neighbours(const struct timeline *t, const struct history_event *e);

/* Applies an event. `n` are its neighbours where it needs them. Afterwards `h` says which rows and
 * confirmations differ; `t` has the new current version and newest event, but its confirmations and
 * memory are as before. */
void history_apply(struct history *h, struct timeline *t, const struct neighbours *n,
                   const struct history_event *e);

#endif
