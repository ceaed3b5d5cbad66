/* http_client: asks other instances over HTTP in the background (libcurl, one thread, few
 * connections). It follows no redirects, ignores proxies in the environment, and accepts only
 * certificates that an authority vouches for. */
#ifndef STREAMER_HTTP_HTTP_CLIENT_H
#define STREAMER_HTTP_HTTP_CLIENT_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_answer {
    int status; /* 0: there is no answer; `problem` says why */
    char problem[256];
    char content_type[128]; /* "": the other side did not send one */
    struct buf body;        /* the receiver releases it or takes it over */
};

/* Called once for each request, on the client's thread; after http_client_stop on the thread that
 * calls http_client_get. */
typedef void http_answered(void *context, struct http_answer *answer);

struct http_client;

/* `authorities` is the path of a PEM file with the certificates of the authorities; "": the
 * system's. It is borrowed. NULL with `e`: libcurl or the thread failed. */
struct http_client *http_client_new(const char *authorities, struct err *e);
/* Ends all requests that are under way: each gets an answer of status 0. Every later request gets
 * such an answer, too. NULL is allowed. */
void http_client_stop(struct http_client *c);
/* Stops and frees it. NULL is allowed. */
void http_client_free(struct http_client *c);

struct http_question {
    const char *url;
    const char *token;       /* for the header Authorization; NULL: the request has none */
    int64_t total_ms;        /* how long everything may take; more than 0 */
    size_t bytes_max;        /* a longer answer is none */
    http_answered *answered; /* with `context` */
    void *context;
};

/* Sends a GET. The texts are copied. Any thread. */
void http_client_ask(struct http_client *c, const struct http_question *q);
/* The same with limits that are good for any answer: 10 s, 64 MiB. */
void http_client_get(struct http_client *c, const char *url, const char *token,
                     http_answered *answered, void *context);

#endif
