/* json_post: posts JSON to a receiver that another person runs, and says in one line why that did
 * not work. Blocks its caller for a bounded time. Any thread. */
#ifndef STREAMER_SERVICE_JSON_POST_H
#define STREAMER_SERVICE_JSON_POST_H

#include "streamer/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Texts are borrowed for the call. */
struct json_post {
    const char *setting;     /* that names the URL, for the error */
    const char *url;         /* never shown whole: it can be a secret */
    const char *token;       /* for Authorization: Bearer; "": none */
    const char *authorities; /* path of a PEM file; NULL or "": the authorities of the system */
    const char *body;
    int64_t total_ms; /* how long it may take */
    /* NULL, or what another thread sets to end the request, within a second. */
    const atomic_bool *is_cancelled;
};

/* True: the receiver answered with a status from 200 to 299. False with `e` (ERR_RETRY). */
bool json_post(const struct json_post *p, struct err *e);

#endif
