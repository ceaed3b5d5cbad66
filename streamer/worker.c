/* The cycle of a worker, its phases apart, so that no transaction is ever open inside a poll:
 *
 *   1. collect   poll up to batch.max.records records or batch.max.ms; go on as soon as the input is drained;
 *   2. process   begin; the records through the tasks; send offsets; commit;
 *   3. keep      write the state in one atomic write, with each task's positions.
 *
 * A rebalance can only happen in 1 and drops the collected batch and nothing else. After an error, and at
 * every assignment: read the committed offsets, bring the tasks' state there by replay, and assign from
 * there. */
#include "streamer/worker.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/kafka.h"
#include "streamer/pipeline.h"
#include "streamer/producer.h"
#include "streamer/restore.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS 100
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define CALL_TIMEOUT_MS 15000
#define BOOKKEEPING_MS 1000

/* One consumed partition that the group gave to this worker. */
struct source {
    enum topic topic;
    int32_t partition;
    int64_t next;      /* the next offset to process */
    int64_t committed; /* the next offset as committed */
    int64_t end;       /* as far as known: one behind the last message that waits */
    int64_t
        seen_end; /* where the last end-of-partition was: before it nothing waits but transaction markers */
};

struct worker {
    struct worker_options o;
    pthread_t thread;
    bool thread_started;
    atomic_bool stopping;
    _Atomic enum worker_phase phase;
    _Atomic int64_t backlog;
    struct err result; /* why the thread ended; class ERR_NONE: it was asked to */
    pthread_mutex_t error_lock;
    char last_error[sizeof((struct err *)0)->text];

    rd_kafka_t *consumer;
    struct producer *producer;
    struct restore *restore;
    struct batch *batch;
    struct pipeline pipeline;

    struct source *sources; /* the assignment */
    size_t source_count;
    struct task *tasks;  /* n of them, by partition */
    atomic_bool *owned;  /* by partition: assigned here and restored */
    bool *assigned;      /* by partition */
    bool assignment_new; /* a rebalance happened: nothing is consumed until recover() */
    struct err fatal;    /* set by a callback or a poll: ends the worker */

    rd_kafka_message_t **messages; /* the collected batch */
    size_t message_count;
    int64_t bookkeeping_due_ms;
};

static int64_t clock_ms(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static int64_t clock_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const char *topic_text(const struct worker *w, enum topic t) {
    return w->o.config->topics[t];
}

/* --- the assignment --- */

static void drop_messages(struct worker *w) {
    for (size_t i = 0; i < w->message_count; i++)
        rd_kafka_message_destroy(w->messages[i]);
    w->message_count = 0;
}

static struct source *find_source(struct worker *w, const char *topic, int32_t partition) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].partition == partition && strcmp(topic_text(w, w->sources[i].topic), topic) == 0)
            return &w->sources[i];
    return NULL;
}

static void forget_assignment(struct worker *w) {
    drop_messages(w);
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
            if (!topic_is_input((enum topic)t) || strcmp(topic_text(w, (enum topic)t), tp->topic) != 0)
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

/* Called from the poll of the consumer, on the worker's thread. Consumes nothing yet: recover() assigns. */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
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

/* --- 1. collect --- */

static void on_consumer_error(struct worker *w, const rd_kafka_message_t *m) {
    const char *text = rd_kafka_message_errstr(m);
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__FATAL:
        (void)err_set(&w->fatal, ERR_STOP, "consumer: %s", text);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        (void)err_set(
            &w->fatal, ERR_STOP,
            "%s partition %d: records were deleted before they were processed (%s); lengthen the topic's "
            "retention, look for them upstream, then set the offsets of group %s to where to go on",
            m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "an input", m->partition, text,
            w->o.config->app_id);
        break;
    default:
        log_warn("consumer", "error=%s", log_quote(&(struct log_value){0}, text));
    }
}

/* True if the message belongs to the batch; else it has been dealt with. */
static bool accept_message(struct worker *w, const rd_kafka_message_t *m) {
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        on_consumer_error(w, m);
        return false;
    }
    struct source *s = find_source(w, rd_kafka_topic_name(m->rkt), m->partition);
    if (s == NULL || w->assignment_new)
        return false;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        s->seen_end = m->offset;
        if (m->offset >= s->end) /* only markers behind what was read */
            s->end = s->next;
        return false;
    }
    if (m->offset < s->next)
        return false;
    s->next = m->offset + 1;
    if (s->end < s->next)
        s->end = s->next;
    return true;
}

static void collect(struct worker *w) {
    size_t max = (size_t)w->o.config->batch_max_records;
    int64_t deadline = INT64_MAX;
    while (w->message_count < max && !w->assignment_new && w->fatal.class == ERR_NONE) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(w->consumer, w->message_count == 0 ? POLL_MS : 0);
        if (m == NULL)
            break;
        if (!accept_message(w, m)) {
            rd_kafka_message_destroy(m);
            if (w->message_count == 0)
                break; /* let the caller look around */
            continue;
        }
        if (w->message_count == 0)
            deadline = clock_us() + w->o.config->batch_max_ms * 1000;
        w->messages[w->message_count++] = m;
        if (clock_us() >= deadline)
            break;
    }
    if (w->assignment_new)
        drop_messages(w);
}

/* --- 2. process --- */

/* The position in the input topic that a forwarded record came from. */
static void read_source_header(const rd_kafka_headers_t *headers, struct input *in) {
    const void *value;
    size_t n;
    char text[64];
    int partition;
    long long offset;
    if (headers == NULL || rd_kafka_header_get_last(headers, PIPELINE_SOURCE_HEADER, &value, &n) != 0 ||
        n >= sizeof text)
        return;
    memcpy(text, value, n);
    text[n] = '\0';
    if (sscanf(text, "%d:%lld", &partition, &offset) == 2) {
        in->source_partition = partition;
        in->source_offset = offset;
    }
}

static struct input make_input(const struct source *s, const rd_kafka_message_t *m) {
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    struct input in = {
        .topic = s->topic,
        .partition = m->partition,
        .offset = m->offset,
        .record = {.key = m->key != NULL ? slice_of(m->key, m->key_len) : slice_null(),
                   .value = m->payload != NULL ? slice_of(m->payload, m->len) : slice_null(),
                   .timestamp_ms = rd_kafka_message_timestamp(m, &type)},
        .source_partition = m->partition,
        .source_offset = m->offset,
    };
    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        in.headers = headers;
    if (s->topic == TOPIC_REPARTITION_CUSTOMERS || s->topic == TOPIC_REPARTITION_ACCOUNTS)
        read_source_header(headers, &in);
    return in;
}

static struct task *task_of(struct worker *w, const struct input *in) {
    bool shared = in->topic == TOPIC_CUSTOMERS || in->topic == TOPIC_ACCOUNTS;
    if (in->partition >= w->o.layout->n || !w->assigned[in->partition]) {
        assert(shared);
        return NULL;
    }
    return &w->tasks[in->partition];
}

static void note_offset(struct worker *w, rd_kafka_topic_partition_list_t *offsets, const struct source *s,
                        int64_t offset) {
    const char *topic = topic_text(w, s->topic);
    rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_find(offsets, topic, s->partition);
    if (tp == NULL)
        tp = rd_kafka_topic_partition_list_add(offsets, topic, s->partition);
    tp->offset = offset;
}

/* Runs messages from `*at` on through the tasks; stops early behind a part of a fan-out. */
static void process_messages(struct worker *w, size_t *at, rd_kafka_topic_partition_list_t *offsets) {
    w->pipeline.env.now_ms = clock_ms(CLOCK_REALTIME);
    for (; *at < w->message_count; (*at)++) {
        const rd_kafka_message_t *m = w->messages[*at];
        const struct source *s = find_source(w, rd_kafka_topic_name(m->rkt), m->partition);
        struct input in = make_input(s, m);
        bool done = pipeline_process(&w->pipeline, task_of(w, &in), &in);
        if (kv_failed(w->pipeline.env.kv))
            return;
        note_offset(w, offsets, s, done ? m->offset + 1 : m->offset);
        if (!done)
            return;
    }
}

/* --- 3. keep --- */

static bool keep_state(struct worker *w, const rd_kafka_topic_partition_list_t *offsets, struct err *e) {
    for (int i = 0; i < offsets->cnt; i++) {
        struct source *s = find_source(w, offsets->elems[i].topic, offsets->elems[i].partition);
        s->committed = offsets->elems[i].offset;
        if (s->partition < w->o.layout->n)
            w->tasks[s->partition].meta.positions[s->topic] = s->committed;
    }
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        struct task *t = &w->tasks[p];
        if (!w->assigned[p])
            continue;
        for (int i = 0; i < TOPIC_COUNT; i++)
            if (topic_is_replayed((enum topic)i) && !topic_is_input((enum topic)i) &&
                producer_position(w->producer, (enum topic)i, p) > t->meta.positions[i])
                t->meta.positions[i] = producer_position(w->producer, (enum topic)i, p);
        if (memcmp(&t->meta, &t->saved_meta, sizeof t->meta) == 0)
            continue;
        t->meta.committed_ms = w->pipeline.env.now_ms;
        task_save_meta(&w->pipeline.env, t);
    }
    if (!batch_commit(w->batch, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        w->tasks[p].saved_meta = w->tasks[p].meta;
    return true;
}

/* --- metrics --- */

static void publish_counts(struct worker *w) {
    struct counts *c = &w->pipeline.env.counts;
    struct metrics *m = w->o.metrics;
    for (int t = 0; t < TOPIC_COUNT; t++)
        metric_add(&m->emitted[t], c->emitted[t]);
    for (int e = 0; e < ENTITY_COUNT; e++) {
        for (int r = 0; r < REASON_COUNT; r++)
            metric_add(&m->quarantined[e][r], c->quarantined[e][r]);
        for (int f = 0; f < FIELD_COUNT; f++)
            metric_add(&m->null_values[e][f], c->null_values[e][f]);
        metric_add(&m->applied[e], c->applied[e]);
        metric_add(&m->unchanged[e], c->unchanged[e]);
        metric_add(&m->forwarded[e], c->forwarded[e]);
        metric_add(&m->late[e], c->late[e]);
        metric_add(&m->unknown_fields[e], c->unknown_fields[e]);
        metric_add(&m->confirmations_dropped[e], c->confirmations_dropped[e]);
        if (c->newest_event_ms[e] > atomic_load(&m->newest_event_ms[e]))
            metric_set(&m->newest_event_ms[e], c->newest_event_ms[e]);
    }
    for (int t = 0; t < TOPIC_COUNT; t++) /* last: who sees a record as consumed sees what it did */
        metric_add(&m->consumed[t], c->consumed[t]);
    counts_clear(c);
}

/* How much waits: what the broker told with the last fetch, and what this worker itself has sent since. */
static void publish_lag(struct worker *w) {
    int64_t sum = 0;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        int64_t low, high;
        if (rd_kafka_get_watermark_offsets(w->consumer, topic_text(w, s->topic), s->partition, &low, &high) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            high > s->end && high > s->seen_end)
            s->end = high;
        if (s->partition < w->o.layout->n && producer_position(w->producer, s->topic, s->partition) > s->end)
            s->end = producer_position(w->producer, s->topic, s->partition);
        int64_t position = s->committed >= 0 ? s->committed : s->next;
        int64_t lag = s->end > position ? s->end - position : 0;
        metric_set(&w->o.metrics->lag[s->topic].lag[s->partition], lag);
        sum += lag;
    }
    atomic_store(&w->backlog, sum);
}

static void publish_latency(struct worker *w, size_t from, size_t to) {
    int64_t now = clock_ms(CLOCK_REALTIME);
    for (size_t i = from; i < to; i++) {
        rd_kafka_timestamp_type_t type;
        const struct source *s =
            find_source(w, rd_kafka_topic_name(w->messages[i]->rkt), w->messages[i]->partition);
        if (s->topic == TOPIC_ACCOUNT_LINKS || s->topic == TOPIC_CUSTOMER_REFS)
            continue;
        int64_t ms = now - rd_kafka_message_timestamp(w->messages[i], &type);
        histogram_observe(&w->o.metrics->processing_latency, ms > 0 ? ms * 1000 : 0, 1);
    }
}

static void bookkeeping(struct worker *w) {
    int64_t now = clock_ms(CLOCK_MONOTONIC), orphans = 0;
    if (now < w->bookkeeping_due_ms)
        return;
    w->bookkeeping_due_ms = now + BOOKKEEPING_MS;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        orphans += w->assigned[p] ? task_orphans(&w->tasks[p]) : 0;
    metric_set(&w->o.metrics->orphan_accounts, orphans);
    metric_set(&w->o.metrics->state_bytes, store_bytes(w->o.store));
}

/* --- one transaction --- */

/* Ends the transaction in work: commits it and keeps the state, or gives it up if the state failed meanwhile.
 */
static bool finish_transaction(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                               struct err *e) {
    struct metrics *m = w->o.metrics;
    if (kv_failed(w->pipeline.env.kv)) {
        struct err why = w->pipeline.env.kv->err;
        if (producer_abort(w->producer, e) || why.class == ERR_STOP)
            *e = why;
        metric_add(&m->transactions[TRANSACTION_ABORTED], 1);
        return false;
    }
    int64_t started = clock_us();
    if (!producer_commit(w->producer, offsets, w->consumer, e)) {
        metric_add(&m->transactions[e->class == ERR_FENCED ? TRANSACTION_FENCED : TRANSACTION_ABORTED], 1);
        return false;
    }
    metric_add(&m->transactions[TRANSACTION_COMMITTED], 1);
    histogram_observe(&m->commit_duration, clock_us() - started, 1);
    metric_set(&m->last_commit_ms, w->pipeline.env.now_ms);
    return keep_state(w, offsets, e);
}

/* One transaction, from message `*at` on. */
static bool transact(struct worker *w, size_t *at, struct err *e) {
    size_t from = *at;
    if (!producer_begin(w->producer, e))
        return false;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    process_messages(w, at, offsets);
    bool ok = finish_transaction(w, offsets, e);
    if (ok) {
        publish_latency(w, from, *at);
        publish_lag(w);
        publish_counts(w);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

static int64_t emitted(const struct worker *w) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += w->pipeline.env.counts.emitted[t];
    return sum;
}

/* Recomputes the marts of tasks whose rates are not those of now; some rows a transaction. */
static bool refresh_tasks(struct worker *w, struct err *e) {
    struct task_env *env = &w->pipeline.env;
    bool more = true;
    while (more && !atomic_load(&w->stopping)) {
        rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
        bool ok = producer_begin(w->producer, e);
        more = false;
        env->now_ms = clock_ms(CLOCK_REALTIME);
        for (int32_t p = 0; ok && p < w->o.layout->n && !more; p++) {
            if (!w->assigned[p] || !task_needs_refresh(env, &w->tasks[p]))
                continue;
            const struct source *s = find_source(w, topic_text(w, TOPIC_ACCOUNT_LINKS), p);
            note_offset(w, offsets, s, s->next);
            while (!task_refresh(env, &w->tasks[p]) && !more && !kv_failed(env->kv))
                more = emitted(w) >= w->o.config->fanout_max_rows;
        }
        if (ok && offsets->cnt == 0)
            ok = producer_abort(w->producer, e);
        else if (ok)
            ok = finish_transaction(w, offsets, e);
        rd_kafka_topic_partition_list_destroy(offsets);
        if (!ok)
            return false;
        publish_counts(w);
    }
    return true;
}

/* --- recovering: from the committed offsets on --- */

static bool read_committed(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    for (size_t i = 0; i < w->source_count; i++)
        (void)rd_kafka_topic_partition_list_add(list, topic_text(w, w->sources[i].topic),
                                                w->sources[i].partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(w->consumer, list, CALL_TIMEOUT_MS);
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR ||
              err_set(e, ERR_RETRY, "committed offsets: %s", rd_kafka_err2str(code));
    for (int i = 0; ok && i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            ok = err_set(e, ERR_RETRY, "committed offset of %s partition %d: %s", list->elems[i].topic,
                         list->elems[i].partition, rd_kafka_err2str(list->elems[i].err));
        else if (!w->o.ephemeral)
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
                "for "
                "them upstream, then set the offsets of group %s to where to go on (kafka-consumer-groups.sh "
                "--reset-offsets)",
                topic_text(w, s->topic), s->partition, (long long)s->committed, (long long)low,
                (long long)high, w->o.config->app_id);
        s->next = s->committed >= 0 ? s->committed : low;
        s->end = high;
    }
    return true;
}

static int64_t committed_of(struct worker *w, enum topic topic, int32_t partition) {
    const struct source *s = find_source(w, topic_text(w, topic), partition);
    return s != NULL && s->committed >= 0 ? s->committed : 0;
}

static bool begin_restore(struct worker *w, struct err *e) {
    restore_reset(w->restore);
    batch_clear(w->batch);
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        if (!w->assigned[p])
            continue;
        if (!restore_add(w->restore, &w->pipeline.env, &w->tasks[p], committed_of(w, TOPIC_ACCOUNT_LINKS, p),
                         committed_of(w, TOPIC_CUSTOMER_REFS, p), clock_ms(CLOCK_REALTIME), e)) {
            restore_reset(w->restore);
            return false;
        }
    }
    return restore_start(w->restore, e);
}

static bool assign_sources(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    for (size_t i = 0; i < w->source_count; i++)
        rd_kafka_topic_partition_list_add(list, topic_text(w, w->sources[i].topic), w->sources[i].partition)
            ->offset = w->sources[i].next;
    rd_kafka_resp_err_t code = rd_kafka_assign(w->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || err_set(e, ERR_RETRY, "assign: %s", rd_kafka_err2str(code));
}

/* Serves the group while nothing is assigned: heartbeats, rebalances. False if there was a rebalance. */
static bool poll_group(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(w->consumer, timeout_ms);
    if (m != NULL) {
        const char *fatal = rd_kafka_message_errstr(m);
        if (m->err == RD_KAFKA_RESP_ERR__FATAL)
            (void)err_set(&w->fatal, ERR_STOP, "consumer: %s", fatal);
        rd_kafka_message_destroy(m);
    }
    return !w->assignment_new && w->source_count > 0;
}

/* Brings state and consumer to the committed offsets. True also if a rebalance or the end came between. */
static bool recover(struct worker *w, struct err *e) {
    int64_t started = clock_us();
    w->assignment_new = false;
    drop_messages(w);
    for (int32_t p = 0; p < w->o.layout->n; p++)
        task_rollback(&w->tasks[p]);
    atomic_store(&w->phase, WORKER_RESTORING);
    if (!read_committed(w, e) || !find_starts(w, e) || !begin_restore(w, e))
        return false;
    int64_t before = atomic_load(&w->o.metrics->restored_records);
    while (!restore_done(w->restore)) {
        if (!restore_step(w->restore, &w->pipeline.env, w->batch, POLL_MS, e))
            return false;
        if (!poll_group(w, 0) || atomic_load(&w->stopping) || w->fatal.class != ERR_NONE) {
            restore_reset(w->restore);
            return true;
        }
    }
    restore_reset(w->restore);
    if (!refresh_tasks(w, e) || !assign_sources(w, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        atomic_store(&w->owned[p], w->assigned[p]);
    atomic_store(&w->phase, WORKER_RUNNING);
    log_info("state is where the committed offsets are", "partitions=%zu replayed=%lld ms=%lld",
             w->source_count, (long long)(atomic_load(&w->o.metrics->restored_records) - before),
             (long long)((clock_us() - started) / 1000));
    return true;
}

/* --- the cycle --- */

static bool run_batch(struct worker *w, struct err *e) {
    for (size_t at = 0; at < w->message_count;)
        if (!transact(w, &at, e))
            return false;
    drop_messages(w);
    return true;
}

static void note_error(struct worker *w, const struct err *e) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(w->last_error, sizeof w->last_error, "%s", e->text);
    (void)pthread_mutex_unlock(&w->error_lock);
}

/* Nothing of the failed batch stays; a producer that is of no use any more is replaced. */
static bool clean_up(struct worker *w, struct err *e) {
    drop_messages(w);
    batch_clear(w->batch);
    counts_clear(&w->pipeline.env.counts);
    if (e->class == ERR_FENCED || w->producer == NULL) {
        producer_free(w->producer);
        w->producer = producer_new(w->o.config, w->o.transactional_id, w->o.layout->n, e);
        if (w->producer == NULL)
            return false;
        w->pipeline.env.sink = producer_sink(w->producer);
    }
    if (w->source_count > 0) {
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        (void)rd_kafka_assign(w->consumer, none); /* until recover() */
        rd_kafka_topic_partition_list_destroy(none);
    }
    return true;
}

/* Waits before another try, serving the group. */
static void back_off(struct worker *w, int64_t ms) {
    int64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
    while (clock_ms(CLOCK_MONOTONIC) < until && !atomic_load(&w->stopping) && w->fatal.class == ERR_NONE)
        (void)poll_group(w, POLL_MS);
}

static bool one_cycle(struct worker *w, struct err *e) {
    if (w->assignment_new && !recover(w, e))
        return false;
    if (w->assignment_new)
        return true;
    collect(w);
    if (w->message_count > 0 && w->fatal.class == ERR_NONE && !run_batch(w, e))
        return false;
    publish_lag(w);
    bookkeeping(w);
    return true;
}

static void run(struct worker *w) {
    int64_t backoff = BACKOFF_MIN_MS;
    while (!atomic_load(&w->stopping) && w->fatal.class == ERR_NONE) {
        struct err e = {0};
        if (one_cycle(w, &e)) {
            if (atomic_load(&w->phase) == WORKER_RUNNING)
                backoff = BACKOFF_MIN_MS;
            continue;
        }
        while (e.class != ERR_STOP && e.class != ERR_CONFIG) {
            note_error(w, &e);
            log_warn("trying again", "backoff_ms=%lld error=%s", (long long)backoff,
                     log_quote(&(struct log_value){0}, e.text));
            atomic_store(&w->phase, WORKER_RETRYING);
            bool clean = clean_up(w, &e);
            back_off(w, backoff);
            backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
            if (clean || atomic_load(&w->stopping))
                break;
        }
        if (e.class == ERR_STOP || e.class == ERR_CONFIG)
            w->fatal = e;
        w->assignment_new = w->source_count > 0;
    }
}

static void *thread_main(void *arg) {
    struct worker *w = arg;
    run(w);
    drop_messages(w);
    w->result = w->fatal;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        atomic_store(&w->owned[p], false);
    atomic_store(&w->phase, WORKER_STOPPED);
    if (w->result.class != ERR_NONE) {
        note_error(w, &w->result);
        w->o.failed(w->o.context);
    }
    return NULL;
}

/* --- life --- */

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
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, w);
    rd_kafka_t *rk = kafka_client(RD_KAFKA_CONSUMER, conf, e);
    if (rk != NULL)
        (void)rd_kafka_poll_set_consumer(rk);
    return rk;
}

static bool subscribe(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPIC_COUNT);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topic_is_input((enum topic)t))
            (void)rd_kafka_topic_partition_list_add(list, topic_text(w, (enum topic)t),
                                                    RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(w->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "subscribe: %s", rd_kafka_err2str(code));
}

static void release(struct worker *w) {
    drop_messages(w);
    if (w->batch != NULL) {
        pipeline_release(&w->pipeline);
        batch_free(w->batch);
    }
    restore_free(w->restore);
    producer_free(w->producer);
    if (w->consumer != NULL) {
        (void)rd_kafka_consumer_close(w->consumer);
        rd_kafka_destroy(w->consumer);
    }
    for (int32_t p = 0; p < w->o.layout->n; p++)
        task_release(&w->tasks[p]);
    free(w->tasks);
    free(w->sources);
    free(w->owned);
    free(w->assigned);
    free(w->messages);
    (void)pthread_mutex_destroy(&w->error_lock);
    free(w);
}

struct worker *worker_start(const struct worker_options *o, struct err *e) {
    struct worker *w = mem_calloc(1, sizeof *w);
    size_t n = (size_t)o->layout->n, sources = 0;
    w->o = *o;
    (void)pthread_mutex_init(&w->error_lock, NULL);
    w->tasks = mem_calloc(n, sizeof *w->tasks);
    w->owned = mem_calloc(n, sizeof *w->owned);
    w->assigned = mem_calloc(n, sizeof *w->assigned);
    for (size_t p = 0; p < n; p++)
        task_init(&w->tasks[p], (int32_t)p);
    for (int t = 0; t < TOPIC_COUNT; t++)
        sources += topic_is_input((enum topic)t) ? (size_t)o->layout->partitions[t] : 0;
    w->sources = mem_calloc(sources, sizeof *w->sources);
    w->messages = mem_calloc((size_t)o->config->batch_max_records, sizeof(rd_kafka_message_t *));
    w->producer = producer_new(o->config, o->transactional_id, o->layout->n, e);
    bool ok = w->producer != NULL;
    if (ok) {
        w->batch = batch_new(o->store);
        pipeline_init(&w->pipeline, o->config, batch_kv(w->batch), producer_sink(w->producer), o->layout->n,
                      (int32_t[ENTITY_COUNT]){o->layout->partitions[TOPIC_CUSTOMERS],
                                              o->layout->partitions[TOPIC_ACCOUNTS]});
        w->restore = restore_new(o->config, o->layout, o->store, o->metrics, e);
        w->consumer = w->restore != NULL ? make_consumer(w, e) : NULL;
        ok = w->consumer != NULL && subscribe(w, e);
    }
    if (ok && pthread_create(&w->thread, NULL, thread_main, w) != 0)
        ok = err_set(e, ERR_STOP, "cannot start a thread");
    if (ok) {
        w->thread_started = true;
        return w;
    }
    release(w);
    return NULL;
}

bool worker_stop(struct worker *w, struct err *e) {
    if (w == NULL)
        return true;
    atomic_store(&w->stopping, true);
    (void)pthread_join(w->thread, NULL);
    bool ok = w->result.class == ERR_NONE;
    if (!ok)
        *e = w->result;
    release(w);
    return ok;
}

enum worker_phase worker_phase(const struct worker *w) {
    return atomic_load(&w->phase);
}
int64_t worker_backlog(const struct worker *w) {
    return atomic_load(&w->backlog);
}

bool worker_owns(const struct worker *w, int32_t partition) {
    return atomic_load(&w->owned[partition]);
}

void worker_last_error(struct worker *w, char *text, size_t n) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(text, n, "%s", w->last_error);
    (void)pthread_mutex_unlock(&w->error_lock);
}
