/* sink: where the core hands its messages to. Implemented by the worker's transactional producer
 * and by tests. */
#ifndef STREAMER_MODEL_SINK_H
#define STREAMER_MODEL_SINK_H

#include "streamer/base/slice.h"
#include "streamer/model/topic.h"

#include <stddef.h>
#include <stdint.h>

/* Header of results and of links and refs: "<topic>/<partition>@<offset>" of the input record that
 * caused the message, or "rates". */
#define SINK_SOURCE_HEADER "streamer.source"

/* What a restore needs of a history row's headers; p == NULL: it has none. */
struct history_headers {
    struct slice position; /* TASK_POSITION_HEADER */
    struct slice origin;   /* SINK_SOURCE_HEADER */
};

struct sink_header {
    const char *name;
    struct slice value;
};

struct sink_message {
    enum topic topic;
    int32_t partition;
    struct slice key, value;  /* p == NULL: null */
    int64_t timestamp_ms;     /* 0: now */
    const void *headers_from; /* its headers are taken over first: an input's `headers` (for Kafka
                                 the message), or NULL */
    const struct sink_header *headers;
    size_t header_count;
};

struct sink {
    /* Copies what it needs. Errors are the sink's to keep until the batch is committed. */
    void (*send)(struct sink *s, const struct sink_message *m);
};

#endif
