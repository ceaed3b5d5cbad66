#include "rig.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"

#include <stdio.h>

const struct rig_headers rig_no_headers = {false, TIMESTAMP_NONE};

static void load_config(struct rig *g, const char *const *sets) {
    const char *all[16] = {"kafka.bootstrap.servers=localhost:9092", "record.max.bytes=2000",
                           "late.window=1d"};
    size_t count = 3;
    struct err e = {0};
    for (; sets != NULL && *sets != NULL; sets++) {
        assert_true(count < ARRAY_LEN(all));
        all[count++] = *sets;
    }
    if (!config_load(&g->config, NULL, all, count, &e))
        fail_msg("%s", e.text);
}

void rig_init(struct rig *g, int32_t customer_partitions, int32_t account_partitions,
              const char *const *sets) {
    *g = (struct rig){.memory = memory_new()};
    load_config(g, sets);
    capture_init(&g->sent);
    pipeline_init(&g->pipeline, &g->config, memory_kv(g->memory), &g->sent.sink, RIG_N,
                  (int32_t[ENTITY_COUNT]){customer_partitions, account_partitions});
    g->pipeline.env.now_ms = RIG_NOW;
    for (int32_t p = 0; p < RIG_N; p++)
        task_init(&g->tasks[p], p);
}

void rig_release(struct rig *g) {
    for (int32_t p = 0; p < RIG_N; p++)
        task_release(&g->tasks[p]);
    pipeline_release(&g->pipeline);
    capture_release(&g->sent);
    memory_free(g->memory);
    config_release(&g->config);
}

struct input rig_input(struct rig *g, enum topic topic, int32_t partition, const char *key,
                       const char *value) {
    int64_t offset = g->offset++;
    return (struct input){
        .topic = topic,
        .partition = partition,
        .offset = offset,
        .record = {.key = key != NULL ? slice_str(key) : slice_null(),
                   .value = value != NULL ? slice_str(value) : slice_null(),
                   .timestamp_ms = RIG_NOW - 1000,
                   .replayed_at_ms = TIMESTAMP_NONE},
        .headers = &rig_no_headers,
        .source_partition = partition,
        .source_offset = offset,
    };
}

static struct task *task_of(struct rig *g, int32_t partition) {
    return partition < RIG_N ? &g->tasks[partition] : NULL;
}

static void assert_good(const struct rig *g) {
    if (kv_failed(memory_kv(g->memory)))
        fail_msg("%s", memory_kv(g->memory)->err.text);
}

void rig_run(struct rig *g, const struct input *in) {
    task_set_origin_text(&g->pipeline.env, slice_str("what came before"));
    while (pipeline_process(&g->pipeline, task_of(g, in->partition), in) == PIPELINE_PART)
        assert_good(g);
    assert_good(g);
}

void rig_run_text(struct rig *g, enum topic topic, int32_t partition, const char *key,
                  const char *value) {
    struct input in = rig_input(g, topic, partition, key, value);
    rig_run(g, &in);
}

/* --- what the pipeline sends to itself --- */

static bool is_own(enum topic t) {
    return t == TOPIC_REPARTITION_CUSTOMERS || t == TOPIC_REPARTITION_ACCOUNTS ||
           t == TOPIC_ACCOUNT_LINKS || t == TOPIC_CUSTOMER_REFS;
}

/* A message that was sent, with bytes of its own: those that were sent move when more are. */
struct copy {
    struct buf key, value, headers;
};

static void take_headers(struct input *in, const struct message *m) {
    struct slice source = message_header(m, PIPELINE_SOURCE_HEADER);
    long long offset;
    if (m->headers_from != NULL) {
        const struct rig_headers *h = m->headers_from;
        in->record.by_time = h->by_time;
        in->record.replayed_at_ms = h->replayed_at_ms;
        in->headers = h;
    }
    if (source.p == NULL)
        return;
    char text[48];
    (void)snprintf(text, sizeof text, "%.*s", (int)source.n, source.p);
    assert_int_equal(sscanf(text, "%d:%lld", &in->source_partition, &offset), 2);
    in->source_offset = offset;
}

static struct input input_of(struct rig *g, const struct message *m, struct copy *c) {
    struct input in = rig_input(g, m->topic, m->partition, NULL, NULL);
    buf_set(&c->key, buf_slice(&m->key));
    buf_set(&c->value, buf_slice(&m->value));
    struct slice origin = message_header(m, SINK_SOURCE_HEADER);
    buf_set(&c->headers, origin.p != NULL ? origin : slice_of("", 0));
    in.record.key = m->has_key ? buf_slice(&c->key) : slice_null();
    in.record.value = m->has_value ? buf_slice(&c->value) : slice_null();
    in.record.timestamp_ms = m->timestamp_ms;
    in.origin = buf_slice(&c->headers);
    take_headers(&in, m);
    return in;
}

void rig_deliver(struct rig *g) {
    struct copy c = {0};
    for (; g->delivered < g->sent.count; g->delivered++) {
        const struct message *m = &g->sent.messages[g->delivered];
        if (!is_own(m->topic))
            continue;
        struct input in = input_of(g, m, &c);
        rig_run(g, &in);
    }
    buf_release(&c.key);
    buf_release(&c.value);
    buf_release(&c.headers);
}

void rig_restart(struct rig *g) {
    for (int32_t p = 0; p < RIG_N; p++) {
        task_save_meta(&g->pipeline.env, &g->tasks[p]);
        task_release(&g->tasks[p]);
        task_init(&g->tasks[p], p);
        task_load_meta(&g->pipeline.env, &g->tasks[p]);
    }
    memory_commit(g->memory);
    assert_good(g);
}

/* --- what is right --- */

int32_t rig_owner_of(const char *id) {
    return murmur2_partition(slice_str(id), RIG_N);
}

void rig_assert_conserved(const struct rig *g) {
    const struct counts *c = &g->pipeline.env.counts;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        int64_t consumed =
            e == ENTITY_CUSTOMER
                ? c->consumed[TOPIC_CUSTOMERS] + c->consumed[TOPIC_REPARTITION_CUSTOMERS]
                : c->consumed[TOPIC_ACCOUNTS] + c->consumed[TOPIC_REPARTITION_ACCOUNTS];
        int64_t ended = c->applied[e] + c->unchanged[e] + c->forwarded[e];
        for (int r = 0; r < REASON_COUNT; r++)
            ended += c->quarantined[e][r];
        assert_int_equal(consumed, ended);
        assert_int_equal(c->quarantined[e][REASON_NONE], 0);
    }
    for (int t = 0; t < TOPIC_COUNT; t++)
        assert_int_equal(c->emitted[t], capture_count(&g->sent, (enum topic)t));
}

void rig_assert_header(const struct rig *g, enum topic topic, const char *key, const char *name,
                       const char *value) {
    const struct message *m = capture_last(&g->sent, topic, key);
    if (m == NULL) {
        fail_msg("no message with key %s in topic number %d", key, (int)topic);
        return;
    }
    struct slice got = message_header(m, name);
    if (value == NULL && got.p != NULL)
        fail_msg("%s: %s is %.*s", key, name, (int)got.n, got.p);
    if (value != NULL)
        assert_text(got, value);
}

int64_t rig_outdated(const struct rig *g, enum entity entity) {
    int64_t sum = 0;
    for (int32_t p = 0; p < RIG_N; p++)
        sum += g->tasks[p].meta.outdated[entity];
    return sum;
}
