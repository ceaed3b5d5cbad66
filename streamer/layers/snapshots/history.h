/* history: the snapshots layer, SCD2. It turns one event of an id into changes of that id's
 * versions. Pure. It does not look into attributes: two versions are equal if their attribute bytes
 * are equal.
 *
 * The versions of an id are a function of the set of its accepted events (rule O2;
 * schemas/README.md, "History (SCD2)"): sort the events by time and read the versions off. To do
 * that with bounded state, the versions and the confirmations (timeline.h) are kept instead of the
 * events.
 *
 * An event can change only three things: the version that covers its time; the version before that,
 * if the event lies on the boundary of the two; and the next event after it, which is the start of
 * the next version, an end, or a confirmation. These are the neighbours of the event. Nothing else
 * is read, however long the history is. */
#ifndef STREAMER_LAYERS_SNAPSHOTS_HISTORY_H
#define STREAMER_LAYERS_SNAPSHOTS_HISTORY_H

#include "streamer/layers/snapshots/timeline.h"

#include <stdbool.h>
#include <stdint.h>

/* An event at the place that rules O2 to O9 gave it (order.h). */
struct history_event {
    int64_t at, loaded_at;
    bool deleted;
    struct slice attributes; /* without a meaning if `deleted` */
    bool moves_end;          /* rule O8: drop the newest event, an end after this event */
};

#define NEIGHBOUR_VERSIONS 3
#define NEIGHBOUR_CONFIRMATIONS 2

/* The neighbours of an event in its id's history. */
struct neighbours {
    /* Ascending: the last two versions that start at or before the event, and the next one. */
    struct version versions[NEIGHBOUR_VERSIONS];
    size_t version_count;
    /* Ascending: the confirmation at the event's time, and the next one, unless the next version
     * starts before that. */
    struct confirmation confirmations[NEIGHBOUR_CONFIRMATIONS];
    size_t confirmation_count;
};

/* The version that is valid at the time `at`, of whose event these are the neighbours, or NULL.
 * With `moves_end`, the newest event does not end the version that it ends now. */
const struct version *neighbours_version_at(const struct neighbours *n, int64_t at,
                                            const struct timeline *t, bool moves_end);

enum version_state { VERSION_ABSENT, VERSION_CLOSED, VERSION_CURRENT };

/* A row of the history that has changed. */
struct version_change {
    enum version_state before, after; /* never both VERSION_ABSENT */
    struct version version; /* as it is now; if `after` is VERSION_ABSENT, only `from` counts */
};

/* A confirmation that is new, or (gone) was removed. */
struct confirmation_change {
    struct confirmation confirmation; /* if `gone`, only `at` counts */
    bool gone;
    bool replaces; /* there was one with the same time */
};

#define HISTORY_MOMENTS (2 * NEIGHBOUR_VERSIONS + NEIGHBOUR_CONFIRMATIONS + 1)

/* The changes of an event. Slices point into the event, the old timeline or the neighbours. */
struct history {
    struct version_change changes[HISTORY_MOMENTS + NEIGHBOUR_VERSIONS]; /* ascending by `from` */
    size_t change_count;
    struct confirmation_change confirmations[HISTORY_MOMENTS + NEIGHBOUR_CONFIRMATIONS];
    size_t confirmation_count;
    bool happened;    /* false: this very event was known, so the timeline has not changed */
    int64_t opens_at; /* a version that begins then was opened by the event; TIMESTAMP_NONE: none */
};

/* Whether history_apply needs the event's neighbours, because the event is late or a tie. */
bool history_needs_neighbours(const struct timeline *t, const struct history_event *e);

/* Applies an event. `n` are its neighbours, if history_needs_neighbours says so. Afterwards `h`
 * holds the changed rows and confirmations, and `t` the new current version and newest event;
 * confirmations and memory of `t` are as before. */
void history_apply(struct history *h, struct timeline *t, const struct neighbours *n,
                   const struct history_event *e);

#endif
