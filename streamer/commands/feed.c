#include "streamer/commands/feed.h"

#include "streamer/base/clock.h"
#include "streamer/commands/command.h"
#include "streamer/commands/progress.h"
#include "streamer/files/csv_rows.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"
#include "streamer/model/entity.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000
#define POLL_MS 100
#define RATE_MAX INT64_C(1000000000)
#define QUEUE_MAX_KBYTES "65536"
/* A broker that restarts is back within this time. */
#define DELIVERY_TIMEOUT_MS "60000"

struct feed {
    const struct config *config;
    const struct feed_options *options;
    struct column_rules rules;
    const char *topic_name;
    int64_t due_us; /* when the next row may be published, if there is a rate */

    struct kafka_trouble trouble;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    uint64_t queued, delivered;
    rd_kafka_resp_err_t failure; /* of the first message that could not be delivered */

    struct progress progress;
    uint64_t bytes_before; /* of the files before the current one */
};

/* --- Kafka --- */

/* Called on the thread that polls. */
static void note_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    struct feed *f = message->_private;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        f->delivered++;
    else if (f->failure == RD_KAFKA_RESP_ERR_NO_ERROR)
        f->failure = message->err;
}

static rd_kafka_t *new_producer(struct feed *f, struct err *e) {
    const char *bootstrap = f->options->bootstrap;
    rd_kafka_conf_t *conf = kafka_conf(f->config, e);
    if (conf == NULL)
        return NULL;
    if ((bootstrap != NULL && !kafka_conf_set(conf, "bootstrap.servers", bootstrap, e)) ||
        !kafka_conf_set(conf, "enable.idempotence", "true", e) ||
        !kafka_conf_set(conf, "partitioner", "murmur2_random", e) ||
        !kafka_conf_set(conf, "queue.buffering.max.kbytes", QUEUE_MAX_KBYTES, e) ||
        !kafka_conf_set(conf, "message.timeout.ms", DELIVERY_TIMEOUT_MS, e) ||
        !kafka_conf_set_trouble(conf, &f->trouble, e)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    return kafka_client(RD_KAFKA_PRODUCER, conf, e);
}

/* False with `e`: the user has no right to write to the topic, and perhaps not even to see it. */
static bool may_feed(const struct feed *f, struct err *e) {
    struct rights needed = rights_to_feed(f->rules.entity), missing;
    if (!rights_ask(f->producer, f->config, &needed, &missing, e) || rights_are_none(&missing))
        return true;
    (void)rights_deny(f->config, &missing, e);
    return err_prefix(e, "kafka");
}

static bool check_topic(struct feed *f, struct err *e) {
    const char *bootstrap = f->options->bootstrap;
    const struct rd_kafka_metadata *metadata =
        kafka_metadata(f->producer, bootstrap != NULL ? bootstrap : f->config->bootstrap,
                       CONNECT_TIMEOUT_MS, &f->trouble, e);
    if (metadata == NULL)
        return false;
    bool exists = kafka_metadata_topic(metadata, f->topic_name) != NULL;
    rd_kafka_metadata_destroy(metadata);
    return exists ||
           (may_feed(f, e) &&
            err_set(e, ERR_STOP,
                    "kafka: there is no topic %s, start `streamer run`, which creates it, or "
                    "kafka-topics.sh --create --topic %s",
                    f->topic_name, f->topic_name));
}

static bool connect_kafka(struct feed *f, struct err *e) {
    f->producer = new_producer(f, e);
    if (f->producer == NULL || !check_topic(f, e))
        return false;
    f->topic = rd_kafka_topic_new(f->producer, f->topic_name, NULL);
    return f->topic != NULL || err_set(e, ERR_STOP, "kafka: topic %s: %s", f->topic_name,
                                       rd_kafka_err2str(rd_kafka_last_error()));
}

/* Whether a row could not be delivered, or more logins would only lock the account. */
static bool is_hopeless(const struct feed *f) {
    return f->failure != RD_KAFKA_RESP_ERR_NO_ERROR || kafka_trouble_lasts(&f->trouble);
}

static bool delivery_failed(const struct feed *f, struct err *e) {
    char why[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(f->producer, why, sizeof why);
    const char *what = fatal != RD_KAFKA_RESP_ERR_NO_ERROR        ? why
                       : f->failure != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(f->failure)
                                                                  : "the login is refused now";
    bool has_trouble = f->trouble.text[0] != '\0' && fatal == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (f->failure == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        fatal == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) { /* no right to write anything */
        (void)rights_deny_topic(f->config, f->topic_name, RD_KAFKA_ACL_OPERATION_WRITE, e);
        return err_prefix(e, "kafka: a row could not be delivered");
    }
    return err_set(
        e, ERR_STOP,
        "kafka: topic %s: a row could not be delivered: %s%s%s%s, check the brokers and feed again",
        f->topic_name, what, has_trouble ? " (" : "", has_trouble ? f->trouble.text : "",
        has_trouble ? ")" : "");
}

/* Waits until the broker has everything. */
static bool drain(struct feed *f, struct err *e) {
    while (!is_hopeless(f) && rd_kafka_flush(f->producer, POLL_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        progress_show(&f->progress, f->bytes_before, f->delivered);
    return !is_hopeless(f) || delivery_failed(f, e);
}

static void disconnect_kafka(struct feed *f) {
    if (f->topic != NULL)
        rd_kafka_topic_destroy(f->topic);
    if (f->producer == NULL)
        return;
    (void)rd_kafka_purge(f->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(f->producer, POLL_MS); /* handles the reports of the purged messages */
    rd_kafka_destroy(f->producer);
}

/* --- rows --- */

static bool produce(struct feed *f, const struct csv_rows *rows, struct err *e) {
    struct slice json = csv_rows_json(rows), key = csv_rows_key(rows);
    for (;;) {
        int result =
            rd_kafka_produce(f->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                             (void *)(uintptr_t)json.p, json.n, key.n > 0 ? key.p : NULL, key.n, f);
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        if (result == 0) {
            f->queued++;
            return true;
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            return err_set(e, ERR_STOP,
                           "%s:%" PRIu64
                           ": the row is too long for a message, raise kafka.message.max.bytes",
                           csv_name(csv_rows_file(rows)), csv_line(csv_rows_file(rows)));
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            f->failure = code;
            return delivery_failed(f, e);
        }
        (void)rd_kafka_poll(f->producer, POLL_MS);
        if (is_hopeless(f))
            return delivery_failed(f, e);
    }
}

/* Waits until the next row is due. After a stall of more than a second it does not catch up. */
static void keep_rate(struct feed *f) {
    if (f->options->rate == 0)
        return;
    int64_t now_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC);
    if (f->due_us < now_us - 1000000)
        f->due_us = now_us;
    for (; now_us < f->due_us; now_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC)) {
        int64_t wait_ms = (f->due_us - now_us + 999) / 1000;
        (void)rd_kafka_poll(f->producer, (int)(wait_ms < POLL_MS ? wait_ms : POLL_MS));
        progress_show(&f->progress, f->bytes_before, f->delivered);
    }
    f->due_us += 1000000 / f->options->rate;
}

static bool publish_rows(struct feed *f, struct csv_rows *rows, struct err *e) {
    enum csv_result row;
    while ((row = csv_rows_next(rows, e)) == CSV_ROW) {
        keep_rate(f);
        if (!produce(f, rows, e))
            return false;
        if (f->queued % 256 == 0) {
            (void)rd_kafka_poll(f->producer, 0);
            progress_show(&f->progress, f->bytes_before + csv_bytes_read(csv_rows_file(rows)),
                          f->delivered);
        }
        if (is_hopeless(f))
            return delivery_failed(f, e);
    }
    return row == CSV_END;
}

/* --- files --- */

static struct csv_rows *open_file(const struct feed *f, const char *path, struct err *e) {
    bool customers = f->rules.entity == ENTITY_CUSTOMER;
    struct csv_rows_options o = {
        .csv = {.record_max_bytes = (size_t)f->config->record_max_bytes,
                .delimiter = f->options->delimiter,
                .encoding = f->options->encoding,
                .command = customers ? "streamer feed customers" : "streamer feed accounts"},
        .decimal_comma = f->options->decimal_comma};
    return csv_rows_open(path, &f->rules, &o, e);
}

static bool publish_file(struct feed *f, const char *path, struct err *e) {
    struct csv_rows *rows = open_file(f, path, e);
    if (rows == NULL)
        return false;
    bool ok = publish_rows(f, rows, e);
    f->bytes_before += csv_bytes_read(csv_rows_file(rows));
    csv_rows_close(rows);
    return ok;
}

/* A pipe can be read only once. */
static bool is_read_once(const char *path) {
    struct stat s;
    return strcmp(path, "-") == 0 ||
           (stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode));
}

/* Finds files that cannot be fed, before any row is published. */
static bool check_headers(const struct feed *f, const char *const *files, size_t file_count,
                          struct err *e) {
    for (size_t i = 0; i < file_count; i++) {
        if (is_read_once(files[i]))
            continue;
        struct csv_rows *rows = open_file(f, files[i], e);
        if (rows == NULL)
            return false;
        csv_rows_close(rows);
    }
    return true;
}

/* The size of all files. 0: a size is unknown. */
static uint64_t total_bytes(const char *const *files, size_t file_count) {
    uint64_t total = 0;
    for (size_t i = 0; i < file_count; i++) {
        struct stat s;
        if (is_read_once(files[i]) || stat(files[i], &s) != 0)
            return 0;
        total += (uint64_t)s.st_size;
    }
    return total;
}

static bool publish_files(struct feed *f, const char *const *files, size_t file_count,
                          struct err *e) {
    for (size_t i = 0; i < file_count; i++)
        if (!publish_file(f, files[i], e)) {
            /* The rows before the fault are delivered, unless it was Kafka that failed. */
            if (!is_hopeless(f))
                (void)drain(f, &(struct err){0});
            return false;
        }
    return drain(f, e);
}

static const char *topic_of(const struct config *c, enum entity entity) {
    return c->topics[entity_info(entity)->input];
}

static bool feed(struct feed *f, const char *const *files, size_t file_count, struct err *e) {
    if (!check_headers(f, files, file_count, e) || !connect_kafka(f, e))
        return false;
    progress_init(&f->progress, f->options->progress, total_bytes(files, file_count));
    bool ok = publish_files(f, files, file_count, e);
    progress_clear(&f->progress);
    if (!ok) {
        struct err fault = *e;
        (void)err_set(e, fault.class, "%.900s; %" PRIu64 " rows were published", fault.text,
                      f->delivered);
    }
    return ok;
}

int feed_files(const struct config *c, enum entity entity, const char *const *files,
               size_t file_count, const struct feed_options *o, struct feed_result *result,
               struct err *e) {
    struct feed f = {.config = c, .options = o, .topic_name = topic_of(c, entity)};
    int64_t started_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    bool ok = column_rules_init(&f.rules, entity, c->field_names[entity], o->maps, o->map_count,
                                o->missing, o->missing_count, e) &&
              feed(&f, files, file_count, e);
    disconnect_kafka(&f);
    column_rules_release(&f.rules);
    *result = (struct feed_result){.rows = f.delivered,
                                   .elapsed_ms =
                                       clock_ms(clock_of_machine(), CLOCK_MONOTONIC) - started_ms};
    if (ok)
        return EXIT_DONE;
    return e->class == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

/* --- the command --- */

static int feed_and_tell(const struct config *c, enum entity entity, const struct arguments *a,
                         const struct feed_options *o) {
    struct feed_result result;
    struct err e;
    size_t file_count = a->operand_count - 1;
    if (feed_files(c, entity, a->operands + 1, file_count, o, &result, &e) != EXIT_DONE)
        return command_fail(&e);
    double seconds = (double)(result.elapsed_ms > 0 ? result.elapsed_ms : 1) / 1000;
    (void)printf("published %" PRIu64 " rows of %zu file%s to %s in %.1f s (%.0f rows/s)\n",
                 result.rows, file_count, file_count == 1 ? "" : "s", topic_of(c, entity), seconds,
                 (double)result.rows / seconds);
    return EXIT_DONE;
}

static bool read_options(const struct arguments *a, struct feed_options *o, struct err *e) {
    const char *delimiter = arguments_value(a, "--delimiter");
    *o = (struct feed_options){.progress = isatty(STDERR_FILENO) ? stderr : NULL};
    o->map_count = arguments_values(a, "--map", &o->maps);
    o->missing_count = arguments_values(a, "--missing", &o->missing);
    return arguments_integer(a, "--rate", 1, RATE_MAX, &o->rate, e) &&
           (delimiter == NULL || csv_parse_delimiter(delimiter, &o->delimiter, e));
}

static bool check_operands(const struct arguments *a, struct err *e) {
    if (a->operand_count == 0)
        return err_set(e, ERR_CONFIG,
                       "which rows? write streamer feed customers|accounts FILE.csv...");
    return a->operand_count > 1 ||
           err_set(e, ERR_CONFIG,
                   "which file? write streamer feed %s FILE.csv... (- is standard input)",
                   a->operands[0]);
}

static int run(const struct config *c, const struct arguments *a) {
    struct feed_options o;
    struct err e;
    if (!check_operands(a, &e) || !read_options(a, &o, &e))
        return command_refuse(&feed_command, &e);
    bool customers = strcmp(a->operands[0], "customers") == 0;
    return feed_and_tell(c, customers ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, a, &o);
}

static const struct option options[] = {
    {"--rate", .value = "N", .help = "rows a second; without it as fast as possible"},
    {"--delimiter", .value = "CHARACTER", .help = "what separates the columns: ';', '|' or '\\t'"},
    {"--map", .value = "COLUMN=FIELD", .repeats = true, .help = "the column is that field"},
    {"--missing", .value = "FIELD", .repeats = true, .help = "the files lack that field"},
    {0},
};

static const char *const words[] = {"customers", "accounts", NULL};

static const char *const examples[] = {
    "streamer feed customers customers.csv",
    "streamer feed --delimiter ';' --map loan=has_loan customers monday.csv tuesday.csv",
    "zcat accounts.csv.gz | streamer feed -c streamer.properties accounts -",
    NULL,
};

const struct command feed_command = {
    .name = "feed",
    .operands = "customers|accounts FILE.csv...",
    .summary = "publishes the rows of CSV files (- is standard input) as events",
    .options = options,
    .words = words,
    .examples = examples,
    .run = run,
};
