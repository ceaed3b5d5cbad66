/* cycle: what records cost without Kafka. They go through the tasks, with the state in RocksDB, and
 * the internal messages that they cause are read back in.
 *
 *   cycle [ACCOUNTS [CHANGES [MEMORY [OUTPUT]]]]
 *   cycle FORMAT ACCOUNTS CHANGES [MEMORY [OUTPUT]]     only insert and change, and a scan
 *
 * FORMAT is that of the input: json, avro, envelope. MEMORY is state.memory.bytes. OUTPUT is
 * output.format: json, avro, connect-json.
 *
 * Prints one line for each phase: the CPU time of a record, in the worker's thread and in the whole
 * process, messages, and bytes of files. Then it prints the size of the state, and what RocksDB
 * alone needs for the same rows (rocksdb_rate.h), or what a pass of the quality checks costs
 * (scan_rate.h). The phases:
 *
 *   insert      each account once, after the customers; a customer has ten accounts
 *   change      another balance, the accounts in scattered order
 *   unchanged   the same balances again, later
 *   refeed      the balances of all accounts again, in the order of their ids
 *   customer    another name
 *   late        changes, of which one in twenty is late */
#include "avro_rows.h"
#include "rocksdb_rate.h"
#include "scan_rate.h"
#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/config/config.h"
#include "streamer/task/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PARTITIONS 2
#define ACCOUNTS_OF_CUSTOMER 10
#define BATCH 5000
#define DAY_MS INT64_C(86400000) /* from one phase to the next: none has as many records */
#define BEGIN_MS INT64_C(1700000000000)

/* Records that are read in the next batch: the input, or links and refs that were sent. */
struct inbox {
    struct buf bytes;
    struct letter {
        enum topic topic;
        int32_t partition;
        int64_t timestamp_ms;
        size_t key_n, value_n;
        bool has_value;
    } * letters;
    size_t count, cap;
};

enum format { FORMAT_JSON, FORMAT_AVRO, FORMAT_ENVELOPE, FORMAT_COUNT };
static const char *const format_names[] = {"json", "avro", "envelope"};

struct bench {
    struct sink sink;   /* first */
    enum format format; /* of accounts */
    struct config config;
    struct store *store;
    struct batch *batch;
    struct pipeline pipeline;
    struct task tasks[PARTITIONS];
    struct inbox input, inboxes[2];
    int writing; /* which of the two inboxes is written to */
    int64_t sent, sent_bytes;
    int64_t thread_us, process_us; /* of the last work() */
    int64_t accounts, changes, clock_ms;
};

/* The numbers that a registry might have given to the schemas of results. */
static const uint32_t schema_ids[ROW_RESULT_COUNT] = {101, 102, 103, 104, 105};

static void fail(const char *text) {
    (void)fprintf(stderr, "cycle: %s\n", text);
    exit(1);
}

static void inbox_put(struct inbox *in, struct letter letter, struct slice key,
                      struct slice value) {
    in->letters = mem_grow(in->letters, &in->cap, in->count + 1, sizeof *in->letters);
    letter.key_n = key.n;
    letter.value_n = value.n;
    letter.has_value = value.p != NULL;
    in->letters[in->count++] = letter;
    buf_put_slice(&in->bytes, key);
    buf_put_slice(&in->bytes, value);
}

static void bench_send(struct sink *sink, const struct sink_message *m) {
    struct bench *b = (struct bench *)sink;
    b->sent++;
    b->sent_bytes += (int64_t)(m->key.n + m->value.n);
    if (m->topic != TOPIC_ACCOUNT_LINKS && m->topic != TOPIC_CUSTOMER_REFS)
        return;
    inbox_put(&b->inboxes[b->writing],
              (struct letter){.topic = m->topic, .partition = m->partition}, m->key, m->value);
}

/* Commits as the worker does behind a backlog: only when the batch is full, or to write `all`. */
static void persist(struct bench *b, bool all) {
    struct err e;
    if (!all && !batch_is_full(b->batch))
        return;
    for (int p = 0; p < PARTITIONS; p++)
        task_save_meta(&b->pipeline.env, &b->tasks[p]);
    if (!batch_commit(b->batch, &e))
        fail(e.text);
    for (int p = 0; p < PARTITIONS; p++)
        b->tasks[p].saved_meta = b->tasks[p].meta;
}

/* Prefetches the rows of letters `from` … `to` - 1, whose bytes begin at `p`. Returns where the
 * bytes end. */
static const char *want(struct bench *b, const struct inbox *in, size_t from, size_t to,
                        const char *p) {
    for (size_t i = from; i < to; i++) {
        const struct letter *l = &in->letters[i];
        pipeline_want(&b->pipeline, &b->tasks[l->partition], l->topic, slice_of(p, l->key_n));
        p += l->key_n + l->value_n;
    }
    kv_fetch(b->pipeline.env.kv);
    return p;
}

static void process(struct bench *b, const struct inbox *in, size_t from, size_t to,
                    const char *p) {
    for (size_t i = from; i < to; i++) {
        const struct letter *l = &in->letters[i];
        struct input message = {
            .topic = l->topic, .partition = l->partition, .source_partition = l->partition};
        message.record.key = slice_of(p, l->key_n);
        message.record.value = l->has_value ? slice_of(p + l->key_n, l->value_n) : slice_null();
        message.record.timestamp_ms = l->timestamp_ms;
        message.record.replayed_at_ms = TIMESTAMP_NONE;
        p += l->key_n + l->value_n;
        while (pipeline_process(&b->pipeline, &b->tasks[l->partition], &message) == PIPELINE_PART)
            ;
    }
    if (kv_failed(b->pipeline.env.kv))
        fail(b->pipeline.env.kv->err.text);
}

static void read_all(struct bench *b, struct inbox *in, void (*after_batch)(struct bench *)) {
    const char *p = in->bytes.p;
    for (size_t from = 0, to; from < in->count; from = to) {
        to = in->count - from > BATCH ? from + BATCH : in->count;
        const char *end = want(b, in, from, to, p);
        process(b, in, from, to, p);
        persist(b, false);
        after_batch(b);
        p = end;
    }
    in->count = 0;
    buf_clear(&in->bytes);
}

static void do_nothing(struct bench *b) {
    (void)b;
}

/* Reads what the batches before have sent. */
static void read_inbox(struct bench *b) {
    struct inbox *in = &b->inboxes[b->writing];
    b->writing = 1 - b->writing;
    read_all(b, in, do_nothing);
}

static int64_t cpu_us(clockid_t clock) {
    return clock_us(clock_of_machine(), clock);
}

/* Processes the input that was fed, in batches, and all that follows from it. A function of its
 * own, so that callgrind can count in it. */
__attribute__((noinline)) static void work(struct bench *b) {
    b->thread_us = -cpu_us(CLOCK_THREAD_CPUTIME_ID);
    b->process_us = -cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    read_all(b, &b->input, read_inbox);
    while (b->inboxes[b->writing].count > 0)
        read_inbox(b);
    persist(b, true);
    b->thread_us += cpu_us(CLOCK_THREAD_CPUTIME_ID);
    b->process_us += cpu_us(CLOCK_PROCESS_CPUTIME_ID);
}

static void feed(struct bench *b, enum topic topic, const char *key, struct slice value) {
    int32_t partition = murmur2_partition(slice_str(key), PARTITIONS);
    inbox_put(&b->input,
              (struct letter){.topic = topic, .partition = partition, .timestamp_ms = b->clock_ms},
              slice_str(key), value);
    b->clock_ms++;
}

static void put_json(struct buf *out, const struct account *a) {
    buf_printf(out,
               "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64 "\",\"balance\":\"%" PRId64
               ".50\",\"account_type\":\"%s\",\"updated_at\":%" PRId64 "}",
               a->id, a->customer_id, a->balance_cents / 100, a->type, a->at_ms);
}

static void feed_account_at(struct bench *b, int64_t i, int64_t turn, int64_t at_ms) {
    char key[32];
    struct buf value = {0};
    (void)snprintf(key, sizeof key, "A%07" PRId64, i);
    struct account a = {key, "Savings", i / ACCOUNTS_OF_CUSTOMER,
                        (i * 37 + turn * 11) % 30000 * 100 + 50, at_ms};
    if (b->format == FORMAT_JSON)
        put_json(&value, &a);
    else if (b->format == FORMAT_AVRO)
        avro_put_account(&value, AVRO_ACCOUNT_ID, &a);
    else
        avro_put_envelope(&value, &a, b->clock_ms);
    feed(b, TOPIC_ACCOUNTS, key, buf_slice(&value));
    buf_release(&value);
}

static void feed_account(struct bench *b, int64_t i, int64_t turn) {
    feed_account_at(b, i, turn, b->clock_ms);
}

static void feed_customer(struct bench *b, int64_t i, int64_t turn) {
    char key[32], value[256];
    (void)snprintf(key, sizeof key, "%" PRId64, i);
    (void)snprintf(value, sizeof value,
                   "{\"customer_id\":\"%s\",\"customer_name\":\"Customer Number %s the %" PRId64
                   "\",\"has_loan\":\"yes\",\"updated_at\":%" PRId64 "}",
                   key, key, turn, b->clock_ms);
    feed(b, TOPIC_CUSTOMERS, key, slice_str(value));
}

/* Bytes that this process has read from and written to files so far. Unlike CPU time they are
 * repeatable. */
struct io {
    long long read, written;
};
static struct io io_so_far(void) {
    struct io io = {0};
    FILE *f = fopen("/proc/self/io", "re");
    if (f == NULL || fscanf(f, "rchar: %lld wchar: %lld", &io.read, &io.written) != 2)
        fail("cannot read /proc/self/io");
    (void)fclose(f);
    return io;
}

/* Each phase makes its input and then processes it. They are functions of their own, so that
 * callgrind can count in each. */
__attribute__((noinline)) static void phase_insert(struct bench *b, int64_t n) {
    for (int64_t i = 0; i < n / ACCOUNTS_OF_CUSTOMER; i++)
        feed_customer(b, i, 0);
    for (int64_t i = 0; i < n; i++)
        feed_account(b, i, 0);
    work(b);
}

/* A stride that visits all accounts in scattered order. */
static int64_t scattered(const struct bench *b, int64_t i) {
    return i * 7919 % b->accounts;
}

__attribute__((noinline)) static void phase_change(struct bench *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        feed_account(b, scattered(b, i), 1 + i / b->accounts);
    work(b);
}

__attribute__((noinline)) static void phase_unchanged(struct bench *b, int64_t n) {
    int64_t turn = (n - 1) / b->accounts + 1; /* the last one in which an account changed */
    int64_t last = n % b->accounts;
    for (int64_t i = 0; i < n; i++)
        feed_account(b, scattered(b, i), last == 0 || i % b->accounts < last ? turn : turn - 1);
    work(b);
}

__attribute__((noinline)) static void phase_refeed(struct bench *b, int64_t n) {
    /* The last one in which each account changed. */
    int64_t *turns = mem_calloc((size_t)n, sizeof *turns);
    for (int64_t i = 0; i < b->changes; i++)
        turns[scattered(b, i)] = 1 + i / b->accounts;
    for (int64_t i = 0; i < n; i++)
        feed_account(b, i, turns[i]);
    free(turns);
    work(b);
}

__attribute__((noinline)) static void phase_customer(struct bench *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        feed_customer(b, scattered(b, i) % (b->accounts / ACCOUNTS_OF_CUSTOMER), 1 + i);
    work(b);
}

/* One change in twenty is late: it comes between the versions of the phases insert and change. */
__attribute__((noinline)) static void phase_late(struct bench *b, int64_t n) {
    int64_t late_ms = BEGIN_MS + DAY_MS + DAY_MS / 2;
    for (int64_t i = 0; i < n; i++)
        feed_account_at(b, scattered(b, i), 1000 + i / b->accounts,
                        i % 20 == 0 ? late_ms : b->clock_ms);
    work(b);
}

static void run(struct bench *b, const char *name, void (*phase)(struct bench *, int64_t),
                int64_t n) {
    int64_t sent = b->sent, bytes = b->sent_bytes;
    b->clock_ms += DAY_MS;
    struct io before = io_so_far();
    phase(b, n);
    struct io after = io_so_far();
    (void)printf("%-9s %8" PRId64 " records %7.2f us in the worker %7.2f us in all "
                 "%6.2f messages %6.0f bytes sent %6.0f bytes read "
                 "%6.0f bytes written\n",
                 name, n, (double)b->thread_us / (double)n, (double)b->process_us / (double)n,
                 (double)(b->sent - sent) / (double)n, (double)(b->sent_bytes - bytes) / (double)n,
                 (double)(after.read - before.read) / (double)n,
                 (double)(after.written - before.written) / (double)n);
}

/* Takes the name of a format from the arguments, if it is there. */
static bool take_format(struct bench *b, int *argc, char ***argv) {
    for (size_t f = 0; *argc > 1 && f < FORMAT_COUNT; f++) {
        if (strcmp((*argv)[1], format_names[f]) != 0)
            continue;
        b->format = (enum format)f;
        ++*argv;
        --*argc;
        return true;
    }
    return false;
}

static enum output_format output_format_of(const char *name) {
    static const char *const names[] = {
        [OUTPUT_JSON] = "json", [OUTPUT_AVRO] = "avro", [OUTPUT_CONNECT_JSON] = "connect-json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum output_format)i;
    fail("no such format");
    return OUTPUT_JSON;
}

int main(int argc, char **argv) {
    static struct bench b;
    bool is_short = take_format(&b, &argc, &argv);
    struct err e;
    char dir[] = "/tmp/streamer-cycle-XXXXXX";
    const int32_t inputs[ENTITY_COUNT] = {PARTITIONS, PARTITIONS};
    b.sink.send = bench_send;
    b.accounts = argc > 1 ? strtoll(argv[1], NULL, 10) : 100000;
    int64_t changes = b.changes = argc > 2 ? strtoll(argv[2], NULL, 10) : b.accounts;
    b.clock_ms = BEGIN_MS;
    if (mkdtemp(dir) == NULL || !config_load(&b.config, NULL, NULL, 0, &e))
        fail("cannot start");
    if (argc > 3)
        b.config.state_memory_bytes = strtoll(argv[3], NULL, 10);
    if (argc > 4)
        b.config.output_format = output_format_of(argv[4]);
    b.config.result_schema_ids = schema_ids;
    b.config.schemas = avro_rows_source();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    store_use_thread();
    if ((b.store = store_open(dir, b.config.state_memory_bytes, 1, &e)) == NULL)
        fail(e.text);
    b.batch = batch_new(b.store);
    pipeline_init(&b.pipeline, &b.config, batch_kv(b.batch), &b.sink, PARTITIONS, inputs);
    for (int p = 0; p < PARTITIONS; p++)
        task_init(&b.tasks[p], p);
    b.pipeline.env.now_ms = b.clock_ms;
    run(&b, "insert", phase_insert, b.accounts);
    run(&b, "change", phase_change, changes);
    if (!is_short) {
        run(&b, "unchanged", phase_unchanged, changes);
        run(&b, "refeed", phase_refeed, b.accounts);
        run(&b, "customer", phase_customer, changes / ACCOUNTS_OF_CUSTOMER);
        run(&b, "late", phase_late, changes);
    }
    (void)printf("state: %.1f bytes an account\n",
                 (double)store_bytes(b.store) / (double)b.accounts);
    if (is_short)
        scan_rate(b.store, &b.config.rates, b.tasks, PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        task_release(&b.tasks[p]);
    pipeline_release(&b.pipeline);
    batch_free(b.batch);
    store_close(b.store);
    if (!is_short)
        rocksdb_rate(dir, changes, BATCH, b.config.state_memory_bytes / 8 * 3);
    config_release(&b.config);
    struct inbox *inboxes[] = {&b.input, &b.inboxes[0], &b.inboxes[1]};
    for (size_t i = 0; i < ARRAY_LEN(inboxes); i++) {
        free(inboxes[i]->letters);
        buf_release(&inboxes[i]->bytes);
    }
    return store_destroy(dir, &e) ? 0 : 1;
}
