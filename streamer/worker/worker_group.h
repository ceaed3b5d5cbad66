/* worker_group: the worker as a member of the consumer group: how it joins and leaves, and what an
 * error of its consumer means. */
#ifndef STREAMER_WORKER_WORKER_GROUP_H
#define STREAMER_WORKER_WORKER_GROUP_H

#include "streamer/worker/worker_internal.h"

/* Called on the worker's thread when the group changes the assignment: during a poll, or while the
 * worker leaves the group. `context` is the worker. See struct kafka_member. */
struct worker_group_callbacks {
    void (*assigned)(void *context, const rd_kafka_topic_partition_list_t *list);
    void (*revoked)(void *context, int count, bool lost);
};

/* Makes the consumer and subscribes. */
bool worker_join_group(struct worker *w, const struct worker_group_callbacks *callbacks,
                       struct err *e);
/* Ends the consumer, if there is one. */
void worker_leave_group(struct worker *w);
/* Serves the group (heartbeats, rebalances) while nothing is consumed. */
void worker_poll_group(struct worker *w, int timeout_ms);
/* Accepts an assignment, or restarts it, without consuming anything yet. */
void worker_consume_nothing(struct worker *w);

/* Handles an error that came as a message or by a callback. Depending on the error this sets
 * w->trouble, w->fatal or w->must_rejoin, or only logs it. */
void worker_handle_consumer_error(struct worker *w, rd_kafka_resp_err_t code, const char *text);

#endif
