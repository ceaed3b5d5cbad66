/* The group's side of a worker: membership, and which partitions it has. */
#include "streamer/worker/worker_internal.h"

#include <stdio.h>
#include <string.h>

#define REJOIN_AFTER_MS 30000

/* --- the assignment --- */

/* After an error the worker is trying again until that has come to something. */
static void set_phase(struct worker *w, enum worker_phase phase) {
    if (atomic_load(&w->phase) != WORKER_RETRYING)
        worker_set_phase(w, phase);
}

static void forget_assignment(struct worker *w) {
    worker_drop_messages(w);
    if (w->membership != NULL)
        rd_kafka_consumer_group_metadata_destroy(w->membership);
    w->membership = NULL;
    for (size_t i = 0; i < w->source_count; i++)
        metric_set(&w->o.metrics->lag[w->sources[i].topic].lag[w->sources[i].partition], -1);
    w->source_count = 0;
    w->has_assignment = false;
    w->rebalanced = true;
    worker_release_tasks(w);
    metric_move(&w->o.metrics->assigned_partitions, &w->shown.assigned, 0);
    set_phase(w, WORKER_CONNECTING);
}

static bool take_partition(struct worker *w, const rd_kafka_topic_partition_t *tp) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_consumed((enum topic)t) ||
            strcmp(worker_topic(w, (enum topic)t), tp->topic) != 0)
            continue;
        if (tp->partition >= w->o.layout->partitions[t])
            return err_set(
                &w->fatal, ERR_STOP,
                "topic %s: it got more partitions (%d or more) while this ran; restart to use them",
                tp->topic, tp->partition + 1);
        w->sources[w->source_count++] = (struct source){
            .topic = (enum topic)t, .partition = tp->partition, .next = -1, .committed = -1};
        if (t == TOPIC_ACCOUNT_LINKS) /* who has this partition has the task */
            atomic_store(&w->stages[tp->partition], STAGE_WAITING);
    }
    return true;
}

static void take_assignment(struct worker *w, const rd_kafka_topic_partition_list_t *list) {
    forget_assignment(w);
    for (int i = 0; i < list->cnt; i++)
        (void)take_partition(w, &list->elems[i]);
    w->has_assignment = true;
    /* All its commits name it, and Kafka refuses them in any later generation. So it is not asked
     * for again then. */
    w->membership = w->o.kafka->membership(w->consumer);
    set_phase(w, WORKER_RESTORING);
    worker_restart_tasks(w);
    metric_move(&w->o.metrics->assigned_partitions, &w->shown.assigned, (int64_t)w->source_count);
}

/* The following three are called from the poll of the consumer, on the worker's thread. Nothing is
 * consumed yet: worker_advance_tasks assigns what is ready. */
void worker_on_assigned(void *context, const rd_kafka_topic_partition_list_t *list) {
    struct worker *w = context;
    log_info("partitions assigned", "worker=%d count=%d", w->o.index, list->cnt);
    take_assignment(w, list);
}

void worker_on_revoked(void *context, int count, bool lost) {
    struct worker *w = context;
    log_info("partitions revoked", "worker=%d count=%d lost=%s", w->o.index, count,
             lost ? "yes" : "no");
    forget_assignment(w);
}

static void on_error(void *context, rd_kafka_resp_err_t code, const char *text) {
    worker_on_consumer_error(context, code, text);
}

/* --- joining --- */

static struct kafka_client *make_consumer(struct worker *w, struct err *e) {
    const struct config *c = w->o.config;
    if (c->instance_id != NULL)
        (void)snprintf(w->instance_id, sizeof w->instance_id, "%s-%d", c->instance_id, w->o.index);
    struct kafka_member m = {.instance_id = c->instance_id != NULL ? w->instance_id : NULL,
                             .is_quick = w->o.ephemeral,
                             .breaks = &w->breaks,
                             .assigned = worker_on_assigned,
                             .revoked = worker_on_revoked,
                             .failed = on_error,
                             .context = w};
    return w->o.kafka->new_member(w->o.kafka, &m, e);
}

bool worker_join_group(struct worker *w, struct err *e) {
    atomic_store(&w->breaks, 0);
    w->consumer = make_consumer(w, e);
    w->must_rejoin = false;
    w->joined_at_ms = worker_clock_ms(w, CLOCK_MONOTONIC);
    return w->consumer != NULL;
}

void worker_leave_group(struct worker *w) {
    if (w->consumer == NULL)
        return;
    w->consumer_lingers = !w->o.kafka->free_client(w->consumer) || w->consumer_lingers;
    w->consumer = NULL;
}

bool worker_rejoin_group(struct worker *w, struct err *e) {
    log_warn("joining the group anew", "worker=%d", w->o.index);
    worker_leave_group(w);
    forget_assignment(w);
    return worker_join_group(w, e);
}

/* librdkafka gives a static member up for good when the group fences it. That also happens to the
 * only one: after a stall (librdkafka issue 3437), or when it joins a second time because the
 * answer to the first was lost with the connection, or because no answer came for longer than its
 * session. A second process with the same instance.id fences again and again, so the one to stop is
 * who is fenced soon after it has joined while all its connections and its session held. */
void worker_on_fatal(struct worker *w) {
    char text[512];
    bool fenced = w->o.kafka->fatal_error(w->consumer, text, sizeof text) ==
                  RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    bool soon = worker_clock_ms(w, CLOCK_MONOTONIC) - w->joined_at_ms <= REJOIN_AFTER_MS;
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

void worker_poll_group(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = w->o.kafka->poll(w->consumer, timeout_ms);
    if (m == NULL)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__FATAL)
        worker_on_fatal(w);
    w->o.kafka->free_message(m);
}
