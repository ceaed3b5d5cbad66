/* sink: the interface through which the core sends messages. The worker's transactional producer
 * and the tests implement it. */
#ifndef STREAMER_MODEL_SINK_H
#define STREAMER_MODEL_SINK_H

#include "streamer/base/slice.h"
#include "streamer/model/topic.h"

#include <stddef.h>
#include <stdint.h>

/* A header of results, links and refs: "<topic>/<partition>@<offset>" of the input record that
 * caused the message, or "rates". */
#define SINK_SOURCE_HEADER "streamer.source"

/* The headers of a history row that a restore needs. p == NULL: the row has no such header. */
struct history_headers {
    struct slice position; /* TASK_POSITION_HEADER */
    struct slice origin;   /* SINK_SOURCE_HEADER */
    struct slice split;    /* TASK_SPLIT_HEADER */
};

struct sink_header {
    const char *name;
    struct slice value;
};

struct sink_message {
    enum topic topic;
    int32_t partition;
    struct slice key, value; /* p == NULL: null */
    int64_t timestamp_ms;    /* 0: now */
    /* Copy the headers of this input first (struct input's `headers`; for Kafka the message), or
     * NULL. */
    const void *headers_from;
    const struct sink_header *headers;
    size_t header_count;
};

struct sink {
    /* Copies what it needs. The sink keeps an error until the batch is committed. */
    void (*send)(struct sink *s, const struct sink_message *m);
};

#endif
