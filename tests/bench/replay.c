/* replay: what a restore costs without Kafka. Records go through the tasks as in cycle.c, and all
 * messages that they send are kept as the topics. Then these are replayed into an empty store,
 * partition by partition, as restore.c does it. Prints the CPU time of a message, in this thread
 * and in the whole process.
 *
 *   replay [ACCOUNTS [CHANGES [MESSAGES-OF-A-STEP…]]] */
#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/config/config.h"
#include "streamer/task/catchup.h"
#include "streamer/task/pipeline.h"

#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PARTITIONS 2
#define ACCOUNTS_OF_CUSTOMER 10
#define BATCH 5000
#define FETCHED 4000 /* messages that come from one topic before the next topic's */

/* The messages of one partition of a topic. */
struct log {
    struct buf bytes;
    struct letter {
        size_t at, key_n, value_n;
        bool has_value;
    } * letters;
    size_t count, cap;
    size_t consumed;
};

struct bench {
    struct sink sink; /* first */
    struct config config;
    char dir[32];
    struct store *store;
    struct batch *batch;
    struct pipeline pipeline;
    struct task tasks[PARTITIONS];
    struct log logs[TOPIC_COUNT][PARTITIONS];
    struct replay_buffer buffer;
    size_t step_messages;
    int64_t clock_ms;
    size_t fed;
};

static void fail(const char *text) {
    (void)fprintf(stderr, "replay: %s\n", text);
    exit(1);
}

static void log_put(struct log *l, struct slice key, struct slice value) {
    l->letters = mem_grow(l->letters, &l->cap, l->count + 1, sizeof *l->letters);
    l->letters[l->count++] = (struct letter){l->bytes.n, key.n, value.n, value.p != NULL};
    buf_put_slice(&l->bytes, key);
    buf_put_slice(&l->bytes, value);
}

static struct slice key_at(const struct log *l, size_t i) {
    return slice_of(l->bytes.p + l->letters[i].at, l->letters[i].key_n);
}

static struct slice value_at(const struct log *l, size_t i) {
    const struct letter *x = &l->letters[i];
    return x->has_value ? slice_of(l->bytes.p + x->at + x->key_n, x->value_n) : slice_null();
}

static void keep(struct sink *sink, const struct sink_message *m) {
    struct bench *b = (struct bench *)sink;
    log_put(&b->logs[m->topic][m->partition], m->key, m->value);
}

/* --- a store --- */

static void start(struct bench *b) {
    const int32_t inputs[ENTITY_COUNT] = {PARTITIONS, PARTITIONS};
    struct err e;
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/streamer-replay-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        fail("no directory");
    if ((b->store = store_open(b->dir, b->config.state_memory_bytes, 1, &e)) == NULL)
        fail(e.text);
    b->batch = batch_new(b->store);
    pipeline_init(&b->pipeline, &b->config, batch_kv(b->batch), &b->sink, PARTITIONS, inputs);
    b->pipeline.env.now_ms = b->clock_ms;
    for (int p = 0; p < PARTITIONS; p++)
        task_init(&b->tasks[p], p);
}

static void stop(struct bench *b) {
    struct err e;
    for (int p = 0; p < PARTITIONS; p++)
        task_release(&b->tasks[p]);
    pipeline_release(&b->pipeline);
    batch_free(b->batch);
    store_close(b->store);
    if (!store_destroy(b->dir, &e))
        fail(e.text);
}

static void commit(struct bench *b) {
    struct err e;
    if (!batch_commit(b->batch, &e))
        fail(e.text);
}

/* --- making the topics --- */

static void process(struct bench *b, enum topic topic, int32_t partition, struct slice key,
                    struct slice value) {
    struct input in = {.topic = topic, .partition = partition, .source_partition = partition};
    in.record.key = key;
    in.record.value = value;
    in.record.timestamp_ms = b->clock_ms;
    in.record.replayed_at_ms = TIMESTAMP_NONE;
    while (pipeline_process(&b->pipeline, &b->tasks[partition], &in) == PIPELINE_PART)
        ;
}

/* Processes links and refs until none are left. */
static void settle(struct bench *b) {
    static const enum topic inputs[] = {TOPIC_ACCOUNT_LINKS, TOPIC_CUSTOMER_REFS};
    struct buf key = {0}, value = {0}; /* copies, because what is sent meanwhile may move the log */
    for (bool any = true; any;) {
        any = false;
        for (size_t k = 0; k < 2 * PARTITIONS; k++) {
            struct log *l = &b->logs[inputs[k / PARTITIONS]][k % PARTITIONS];
            for (; l->consumed < l->count; l->consumed++, any = true) {
                bool has_value = l->letters[l->consumed].has_value;
                buf_set(&key, key_at(l, l->consumed));
                buf_set(&value, value_at(l, l->consumed));
                process(b, inputs[k / PARTITIONS], (int32_t)(k % PARTITIONS), buf_slice(&key),
                        has_value ? buf_slice(&value) : slice_null());
            }
        }
        commit(b);
    }
    buf_release(&key);
    buf_release(&value);
}

static void feed(struct bench *b, enum topic topic, const char *key, const char *value) {
    process(b, topic, murmur2_partition(slice_str(key), PARTITIONS), slice_str(key),
            slice_str(value));
    b->clock_ms++;
    if (++b->fed % BATCH == 0)
        settle(b);
}

static void feed_account(struct bench *b, int64_t i, int64_t turn) {
    char key[32], value[256];
    (void)snprintf(key, sizeof key, "A%07" PRId64, i);
    (void)snprintf(value, sizeof value,
                   "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64 "\",\"balance\":\"%" PRId64
                   ".50\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
                   key, i / ACCOUNTS_OF_CUSTOMER, (i * 37 + turn * 11) % 30000, b->clock_ms);
    feed(b, TOPIC_ACCOUNTS, key, value);
}

static void feed_customer(struct bench *b, int64_t i) {
    char key[32], value[256];
    (void)snprintf(key, sizeof key, "%" PRId64, i);
    (void)snprintf(
        value, sizeof value,
        "{\"customer_id\":\"%s\",\"customer_name\":\"Customer Number %s\",\"has_loan\":\"yes\","
        "\"updated_at\":%" PRId64 "}",
        key, key, b->clock_ms);
    feed(b, TOPIC_CUSTOMERS, key, value);
}

static void make_topics(struct bench *b, int64_t accounts, int64_t changes) {
    uint64_t random = 1;
    for (int64_t i = 0; i < accounts / ACCOUNTS_OF_CUSTOMER; i++)
        feed_customer(b, i);
    for (int64_t i = 0; i < accounts; i++)
        feed_account(b, i, 0);
    for (int64_t i = 0; i < changes; i++)
        feed_account(b, random_below(&random, accounts), i + 1);
    settle(b);
}

/* --- replaying them --- */

static void replay_step(struct bench *b, struct catchup *c) {
    catchup_apply(c, &b->pipeline.env, &b->buffer);
    catchup_note_positions(c);
    task_save_meta(&b->pipeline.env, c->task);
    commit(b);
}

/* Replays all topics of a partition, in turns. Returns how many messages there were. */
__attribute__((noinline)) static size_t replay(struct bench *b, int32_t partition) {
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    struct catchup c;
    size_t at[TOPIC_COUNT] = {0}, all = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        ranges[t].high =
            topic_is_replayed((enum topic)t) ? (int64_t)b->logs[t][partition].count : 0;
    catchup_init(&c, &b->tasks[partition], ranges, b->clock_ms);
    for (int turn = 0; !catchup_done(&c); turn++) {
        enum topic t = (enum topic)(turn % TOPIC_COUNT);
        const struct log *l = &b->logs[t][partition];
        size_t end = at[t] + FETCHED < l->count ? at[t] + FETCHED : l->count;
        if (!topic_is_replayed(t) || c.streams[t].done)
            continue;
        for (; at[t] < end; at[t]++) {
            (void)catchup_take(&c, &b->buffer, t, (int64_t)at[t], key_at(l, at[t]),
                               value_at(l, at[t]), (struct history_headers){0});
            if (++all % b->step_messages == 0)
                replay_step(b, &c);
        }
        if (at[t] == l->count)
            catchup_end_of_partition(&c, t, (int64_t)l->count);
    }
    replay_step(b, &c);
    if (kv_failed(b->pipeline.env.kv))
        fail(b->pipeline.env.kv->err.text);
    return all;
}

static int64_t cpu_us(clockid_t clock) {
    return clock_us(clock_of_machine(), clock);
}

static void check(const struct task_meta *before, const struct task_meta *after) {
    for (int f = 0; f < FAMILY_COUNT; f++)
        if (before->rows[f] != after->rows[f])
            fail(family_name((enum family)f));
}

static void measure(struct bench *b, const struct task_meta *before) {
    size_t messages = 0;
    start(b);
    int64_t thread = cpu_us(CLOCK_THREAD_CPUTIME_ID), whole = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int32_t p = 0; p < PARTITIONS; p++)
        messages += replay(b, p);
    thread = cpu_us(CLOCK_THREAD_CPUTIME_ID) - thread;
    whole = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - whole;
    (void)printf("%zu messages, %zu in a step: each %.2f us in the worker, %.2f us in all\n",
                 messages, b->step_messages, (double)thread / (double)messages,
                 (double)whole / (double)messages);
    for (int p = 0; p < PARTITIONS; p++)
        check(&before[p], &b->tasks[p].meta);
    stop(b);
}

int main(int argc, char **argv) {
    static struct bench b;
    struct err e;
    int64_t accounts = argc > 1 ? strtoll(argv[1], NULL, 10) : 100000;
    int64_t changes = argc > 2 ? strtoll(argv[2], NULL, 10) : 3 * accounts;
    struct task_meta before[PARTITIONS];
    b.sink.send = keep;
    b.clock_ms = INT64_C(1700000000000);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!config_load(&b.config, NULL, NULL, 0, &e))
        fail(e.text);
    store_use_thread();
    start(&b);
    make_topics(&b, accounts, changes);
    for (int p = 0; p < PARTITIONS; p++)
        before[p] = b.tasks[p].meta;
    stop(&b);
    for (int i = 3; i < (argc > 3 ? argc : 4); i++) {
        b.step_messages = argc > 3 ? strtoul(argv[i], NULL, 10) : 100000;
        if (b.step_messages == 0)
            fail("how many messages of a step?");
        measure(&b, before);
    }
    config_release(&b.config);
    replay_buffer_release(&b.buffer);
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int p = 0; p < PARTITIONS; p++) {
            free(b.logs[t][p].letters);
            buf_release(&b.logs[t][p].bytes);
        }
    return 0;
}
