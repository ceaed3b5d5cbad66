/* registry_http: asks a schema registry one question over HTTP (libcurl), with login and TLS, and
 * says what the answer's status means. Part of registry. One thread at a time. */
#ifndef STREAMER_REGISTRY_REGISTRY_HTTP_H
#define STREAMER_REGISTRY_REGISTRY_HTTP_H

#include "streamer/registry/answer.h"
#include "streamer/registry/registry.h"

struct registry_http;

struct registry_request {
    const char *path; /* behind the registry's URL */
    const char *body; /* JSON; NULL: GET, else POST */

    const char *url;      /* of the registry that answered */
    struct answer answer; /* its JSON is the client's, until the next request */
};

/* As registry_new, registry_free and registry_cancel. */
struct registry_http *registry_http_new(const struct registry_options *options, struct err *e);
void registry_http_free(struct registry_http *h);
void registry_http_cancel(struct registry_http *h);

/* Asks each URL until one does not answer REGISTRY_UNAVAILABLE. Sets `e` unless the result is
 * REGISTRY_OK; then the answer is JSON. */
enum registry_result registry_http_ask(struct registry_http *h, struct registry_request *q,
                                       struct err *e);

#endif
