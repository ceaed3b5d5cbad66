/* vanished: which rows of an entity are current and not among those of a complete drop. It sorts
 * the ids of both on disk and reads them side by side, in constant memory. One thread.
 *
 * Each fact about an id is a row of the sorter, so that all that is known of an id lies together,
 * and shorter ids come before longer ones:
 *
 *   length of the id (4 bytes, big endian) | id | 0        the drop has the id
 *                                               | 1        the id has changed since the start
 *                                               | 2 | time of valid_from_at (8 bytes, big endian,
 *                                                     its sign flipped): this version is current
 *                                               | 3 | a time, written the same: an event that
 *                                                     changed nothing has confirmed the id then */
#ifndef STREAMER_COMPLETE_VANISHED_H
#define STREAMER_COMPLETE_VANISHED_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct vanished;

/* The caller frees it. NULL with `e`: there is no room for the files of the sorter. */
struct vanished *vanished_new(struct err *e);
void vanished_free(struct vanished *v); /* NULL is allowed */

/* What is known, in any order, apart from the two about the same version: the later call counts.
 * Ids are as staging makes them. False with ERR_STOP: the disk is full or fails. */
bool vanished_note_current(struct vanished *v, struct slice id, int64_t valid_from_ms,
                           struct err *e);
bool vanished_note_ended(struct vanished *v, struct slice id, int64_t valid_from_ms, struct err *e);
bool vanished_note_confirmed(struct vanished *v, struct slice id, int64_t at_ms, struct err *e);
bool vanished_note_changed(struct vanished *v, struct slice id, struct err *e);
bool vanished_note_present(struct vanished *v, struct slice id, struct err *e);

struct vanished_counts {
    uint64_t current; /* ids that were current at the start, whether the drop has them or not */
    uint64_t found;   /* those that have vanished */
    /* Ids that the drop does not have, and that are none of `found` all the same. */
    uint64_t newer;   /* valid from, or confirmed, after the time of the drop */
    uint64_t changed; /* since the start */
};

/* Called for each id that has vanished; the id is good until it returns. False: the walk stops. */
typedef bool vanished_seen(void *context, struct slice id, struct err *e);

/* Goes through all ids. An id has vanished if it is current, the drop does not have it, its current
 * version is valid from `at_ms` or before, nothing has confirmed it after that, and it has not
 * changed since the start. May be called
 * again. False with ERR_STOP, or with what `seen` has set. */
bool vanished_walk(struct vanished *v, int64_t at_ms, vanished_seen *seen, void *context,
                   struct vanished_counts *counts, struct err *e);

#endif
