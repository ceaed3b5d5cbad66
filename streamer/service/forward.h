/* forward: what a request gets whose id is not served by this instance now: a redirect to the
 * instance that has it, that one's answer, or "come back later". A request is sent on once: what
 * comes to the wrong instance again waits until all have heard who has what. */
#ifndef STREAMER_SERVICE_FORWARD_H
#define STREAMER_SERVICE_FORWARD_H

#include "streamer/config/config.h"
#include "streamer/http/http.h"
#include "streamer/http/http_client.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/peers.h"

#include <stdbool.h>
#include <stdint.h>

/* All is borrowed and must outlive what is under way. */
struct forward {
    const char *token;          /* of the instances; NULL: none */
    struct peers *peers;        /* NULL: none are believed */
    struct http_client *client; /* NULL: redirects only */
    /* Whether this instance has the task of a partition, though it is not ready; and whether the
     * group has shared the partitions out, as far as this instance knows. */
    bool (*holds)(void *context, int32_t partition);
    bool (*is_settled)(void *context);
    void *context;
};

/* Answers, now or later, a request for an id of this partition, which is not ready here. On the
 * server's thread. */
void forward_reply(const struct forward *f, const struct http_request *request, int32_t partition,
                   struct http_reply *reply);

/* --- parts of it --- */

/* Path and query as they are sent on: "/v1/accounts/A%2F1?as_of=2024-01-01&forwarded=1". Made anew
 * from what was understood, so that nothing else of a request gets into a header or an address. */
void forward_put_target(struct buf *out, const struct http_request *request);

/* What whoever asked gets, after another instance has answered this one, or has not. Takes the body
 * over if it is passed on; what is wrong between the two is logged. `instance`: its URL. */
void forward_put_answer(struct http_answer *answer, const char *instance, struct http_reply *reply);

#endif
