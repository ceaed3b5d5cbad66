/* demo: starts the embedded broker and the processor, feeds the sample CSV files, prints the
 * results, and serves until it is stopped. Meanwhile account events keep coming (demo_events.h),
 * but no customers, so that one check fails on purpose. */
#include "state/rocksdb/store.h"
#include "streamer/base/mem.h"
#include "streamer/base/version.h"
#include "streamer/commands/command.h"
#include "streamer/commands/demo_events.h"
#include "streamer/commands/feed.h"
#include "streamer/kafka/kafka.h"
#include "streamer/model/entity.h"
#include "streamer/service/service.h"
#include "streamer/service/signals.h"
#include "streamer/task/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROFILES_SHOWN 12
#define EVENT_EVERY_MS 1000
/* A feed without events warns and fails within seconds. */
#define FRESHNESS_WARN_MS 10000
#define FRESHNESS_ERROR_MS 20000
/* A third of the sample rows is bad. That is no reason for a check to fail. */
#define QUARANTINE_MILLI 500
/* They are in tests/data. The page that is printed has an example with them. */
#define SAMPLE_ACCOUNT "A-2001"
#define SAMPLE_CUSTOMER "1001"
#define UNKNOWN_CUSTOMER "1999"
#define SAMPLE_ORPHAN "A-2017" /* waits for it */

/* --- the sample files --- */

/* Finds a file of tests/data, from the program's place in the build directory, or of
 * ../share/streamer, from its place in bin/. */
static bool find_sample(const char *name, struct buf *path, struct err *e) {
    static const char *const places[] = {"../../tests/data/", "../share/streamer/"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    while (n > 0 && self[n - 1] != '/')
        n--;
    for (size_t i = 0; n > 0 && i < ARRAY_LEN(places); i++) {
        buf_clear(path);
        buf_put(path, self, (size_t)n);
        buf_put_str(path, places[i]);
        buf_put_str(path, name);
        if (access(buf_cstr(path), R_OK) == 0)
            return true;
    }
    return err_set(
        e, ERR_STOP,
        "demo: %s is neither in tests/data of the source tree nor in ../share/streamer of the "
        "program; run it from where it was built or installed",
        name);
}

static int feed_sample(const struct config *c, const struct service *s, enum entity entity,
                       const char *name, int64_t *rows, struct err *e) {
    struct buf path = {0};
    int code = EXIT_FAILED;
    if (find_sample(name, &path, e)) {
        const char *files[] = {buf_cstr(&path)};
        struct feed_result result = {0};
        struct feed_options options = {.bootstrap = service_bootstrap(s)};
        code = feed_files(c, entity, files, 1, &options, &result, e);
        *rows = result.rows;
    }
    buf_release(&path);
    return code;
}

/* --- the results --- */

struct lines {
    char **text;
    size_t count;
};

static void add_line(struct lines *l, const char *text) {
    l->text = mem_realloc(l->text, (l->count + 1) * sizeof *l->text);
    l->text[l->count++] = mem_strdup(text);
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_lines(struct lines *l, size_t max) {
    if (l->count > 0)
        qsort(l->text, l->count, sizeof *l->text, compare_lines);
    for (size_t i = 0; i < l->count; i++) {
        if (i < max)
            (void)printf("%s\n", l->text[i]);
        free(l->text[i]);
    }
    if (l->count > max)
        (void)printf("  … and %zu more\n", l->count - max);
    free(l->text);
    *l = (struct lines){0};
}

static const char *amount(struct buf *out, int128 cents) {
    buf_clear(out);
    decimal_put(out, cents, 2);
    return buf_cstr(out);
}

static void add_summary(struct lines *l, const void *row) {
    const struct account_summary_row *r = row;
    struct buf line = {0}, a = {0}, b = {0}, c = {0}, rate = {0};
    decimal_put(&rate, r->interest_rate_pct, 3);
    buf_printf(&line, "  %-12.*s %10lld %16s %8s %14s %16s", (int)r->account_id.n, r->account_id.p,
               (long long)r->customer_id, amount(&a, r->original_balance_amount), buf_cstr(&rate),
               amount(&b, r->annual_interest_amount), amount(&c, r->new_balance_amount));
    add_line(l, buf_cstr(&line));
    buf_release(&line), buf_release(&a), buf_release(&b), buf_release(&c), buf_release(&rate);
}

static void add_profile(struct lines *l, const void *row) {
    const struct customer_profile_row *r = row;
    struct buf line = {0}, a = {0}, b = {0};
    buf_printf(&line, "  %8lld  %-5s %8lld %18s %18s  %.*s", (long long)r->customer_id,
               r->has_loan_flag ? "yes" : "no", (long long)r->total_accounts_count,
               amount(&a, r->total_balance_amount), amount(&b, r->total_annual_interest_amount),
               (int)r->customer_name.n, r->customer_name.p);
    add_line(l, buf_cstr(&line));
    buf_release(&line), buf_release(&a), buf_release(&b);
}

/* Adds a line for each row of that type, of every partition. */
static bool list_rows(struct service *s, enum entity entity, const struct row_type *type,
                      void (*add)(struct lines *l, const void *row), struct lines *l,
                      struct err *e) {
    struct kv *reader = store_reader_new(service_store(s));
    for (int32_t p = 0; p < service_partitions(s); p++) {
        struct scan scan;
        scan_init(&scan, reader, p, entity);
        while (scan_next(&scan))
            if (scan_row(&scan, type) != NULL)
                add(l, scan_row(&scan, type));
        scan_release(&scan);
    }
    bool ok = !kv_failed(reader) ||
              err_set(e, ERR_STOP, "demo: %s cannot be read: %s", type->name, reader->err.text);
    store_reader_free(reader);
    return ok;
}

/* --- the quarantine, read as any consumer would --- */

struct group {
    char code[64];
    char example[256];
    int count;
};

static void copy_header(const rd_kafka_headers_t *headers, const char *name, char *out, size_t n) {
    const void *value;
    size_t length;
    out[0] = '\0';
    if (rd_kafka_header_get_last(headers, name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)snprintf(out, n, "%.*s", (int)length, (const char *)value);
}

static void count_message(struct group *groups, size_t *count, const rd_kafka_message_t *m) {
    rd_kafka_headers_t *headers;
    struct group g = {.count = 1};
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    copy_header(headers, "quarantine.code", g.code, sizeof g.code);
    copy_header(headers, "quarantine.reason", g.example, sizeof g.example);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(groups[i].code, g.code) == 0) {
            groups[i].count++;
            return;
        }
    }
    if (*count < REASON_COUNT)
        groups[(*count)++] = g;
}

static rd_kafka_t *quarantine_consumer(const struct config *c, const struct service *s,
                                       struct err *e) {
    struct config embedded = *c;
    union { /* config has a pointer that is not const, though nobody writes through it */
        const char *in;
        char *out;
    } bootstrap = {service_bootstrap(s)};
    embedded.bootstrap = bootstrap.out;
    rd_kafka_conf_t *conf = kafka_conf(&embedded, e);
    if (conf != NULL && !(kafka_conf_set(conf, "group.id", "streamer-demo-reader", e) &&
                          kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
                          kafka_conf_set(conf, "enable.partition.eof", "true", e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_client(RD_KAFKA_CONSUMER, conf, e);
}

static bool print_quarantine(const struct config *c, struct service *s, struct err *e) {
    struct group groups[REASON_COUNT];
    size_t count = 0;
    rd_kafka_t *rk = quarantine_consumer(c, s, e);
    if (rk == NULL)
        return false;
    (void)rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int32_t p = 0; p < service_partitions(s); p++)
        rd_kafka_topic_partition_list_add(list, c->topics[TOPIC_QUARANTINE], p)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    (void)rd_kafka_assign(rk, list);
    for (int32_t ends = 0, idle = 0; ends < service_partitions(s) && idle < 100;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        idle = m == NULL ? idle + 1 : 0;
        if (m != NULL && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            ends++;
        else if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            count_message(groups, &count, m);
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(list);
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    struct lines l = {0};
    struct buf line = {0};
    for (size_t i = 0; i < count; i++) {
        buf_clear(&line);
        buf_printf(&line, "  %-22s %5d  %s", groups[i].code, groups[i].count, groups[i].example);
        add_line(&l, buf_cstr(&line));
    }
    buf_release(&line);
    print_lines(&l, SIZE_MAX);
    return true;
}

/* --- the printed page --- */

static void print_counts(const struct service *s) {
    const struct metrics *m = service_metrics(s);
    (void)printf("\nEVENTS           consumed  applied  unchanged  late  quarantined\n");
    for (enum entity e = 0; e < ENTITY_COUNT; e++) {
        const struct entity_info *map = entity_info(e);
        int64_t quarantined = 0;
        for (int r = 0; r < REASON_COUNT; r++)
            quarantined += atomic_load(&m->quarantined[e][r]);
        (void)printf("  %-14s %8lld %8lld %10lld %5lld %12lld\n", map->name,
                     (long long)atomic_load(&m->consumed[map->input]),
                     (long long)atomic_load(&m->applied[e]),
                     (long long)atomic_load(&m->unchanged[e]), (long long)atomic_load(&m->late[e]),
                     (long long)quarantined);
    }
    (void)printf("  accounts without a known customer (orphans, they wait): %lld\n",
                 (long long)atomic_load(&m->orphan_accounts));
}

static void print_next_steps(const struct config *c, const struct service *s) {
    const char *http = service_http_address(s);
    const char *bootstrap = service_bootstrap(s);
    (void)printf("\nKafka (embedded, in memory, gone when this stops): %s\n", bootstrap);
    if (http != NULL)
        (void)printf("Metrics  http://%s/metrics\n"
                     "Account  http://%s/v1/account_summary/" SAMPLE_ACCOUNT
                     "   history  http://%s/v1/accounts/" SAMPLE_ACCOUNT "/history\n",
                     http, http, http);
    (void)printf("\nSend an event of your own and see the summary change (apt-get install kcat):\n"
                 "  echo "
                 "'{\"account_id\":\"" SAMPLE_ACCOUNT "\",\"customer_id\":" SAMPLE_CUSTOMER
                 ",\"balance\":\"25000\",\"account_type\":\"Savings\"}' "
                 "| kcat -P -b %s -t %s\n"
                 "  kcat -C -b %s -t %s -e -q -o -1\n",
                 bootstrap, c->topics[TOPIC_ACCOUNTS], bootstrap, c->topics[TOPIC_ACCOUNT_SUMMARY]);
    if (http != NULL)
        (void)printf("  curl http://%s/v1/account_summary/" SAMPLE_ACCOUNT "\n", http);
}

/* What is worth looking at in a browser. */
static void print_page(const struct config *c, const struct service *s) {
    const char *http = service_http_address(s);
    if (http == NULL)
        return;
    (void)printf(
        "\nOne check fails on purpose: source.freshness.customers. No customer event comes any\n"
        "more, and here a feed may be silent for %lld s (freshness.error, else 48 h). Account\n"
        "events go on, one a second. Some are late, some are wrong. On the page see\n"
        "  - what is wrong, and since when; the quarantine with its reasons\n"
        "  - the orphans, accounts whose customer is not known: look up " SAMPLE_ORPHAN "\n"
        "  - late events, which become versions in the past: look up " DEMO_LATE_ACCOUNT "\n"
        "A customer event makes the check pass for a while, and " SAMPLE_ORPHAN " joins:\n"
        "  echo '{\"customer_id\":" UNKNOWN_CUSTOMER
        ",\"name\":\"Ada Lovelace\",\"has_loan\":\"no\"}' | kcat -P -b %s -t %s\n"
        "\nOperator's page  http://%s/\n",
        (long long)c->freshness_error_ms / 1000, service_bootstrap(s), c->topics[TOPIC_CUSTOMERS],
        http);
}

static bool print_results(const struct config *c, struct service *s, struct err *e) {
    struct lines l = {0};
    (void)printf("\nACCOUNT SUMMARY    customer          balance     rate       interest"
                 "      new balance\n");
    if (!list_rows(s, ENTITY_ACCOUNT, &account_summary_type, add_summary, &l, e))
        return false;
    print_lines(&l, SIZE_MAX);
    (void)printf("\nCUSTOMER PROFILE loan  savings            balance           interest  name\n");
    if (!list_rows(s, ENTITY_CUSTOMER, &customer_profile_type, add_profile, &l, e))
        return false;
    print_lines(&l, PROFILES_SHOWN);
    (void)printf("\nQUARANTINE             count  for example\n");
    if (!print_quarantine(c, s, e))
        return false;
    print_counts(s);
    return true;
}

/* Waits until all that was fed has been processed. False: the program is to stop before that. */
static bool wait_until_processed(struct service *s, int64_t customers, int64_t accounts) {
    const struct metrics *m = service_metrics(s);
    /* So long that the gauges, which follow once a second, are new, too. */
    for (int quiet = 0; quiet < 30;) {
        if (service_wait_ms(s, 50))
            return false;
        bool done = atomic_load(&m->consumed[TOPIC_CUSTOMERS]) >= customers &&
                    atomic_load(&m->consumed[TOPIC_ACCOUNTS]) >= accounts && service_idle(s);
        quiet = done ? quiet + 1 : 0;
    }
    return true;
}

/* Publishes events until it is time to stop. */
static bool serve(const struct config *c, struct service *s, struct err *e) {
    struct demo_events *events = demo_events_new(c, service_bootstrap(s), e);
    bool ok = events != NULL;
    while (ok && !service_wait_ms(s, EVENT_EVERY_MS))
        ok = demo_events_send(events, e);
    demo_events_free(events);
    return ok;
}

static int show(const struct config *c, struct service *s, bool once, struct err *e) {
    int64_t customers = 0, accounts = 0;
    int code = feed_sample(c, s, ENTITY_CUSTOMER, "customers.csv", &customers, e);
    if (code == EXIT_DONE)
        code = feed_sample(c, s, ENTITY_ACCOUNT, "accounts.csv", &accounts, e);
    if (code != EXIT_DONE)
        return command_fail(e);
    (void)printf(
        "streamer %s: fed %lld customer and %lld account events from CSV files, dirt included.\n",
        streamer_version(), (long long)customers, (long long)accounts);
    if (!wait_until_processed(s, customers, accounts))
        return EXIT_DONE;
    if (!print_results(c, s, e))
        return command_fail(e);
    if (once)
        return EXIT_DONE;
    print_next_steps(c, s);
    print_page(c, s);
    (void)printf("Serving until Ctrl-C.\n");
    (void)fflush(stdout);
    return serve(c, s, e) ? EXIT_DONE : command_fail(e);
}

/* Settings of the demo, unless the user has others: without the log's lines between the results,
 * and so that exactly one check fails. */
static void prepare(struct config *c, bool once) {
    if (c->log_level == LOG_INFO)
        c->log_level = LOG_WARN;
    if (config_is_default(c, "quality.quarantine.warn") &&
        config_is_default(c, "quality.quarantine.error"))
        c->quality_quarantine_warn_milli = c->quality_quarantine_error_milli = QUARANTINE_MILLI;
    if (!once && config_is_default(c, "freshness.warn") &&
        config_is_default(c, "freshness.error")) {
        c->freshness_warn_ms = FRESHNESS_WARN_MS;
        c->freshness_error_ms = FRESHNESS_ERROR_MS;
    }
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e = {0};
    bool once = arguments_has(a, "--once");
    struct config own = *c;
    prepare(&own, once);
    signals_block(false);
    struct service *s = service_start(&own, true, &e);
    if (s == NULL)
        return signals_stop_is_pending() ? EXIT_DONE : command_fail(&e);
    int code = show(&own, s, once, &e);
    return service_stop(s, &e) || code != EXIT_DONE ? code : command_fail(&e);
}

static const struct option options[] = {
    {"--once", .help = "ends when all is processed"},
    {0},
};

static const char *const examples[] = {"streamer demo", "streamer demo --once", NULL};

const struct command demo_command = {
    .name = "demo",
    .summary = "embedded broker, sample data and the processor",
    .options = options,
    .examples = examples,
    .run = run,
};
