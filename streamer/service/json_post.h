/* json_post: posts JSON to a receiver that another person runs, and says in one line why that did
 * not work. Blocks its caller for a bounded time. Any thread. */
#ifndef STREAMER_SERVICE_JSON_POST_H
#define STREAMER_SERVICE_JSON_POST_H

#include "streamer/base/err.h"

#include <stdbool.h>

/* Texts are borrowed for the call. */
struct json_post {
    const char *setting; /* that names the URL, for the error */
    const char *url;     /* never shown whole: it can be a secret */
    const char *token;   /* for Authorization: Bearer; "": none */
    const char *body;
};

#define JSON_POST_MS 5000 /* how long it takes at most */

/* True: the receiver answered with a status from 200 to 299. False with `e` (ERR_RETRY). */
bool json_post(const struct json_post *p, struct err *e);

#endif
