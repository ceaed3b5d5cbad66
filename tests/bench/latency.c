/* latency: how long a change takes from the input to a committed row of the account summary.
 *
 *   latency BOOTSTRAP BANK_FILE ACCOUNTS RATE SECONDS WARMUP_SECONDS ACCOUNTS_TOPIC SUMMARY_TOPIC
 *
 * Sends RATE changes a second, each at its due time whatever became of those before (an open loop);
 * another thread reads the summary under read_committed and knows each change by its account and
 * balance, which come only once. A latency counts from the due time, so that a sender that is late
 * itself hides nothing. Changes of the first WARMUP_SECONDS are sent but not counted. Prints one
 * line of JSON. */
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "tests/bench/bank.h"
#include "tests/bench/random.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 20 /* after the last change was sent */
#define POLL_MS 50
#define SECOND_US INT64_C(1000000)

/* One change, made before the first is sent. */
struct change {
    struct bank_event event;
    int64_t account, cents;
    int64_t latency_us; /* -1: its row has not come yet. The reader's */
};

struct probe {
    const char *bootstrap, *summary;
    struct change *changes;
    int64_t count, warmup; /* of changes */
    int64_t rate;
    uint32_t *index; /* hash of account and balance -> number of the change + 1; 0: none */
    size_t index_size;
    int64_t begin_us;         /* wall clock, when the first change is due */
    atomic_llong give_up_us;  /* 0: not known yet */
    atomic_bool reader_ready; /* its place at the end of the topic is known */
    int64_t sent_late_us;     /* the worst delay of the sender */
    int64_t come;             /* rows that were waited for */
    int64_t failed;
};

static void fail(const char *what, const char *why) {
    (void)fprintf(stderr, "latency: %s: %s\n", what, why);
    exit(1);
}

static int64_t wall_us(void) {
    return clock_us(clock_of_machine(), CLOCK_REALTIME);
}

static int64_t due_us(const struct probe *p, int64_t i) {
    return p->begin_us + i * SECOND_US / p->rate;
}

/* --- which change a row is about --- */

static size_t place_of(const struct probe *p, int64_t account, int64_t cents) {
    uint64_t state = (uint64_t)account * UINT64_C(10000019) + (uint64_t)cents;
    return (size_t)(random_next(&state) & (p->index_size - 1));
}

static void index_change(struct probe *p, int64_t i) {
    size_t at = place_of(p, p->changes[i].account, p->changes[i].cents);
    while (p->index[at] != 0)
        at = (at + 1) & (p->index_size - 1);
    p->index[at] = (uint32_t)i + 1;
}

static struct change *find_change(struct probe *p, int64_t account, int64_t cents) {
    for (size_t at = place_of(p, account, cents); p->index[at] != 0;
         at = (at + 1) & (p->index_size - 1)) {
        struct change *c = &p->changes[p->index[at] - 1];
        if (c->account == account && c->cents == cents)
            return c;
    }
    return NULL;
}

static void make_changes(struct probe *p, struct bank *bank) {
    p->changes = mem_calloc((size_t)p->count, sizeof *p->changes);
    for (p->index_size = 1024; p->index_size < (size_t)p->count * 2;)
        p->index_size *= 2;
    p->index = mem_calloc(p->index_size, sizeof *p->index);
    for (int64_t i = 0; i < p->count; i++) {
        struct change *c = &p->changes[i];
        c->account = random_scatter(i % bank_accounts(bank), bank_accounts(bank));
        c->cents = bank_change_account(bank, c->account, &c->event);
        c->latency_us = -1;
        index_change(p, i);
    }
}

/* --- clients --- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct probe *p = opaque;
    (void)rk;
    p->failed += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *client(struct probe *p, rd_kafka_type_t type, const char *const settings[][2],
                          size_t n) {
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) !=
            RD_KAFKA_CONF_OK)
            fail(settings[i][0], why);
    rd_kafka_conf_set_opaque(conf, p);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL)
        fail("no client", why);
    return rk;
}

/* --- the reader --- */

static void assign_ends(struct probe *p, rd_kafka_t *consumer) {
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, p->summary, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, topic, &md, 30000);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || md->topic_cnt != 1 ||
        md->topics[0].partition_cnt == 0)
        fail("no topic", p->summary);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(md->topics[0].partition_cnt);
    for (int i = 0; i < md->topics[0].partition_cnt; i++) {
        int64_t low, high;
        code = rd_kafka_query_watermark_offsets(consumer, p->summary, i, &low, &high, 30000);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail("offsets", rd_kafka_err2str(code));
        rd_kafka_topic_partition_list_add(list, p->summary, i)->offset = high;
    }
    if (rd_kafka_assign(consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("assign", p->summary);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(topic);
}

/* The cents of "original_balance_amount":"1234.50"; -1 if there are none. */
static int64_t read_cents(const rd_kafka_message_t *m) {
    static const char name[] = "\"original_balance_amount\":";
    const char *end = (const char *)m->payload + m->len;
    const char *at = m->payload != NULL ? memmem(m->payload, m->len, name, sizeof name - 1) : NULL;
    int64_t cents = 0;
    if (at == NULL)
        return -1;
    for (at += sizeof name - 1; at < end && *at != ',' && *at != '}'; at++)
        if (*at >= '0' && *at <= '9')
            cents = cents * 10 + (*at - '0');
    return cents;
}

/* Keys are A0000001, with quotes around if a peer writes JSON keys. */
static int64_t read_account(const rd_kafka_message_t *m) {
    const char *key = m->key;
    int64_t account = 0;
    for (size_t i = 0; i < m->key_len; i++)
        if (key[i] >= '0' && key[i] <= '9')
            account = account * 10 + (key[i] - '0');
    return account;
}

static void note_row(struct probe *p, const rd_kafka_message_t *m, int64_t now_us) {
    struct change *c = find_change(p, read_account(m), read_cents(m));
    if (c == NULL || c->latency_us >= 0)
        return;
    c->latency_us = now_us - due_us(p, c - p->changes);
    p->come++;
}

static void *read_rows(void *arg) {
    struct probe *p = arg;
    const char *const settings[][2] = {
        {"bootstrap.servers", p->bootstrap}, {"group.id", "latency"},
        {"enable.auto.commit", "false"},     {"isolation.level", "read_committed"},
        {"socket.nagle.disable", "true"},    {"fetch.wait.max.ms", "100"},
    };
    rd_kafka_t *consumer = client(p, RD_KAFKA_CONSUMER, settings, ARRAY_LEN(settings));
    (void)rd_kafka_poll_set_consumer(consumer);
    assign_ends(p, consumer);
    atomic_store(&p->reader_ready, true);
    while (p->come < p->count) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, POLL_MS);
        int64_t now = wall_us(), give_up = atomic_load(&p->give_up_us);
        if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            note_row(p, m, now);
        if (m != NULL)
            rd_kafka_message_destroy(m);
        if (give_up != 0 && now > give_up)
            break;
    }
    (void)rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return NULL;
}

/* --- the sender --- */

static void wait_until_us(rd_kafka_t *producer, int64_t due) {
    for (int64_t now; (now = wall_us()) < due;) {
        struct timespec t = {0, (due - now < 500 ? due - now : 500) * 1000};
        (void)rd_kafka_poll(producer, 0);
        (void)nanosleep(&t, NULL);
    }
}

static void send_changes(struct probe *p, const char *topic_name) {
    const char *const settings[][2] = {
        {"bootstrap.servers", p->bootstrap}, {"partitioner", "murmur2_random"},
        {"enable.idempotence", "true"},      {"linger.ms", "5"},
        {"socket.nagle.disable", "true"},    {"queue.buffering.max.messages", "1000000"},
    };
    rd_kafka_t *producer = client(p, RD_KAFKA_PRODUCER, settings, ARRAY_LEN(settings));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
    const struct rd_kafka_metadata *md;
    if (rd_kafka_metadata(producer, 0, topic, &md, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("no topic", topic_name);
    rd_kafka_metadata_destroy(md);
    for (int64_t i = 0; i < p->count; i++) {
        struct bank_event *e = &p->changes[i].event;
        wait_until_us(producer, due_us(p, i));
        int64_t late = wall_us() - due_us(p, i);
        if (i >= p->warmup && late > p->sent_late_us)
            p->sent_late_us = late;
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
            RD_KAFKA_V_KEY(e->key, (size_t)e->key_n),
            RD_KAFKA_V_VALUE(e->value, (size_t)e->value_n),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(due_us(p, i) / 1000),
            RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail("produce", rd_kafka_err2str(code));
    }
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR || p->failed > 0)
        fail("not everything was delivered to", topic_name);
    atomic_store(&p->give_up_us, wall_us() + PATIENCE_S * SECOND_US);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
}

/* --- the report --- */

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest latency that at least `share` of them do not exceed. */
static double at_ms(const int64_t *sorted, int64_t n, double share) {
    int64_t i = (int64_t)(share * (double)n + 0.999999) - 1;
    i = i < 0 ? 0 : i >= n ? n - 1 : i;
    return n > 0 ? (double)sorted[i] / 1000 : 0;
}

static void report(const struct probe *p) {
    int64_t *sorted = mem_calloc((size_t)p->count, sizeof *sorted), n = 0;
    for (int64_t i = p->warmup; i < p->count; i++)
        if (p->changes[i].latency_us >= 0)
            sorted[n++] = p->changes[i].latency_us;
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    (void)printf("{\"rate\": %" PRId64 ", \"sent\": %" PRId64 ", \"count\": %" PRId64
                 ", \"missing\": %" PRId64
                 ", \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f, "
                 "\"sender_late_ms\": %.2f}\n",
                 p->rate, p->count, n, p->count - p->come, at_ms(sorted, n, 0.5),
                 at_ms(sorted, n, 0.99), at_ms(sorted, n, 0.999), at_ms(sorted, n, 1),
                 (double)p->sent_late_us / 1000);
    free(sorted);
}

int main(int argc, char **argv) {
    static struct probe p;
    pthread_t reader;
    if (argc != 9)
        fail("usage",
             "latency BOOTSTRAP BANK_FILE ACCOUNTS RATE SECONDS WARMUP_SECONDS ACCOUNTS_TOPIC "
             "SUMMARY_TOPIC");
    p.bootstrap = argv[1];
    p.rate = strtoll(argv[4], NULL, 10);
    p.warmup = p.rate * strtoll(argv[6], NULL, 10);
    p.count = p.warmup + p.rate * strtoll(argv[5], NULL, 10);
    p.summary = argv[8];
    make_changes(&p, bank_open(argv[2], strtoll(argv[3], NULL, 10)));
    if (pthread_create(&reader, NULL, read_rows, &p) != 0)
        fail("cannot start", "a thread");
    while (!atomic_load(&p.reader_ready))
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    p.begin_us = wall_us() + SECOND_US / 5; /* the reader sees rows only after this */
    send_changes(&p, argv[7]);
    (void)pthread_join(reader, NULL);
    report(&p);
    free(p.changes);
    free(p.index);
    return 0;
}
