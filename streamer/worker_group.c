/* The group's side of a worker: which partitions it has, and where it goes on. */
#include "streamer/worker_internal.h"

#include "streamer/kafka.h"

#include <string.h>

#define CALL_TIMEOUT_MS 15000
#define REJOIN_AFTER_MS 30000

/* --- the assignment --- */

static void forget_assignment(struct worker *w) {
    worker_drop_messages(w);
    for (size_t i = 0; i < w->source_count; i++)
        metric_set(&w->o.metrics->lag[w->sources[i].topic].lag[w->sources[i].partition], -1);
    w->source_count = 0;
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        atomic_store(&w->owned[p], false);
        w->assigned[p] = false;
    }
    metric_set(&w->o.metrics->assigned_partitions, 0);
    atomic_store(&w->phase, WORKER_CONNECTING);
}

static void take_assignment(struct worker *w, const rd_kafka_topic_partition_list_t *list) {
    forget_assignment(w);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        for (int t = 0; t < TOPIC_COUNT; t++) {
            if (!topic_is_consumed((enum topic)t) || strcmp(worker_topic(w, (enum topic)t), tp->topic) != 0)
                continue;
            if (tp->partition >= w->o.layout->partitions[t]) {
                (void)err_set(
                    &w->fatal, ERR_STOP,
                    "topic %s: it got more partitions (%d or more) while this ran; restart to use them",
                    tp->topic, tp->partition + 1);
                return;
            }
            w->sources[w->source_count++] = (struct source){
                .topic = (enum topic)t, .partition = tp->partition, .next = -1, .committed = -1};
            if (t == TOPIC_ACCOUNT_LINKS) /* who has this partition has the task */
                w->assigned[tp->partition] = true;
        }
    }
    metric_set(&w->o.metrics->assigned_partitions, (int64_t)w->source_count);
    w->assignment_new = true;
}

/* Called from the poll of the consumer, on the worker's thread. Consumes nothing yet: worker_recover()
 * assigns. */
void worker_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    struct worker *w = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        log_info("partitions assigned", "count=%d", list->cnt);
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        (void)rd_kafka_assign(rk, none);
        rd_kafka_topic_partition_list_destroy(none);
        take_assignment(w, list);
        return;
    }
    log_info("partitions revoked", "count=%d lost=%s", list->cnt,
             rd_kafka_assignment_lost(rk) ? "yes" : "no");
    forget_assignment(w);
    (void)rd_kafka_assign(rk, NULL);
}

/* --- joining --- */

/* A property that the user's kafka.* may override. */
static bool set_default(rd_kafka_conf_t *conf, const struct config *c, const char *name, const char *value,
                        struct err *e) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (strcmp(c->kafka[i].name, name) == 0)
            return true;
    return kafka_conf_set(conf, name, value, e);
}

static rd_kafka_t *make_consumer(struct worker *w, struct err *e) {
    const struct config *c = w->o.config;
    const char *fetch_wait = w->o.ephemeral ? "10" : "100";
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    bool ok =
        conf != NULL && kafka_conf_set(conf, "group.id", c->app_id, e) &&
        kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
        kafka_conf_set(conf, "enable.auto.offset.store", "false", e) &&
        kafka_conf_set(conf, "auto.offset.reset", "error", e) &&
        kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
        kafka_conf_set(conf, "isolation.level", "read_committed", e) &&
        kafka_conf_set(conf, "partition.assignment.strategy", "range", e) &&
        set_default(conf, c, "fetch.wait.max.ms", fetch_wait, e) &&
        set_default(conf, c, "session.timeout.ms", "10000", e) && /* after a kill -9, how soon others go on */
        set_default(conf, c, "queued.max.messages.kbytes", "16384", e) && /* of each partition */
        (c->instance_id == NULL || kafka_conf_set(conf, "group.instance.id", c->instance_id, e));
    if (!ok) {
        if (conf != NULL)
            rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_rebalance_cb(conf, worker_on_rebalance);
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
    w->consumer = make_consumer(w, e);
    w->consumer_fenced = false;
    w->joined_at_ms = worker_clock_ms(CLOCK_MONOTONIC);
    return w->consumer != NULL && subscribe(w, e);
}

void worker_leave_group(struct worker *w) {
    if (w->consumer == NULL)
        return;
    (void)rd_kafka_consumer_close(w->consumer);
    rd_kafka_destroy(w->consumer);
    w->consumer = NULL;
}

bool worker_rejoin_group(struct worker *w, struct err *e) {
    log_warn("the group fenced this member; joining anew", "instance.id=%s", w->o.config->instance_id);
    worker_leave_group(w);
    forget_assignment(w);
    w->assignment_new = false;
    return worker_join_group(w, e);
}

/* librdkafka gives a static member up for good when the group fences it, which also happens to the only one after
 * a stall (librdkafka issue 3437). A second process with the same instance.id fences again and again, so who is
 * fenced soon after it has joined is the one to stop. */
void worker_on_fatal(struct worker *w) {
    char text[512];
    bool fenced =
        rd_kafka_fatal_error(w->consumer, text, sizeof text) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    if (fenced && worker_clock_ms(CLOCK_MONOTONIC) - w->joined_at_ms > REJOIN_AFTER_MS)
        w->consumer_fenced = true;
    else if (fenced)
        (void)err_set(&w->fatal, ERR_STOP,
                      "instance.id=%s: another process has the same; give each instance one of its own",
                      w->o.config->instance_id);
    else
        (void)err_set(&w->fatal, ERR_STOP, "consumer: %s", text);
}

/* --- recovering: from the committed offsets on --- */

static bool read_committed(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    for (size_t i = 0; i < w->source_count; i++)
        (void)rd_kafka_topic_partition_list_add(list, worker_topic(w, w->sources[i].topic),
                                                w->sources[i].partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(w->consumer, list, CALL_TIMEOUT_MS);
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR ||
              err_set(e, ERR_RETRY, "committed offsets: %s", rd_kafka_err2str(code));
    for (int i = 0; ok && i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            ok = err_set(e, ERR_RETRY, "committed offset of %s partition %d: %s", list->elems[i].topic,
                         list->elems[i].partition, rd_kafka_err2str(list->elems[i].err));
        else if (w->o.ephemeral) /* they outlive a rebalance: the machine may have slept */
            w->sources[i].committed =
                w->tasks[w->sources[i].partition].saved_meta.positions[w->sources[i].topic];
        else
            w->sources[i].committed = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* Where each source goes on, and that nothing between there and its start is lost. */
static bool find_starts(struct worker *w, struct err *e) {
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        int64_t low, high;
        if (!restore_watermarks(w->restore, s->topic, s->partition, &low, &high, e))
            return false;
        if (s->committed >= 0 && (s->committed < low || s->committed > high))
            return err_set(
                e, ERR_STOP,
                "%s partition %d: the committed offset %lld is outside of what the topic holds (%lld to "
                "%lld): records were deleted before they were processed, or the topic was recreated; look "
                "for them upstream, then set the offsets of group %s to where to go on (kafka-consumer-groups.sh "
                "--reset-offsets)",
                worker_topic(w, s->topic), s->partition, (long long)s->committed, (long long)low,
                (long long)high, w->o.config->app_id);
        s->next = s->committed >= 0 ? s->committed : low;
        s->end = high;
        s->seen_end = 0;
    }
    return true;
}

static int64_t committed_of(struct worker *w, enum topic topic, int32_t partition) {
    const struct source *s = worker_find_source(w, worker_topic(w, topic), partition);
    return s != NULL && s->committed >= 0 ? s->committed : 0;
}

static bool any_committed(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].committed >= 0)
            return true;
    return false;
}

/* Results are never written before an offset of links is committed (worker_refresh_tasks), so where there are
 * rows and no such offset, the group's offsets are lost. */
static bool offsets_are_there(struct worker *w, struct err *e) {
    for (size_t i = 0; !w->o.ephemeral && i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        bool rows = false;
        for (int f = 0; s->topic == TOPIC_ACCOUNT_LINKS && s->committed < 0 && f < FAMILY_COUNT; f++)
            rows = rows || w->tasks[s->partition].meta.rows[f] > 0;
        if (rows)
            return err_set(
                e, ERR_STOP,
                "partition %d: there are results, but group %s has no committed offsets (they expire "
                "offsets.retention.minutes after the last instance has stopped): all input would be processed "
                "once more; set the offsets to where to go on (kafka-consumer-groups.sh --reset-offsets), or "
                "start anew with streamer reset",
                s->partition, w->o.config->app_id);
    }
    return true;
}

static bool begin_restore(struct worker *w, struct err *e) {
    restore_reset(w->restore);
    batch_clear(w->batch);
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        if (!w->assigned[p])
            continue;
        if (!restore_add(w->restore, &w->pipeline.env, &w->tasks[p], committed_of(w, TOPIC_ACCOUNT_LINKS, p),
                         committed_of(w, TOPIC_CUSTOMER_REFS, p), any_committed(w),
                         worker_clock_ms(CLOCK_REALTIME), e)) {
            restore_reset(w->restore);
            return false;
        }
    }
    return restore_start(w->restore, e);
}

static bool assign_sources(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    for (size_t i = 0; i < w->source_count; i++)
        rd_kafka_topic_partition_list_add(list, worker_topic(w, w->sources[i].topic), w->sources[i].partition)
            ->offset = w->sources[i].next;
    rd_kafka_resp_err_t code = rd_kafka_assign(w->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || err_set(e, ERR_RETRY, "assign: %s", rd_kafka_err2str(code));
}

/* Serves the group while nothing is assigned: heartbeats, rebalances. False if there was a rebalance. */
bool worker_poll_group(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(w->consumer, timeout_ms);
    if (m != NULL) {
        if (m->err == RD_KAFKA_RESP_ERR__FATAL)
            worker_on_fatal(w);
        rd_kafka_message_destroy(m);
    }
    return !w->assignment_new && w->source_count > 0;
}

/* Brings state and consumer to the committed offsets. True also if a rebalance or the end came between. */
bool worker_recover(struct worker *w, struct err *e) {
    int64_t started = worker_clock_us();
    w->assignment_new = false;
    worker_drop_messages(w);
    for (int32_t p = 0; p < w->o.layout->n; p++)
        task_rollback(&w->tasks[p]);
    atomic_store(&w->phase, WORKER_RESTORING);
    if (!read_committed(w, e) || !find_starts(w, e) || !begin_restore(w, e))
        return false;
    int64_t before = atomic_load(&w->o.metrics->restored_records);
    while (!restore_done(w->restore)) {
        if (!restore_step(w->restore, &w->pipeline.env, w->batch, WORKER_POLL_MS, e))
            return false;
        if (!worker_poll_group(w, 0) || atomic_load(&w->stopping) || w->fatal.class != ERR_NONE) {
            restore_reset(w->restore);
            return true;
        }
    }
    restore_reset(w->restore);
    if (!offsets_are_there(w, e) || !worker_refresh_tasks(w, e))
        return false;
    if (w->assignment_new || w->source_count == 0 || w->fatal.class != ERR_NONE)
        return true;
    if (!assign_sources(w, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        atomic_store(&w->owned[p], w->assigned[p]);
    atomic_store(&w->phase, WORKER_RUNNING);
    log_info("state is where the committed offsets are", "partitions=%zu replayed=%lld ms=%lld",
             w->source_count, (long long)(atomic_load(&w->o.metrics->restored_records) - before),
             (long long)((worker_clock_us() - started) / 1000));
    return true;
}
