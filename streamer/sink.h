/* sink: where the core hands its messages to. Implemented by the worker's transactional producer and by
 * tests. */
#ifndef STREAMER_SINK_H
#define STREAMER_SINK_H

#include "streamer/base/slice.h"
#include "streamer/config.h"

#include <stddef.h>
#include <stdint.h>

struct sink_header {
    const char *name;
    struct slice value;
};

struct sink_message {
    enum topic topic;
    int32_t partition;
    struct slice key, value; /* p == NULL: null */
    int64_t timestamp_ms;    /* 0: now */
    const void
        *like; /* its headers are taken over first: an input's `headers` (for Kafka the message), or NULL */
    const struct sink_header *headers;
    size_t header_count;
};

struct sink {
    /* Copies what it needs. Errors are the sink's to keep until the batch is committed. */
    void (*send)(struct sink *s, const struct sink_message *m);
};

#endif
