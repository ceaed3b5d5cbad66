/* query: answers HTTP requests for rows from committed state: current versions, versions at a time,
 * histories, marts, and which input records made a row. */
#ifndef STREAMER_HTTP_QUERY_H
#define STREAMER_HTTP_QUERY_H

#include "state/rocksdb/store.h"
#include "streamer/http/routes.h"

#include <stdbool.h>
#include <stdint.h>

struct query_context {
    struct store *store;
    int32_t partitions;        /* n: of the result topics */
    char *const *topics;       /* their names, by enum topic */
    const struct rates *rates; /* those that marts are computed with */
    /* Whether this instance has the task of the partition, and its state is restored. */
    bool (*owns)(void *context, int32_t partition);
    /* Answers a request for a partition that it does not own. */
    void (*not_here)(void *context, const struct http_request *request, int32_t partition,
                     struct http_reply *reply);
    void *context;
};

/* Reads the id of the path, its segment of that number (from 0), into `id`, in the form that keys
 * have: "007" is customer 7. False with `reply` (400): it is not such an id. */
bool query_read_id(const char *path, int segment, enum entity entity, struct buf *id,
                   struct http_reply *reply);

/* Answers a request whose route is one of a table (routes.h). Any thread may call it, one at a time
 * for each context. */
void query_handle(const struct query_context *q, const struct route *route,
                  const struct http_request *request, struct http_reply *reply);

#endif
