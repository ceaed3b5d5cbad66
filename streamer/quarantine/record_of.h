/* record_of: a record of the input as a worker would read it. */
#ifndef STREAMER_QUARANTINE_RECORD_OF_H
#define STREAMER_QUARANTINE_RECORD_OF_H

#include "streamer/model/event.h"
#include "streamer/model/sink.h"

/* The record with this key, value, Kafka timestamp, and headers. Its slices point to where those
 * do. */
struct record record_of(struct slice key, struct slice value, int64_t timestamp_ms,
                        const struct sink_header *headers, size_t header_count);

#endif
