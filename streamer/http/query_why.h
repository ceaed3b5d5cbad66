/* query_why: what is particular to GET /v1/why/{table}/{id}: its tables, and its answer as JSON.
 * For query.c. Pure. */
#ifndef STREAMER_HTTP_QUERY_WHY_H
#define STREAMER_HTTP_QUERY_WHY_H

#include "streamer/http/query.h"
#include "streamer/task/why.h"

/* Reads the table of the path. False with `reply` (400): there is no such table. */
bool query_read_why_table(const char *path, enum why_table *table, struct http_reply *reply);

/* Appends the answer for a row, a JSON object. What is not known is "unknown", what the row is not
 * made of is null. Of the context only topics and rates are used. */
void query_put_why(enum why_table table, struct slice id, const struct why *why,
                   const struct query_context *context, struct buf *out);

#endif
