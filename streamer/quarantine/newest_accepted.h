/* newest_accepted: the newest event of an id that was accepted, as far as the topics tell, and
 * whether it overtakes a rejected record of that id: whether the id's row no longer suffers from
 * the rejection. The rule, in the words of `quarantine list --open`:
 *
 *   by event time   the accepted event has a newer time than the record, or the same time and came
 *                   later
 *   in a log        the accepted event came later
 *
 * A rejected record's time is its own, or its Kafka timestamp if its own cannot be read or is too
 * far ahead. An event came later if it has a higher offset in the same partition; where that is
 * not known, if its Kafka timestamp is later. A replayed record has a new offset and keeps its old
 * timestamp. So in a log an event with an older timestamp overtakes nothing; an end, whose
 * timestamp the topics do not tell, counts by its time.
 *
 * What the topics do not tell leaves a record open: an ignored tombstone; in a log whose clock was
 * set back, a delete, and a record that says the same again. Pure. */
#ifndef STREAMER_QUARANTINE_NEWEST_ACCEPTED_H
#define STREAMER_QUARANTINE_NEWEST_ACCEPTED_H

#include "streamer/task/row_origin.h"

#include <stdbool.h>
#include <stdint.h>

/* All times are epoch ms. */
struct newest_accepted {
    int64_t at;        /* its time; TIMESTAMP_NONE: no event is known */
    int64_t loaded_at; /* its Kafka timestamp; TIMESTAMP_NONE: not known */
    bool has_place;    /* where it is in the input is known: */
    int64_t partition, offset;
};
void newest_accepted_clear(struct newest_accepted *n);

/* Each takes what a message says into account, in any order. A version is one of a history topic;
 * `origin` is the record that its message names. */
void newest_accepted_add_version(struct newest_accepted *n, int64_t from, int64_t to,
                                 int64_t loaded_at, const struct row_origin *origin);
void newest_accepted_add_confirmation(struct newest_accepted *n, int64_t at, int64_t loaded_at);

struct rejected_record {
    bool is_log; /* rule O1 */
    int64_t at;
    int64_t timestamp_ms;
    int64_t partition, offset; /* in the input */
};
bool newest_accepted_overtakes(const struct newest_accepted *n, const struct rejected_record *r);

#endif
