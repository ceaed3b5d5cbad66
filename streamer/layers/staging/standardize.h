/* standardize: the staging layer. Trims and checks the decoded texts, turns them into typed values,
 * or says why the record must be quarantined. Pure: same input, same result. */
#ifndef STREAMER_LAYERS_STAGING_STANDARDIZE_H
#define STREAMER_LAYERS_STAGING_STANDARDIZE_H

#include "streamer/model/event.h"

/* Longest account_id and customer_name, in bytes after trimming; longer is quarantined as
 * too_large. */
#define TEXT_MAX_BYTES 32768

/* Buffers for what a standardized event points to; zero-initialized is valid. One a thread. */
struct standardizer {
    struct buf id, name;
};
void standardizer_release(struct standardizer *s);

/* Fills `out`, whose slices are good until the next call; or returns false with `why` set. Then
 * `out` still has what the owner of the id needs to judge a bad record: kind, where it was in the
 * log, and
 *
 *   id           if it could be read, else of no bytes. d->id_is_from_key tells where it is from.
 *   event_at_ms  the record's own time if that could be read, else the Kafka timestamp, also where
 * that is no date
 *
 * An unavailable field is neither checked nor counted as null: event.unavailable says that the
 * owner must fill it in. Set by the caller: is_log, by_time, early_after_ms, source_partition,
 * source_offset. */
bool standardize(struct standardizer *s, enum entity entity, const struct decoded *d,
                 int64_t kafka_timestamp_ms, struct event *out, struct reason *why);

/* Fills `out` in the same way of a record that decode() has refused. */
void standardize_rejected(struct standardizer *s, enum entity entity, const struct decoded *d,
                          int64_t kafka_timestamp_ms, struct event *out);

#endif
