/* http_stream: the body of an answer that is made while it is sent. One thread, the writer, makes
 * it; the server's thread sends it. Between them lies a queue of HTTP_STREAM_BYTES: when it is full
 * the writer waits, and when it is empty the connection is paused. So a long body needs little
 * memory, and neither side keeps the server from its other requests. */
#ifndef STREAMER_HTTP_HTTP_STREAM_H
#define STREAMER_HTTP_HTTP_STREAM_H

#include "streamer/base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define HTTP_STREAM_BYTES ((size_t)256 << 10)

/* Two owners: the writer until http_stream_end, the server until http_stream_leave. */
struct http_stream;
struct http_stream *http_stream_new(void);

/* --- the writer --- */

/* Puts the bytes into the queue, and waits where it is full. False: the body has no reader any
 * more, or *is_stopping has become true, which it notices within HTTP_STREAM_WAIT_MS. There may be
 * no bytes: then it only tells whether to go on. */
bool http_stream_write(struct http_stream *s, struct slice bytes, const atomic_bool *is_stopping);
#define HTTP_STREAM_WAIT_MS 100
/* Ends the body, also after http_stream_write has failed. is_whole == false: the connection is cut
 * before the body's end, so that no client takes what it has for the whole. */
void http_stream_end(struct http_stream *s, bool is_whole);

/* --- the server --- */

/* Called with the stream's lock held: the connection is to be paused, or goes on. */
struct http_stream_hooks {
    void (*pause)(void *context);
    void (*resume)(void *context);
    void *context;
};
/* Before the first http_stream_read. */
void http_stream_attach(struct http_stream *s, const struct http_stream_hooks *hooks);

enum http_stream_state {
    HTTP_STREAM_HAS_BYTES,
    HTTP_STREAM_IS_EMPTY, /* and the connection is paused */
    HTTP_STREAM_IS_WHOLE, /* there was the last byte */
    HTTP_STREAM_IS_BROKEN,
};
/* Takes up to `room` bytes, and puts their number into *n. */
enum http_stream_state http_stream_read(struct http_stream *s, char *to, size_t room, size_t *n);
/* Nobody reads any more. */
void http_stream_leave(struct http_stream *s);

#endif
