/* standardize: the staging layer. It trims and checks the decoded texts and turns them into typed
 * values, or says why the record must be quarantined. It is pure: the same input gives the same
 * result. */
#ifndef STREAMER_LAYERS_STAGING_STANDARDIZE_H
#define STREAMER_LAYERS_STAGING_STANDARDIZE_H

#include "streamer/model/event.h"

/* The longest account_id and customer_name, in bytes after trimming. A longer one is quarantined as
 * too_large. */
#define TEXT_MAX_BYTES 32768

/* Buffers that a standardized event points into. Zero-initialized is valid. A standardizer belongs
 * to one thread. */
struct standardizer {
    struct buf id, name;
};
void standardizer_release(struct standardizer *s);

/* Fills `out`, whose slices are good until the next call with `s`. False: `why` says what is wrong,
 * and `out` still has what the owner of the id needs to judge a bad record:
 *
 *   kind, is_read, position
 *   id            if it could be read; else it has no bytes
 *   event_at_ms   the record's own time if that could be read; else the Kafka timestamp, even if
 *                 that is not a date
 *
 * A field that is unavailable is not checked and does not count as null. event.unavailable says
 * that the owner has to fill it in.
 *
 * The caller sets the fields that say what kind of topic the record is from and where it is there:
 * is_log, by_time, id_is_from_key, early_after_ms, source_partition, source_offset. */
bool standardize(struct standardizer *s, enum entity entity, const struct decoded *d,
                 int64_t kafka_timestamp_ms, struct event *out, struct reason *why);

/* Fills `out` as standardize does for a bad record, for one that decode() has rejected. */
void standardize_rejected(struct standardizer *s, enum entity entity, const struct decoded *d,
                          int64_t kafka_timestamp_ms, struct event *out);

#endif
