/* The group's side of a worker: membership, and which partitions it has. */
#include "streamer/worker_internal.h"

#include "streamer/kafka.h"

#include <stdio.h>
#include <string.h>

#define REJOIN_AFTER_MS 30000

/* --- the assignment --- */

static bool same_membership(const rd_kafka_consumer_group_metadata_t *a,
                            const rd_kafka_consumer_group_metadata_t *b) {
    void *bytes[2] = {NULL};
    size_t sizes[2] = {0};
    rd_kafka_error_t *errors[2] = {rd_kafka_consumer_group_metadata_write(a, &bytes[0], &sizes[0]),
                                   rd_kafka_consumer_group_metadata_write(b, &bytes[1], &sizes[1])};
    bool same = errors[0] == NULL && errors[1] == NULL && sizes[0] == sizes[1] &&
                memcmp(bytes[0], bytes[1], sizes[0]) == 0;
    for (int i = 0; i < 2; i++) {
        if (errors[i] != NULL)
            rd_kafka_error_destroy(errors[i]);
        if (bytes[i] != NULL)
            rd_kafka_mem_free(NULL, bytes[i]);
    }
    return same;
}

/* Who this worker is in the generation that gives the assignment; all its commits say so, and Kafka refuses them in
 * any later one. Not asked again at each commit: librdkafka forgets member and generation when they are lost, and
 * Kafka does not fence a transactional commit that names neither. NULL if that is so already. */
static rd_kafka_consumer_group_metadata_t *read_membership(const struct worker *w) {
    rd_kafka_consumer_group_metadata_t *now = rd_kafka_consumer_group_metadata(w->consumer);
    rd_kafka_consumer_group_metadata_t *nobody = rd_kafka_consumer_group_metadata_new_with_genid(
        w->o.config->app_id, -1, "", w->o.config->instance_id != NULL ? w->instance_id : NULL);
    if (now != NULL && same_membership(now, nobody)) {
        rd_kafka_consumer_group_metadata_destroy(now);
        now = NULL;
    }
    rd_kafka_consumer_group_metadata_destroy(nobody);
    return now;
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
    worker_set_phase(w, WORKER_CONNECTING);
}

static bool take_partition(struct worker *w, const rd_kafka_topic_partition_t *tp) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_consumed((enum topic)t) || strcmp(worker_topic(w, (enum topic)t), tp->topic) != 0)
            continue;
        if (tp->partition >= w->o.layout->partitions[t])
            return err_set(
                &w->fatal, ERR_STOP,
                "topic %s: it got more partitions (%d or more) while this ran; restart to use them",
                tp->topic, tp->partition + 1);
        w->sources[w->source_count++] =
            (struct source){.topic = (enum topic)t, .partition = tp->partition, .next = -1, .committed = -1};
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
    w->membership = read_membership(w);
    worker_set_phase(w, WORKER_RESTORING);
    worker_restart_tasks(w);
    metric_move(&w->o.metrics->assigned_partitions, &w->shown.assigned, (int64_t)w->source_count);
}

/* Called from the poll of the consumer, on the worker's thread. Consumes nothing yet: worker_advance_tasks
 * assigns what is ready. */
void worker_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    struct worker *w = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        log_info("partitions assigned", "worker=%d count=%d", w->o.index, list->cnt);
        take_assignment(w, list);
        return;
    }
    log_info("partitions revoked", "worker=%d count=%d lost=%s", w->o.index, list->cnt,
             rd_kafka_assignment_lost(rk) ? "yes" : "no");
    forget_assignment(w);
    /* Not kafka_assign: when the consumer is being closed, nobody may be left to answer what that waits for. */
    (void)rd_kafka_assign(rk, NULL);
}

/* --- joining --- */

/* Called from the poll of the consumer. */
static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque) {
    (void)rk;
    worker_on_consumer_error(opaque, (rd_kafka_resp_err_t)code, text);
}

/* On a librdkafka thread. Only its log tells that a session ran out because no answer came. */
static void on_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text) {
    struct worker *w = rk != NULL ? rd_kafka_opaque(rk) : NULL;
    if (w != NULL && strcmp(facility, "SESSTMOUT") == 0)
        atomic_fetch_add(&w->breaks, 1);
    kafka_log_watched(rk, syslog_level, facility, text);
}

static rd_kafka_t *make_consumer(struct worker *w, struct err *e) {
    const struct config *c = w->o.config;
    const char *fetch_wait = w->o.ephemeral ? "10" : "100";
    if (c->instance_id != NULL)
        (void)snprintf(w->instance_id, sizeof w->instance_id, "%s-%d", c->instance_id, w->o.index);
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    bool ok =
        conf != NULL && kafka_conf_set(conf, "group.id", c->app_id, e) &&
        kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
        kafka_conf_set(conf, "enable.auto.offset.store", "false", e) &&
        kafka_conf_set(conf, "auto.offset.reset", "error", e) &&
        kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
        kafka_conf_set(conf, "isolation.level", "read_committed", e) &&
        kafka_conf_set(conf, "partition.assignment.strategy", "range", e) &&
        kafka_conf_set_default(conf, c, "fetch.wait.max.ms", fetch_wait, e) &&
        kafka_conf_set_default(conf, c, "session.timeout.ms", "10000",
                               e) && /* after a kill -9, how soon others go on */
        /* All partitions share a queue: what waits there keeps links and refs waiting that come later. */
        kafka_conf_set_default(conf, c, "queued.min.messages", "10000", e) &&
        kafka_conf_set_default(conf, c, "queued.max.messages.kbytes", "16384", e) &&
        kafka_conf_set_default(conf, c, "fetch.queue.backoff.ms", KAFKA_QUEUE_BACKOFF_MS, e) &&
        kafka_conf_set_default(conf, c, "fetch.message.max.bytes", "262144", e) &&
        kafka_conf_count_breaks(conf, &w->breaks, e) &&
        (c->instance_id == NULL || kafka_conf_set(conf, "group.instance.id", w->instance_id, e));
    if (!ok) {
        if (conf != NULL)
            rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_rebalance_cb(conf, worker_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_opaque(conf, w);
    rd_kafka_t *rk = kafka_client(RD_KAFKA_CONSUMER, conf, e);
    if (rk != NULL)
        (void)rd_kafka_poll_set_consumer(rk);
    return rk;
}

static bool subscribe(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPIC_COUNT);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topic_is_consumed((enum topic)t))
            (void)rd_kafka_topic_partition_list_add(list, worker_topic(w, (enum topic)t),
                                                    RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(w->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "subscribe: %s", rd_kafka_err2str(code));
}

bool worker_join_group(struct worker *w, struct err *e) {
    atomic_store(&w->breaks, 0);
    w->consumer = make_consumer(w, e);
    w->must_rejoin = false;
    w->joined_at_ms = worker_clock_ms(CLOCK_MONOTONIC);
    return w->consumer != NULL && subscribe(w, e);
}

void worker_leave_group(struct worker *w) {
    if (w->consumer == NULL)
        return;
    (void)rd_kafka_consumer_close(w->consumer);
    w->consumer_lingers = !kafka_destroy(w->consumer) || w->consumer_lingers;
    w->consumer = NULL;
}

bool worker_rejoin_group(struct worker *w, struct err *e) {
    log_warn("joining the group anew", "worker=%d", w->o.index);
    worker_leave_group(w);
    forget_assignment(w);
    return worker_join_group(w, e);
}

/* librdkafka gives a static member up for good when the group fences it. That also happens to the only one: after a stall
 * (librdkafka issue 3437), or when it joins a second time because the answer to the first was lost with the connection,
 * or because no answer came for longer than its session. A second process with the same instance.id fences again and
 * again, so the one to stop is who is fenced soon after it has joined while all its connections and its session held. */
void worker_on_fatal(struct worker *w) {
    char text[512];
    bool fenced =
        rd_kafka_fatal_error(w->consumer, text, sizeof text) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    bool soon = worker_clock_ms(CLOCK_MONOTONIC) - w->joined_at_ms <= REJOIN_AFTER_MS;
    if (fenced && (!soon || atomic_load(&w->breaks) > 0)) {
        log_warn("the group fenced this member", "worker=%d instance.id=%s", w->o.index,
                 w->o.config->instance_id);
        w->must_rejoin = true;
    } else if (fenced)
        (void)err_set(&w->fatal, ERR_STOP,
                      "instance.id=%s: another process has the same; give each instance one of its own",
                      w->o.config->instance_id);
    else
        (void)err_set(&w->fatal, ERR_STOP, "consumer: %s", text);
}

void worker_poll_group(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(w->consumer, timeout_ms);
    if (m == NULL)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__FATAL)
        worker_on_fatal(w);
    rd_kafka_message_destroy(m);
}
