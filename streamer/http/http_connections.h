/* http_connections: limits how long a connection of the HTTP server may take and how many there may
 * be. So a slow client, or one that opens many connections and sends nothing, does not keep others
 * from /healthz. A connection over its limit is shut down, not closed: the server sees that and
 * closes the socket. One thread of its own watches the time. Any thread may call. */
#ifndef STREAMER_HTTP_HTTP_CONNECTIONS_H
#define STREAMER_HTTP_HTTP_CONNECTIONS_H

#include "streamer/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many connections may be open beyond `answers`. When all of them are used, the one that has
 * waited longest for a request is ended to make room. */
#define HTTP_CONNECTIONS_SPARE 16
/* How many sockets the server may have at a moment. Those of ended connections are still open until
 * the server has closed them. */
#define HTTP_CONNECTIONS_SOCKETS(answers) ((answers) + INT64_C(4) * HTTP_CONNECTIONS_SPARE)

struct http_limits {
    int64_t answers; /* how many may be under way; those about health do not count */
    /* The longest times. Single bytes that come now and then do not make them longer. */
    int64_t first_ms;  /* from the start of a connection to the end of the first headers */
    int64_t next_ms;   /* from the end of an answer to the end of the next headers */
    int64_t answer_ms; /* from the end of the headers to the end of the answer */
    /* Of a streamed answer: how many bytes the client must have taken within each answer_ms. The
     * time in which the server makes the answer does not count. */
    int64_t stream_bytes;
    int64_t stream_ms; /* of a streamed answer: from the end of the headers to its end */
};

struct http_connections;
struct http_seat; /* one connection */

/* NULL with `e`: the thread cannot be started. */
struct http_connections *http_connections_new(const struct http_limits *limits, struct err *e);
void http_connections_free(struct http_connections *r); /* after all seats have left */

/* A connection has begun. Its socket stays the server's. */
struct http_seat *http_connections_enter(struct http_connections *r, int fd);
/* Call it before the connection's socket is closed. */
void http_connections_leave(struct http_connections *r, struct http_seat *seat);
/* The headers of a request are there. False if too many answers are under way; then the request
 * must be refused by an answer, which ends as any other. */
bool http_connections_begin(struct http_connections *r, struct http_seat *seat,
                            bool is_about_health);
/* The answer is a streamed one from now on, and the server is making its next bytes. */
void http_connections_making(struct http_connections *r, struct http_seat *seat);
/* The client takes so many bytes of the streamed answer. */
void http_connections_sending(struct http_connections *r, struct http_seat *seat, size_t bytes);
/* The answer has been sent, or sending it has failed. */
void http_connections_end(struct http_connections *r, struct http_seat *seat);

#endif
