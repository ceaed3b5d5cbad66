#include "streamer/worker/worker_process.h"

#include "streamer/base/timestamp.h"
#include "streamer/worker/worker_park.h"
#include "streamer/worker/worker_sources.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FETCH_RECORDS 32 /* from so many records on, their rows are fetched together */
#define REFRESH_PARTS 8  /* calls of task_refresh in one transaction */
/* The part of transaction.timeout.ms that processing may take: the broker aborts a transaction that
 * takes longer than that time. */
#define TRANSACTION_TIME_PART 4

/* --- a message as the input of a task --- */

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

/* Whether the record is ordered by its time (rule O10), and since when. */
static void read_order(const rd_kafka_headers_t *headers, struct record *r) {
    r->by_time = worker_kafka_header(headers, "quarantine.replays").p != NULL ||
                 slice_eq(worker_kafka_header(headers, "streamer.order"), slice_str("event_time"));
    if (!r->by_time || !timestamp_parse_iso(worker_kafka_header(headers, "quarantine.replayed_at"),
                                            &r->replayed_at_ms))
        r->replayed_at_ms = TIMESTAMP_NONE;
}

/* Which schemas key and value were written with, if the producer says it in headers. */
static void read_schema_ids(const rd_kafka_headers_t *headers, struct record *r) {
    r->key_schema_id = worker_kafka_header(headers, "__key_schema_id");
    r->value_schema_id = worker_kafka_header(headers, "__value_schema_id");
}

/* Headers that a record of the user has, and keeps when it is forwarded. */
static void read_user_headers(const rd_kafka_headers_t *headers, struct record *r) {
    read_order(headers, r);
    read_schema_ids(headers, r);
}

static void read_headers(const rd_kafka_headers_t *headers, struct input *in) {
    if (headers == NULL)
        return;
    if (topic_is_repartition(in->topic))
        read_source(worker_kafka_header(headers, PIPELINE_SOURCE_HEADER), in);
    if (topic_is_repartition(in->topic) || topic_is_input(in->topic))
        read_user_headers(headers, &in->record);
    else
        in->origin = worker_kafka_header(headers, SINK_SOURCE_HEADER);
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
        in.record.timestamp_ms = 1; /* librdkafka cannot write 0: it means "now" */
    read_headers(w->o.kafka->headers(m), &in);
    return in;
}

/* --- messages through the tasks --- */

/* NULL: the record can only be forwarded. */
static struct task *task_of(struct worker *w, const struct source *s) {
    if (worker_is_forward_only(w, s)) {
        assert(topic_is_input(s->topic));
        return NULL;
    }
    assert(worker_stage(w, s->partition) == STAGE_READY);
    return &w->tasks[s->partition];
}

/* The records that the open transaction has forwarded. */
static int64_t forwarded(const struct worker *w) {
    const struct counts *c = &w->pipeline.env.counts;
    return c->forwarded[ENTITY_CUSTOMER] + c->forwarded[ENTITY_ACCOUNT];
}

/* The messages that the open transaction has produced. */
static int64_t emitted(const struct worker *w) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += w->pipeline.env.counts.emitted[t];
    return sum;
}

/* Prefetches the rows that the whole batch needs: once, even if it takes several transactions. */
static void prefetch_rows(struct worker *w) {
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

static void prepare(struct worker *w) {
    w->pipeline.env.now_ms = clock_ms(w->o.clock, CLOCK_REALTIME);
    /* Another worker may have warned of tombstones already. */
    for (int e = 0; e < ENTITY_COUNT; e++)
        w->pipeline.has_told_of_tombstones[e] |= metric_get(&w->o.metrics->behind_tombstone[e]) > 0;
}

/* Processes message `i` of the batch. *offset is then the offset to commit of its source. */
static enum pipeline_result process_message(struct worker *w, struct source *s, size_t i,
                                            int64_t *offset) {
    struct input in = make_input(w, s, w->messages[i]);
    int64_t forwarded_before = forwarded(w);
    enum pipeline_result result = PIPELINE_WAITS;
    if (worker_is_parked(s))
        pipeline_ask_ahead(&w->pipeline, &in);
    else
        result = pipeline_process(&w->pipeline, task_of(w, s), &in);
    w->forwarded[i] = forwarded(w) > forwarded_before || result == PIPELINE_WAITS;
    switch (result) {
    case PIPELINE_DONE:
        worker_unpark(w, s);
        *offset = in.offset + 1;
        break;
    case PIPELINE_PART:
        *offset = in.offset;
        break;
    case PIPELINE_WAITS:
        worker_park(w, s, in.offset);
        *offset = s->next;
        break;
    }
    return result;
}

void worker_process_messages(struct worker *w, size_t *at,
                             rd_kafka_topic_partition_list_t *offsets) {
    const struct source *last = NULL; /* its offset is not in `offsets` yet */
    int64_t offset = -1;
    bool goes_on = true;
    int64_t deadline = clock_us(w->o.clock, CLOCK_MONOTONIC) +
                       w->o.config->transaction_timeout_ms * 1000 / TRANSACTION_TIME_PART;
    prepare(w);
    if (*at == 0)
        prefetch_rows(w);
    while (goes_on && *at < w->message_count &&
           emitted(w) < w->o.config->transaction_max_messages &&
           (last == NULL ||
            (clock_us(w->o.clock, CLOCK_MONOTONIC) < deadline && !atomic_load(&w->stopping)))) {
        struct source *s = worker_source_of(w, w->messages[*at]);
        if (last != NULL && last != s)
            worker_note_offset(w, offsets, last, offset);
        goes_on = process_message(w, s, *at, &offset) != PIPELINE_PART;
        if (kv_failed(w->pipeline.env.kv))
            return;
        last = s;
        *at += goes_on;
    }
    if (last != NULL)
        worker_note_offset(w, offsets, last, offset);
}

/* --- refreshing marts --- */

static bool needs_refresh(const struct worker *w, int32_t p) {
    return worker_stage(w, p) == STAGE_REFRESHING &&
           task_needs_refresh(&w->pipeline.env, &w->tasks[p]);
}

void worker_process_refresh(struct worker *w, rd_kafka_topic_partition_list_t *offsets) {
    struct task_env *env = &w->pipeline.env;
    bool large = false;
    int parts = 0; /* bounds the time, too, where a refresh changes nothing */
    env->now_ms = clock_ms(w->o.clock, CLOCK_REALTIME);
    for (int32_t p = 0; p < w->o.layout->n && !large; p++) {
        if (!needs_refresh(w, p))
            continue;
        const struct source *s = worker_find_source(w, TOPIC_ACCOUNT_LINKS, p);
        worker_note_offset(w, offsets, s, s->next);
        while (!large && !kv_failed(env->kv) && !task_refresh(env, &w->tasks[p]))
            large = ++parts >= REFRESH_PARTS || emitted(w) >= w->o.config->transaction_max_messages;
    }
}
