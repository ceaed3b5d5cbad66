/* forward: answers requests for ids that this instance does not serve now. The answer is a redirect
 * to the instance that has the id, that instance's answer, or "come back later". A request is sent
 * on once: if the second instance does not have the id either, the client is told to come back,
 * because the instances have not yet heard who has what. */
#ifndef STREAMER_SERVICE_FORWARD_H
#define STREAMER_SERVICE_FORWARD_H

#include "streamer/config/config.h"
#include "streamer/http/http.h"
#include "streamer/http/http_client.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/peers.h"

#include <stdbool.h>
#include <stdint.h>

/* Everything is borrowed and must outlive the requests that are under way. */
struct forward {
    const char *token;          /* for requests to other instances; NULL: they need none */
    struct peers *peers;        /* NULL: no other instance is believed */
    struct http_client *client; /* NULL: as if there were no peers */
    bool redirects;             /* clients get the other instance's URL, not its answer */
    /* Whether this instance has the task of a partition; it may still be restored. */
    bool (*holds)(void *context, int32_t partition);
    /* Whether the group has shared the partitions out, as far as this instance knows. */
    bool (*is_settled)(void *context);
    void *context;
};

/* Answers a request for an id of this partition, which is not ready here; now or later
 * (http_defer). On the server's thread. */
void forward_reply(const struct forward *f, const struct http_request *request, int32_t partition,
                   struct http_reply *reply);

/* --- parts of it --- */

/* Appends path and query as they are sent on: "/v1/accounts/A%2F1?as_of=2024-01-01&forwarded=1".
 * They are built from the decoded request, so that nothing else of it gets into a header or an
 * address. */
void forward_put_target(struct buf *out, const struct http_request *request);

/* Fills the reply to the client from another instance's answer. Takes the body over if it is passed
 * on. An error between the two instances is logged, and not told to the client. `instance` is the
 * other one's URL. */
void forward_put_answer(struct http_answer *answer, const char *instance, struct http_reply *reply);

#endif
