/* registry_http: asks a schema registry one question over HTTP (libcurl), with login and TLS, and
 * says what the answer's status means. Part of registry. One thread at a time. */
#ifndef STREAMER_REGISTRY_REGISTRY_HTTP_H
#define STREAMER_REGISTRY_REGISTRY_HTTP_H

#include "streamer/base/json.h"
#include "streamer/registry/registry.h"

struct registry_http;

struct registry_request {
    const char *path; /* behind the registry's URL */
    const char *body; /* JSON; NULL: GET, else POST */

    /* The answer. */
    const char *url;     /* of the registry that gave it */
    long status;         /* 0: there is none */
    const cJSON *answer; /* owned by the client, until its next request; NULL: it is no JSON */
};

/* As registry_new, registry_free and registry_cancel. */
struct registry_http *registry_http_new(const struct registry_options *options, struct err *e);
void registry_http_free(struct registry_http *h);
void registry_http_cancel(struct registry_http *h);

/* Asks each URL until one does not answer REGISTRY_UNAVAILABLE. Sets `e` unless the result is
 * REGISTRY_OK; then `answer` is not NULL. */
enum registry_result registry_http_ask(struct registry_http *h, struct registry_request *q,
                                       struct err *e);

/* Appends text that a registry sent, for an error: one line, not too long. */
void registry_put_shown(struct buf *out, struct slice text);
/* The integer of a member of a JSON object; `otherwise` if there is none. */
int64_t registry_integer(const cJSON *object, const char *member, int64_t otherwise);

#endif
