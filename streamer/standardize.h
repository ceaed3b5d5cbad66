/* standardize: the staging layer. Trims and checks the decoded texts, turns them into typed values, or says
 * why the record must be quarantined. Pure: same input, same result. */
#ifndef STREAMER_STANDARDIZE_H
#define STREAMER_STANDARDIZE_H

#include "streamer/event.h"

/* Longest account_id and customer_name, in bytes after trimming; longer is quarantined as too_large. */
#define TEXT_MAX_BYTES 32768

/* Buffers for what a standardized event points to; zero-initialized is valid. One a thread. */
struct standardizer {
    struct buf id, name;
};
void standardizer_release(struct standardizer *s);

/* Fills `out`, whose slices are good until the next call; or returns false with `why` set. */
bool standardize(struct standardizer *s, enum entity entity, const struct decoded *d,
                 int64_t kafka_timestamp_ms, struct event *out, struct reason *why);

#endif
