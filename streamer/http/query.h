/* query: answers for HTTP out of committed state: current versions, versions at a time, histories,
 * marts. */
#ifndef STREAMER_HTTP_QUERY_H
#define STREAMER_HTTP_QUERY_H

#include "state/rocksdb/store.h"
#include "streamer/http/routes.h"

#include <stdbool.h>
#include <stdint.h>

struct query_context {
    struct store *store;
    int32_t partitions; /* n */
    /* Whether this instance has the task of a partition, restored. */
    bool (*owns)(void *context, int32_t partition);
    /* Answers for a partition of which that is not so. */
    void (*not_here)(void *context, const struct http_request *request, int32_t partition,
                     struct http_reply *reply);
    void *context;
};

/* Answers a request whose route is of a table, and takes its parameters. Any thread, one call at a
 * time for each context. */
void query_handle(const struct query_context *q, const struct route *route,
                  const struct http_request *request, struct http_reply *reply);

#endif
