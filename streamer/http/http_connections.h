/* http_connections: the connections of an HTTP server: how long each may take, and how many there
 * may be, so that nobody who is slow, or opens many and sends nothing, takes /healthz away. Its own
 * thread and the server's shut sockets down; whoever owns one sees the end of it and closes it. Any
 * thread may call. */
#ifndef STREAMER_HTTP_HTTP_CONNECTIONS_H
#define STREAMER_HTTP_HTTP_CONNECTIONS_H

#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Connections beyond `answers`. While all of these are used, who has waited longest for a request
 * is ended to make room. */
#define HTTP_CONNECTIONS_SPARE 16
/* How many sockets a server may have for a moment: ended ones are still to be closed. */
#define HTTP_CONNECTIONS_SOCKETS(answers) ((answers) + INT64_C(4) * HTTP_CONNECTIONS_SPARE)

struct http_limits {
    int64_t answers; /* under way at a time; those about health do not count */
    /* Total times. A byte now and then does not make them longer. */
    int64_t first_ms; /* from the start of a connection to the end of its first request's headers */
    int64_t next_ms;  /* from the end of an answer to the end of the next request's headers */
    int64_t answer_ms; /* from there to the end of the answer */
};

struct http_connections;
struct http_seat; /* of one connection */

struct http_connections *http_connections_new(const struct http_limits *limits, struct err *e);
void http_connections_free(struct http_connections *r); /* no seat may be left */

struct http_seat *http_connections_enter(struct http_connections *r, int fd);
void http_connections_leave(struct http_connections *r,
                            struct http_seat *seat); /* before its socket is closed */
/* The headers of a request are there. False if too many answers are under way; it must be answered,
 * too. */
bool http_connections_begin(struct http_connections *r, struct http_seat *seat,
                            bool is_about_health);
/* The answer has been sent, or has failed. */
void http_connections_end(struct http_connections *r, struct http_seat *seat);

#endif
