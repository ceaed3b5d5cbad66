/* http_fetch: one HTTP request that blocks its caller (libcurl), for commands and for threads that
 * may wait. It follows no redirects, ignores proxies in the environment, uses no signals, and
 * accepts only certificates that an authority vouches for. Any thread. */
#ifndef STREAMER_HTTP_HTTP_FETCH_H
#define STREAMER_HTTP_HTTP_FETCH_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts are borrowed for the call. */
struct http_fetch {
    const char *url;         /* http or https */
    const char *token;       /* for the header Authorization: Bearer; NULL: the request has none */
    const char *body;        /* JSON to POST; NULL: a GET without a body */
    const char *authorities; /* path of a PEM file; NULL or "": the authorities of the system */
    int64_t connect_ms;      /* how long connecting may take; more than 0 */
    int64_t total_ms;        /* how long everything may take; more than 0 */
    int64_t silent_ms;       /* how long no byte may come, in whole seconds; 0: total_ms counts */
    size_t bytes_max;        /* a longer answer is an error; 0: nobody reads it */
    /* Gets the parts of an answer with status 200, of any length, in place of `body`. False: the
     * rest is not wanted, and there is no answer. NULL: `body` gets the answer. */
    bool (*took)(void *context, struct slice bytes);
    void *context;
    /* Gets the lines of the answer's headers before the first part of it. NULL: not wanted. */
    struct buf *headers;
    /* NULL, or what another thread sets to end the request, within a second. */
    const atomic_bool *is_cancelled;
};

/* True: there is an answer, with any status from 200 on. Its body replaces the content of `body`.
 * False with `e` (ERR_RETRY): there is none. The error names the host, but not the path of the URL,
 * which can be a secret. */
bool http_fetch(const struct http_fetch *f, int *status, struct buf *body, struct err *e);

/* Finds the header of that name in `headers` of struct http_fetch. slice_null(): there is none. */
struct slice http_fetch_header(const struct buf *headers, const char *name);

#endif
