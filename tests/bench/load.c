/* load: fills the input topics of the benchmark, as fast as it can.
 *
 *   load BOOTSTRAP WORKLOAD BANK_FILE ACCOUNTS [--count N] [--zipf S] [--seed N]
 *        [--customers-topic T] [--accounts-topic T]
 *        [--customers-schema-id N --accounts-schema-id N]
 *   load schemas
 *
 * Workloads: accounts (every customer, then every account, once), changes (N changes of accounts),
 * customer-mix (one in ten is of a customer), late (one in twenty comes late), dirty (one in twenty
 * is rejected), refeed (every account again, one in a thousand changed). `--zipf S` makes some
 * accounts change more often than others. With ids of schemas the values are Avro, else JSON.
 * Prints one line of JSON. `schemas` prints the schemas, to be registered before. */
#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "tests/bench/avro_rows.h"
#include "tests/bench/bank.h"
#include "tests/bench/random.h"

#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CUSTOMER_EVERY 10
#define LATE_EVERY 20
#define DIRTY_EVERY 20
#define REFEED_CHANGED_EVERY 1000
#define FLUSH_MS 600000

struct load {
    struct bank *bank;
    uint64_t random;
    int64_t count; /* of the events that the workload is asked for */
    double skew;   /* 0: uniform */
    double *cumulated;
    rd_kafka_t *producer;
    rd_kafka_topic_t *customers, *accounts;
    int64_t failed;
    struct {
        int64_t customers, accounts, changes, late, dirty, bytes;
    } sent;
};

static void fail(const char *what, const char *why) {
    (void)fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

/* --- Kafka --- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct load *l = opaque;
    (void)rk;
    l->failed += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void start_producer(struct load *l, const char *bootstrap, const char *customers,
                           const char *accounts) {
    const char *const settings[][2] = {
        {"bootstrap.servers", bootstrap},
        {"partitioner", "murmur2_random"},
        {"enable.idempotence", "true"},
        {"compression.type", "lz4"},
        {"linger.ms", "50"},
        {"batch.num.messages", "10000"},
        {"delivery.report.only.error", "true"},
        {"queue.buffering.max.messages", "500000"},
    };
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) !=
            RD_KAFKA_CONF_OK)
            fail(settings[i][0], why);
    rd_kafka_conf_set_opaque(conf, l);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    l->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (l->producer == NULL)
        fail("no producer", why);
    l->customers = rd_kafka_topic_new(l->producer, customers, NULL);
    l->accounts = rd_kafka_topic_new(l->producer, accounts, NULL);
}

static void send_to(struct load *l, rd_kafka_topic_t *topic, struct bank_event *e) {
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, e->value,
                            (size_t)e->value_n, e->key, (size_t)e->key_n, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
        (void)rd_kafka_poll(l->producer, 10);
    }
    *(topic == l->customers ? &l->sent.customers : &l->sent.accounts) += 1;
    l->sent.bytes += e->key_n + e->value_n;
    if (((l->sent.customers + l->sent.accounts) & 1023) == 0)
        (void)rd_kafka_poll(l->producer, 0);
}

/* --- what is sent --- */

static void change_account(struct load *l, int64_t i) {
    struct bank_event e;
    (void)bank_change_account(l->bank, i, &e);
    l->sent.changes++;
    send_to(l, l->accounts, &e);
}

static void change_customer(struct load *l, int64_t i) {
    struct bank_event e;
    bank_change_customer(l->bank, i, &e);
    l->sent.changes++;
    send_to(l, l->customers, &e);
}

/* How likely each of the first i ranks is, together. */
static void prepare_skew(struct load *l) {
    int64_t n = bank_accounts(l->bank);
    double sum = 0;
    if (l->skew <= 0)
        return;
    l->cumulated = mem_alloc((size_t)n * sizeof *l->cumulated);
    for (int64_t i = 0; i < n; i++)
        l->cumulated[i] = sum += pow((double)(i + 1), -l->skew);
    for (int64_t i = 0; i < n; i++)
        l->cumulated[i] /= sum;
}

static int64_t any_account(struct load *l) {
    int64_t n = bank_accounts(l->bank), low = 0, high = n - 1;
    if (l->cumulated == NULL)
        return random_below(&l->random, n);
    double at = random_unit(&l->random);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (l->cumulated[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return random_scatter(low, n); /* neighbours in rank are none in number */
}

static bool one_in(struct load *l, int64_t n) {
    return random_below(&l->random, n) == 0;
}

static void load_accounts(struct load *l) {
    for (int64_t i = 0; i < bank_customers(l->bank); i++)
        change_customer(l, i);
    for (int64_t i = 0; i < bank_accounts(l->bank); i++)
        change_account(l, random_scatter(i, bank_accounts(l->bank)));
}

static void load_changes(struct load *l) {
    for (int64_t i = 0; i < l->count; i++)
        change_account(l, any_account(l));
}

static void load_customer_mix(struct load *l) {
    for (int64_t i = 0; i < l->count; i++)
        if (one_in(l, CUSTOMER_EVERY))
            change_customer(l, any_account(l) / BANK_ACCOUNTS_OF_CUSTOMER);
        else
            change_account(l, any_account(l));
}

/* Late by up to the time in which every account changes twice, on the average: most land between
 * older versions. */
static void load_late(struct load *l) {
    for (int64_t i = 0; i < l->count; i++) {
        struct bank_event e;
        if (!one_in(l, LATE_EVERY)) {
            change_account(l, any_account(l));
            continue;
        }
        bank_late_account(l->bank, any_account(l),
                          1 + random_below(&l->random, 2 * bank_accounts(l->bank)), &e);
        l->sent.late++;
        send_to(l, l->accounts, &e);
    }
}

static void load_dirty(struct load *l) {
    for (int64_t i = 0; i < l->count; i++) {
        struct bank_event e;
        if (!one_in(l, DIRTY_EVERY)) {
            change_account(l, any_account(l));
            continue;
        }
        bank_dirty_account(l->bank, any_account(l), random_next(&l->random), &e);
        l->sent.dirty++;
        send_to(l, l->accounts, &e);
    }
}

static void load_refeed(struct load *l) {
    for (int64_t i = 0; i < bank_accounts(l->bank); i++) {
        struct bank_event e;
        if (one_in(l, REFEED_CHANGED_EVERY)) {
            change_account(l, i);
            continue;
        }
        bank_repeat_account(l->bank, i, &e);
        send_to(l, l->accounts, &e);
    }
}

static const struct workload {
    const char *name;
    void (*run)(struct load *);
} workloads[] = {
    {"accounts", load_accounts}, {"changes", load_changes}, {"customer-mix", load_customer_mix},
    {"late", load_late},         {"dirty", load_dirty},     {"refeed", load_refeed},
};

static const struct workload *find_workload(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(workloads); i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    fail("no such workload", name);
    return NULL;
}

static void print_schemas(void) {
    struct buf text = {0};
    buf_put_str(&text, "{\"customers\":");
    json_put_string(&text, slice_str(avro_customer_schema));
    buf_put_str(&text, ",\"accounts\":");
    json_put_string(&text, slice_str(avro_account_schema));
    buf_put_byte(&text, '}');
    (void)puts(buf_cstr(&text));
    buf_release(&text);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"count", required_argument, NULL, 'n'},
        {"zipf", required_argument, NULL, 'z'},
        {"seed", required_argument, NULL, 's'},
        {"customers-topic", required_argument, NULL, 'c'},
        {"accounts-topic", required_argument, NULL, 'a'},
        {"customers-schema-id", required_argument, NULL, 'C'},
        {"accounts-schema-id", required_argument, NULL, 'A'},
        {NULL, 0, NULL, 0},
    };
    struct load l = {.random = 1, .count = 100000};
    const char *customers = "customers", *accounts = "accounts";
    uint32_t customers_schema_id = 0, accounts_schema_id = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n')
            l.count = strtoll(optarg, NULL, 10);
        else if (c == 'z')
            l.skew = strtod(optarg, NULL);
        else if (c == 's')
            l.random = strtoull(optarg, NULL, 10);
        else if (c == 'c')
            customers = optarg;
        else if (c == 'a')
            accounts = optarg;
        else if (c == 'C')
            customers_schema_id = (uint32_t)strtoul(optarg, NULL, 10);
        else if (c == 'A')
            accounts_schema_id = (uint32_t)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (argc - optind == 1 && strcmp(argv[optind], "schemas") == 0) {
        print_schemas();
        return 0;
    }
    if (argc - optind != 4)
        fail("usage", "load BOOTSTRAP WORKLOAD BANK_FILE ACCOUNTS [options]");
    const struct workload *workload = find_workload(argv[optind + 1]);
    l.bank = bank_open(argv[optind + 2], strtoll(argv[optind + 3], NULL, 10));
    bank_use_avro(l.bank, customers_schema_id, accounts_schema_id);
    prepare_skew(&l);
    start_producer(&l, argv[optind], customers, accounts);
    int64_t began_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC);
    workload->run(&l);
    rd_kafka_resp_err_t left = rd_kafka_flush(l.producer, FLUSH_MS);
    int64_t took_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC) - began_us;
    if (left != RD_KAFKA_RESP_ERR_NO_ERROR || l.failed > 0)
        fail("not everything was delivered", rd_kafka_err2str(left));
    double seconds = (double)took_us / 1e6;
    (void)printf("{\"customers\": %" PRId64 ", \"accounts\": %" PRId64 ", \"changes\": %" PRId64
                 ", \"late\": %" PRId64 ", \"dirty\": %" PRId64 ", \"bytes\": %" PRId64
                 ", \"seconds\": %.3f}\n",
                 l.sent.customers, l.sent.accounts, l.sent.changes, l.sent.late, l.sent.dirty,
                 l.sent.bytes, seconds);
    rd_kafka_topic_destroy(l.customers);
    rd_kafka_topic_destroy(l.accounts);
    rd_kafka_destroy(l.producer);
    free(l.cumulated);
    return 0;
}
