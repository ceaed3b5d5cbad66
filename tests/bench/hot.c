/* hot: what one event costs an id that has a long history and many confirmations, without Kafka:
 * rows read, rows and bytes written, messages and bytes sent. test_hot.py compares short histories
 * with long ones, and counts instructions, too.
 *
 *   hot build DIR VERSIONS CONFIRMATIONS   makes a state with one account for each kind of events
 *   hot run DIR VERSIONS CONFIRMATIONS     prints a line for each kind: of each of EVENTS events
 * rows read, rows and bytes written, the largest of them; messages and bytes sent, the largest of
 * them
 *
 * The history of each account is, a second apart: half of the versions, half of the confirmations,
 * and both once more. They are written in transactions, as the worker does. Two programs, so that
 * callgrind sees only the second. */
#include "state/rocksdb/store.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/config/config.h"
#include "streamer/task/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 200
#define TRANSACTION 5000
#define STEP_MS 1000
#define BEGIN_MS INT64_C(1700000000000)
#define LONG_WINDOW_MS (INT64_C(365) * 86400000)
#define LOG_BEGIN 1000000000 /* the position before the first */
#define CUSTOMER "7"
#define FEW_CONFIRMATIONS 100
#define CONFIRMATIONS_MAX_HIGHEST 1000000 /* config.c */
#define UNWRITTEN_PART 8
#define STRETCH 400 /* versions or confirmations in whose midst late events come */

/* --- what is counted --- */

struct meter {
    int64_t rows_read, rows_written, bytes_written, largest_row, messages, bytes_sent,
        largest_message;
};

/* The only one: operations of a kv know of nothing else. */
static struct meter meter;
static const struct kv_ops *store_ops;

static bool count_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    meter.rows_read++;
    return store_ops->get(kv, f, key, value);
}

/* Of one put or erased. */
static void count_row(size_t bytes) {
    meter.rows_written++;
    meter.bytes_written += (int64_t)bytes;
    if ((int64_t)bytes > meter.largest_row)
        meter.largest_row = (int64_t)bytes;
}

static void count_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    count_row(key.n + value.n);
    store_ops->put(kv, f, key, value);
}

static void count_erase(struct kv *kv, enum family f, struct slice key) {
    count_row(key.n);
    store_ops->erase(kv, f, key);
}

struct counting_cursor {
    struct kv_cursor base;
    struct kv_cursor *inner;
};

static struct kv_cursor *inner_of(struct kv_cursor *c) {
    return ((struct counting_cursor *)c)->inner;
}

static void count_seek(struct kv_cursor *c, struct slice key) {
    meter.rows_read++;
    cursor_seek(inner_of(c), key);
}
static void count_seek_for_prev(struct kv_cursor *c, struct slice key) {
    meter.rows_read++;
    cursor_seek_for_prev(inner_of(c), key);
}
static void count_next(struct kv_cursor *c) {
    meter.rows_read++;
    cursor_next(inner_of(c));
}
static void count_prev(struct kv_cursor *c) {
    meter.rows_read++;
    cursor_prev(inner_of(c));
}
static bool pass_valid(struct kv_cursor *c) {
    return cursor_in(inner_of(c), slice_of("", 0));
}
static struct slice pass_key(struct kv_cursor *c) {
    return cursor_key(inner_of(c));
}
static struct slice pass_value(struct kv_cursor *c) {
    return cursor_value(inner_of(c));
}
static void pass_free(struct kv_cursor *c) {
    cursor_free(inner_of(c));
    free(c);
}

static struct kv_cursor *count_cursor(struct kv *kv, enum family f) {
    static const struct kv_cursor_ops ops = {
        count_seek, count_seek_for_prev, count_next, count_prev, pass_valid,
        pass_key,   pass_value,          pass_free};
    struct counting_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct counting_cursor){{&ops}, store_ops->cursor(kv, f)};
    return &c->base;
}

/* From now on what is done with it is counted. */
static void count_operations(struct kv *kv) {
    static struct kv_ops ops;
    store_ops = kv->ops;
    ops = *store_ops;
    ops.get = count_get;
    ops.put = count_put;
    ops.erase = count_erase;
    ops.cursor = count_cursor;
    kv->ops = &ops;
}

/* --- the processor --- */

/* A record, or a link or ref that was sent. */
struct letter {
    enum topic topic;
    int64_t timestamp_ms;
    size_t key_n, value_n;
    bool has_value;
};

struct letters {
    struct buf bytes;
    struct letter *p;
    size_t n, cap;
};

struct bench {
    struct sink sink; /* first */
    struct config config;
    struct store *store;
    struct batch *batch;
    struct pipeline pipeline;
    struct task task;
    struct letters input, sent;
    int64_t versions, confirmations;
    int64_t log_position;
};

/* What the records of an account carry. */
enum origin { BY_TIME, LOG, LOG_WITHOUT_POSITIONS };

struct kind {
    const char *name;
    enum origin origin;
    int64_t confirmations_max;                            /* while its history is made */
    void (*prepare)(struct bench *, const struct kind *); /* or NULL: before it is counted */
    void (*feed)(struct bench *, const struct kind *);
};

static void fail(const char *text) {
    (void)fprintf(stderr, "hot: %s\n", text);
    exit(1);
}

static void put_letter(struct letters *l, struct letter letter, struct slice key,
                       struct slice value) {
    l->p = mem_grow(l->p, &l->cap, l->n + 1, sizeof *l->p);
    letter.key_n = key.n;
    letter.value_n = value.n;
    letter.has_value = value.p != NULL;
    l->p[l->n++] = letter;
    buf_put_slice(&l->bytes, key);
    buf_put_slice(&l->bytes, value);
}

static void bench_send(struct sink *sink, const struct sink_message *m) {
    struct bench *b = (struct bench *)sink;
    int64_t bytes = (int64_t)(m->key.n + m->value.n);
    for (size_t i = 0; i < m->header_count; i++)
        bytes += (int64_t)(strlen(m->headers[i].name) + m->headers[i].value.n);
    meter.messages++;
    meter.bytes_sent += bytes;
    if (bytes > meter.largest_message)
        meter.largest_message = bytes;
    if (m->topic == TOPIC_ACCOUNT_LINKS || m->topic == TOPIC_CUSTOMER_REFS)
        put_letter(&b->sent, (struct letter){.topic = m->topic}, m->key, m->value);
    if (m->topic == TOPIC_QUARANTINE)
        fail("a record was quarantined");
}

static void process(struct bench *b, struct letters *l) {
    const char *p = l->bytes.p;
    for (size_t i = 0; i < l->n; i++) {
        struct input in = {.topic = l->p[i].topic};
        in.record.key = slice_of(p, l->p[i].key_n);
        in.record.value =
            l->p[i].has_value ? slice_of(p + l->p[i].key_n, l->p[i].value_n) : slice_null();
        in.record.timestamp_ms = l->p[i].timestamp_ms;
        in.record.replayed_at_ms = TIMESTAMP_NONE;
        p += l->p[i].key_n + l->p[i].value_n;
        while (pipeline_process(&b->pipeline, &b->task, &in) == PIPELINE_PART)
            ;
    }
    if (kv_failed(b->pipeline.env.kv))
        fail(b->pipeline.env.kv->err.text);
    l->n = 0;
    buf_clear(&l->bytes);
}

/* The events that are counted: in a function of its own, so that callgrind can count in it. */
__attribute__((noinline)) static void work(struct bench *b) {
    process(b, &b->input);
}

/* Links and refs, until there are no more. */
static void settle(struct bench *b) {
    while (b->sent.n > 0) {
        struct letters sent = b->sent;
        b->sent = (struct letters){0};
        process(b, &sent);
        buf_release(&sent.bytes);
        free(sent.p);
    }
}

static void commit(struct bench *b) {
    struct err e;
    settle(b);
    task_save_meta(&b->pipeline.env, &b->task);
    if (!batch_commit(b->batch, &e))
        fail(e.text);
    b->task.saved_meta = b->task.meta;
}

/* --- records --- */

static void id_of(char id[static 32], const struct kind *k) {
    (void)snprintf(id, 32, "hot-%s", k->name);
}

/* The balance says which value it is. */
static void put_record(struct bench *b, const struct kind *k, int64_t at, int64_t kafka_ms,
                       int64_t value, int64_t position) {
    char id[32], text[512], metadata[160] = "";
    id_of(id, k);
    if (k->origin == LOG)
        (void)snprintf(
            metadata, sizeof metadata,
            ",\"__op\":\"u\",\"__source_connector\":\"postgresql\",\"__source_name\":\"bank\","
            "\"__source_lsn\":%" PRId64 ",\"__source_ts_ms\":%" PRId64,
            position, at);
    else if (k->origin == LOG_WITHOUT_POSITIONS)
        (void)snprintf(metadata, sizeof metadata, ",\"__op\":\"u\",\"__source_ts_ms\":%" PRId64,
                       at);
    (void)snprintf(text, sizeof text,
                   "{\"account_id\":\"%s\",\"customer_id\":\"" CUSTOMER "\",\"balance\":\"%" PRId64
                   ".50\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "%s}",
                   id, value, at, metadata);
    put_letter(&b->input, (struct letter){.topic = TOPIC_ACCOUNTS, .timestamp_ms = kafka_ms},
               slice_str(id), slice_str(text));
}

/* The next one of a log. */
static void put_next(struct bench *b, const struct kind *k, int64_t at, int64_t value) {
    put_record(b, k, at, at + STEP_MS / 10, value, ++b->log_position);
}

static void put_tombstone(struct bench *b, const struct kind *k, int64_t kafka_ms) {
    char id[32];
    id_of(id, k);
    put_letter(&b->input, (struct letter){.topic = TOPIC_ACCOUNTS, .timestamp_ms = kafka_ms},
               slice_str(id), slice_null());
}

/* When the parts of a history begin: versions, confirmations, versions, confirmations; then its
 * end. */
static int64_t part_ms(const struct bench *b, int part) {
    int64_t pairs = part / 2 * (b->versions / 2 + b->confirmations / 2);
    return BEGIN_MS + (pairs + part % 2 * (b->versions / 2)) * STEP_MS;
}
#define PART_VERSIONS 0
#define PART_CONFIRMATIONS 1
#define PART_VERSIONS_AGAIN 2
#define PART_CONFIRMATIONS_AGAIN 3
#define PART_END 4

static int64_t values_of(const struct bench *b) {
    return b->versions + 1; /* of the last version; the values count up from 1 */
}

/* The value of the i-th record of the history. */
static int64_t value_at(const struct bench *b, int64_t i) {
    int64_t half = b->versions / 2, pair = half + b->confirmations / 2, within = i % pair;
    return i / pair * half + (within < half ? within + 1 : half);
}

static void make_history(struct bench *b, const struct kind *k) {
    b->pipeline.env.confirmations_max = k->confirmations_max;
    b->log_position = LOG_BEGIN;
    for (int64_t i = 0; i < b->versions + b->confirmations; i++) {
        put_next(b, k, BEGIN_MS + i * STEP_MS, value_at(b, i));
        if (i % TRANSACTION != TRANSACTION - 1)
            continue;
        process(b, &b->input);
        commit(b);
    }
    process(b, &b->input);
    commit(b);
}

/* Halfway between two steps in the midst of a part, where the i-th late event comes. */
static int64_t late_ms(const struct bench *b, int part, int64_t i) {
    int64_t count = part % 2 == 0 ? b->versions / 2 : b->confirmations / 2;
    return part_ms(b, part) + ((count - STRETCH) / 2 + i * 7 % STRETCH) * STEP_MS + STEP_MS / 2;
}

/* --- kinds of events --- */

static void feed_in_order(struct bench *b, const struct kind *k) {
    for (int64_t i = 0; i < EVENTS; i++)
        put_next(b, k, part_ms(b, PART_END) + i * STEP_MS, values_of(b) + i);
}

static void confirm(struct bench *b, const struct kind *k, int64_t from_ms, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        put_next(b, k, from_ms + i * STEP_MS, b->versions / 2 * 2);
}

static void feed_unchanged(struct bench *b, const struct kind *k) {
    confirm(b, k, part_ms(b, PART_END), EVENTS);
}

static void put_late(struct bench *b, const struct kind *k, int part) {
    for (int64_t i = 0; i < EVENTS; i++)
        put_next(b, k, late_ms(b, part, i), values_of(b) + i);
}

static void feed_late(struct bench *b, const struct kind *k) {
    put_late(b, k, PART_VERSIONS_AGAIN);
}

static void feed_late_confirmed(struct bench *b, const struct kind *k) {
    put_late(b, k, PART_CONFIRMATIONS);
}

static void feed_tie(struct bench *b, const struct kind *k) {
    for (int64_t i = 0; i < EVENTS; i++)
        put_next(b, k, late_ms(b, PART_VERSIONS_AGAIN, i) - STEP_MS / 2, values_of(b) + i);
}

/* A stretch of versions comes once more, at its own times and positions, in its order. */
static void feed_resent(struct bench *b, const struct kind *k) {
    int64_t first = b->versions / 2 + b->confirmations / 2;
    for (int64_t i = first; i < first + EVENTS; i++)
        put_record(b, k, BEGIN_MS + i * STEP_MS, part_ms(b, PART_END), value_at(b, i),
                   LOG_BEGIN + 1 + i);
}

static void feed_tombstone(struct bench *b, const struct kind *k) {
    for (int64_t i = 0; i < EVENTS; i++) {
        put_next(b, k, part_ms(b, PART_END) + 2 * i * STEP_MS, values_of(b) + i);
        put_tombstone(b, k, part_ms(b, PART_END) + (2 * i + 1) * STEP_MS);
    }
}

/* Rule O8: an upsert follows, from between the one before the tombstone and the tombstone. */
static void feed_tombstone_moves(struct bench *b, const struct kind *k) {
    int64_t at = part_ms(b, PART_END);
    for (int64_t i = 0; i < EVENTS; i++, at += 3 * STEP_MS) {
        put_next(b, k, at, values_of(b) + 2 * i);
        put_tombstone(b, k, at + 2 * STEP_MS);
        put_record(b, k, at + STEP_MS, at + 2 * STEP_MS, values_of(b) + 2 * i + 1,
                   ++b->log_position);
    }
}

/* With each event the oldest confirmation leaves the late window. */
static void confirm_and_expire(struct bench *b, const struct kind *k, int64_t from_ms) {
    b->pipeline.env.order_options.late_window_ms =
        from_ms - STEP_MS - part_ms(b, PART_CONFIRMATIONS);
    confirm(b, k, from_ms, EVENTS);
}

static void feed_expired(struct bench *b, const struct kind *k) {
    confirm_and_expire(b, k, part_ms(b, PART_END));
}

/* The history has as many confirmations as it may have: all its records that changed nothing. */
static void feed_dropped(struct bench *b, const struct kind *k) {
    b->pipeline.env.confirmations_max = b->confirmations / 2 * 2;
    confirm(b, k, part_ms(b, PART_END), EVENTS);
}

/* Behind a backlog, what is committed stays in memory for a while. */
static void leave_versions(struct bench *b, const struct kind *k) {
    for (int64_t i = 0; i < b->versions / UNWRITTEN_PART; i++)
        put_next(b, k, part_ms(b, PART_END) + i * STEP_MS, values_of(b) + i);
    process(b, &b->input);
}

static void leave_confirmations(struct bench *b, const struct kind *k) {
    confirm(b, k, part_ms(b, PART_END), b->confirmations / UNWRITTEN_PART);
    process(b, &b->input);
}

static void feed_expired_unwritten(struct bench *b, const struct kind *k) {
    confirm_and_expire(b, k, part_ms(b, PART_END) + b->confirmations / UNWRITTEN_PART * STEP_MS);
}

#define MANY CONFIRMATIONS_MAX_HIGHEST
static const struct kind kinds[] = {
    {"in_order", LOG, MANY, NULL, feed_in_order},
    {"unchanged", BY_TIME, MANY, NULL, feed_unchanged},
    {"unchanged_log", LOG, MANY, NULL, feed_unchanged},
    {"late", BY_TIME, MANY, NULL, feed_late},
    {"late_confirmed", BY_TIME, MANY, NULL, feed_late_confirmed},
    {"late_forgotten", BY_TIME, FEW_CONFIRMATIONS, NULL, feed_late_confirmed},
    {"late_unwritten", BY_TIME, MANY, leave_versions, feed_late},
    {"tie", BY_TIME, MANY, NULL, feed_tie},
    {"repeat", LOG, MANY, NULL, feed_resent},
    {"reordered", LOG_WITHOUT_POSITIONS, MANY, NULL, feed_resent},
    {"tombstone", LOG, MANY, NULL, feed_tombstone},
    {"tombstone_moves", LOG, MANY, NULL, feed_tombstone_moves},
    {"expired", BY_TIME, MANY, NULL, feed_expired},
    {"expired_unwritten", BY_TIME, MANY, leave_confirmations, feed_expired_unwritten},
    {"dropped", BY_TIME, MANY, NULL, feed_dropped},
};

/* --- the two programs --- */

static void build(struct bench *b) {
    const char *name =
        "{\"customer_id\":\"" CUSTOMER "\",\"customer_name\":\"Hot\",\"has_loan\":\"yes\"}";
    put_letter(&b->input, (struct letter){.topic = TOPIC_CUSTOMERS, .timestamp_ms = BEGIN_MS},
               slice_str(CUSTOMER), slice_str(name));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        make_history(b, &kinds[i]);
}

/* The same with phase: callgrind writes down what it has counted. */
__attribute__((noinline)) static void phase(struct bench *b, const struct kind *k) {
    k->feed(b, k);
    work(b);
}

static void run(struct bench *b, const struct kind *k) {
    b->pipeline.env.order_options.late_window_ms = LONG_WINDOW_MS;
    b->pipeline.env.confirmations_max = CONFIRMATIONS_MAX_HIGHEST;
    b->log_position = 2 * LOG_BEGIN;
    if (k->prepare != NULL)
        k->prepare(b, k);
    meter = (struct meter){0};
    phase(b, k);
    (void)printf("%-17s %.2f %.2f %.1f %" PRId64 " %.2f %.1f %" PRId64 "\n", k->name,
                 (double)meter.rows_read / EVENTS, (double)meter.rows_written / EVENTS,
                 (double)meter.bytes_written / EVENTS, meter.largest_row,
                 (double)meter.messages / EVENTS, (double)meter.bytes_sent / EVENTS,
                 meter.largest_message);
    commit(b);
}

static void open_bench(struct bench *b, const char *dir) {
    static const int32_t inputs[ENTITY_COUNT] = {1, 1};
    struct err e;
    if (!config_load(&b->config, NULL, NULL, 0, &e))
        fail(e.text);
    b->config.late_window_ms = LONG_WINDOW_MS;
    /* One sorted run of RocksDB, however long the histories are: with each run a cursor costs more,
     * 16 at most. */
    b->config.state_memory_bytes = INT64_C(2) << 30;
    if ((b->store = store_open(dir, b->config.state_memory_bytes, 1, &e)) == NULL)
        fail(e.text);
    b->sink.send = bench_send;
    b->batch = batch_new(b->store);
    count_operations(batch_kv(b->batch));
    pipeline_init(&b->pipeline, &b->config, batch_kv(b->batch), &b->sink, 1, inputs);
    b->pipeline.env.now_ms = BEGIN_MS;
    task_init(&b->task, 0);
    task_load_meta(&b->pipeline.env, &b->task);
}

static void close_bench(struct bench *b) {
    struct letters *all[] = {&b->input, &b->sent};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        free(all[i]->p);
        buf_release(&all[i]->bytes);
        *all[i] = (struct letters){0};
    }
    task_release(&b->task);
    pipeline_release(&b->pipeline);
    batch_free(b->batch);
    store_close(b->store);
    config_release(&b->config);
}

int main(int argc, char **argv) {
    static struct bench b;
    if (argc != 5)
        fail("usage: hot build|run DIR VERSIONS CONFIRMATIONS");
    b.versions = strtoll(argv[3], NULL, 10);
    b.confirmations = strtoll(argv[4], NULL, 10);
    if (b.versions < 2 * STRETCH || b.confirmations < 2 * STRETCH)
        fail("too few versions or confirmations");
    store_use_thread();
    open_bench(&b, argv[2]);
    if (strcmp(argv[1], "build") == 0) {
        build(&b);
        close_bench(&b);
        open_bench(&b, argv[2]); /* makes a file of what RocksDB has in its log */
    }
    for (size_t i = 0; strcmp(argv[1], "run") == 0 && i < ARRAY_LEN(kinds); i++)
        run(&b, &kinds[i]);
    close_bench(&b);
    return 0;
}
