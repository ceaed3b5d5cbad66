#include "streamer/worker/worker_group.h"

#include "streamer/base/log.h"
#include "streamer/kafka/kafka.h"

#include <stdio.h>

/* A member that is fenced sooner than that after it joined is not alone. */
#define REJOIN_AFTER_MS 30000

/* --- joining and leaving --- */

static void on_error(void *context, rd_kafka_resp_err_t code, const char *text) {
    worker_handle_consumer_error(context, code, text);
}

static struct kafka_client *
make_consumer(struct worker *w, const struct worker_group_callbacks *callbacks, struct err *e) {
    const struct config *c = w->o.config;
    if (c->instance_id != NULL)
        (void)snprintf(w->instance_id, sizeof w->instance_id, "%s-%d", c->instance_id, w->o.index);
    struct kafka_member m = {.instance_id = c->instance_id != NULL ? w->instance_id : NULL,
                             .is_quick = w->o.ephemeral,
                             .breaks = &w->breaks,
                             .assigned = callbacks->assigned,
                             .revoked = callbacks->revoked,
                             .failed = on_error,
                             .context = w};
    return w->o.kafka->new_member(w->o.kafka, &m, e);
}

bool worker_join_group(struct worker *w, const struct worker_group_callbacks *callbacks,
                       struct err *e) {
    atomic_store(&w->breaks, 0);
    w->consumer = make_consumer(w, callbacks, e);
    w->must_rejoin = false;
    w->joined_at_ms = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    return w->consumer != NULL;
}

void worker_leave_group(struct worker *w) {
    if (w->consumer == NULL)
        return;
    w->consumer_lingers = !w->o.kafka->free_client(w->consumer) || w->consumer_lingers;
    w->consumer = NULL;
}

void worker_consume_nothing(struct worker *w) {
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    (void)w->o.kafka->assign(w->consumer, none);
    rd_kafka_topic_partition_list_destroy(none);
}

/* --- errors --- */

/* librdkafka gives up a static member for good when the group fences it. That happens to two
 * members with the same instance.id, which fence each other again and again. But it also happens to
 * a member that is alone: after a stall (librdkafka issue 3437), when it joins a second time
 * because the answer to the first was lost with the connection, or when no answer came for longer
 * than its session. So a member is taken for the second one, and stops, only if it was fenced soon
 * after it had joined, and if all its connections and its session held. */
static void handle_fatal_error(struct worker *w) {
    char text[512];
    bool fenced = w->o.kafka->fatal_error(w->consumer, text, sizeof text) ==
                  RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    bool soon = clock_ms(w->o.clock, CLOCK_MONOTONIC) - w->joined_at_ms <= REJOIN_AFTER_MS;
    if (fenced && (!soon || atomic_load(&w->breaks) > 0)) {
        log_warn("the group fenced this member", "worker=%d instance.id=%s", w->o.index,
                 w->o.config->instance_id);
        w->must_rejoin = true;
    } else if (fenced)
        (void)err_set(
            &w->fatal, ERR_STOP,
            "instance.id=%s: another process has the same; give each instance one of its own",
            w->o.config->instance_id);
    else
        (void)err_set(&w->fatal, ERR_STOP, "consumer: %s", text);
}

void worker_handle_consumer_error(struct worker *w, rd_kafka_resp_err_t code, const char *text) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        handle_fatal_error(w);
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        (void)err_set(&w->trouble, kafka_class_of(code), "consumer: %s", text);
        break;
    /* broker_watch logs each lost broker. */
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    /* login_guard reports a refused login, and librdkafka's log a token server that fails. */
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        break;
    default: /* librdkafka recovers from the others by itself */
        log_warn("consumer", "worker=%d error=%s", w->o.index,
                 log_quote(&(struct log_value){0}, text));
    }
}

/* The other errors come again when the worker consumes. */
void worker_poll_group(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = w->o.kafka->poll(w->consumer, timeout_ms);
    if (m == NULL)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__FATAL)
        handle_fatal_error(w);
    w->o.kafka->free_message(m);
}
