/* http_client: asks other instances, in the background (libcurl, one thread, few connections). It
 * follows no redirect, uses no proxy of the environment, and takes no certificate that an authority
 * does not vouch for. */
#ifndef STREAMER_HTTP_HTTP_CLIENT_H
#define STREAMER_HTTP_HTTP_CLIENT_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

struct http_answer {
    int status; /* 0: there is none; `problem` says why */
    char problem[256];
    char content_type[128]; /* "": not told */
    struct buf body;        /* the receiver's, who releases it or takes it over */
};

/* Called once for each request, on the client's thread, or on that of the caller while it stops. */
typedef void http_answered(void *context, struct http_answer *answer);

struct http_client;

/* `authorities`: a PEM file with the certificates of those who may vouch for others, "": the
 * system's. Borrowed. */
struct http_client *http_client_new(const char *authorities, struct err *e);
/* Ends what is under way; each gets an answer of status 0. So does whatever comes later. NULL is
 * allowed, also below. */
void http_client_stop(struct http_client *c);
void http_client_free(struct http_client *c);

/* GET. `token`: for Authorization; NULL: none. Both are copied. Any thread. */
void http_client_get(struct http_client *c, const char *url, const char *token,
                     http_answered *answered, void *context);

#endif
