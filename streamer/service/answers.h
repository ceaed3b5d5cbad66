/* answers: what HTTP answers for this process: a function for each route_answer of the table of
 * routes. Runs on the HTTP server's thread. */
#ifndef STREAMER_SERVICE_ANSWERS_H
#define STREAMER_SERVICE_ANSWERS_H

#include "state/rocksdb/store.h"
#include "streamer/config/config.h"
#include "streamer/http/http.h"
#include "streamer/metrics/metrics.h"
#include "streamer/model/check.h"
#include "streamer/quality/quality.h"
#include "streamer/registry/schema_cache.h"
#include "streamer/service/background.h"
#include "streamer/service/forward.h"
#include "streamer/service/gather.h"
#include "streamer/service/starting.h"
#include "streamer/service/workers.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct exports;
struct observer;

/* Everything is borrowed. While it is not open, only health, the status and the page are answered,
 * and what follows `is_open` may still be empty. */
struct answers {
    const struct config *config;
    const char *instance; /* who answers: instance.id, or the host */
    struct starting *starting;
    struct workers *workers;
    struct schema_cache *schemas; /* NULL: there is none */
    struct metrics *metrics;
    atomic_bool is_open; /* set it last, when all workers have begun */
    struct store *store;
    int32_t partitions; /* n */
    struct observer *observer;
    struct quality *quality; /* NULL: it has not begun */
    /* quality_states, or a test's. NULL: there are no checks. */
    size_t (*quality_states)(struct quality *quality, struct check_state *out, size_t max);
    struct forward forward;
    struct gather gather;
    struct background *background; /* for answers that take long */
    struct exports *exports;       /* for those that are files */
};

/* For http_options; the context is the struct answers. */
void answers_handle(void *context, const struct http_request *request, struct http_reply *reply);
enum http_class answers_classify(void *context, const char *path);

#endif
