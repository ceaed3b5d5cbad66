/* The cycle of a worker, its phases apart, so that no transaction is ever open inside a poll:
 *
 *   1. collect   poll up to batch.max.records records or batch.max.ms; go on as soon as the input
 * is drained;
 *   2. process   begin; the records through the tasks; send offsets; commit;
 *   3. persist   write the state in one atomic write, with each task's positions: behind a backlog
 * not every time, as rows that change again meanwhile are written once. A crash makes a restart
 * replay what was not written.
 *
 * A rebalance can only happen in 1 and drops the collected batch and nothing else. After an error,
 * and at every assignment, the tasks begin at their committed offsets anew (worker_tasks.c). */
#include "streamer/base/timestamp.h"
#include "streamer/kafka/kafka.h"
#include "streamer/worker/worker_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FETCH_RECORDS 32 /* fewer than that find their rows one by one */
#define REFRESH_PARTS 8  /* calls of task_refresh in one transaction */
#define AGING_PART 4     /* of the time that tombstones live */
#define WRITE_MS                                                                                   \
    1000 /* behind a backlog the state is written once in that time, or when much has changed */

void worker_drop_messages(struct worker *w) {
    for (size_t i = 0; i < w->message_count; i++)
        w->o.kafka->free_message(w->messages[i]);
    w->message_count = 0;
}

/* --- 1. collect --- */

void worker_on_consumer_error(struct worker *w, rd_kafka_resp_err_t code, const char *text) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        worker_on_fatal(w);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        (void)err_set(
            &w->fatal, ERR_STOP,
            "records were deleted before they were processed (%s); lengthen the topic's "
            "retention, look for them upstream, then set the offsets of group %s to where to go on",
            text, w->o.config->app_id);
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        (void)err_set(&w->trouble, kafka_class_of(code), "consumer: %s", text);
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: /* its log has said of each broker what is the matter
                                               */
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:   /* login_guard knows, or librdkafka's log tells of a
                                                 token */
        break;
    default: /* librdkafka mends it itself */
        log_warn("consumer", "worker=%d error=%s", w->o.index,
                 log_quote(&(struct log_value){0}, text));
    }
}

/* True if the message belongs to the batch; else it has been dealt with. */
static bool accept_message(struct worker *w, const rd_kafka_message_t *m) {
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s partition %d: %s",
                       m->rkt != NULL ? w->o.kafka->topic(m) : "a topic", m->partition,
                       rd_kafka_message_errstr(m));
        worker_on_consumer_error(w, m->err, m->rkt != NULL ? text : rd_kafka_message_errstr(m));
        return false;
    }
    struct source *s = worker_source_of(w, m);
    if (s == NULL || w->rebalanced)
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

void worker_collect(struct worker *w) {
    size_t max = (size_t)w->o.config->batch_max_records;
    int64_t deadline = INT64_MAX;
    int wait_ms = worker_is_advancing(w) ? 0 : WORKER_POLL_MS;
    w->rebalanced = false;
    w->backlogged = true;
    while (w->message_count < max && !w->rebalanced && w->fatal.class == ERR_NONE &&
           w->trouble.class == ERR_NONE) {
        rd_kafka_message_t *m = w->o.kafka->poll(w->consumer, w->message_count == 0 ? wait_ms : 0);
        if (m == NULL) {
            w->backlogged = false;
            break;
        }
        if (!accept_message(w, m)) {
            w->o.kafka->free_message(m);
            if (w->message_count == 0)
                break; /* let the caller look around */
            continue;
        }
        if (w->message_count == 0)
            deadline = worker_clock_us(w) + w->o.config->batch_max_ms * 1000;
        w->messages[w->message_count++] = m;
        if (worker_clock_us(w) >= deadline)
            break;
    }
    if (w->rebalanced)
        worker_drop_messages(w);
}

/* --- 2. process --- */

/* The last header of that name; p == NULL: there is none. */
static struct slice header_of(const rd_kafka_headers_t *headers, const char *name) {
    struct slice value = slice_null();
    const void *p;
    if (rd_kafka_header_get_last(headers, name, &p, &value.n) == RD_KAFKA_RESP_ERR_NO_ERROR)
        value.p = p != NULL ? p : "";
    return value;
}

/* The position in the input topic that a forwarded record came from. */
static void read_source(struct slice value, struct input *in) {
    char text[64];
    int partition;
    long long offset;
    if (value.p == NULL || value.n >= sizeof text)
        return;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    if (sscanf(text, "%d:%lld", &partition, &offset) == 2) {
        in->source_partition = partition;
        in->source_offset = offset;
    }
}

/* Rule O10. */
static void read_order(const rd_kafka_headers_t *headers, struct record *r) {
    r->by_time = header_of(headers, "quarantine.replays").p != NULL ||
                 slice_eq(header_of(headers, "streamer.order"), slice_str("event_time"));
    if (!r->by_time ||
        !timestamp_parse_iso(header_of(headers, "quarantine.replayed_at"), &r->replayed_at_ms))
        r->replayed_at_ms = TIMESTAMP_NONE;
}

static void read_headers(const rd_kafka_headers_t *headers, struct input *in) {
    if (headers == NULL)
        return;
    if (topic_is_repartition(in->topic))
        read_source(header_of(headers, PIPELINE_SOURCE_HEADER), in);
    if (topic_is_repartition(in->topic) || topic_is_input(in->topic))
        read_order(headers, &in->record);
    else
        in->origin = header_of(headers, SINK_SOURCE_HEADER);
}

static struct slice key_of(const rd_kafka_message_t *m) {
    return m->key != NULL ? slice_of(m->key, m->key_len) : slice_null();
}

static struct input make_input(const struct worker *w, const struct source *s,
                               const rd_kafka_message_t *m) {
    struct input in = {
        .topic = s->topic,
        .partition = m->partition,
        .offset = m->offset,
        .record = {.key = key_of(m),
                   .value = m->payload != NULL ? slice_of(m->payload, m->len) : slice_null(),
                   .timestamp_ms = w->o.kafka->timestamp_ms(m),
                   .replayed_at_ms = TIMESTAMP_NONE},
        .source_partition = m->partition,
        .source_offset = m->offset,
        .headers = m,
    };
    if (in.record.timestamp_ms == 0)
        in.record.timestamp_ms = 1; /* librdkafka cannot write 0: it takes it for "now" */
    read_headers(w->o.kafka->headers(m), &in);
    return in;
}

/* NULL: the record can only be forwarded. */
static struct task *task_of(struct worker *w, const struct source *s) {
    if (worker_is_forward_only(w, s)) {
        assert(topic_is_input(s->topic));
        return NULL;
    }
    assert(atomic_load(&w->stages[s->partition]) == STAGE_READY);
    return &w->tasks[s->partition];
}

static void note_offset(struct worker *w, rd_kafka_topic_partition_list_t *offsets,
                        const struct source *s, int64_t offset) {
    const char *topic = worker_topic(w, s->topic);
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(offsets, topic, s->partition);
    if (tp == NULL)
        tp = rd_kafka_topic_partition_list_add(offsets, topic, s->partition);
    tp->offset = offset;
}

static int64_t forwarded(const struct worker *w) {
    const struct counts *c = &w->pipeline.env.counts;
    return c->forwarded[ENTITY_CUSTOMER] + c->forwarded[ENTITY_ACCOUNT];
}

/* By the transaction in work. */
static int64_t emitted(const struct worker *w) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += w->pipeline.env.counts.emitted[t];
    return sum;
}

/* Reads the rows that the batch will ask for: once, however many transactions it takes. */
static void fetch_rows(struct worker *w) {
    if (w->message_count < FETCH_RECORDS)
        return;
    for (size_t i = 0; i < w->message_count; i++) {
        const rd_kafka_message_t *m = w->messages[i];
        const struct source *s = worker_source_of(w, m);
        const struct task *t = task_of(w, s);
        if (t != NULL)
            pipeline_want(&w->pipeline, t, s->topic, key_of(m));
    }
    kv_fetch(w->pipeline.env.kv);
}

/* A transaction that takes longer would be given up by the broker: the rest of the batch gets
 * another one. */
#define TRANSACTION_TIME_PART 4

/* Runs messages from `*at` on through the tasks. Stops early behind a part of a fan-out, where the
 * transaction has become large or long, and if the program is to stop. */
static void process_messages(struct worker *w, size_t *at,
                             rd_kafka_topic_partition_list_t *offsets) {
    const struct source *last = NULL; /* its offset is still to be noted */
    int64_t offset = -1;
    bool done = true;
    int64_t deadline =
        worker_clock_us(w) + w->o.config->transaction_timeout_ms * 1000 / TRANSACTION_TIME_PART;
    w->pipeline.env.now_ms = worker_clock_ms(w, CLOCK_REALTIME);
    for (int e = 0; e < ENTITY_COUNT; e++) /* by another worker, maybe */
        w->pipeline.has_told_of_tombstones[e] |= metric_get(&w->o.metrics->behind_tombstone[e]) > 0;
    if (*at == 0)
        fetch_rows(w);
    while (done && *at < w->message_count && emitted(w) < w->o.config->transaction_max_messages &&
           (last == NULL || (worker_clock_us(w) < deadline && !atomic_load(&w->stopping)))) {
        const rd_kafka_message_t *m = w->messages[*at];
        const struct source *s = worker_source_of(w, m);
        struct input in = make_input(w, s, m);
        int64_t forwarded_before = forwarded(w);
        done = pipeline_process(&w->pipeline, task_of(w, s), &in);
        w->forwarded[*at] = forwarded(w) > forwarded_before;
        if (kv_failed(w->pipeline.env.kv))
            return;
        if (last != NULL && last != s)
            note_offset(w, offsets, last, offset);
        last = s;
        offset = done ? m->offset + 1 : m->offset;
        *at += done;
    }
    if (last != NULL)
        note_offset(w, offsets, last, offset);
}

/* --- 3. persist --- */

static void note_positions(struct worker *w, const rd_kafka_topic_partition_list_t *offsets) {
    for (int i = 0; i < offsets->cnt; i++) {
        struct source *s =
            worker_find_source(w, offsets->elems[i].topic, offsets->elems[i].partition);
        s->committed = offsets->elems[i].offset;
        if (s->partition < w->o.layout->n)
            w->tasks[s->partition].meta.positions[s->topic] = s->committed;
        if (w->trim != NULL && topic_is_repartition(s->topic))
            repartition_trim_note(w->trim, s->topic, s->partition, s->committed);
    }
}

/* What is stored says when the state was last as new as the topics: too long ago, and it is not
 * used (catchup_unusable). A task without a change gets old, too, though nothing is missing; so
 * that is written down anew in time. */
static bool is_aging(const struct worker *w, const struct task *t) {
    int64_t age_ms = w->pipeline.env.now_ms - t->meta.committed_ms;
    return age_ms < 0 || age_ms > w->o.layout->delete_retention_ms / AGING_PART;
}

/* The positions in the topics that it writes to are those of the delivery reports. */
static void save_task(struct worker *w, struct task *t) {
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_is_replayed((enum topic)i) && !topic_is_consumed((enum topic)i) &&
            producer_position(w->producer, (enum topic)i, t->partition) > t->meta.positions[i])
            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition);
    if (memcmp(&t->meta, &t->saved_meta, sizeof t->meta) == 0 && !is_aging(w, t))
        return;
    t->meta.committed_ms = w->pipeline.env.now_ms;
    task_save_meta(&w->pipeline.env, t);
}

bool worker_write_state(struct worker *w, struct err *e) {
    if (!w->unwritten || w->in_transaction)
        return true;
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        enum task_stage stage = atomic_load(&w->stages[p]);
        if (stage == STAGE_READY || stage == STAGE_REFRESHING)
            save_task(w, &w->tasks[p]);
    }
    w->unwritten = false;
    if (!batch_commit(w->batch, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        w->tasks[p].saved_meta = w->tasks[p].meta;
    return true;
}

void worker_try_write_state(struct worker *w) {
    struct err e;
    if (!worker_write_state(w, &e))
        log_warn("the state was not written; it is replayed", "worker=%d error=%s", w->o.index,
                 log_quote(&(struct log_value){0}, e.text));
}

/* While nothing is waiting the state is as new as the results, and so are the answers to queries.
 * While a task is being restored, each step writes what there is. Of an embedded broker only the
 * state knows what is processed. */
bool worker_may_defer_write(const struct worker *w) {
    return w->backlogged && !w->o.ephemeral && atomic_load(&w->phase) == WORKER_RUNNING &&
           !batch_is_full(w->batch) &&
           worker_clock_ms(w, CLOCK_MONOTONIC) - w->unwritten_since_ms < WRITE_MS;
}

static bool persist_state(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                          struct err *e) {
    note_positions(w, offsets);
    w->in_transaction = false;
    if (!w->unwritten)
        w->unwritten_since_ms = worker_clock_ms(w, CLOCK_MONOTONIC);
    w->unwritten = true;
    return worker_may_defer_write(w) || worker_write_state(w, e);
}

/* --- one transaction --- */

/* Notes the outcome of a check. Returns `holds`, else with `e` completed. */
static bool note_check(struct worker *w, enum invariant i, bool holds, struct err *e) {
    metric_add(&w->o.metrics->invariant_checks[i], 1);
    if (holds)
        return true;
    metric_add(&w->o.metrics->invariant_violations[i], 1);
    return err_prefix(
        e,
        "a mistake of the program was found before it got out: the invariant %s does not hold; "
        "nothing of the transaction is committed, please report this",
        invariant_name(i));
}

static bool invariants_hold(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                            struct err *e) {
    if (!note_check(w, INVARIANT_CONSERVATION, invariant_conservation(&w->pipeline.env.counts, e),
                    e))
        return false;
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &offsets->elems[i];
        const struct source *s = worker_find_source(w, tp->topic, tp->partition);
        int64_t next = s->next > s->seen_end ? s->next : s->seen_end;
        if (!note_check(w, INVARIANT_OFFSETS, invariant_offset(s->committed, tp->offset, next, e),
                        e))
            return false;
    }
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (atomic_load(&w->stages[p]) == STAGE_READY &&
            !note_check(w, INVARIANT_ROWS, invariant_rows(&w->tasks[p].meta, e), e))
            return false;
    return true;
}

/* Ends the transaction in work: commits it and keeps the state, or gives it up if the state failed
 * meanwhile.
 */
static bool finish_transaction(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                               struct err *e) {
    struct metrics *m = w->o.metrics;
    if (kv_failed(w->pipeline.env.kv)) {
        *e = w->pipeline.env.kv->err;
        metric_add(&m->transactions[TRANSACTION_ABORTED], 1);
        return false;
    }
    if (!invariants_hold(w, offsets, e))
        return false;
    int64_t started = worker_clock_us(w);
    if (!producer_commit(w->producer, offsets, w->membership, e)) {
        metric_add(
            &m->transactions[e->class == ERR_FENCED ? TRANSACTION_FENCED : TRANSACTION_ABORTED], 1);
        return false;
    }
    metric_add(&m->transactions[TRANSACTION_COMMITTED], 1);
    w->commits++;
    histogram_observe(&m->commit_duration, worker_clock_us(w) - started, 1);
    metric_set(&m->last_commit_ms, w->pipeline.env.now_ms);
    return persist_state(w, offsets, e);
}

static bool begin(struct worker *w, struct err *e) {
    w->in_transaction = producer_begin(w->producer, e);
    return w->in_transaction;
}

/* One transaction, from message `*at` on. */
bool worker_transact(struct worker *w, size_t *at, struct err *e) {
    size_t from = *at;
    if (!begin(w, e))
        return false;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    process_messages(w, at, offsets);
    int64_t commits = w->commits;
    bool ok = finish_transaction(w, offsets, e);
    if (w->commits > commits) { /* though its state may not be written */
        worker_publish_latency(w, from, *at);
        worker_publish_lag(w);
        worker_publish_counts(w);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

/* The commit says that the task is still this worker's, so its state is as new as the topics. */
static bool is_of_aging_task(const struct worker *w, const struct source *s) {
    return s->topic == TOPIC_ACCOUNT_LINKS &&
           atomic_load(&w->stages[s->partition]) == STAGE_READY &&
           is_aging(w, &w->tasks[s->partition]);
}

/* To be called with an empty batch: then s->next is what is committed. */
bool worker_pass_markers(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(4);
    w->pipeline.env.now_ms = worker_clock_ms(w, CLOCK_REALTIME);
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (s->located && topic_is_input(s->topic) && s->seen_end > s->next)
            note_offset(w, offsets, s, s->seen_end);
        else if (s->located && is_of_aging_task(w, s))
            note_offset(w, offsets, s, s->next);
    }
    bool ok = true;
    if (offsets->cnt > 0) {
        ok = begin(w, e) && finish_transaction(w, offsets, e);
        for (size_t i = 0; ok && i < w->source_count; i++)
            if (w->sources[i].next < w->sources[i].committed)
                w->sources[i].next = w->sources[i].committed;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

static bool to_refresh(const struct worker *w, int32_t p) {
    return atomic_load(&w->stages[p]) == STAGE_REFRESHING &&
           task_needs_refresh(&w->pipeline.env, &w->tasks[p]);
}

/* Refreshes tasks until all are done, or the transaction in work is large enough. */
static void refresh_some(struct worker *w, rd_kafka_topic_partition_list_t *offsets) {
    struct task_env *env = &w->pipeline.env;
    bool large = false;
    int parts = 0; /* what changes nothing is bounded, too */
    env->now_ms = worker_clock_ms(w, CLOCK_REALTIME);
    for (int32_t p = 0; p < w->o.layout->n && !large; p++) {
        if (!to_refresh(w, p))
            continue;
        const struct source *s = worker_find_source(w, worker_topic(w, TOPIC_ACCOUNT_LINKS), p);
        note_offset(w, offsets, s, s->next);
        while (!large && !kv_failed(env->kv) && !task_refresh(env, &w->tasks[p]))
            large = ++parts >= REFRESH_PARTS || emitted(w) >= w->o.config->transaction_max_messages;
    }
}

bool worker_refresh(struct worker *w, struct err *e) {
    if (!begin(w, e))
        return false;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    refresh_some(w, offsets);
    int64_t commits = w->commits;
    bool ok = finish_transaction(w, offsets, e);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (w->commits > commits)
        worker_publish_counts(w);
    return ok;
}
