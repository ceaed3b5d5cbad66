#include "streamer/commands/feed.h"

#include "streamer/base/buf.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/shell_word.h"
#include "streamer/commands/command.h"
#include "streamer/commands/interrupt.h"
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
#define GIVE_UP_MS 500
#define RATE_MAX INT64_C(1000000000)
#define QUEUE_MAX_KBYTES "65536"
/* A broker that restarts is back within this time. */
#define DELIVERY_TIMEOUT_MS "60000"

struct feed {
    struct kafka_trouble trouble; /* the first member: the producer's opaque is a feed as well */
    const struct config *config;
    const struct feed_options *options;
    struct column_rules rules;
    const char *topic_name;
    int64_t due_us; /* when the next row may be published, if there is a rate */

    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    uint64_t queued, delivered;
    uint64_t unsent; /* of those that could not be delivered: the broker has none of them */
    uint64_t bytes_delivered;    /* of the files */
    rd_kafka_resp_err_t failure; /* of the first message that could not be delivered */

    struct progress progress;
    struct buf way_on; /* how to go on behind a fault in a row; empty: there is no such fault */
    struct feed_complete *complete; /* NULL: without --complete */
    uint64_t deletes_due;           /* how many deletes are published behind the rows */
    uint64_t rows;                  /* how many were delivered before them */
    int64_t elapsed_ms;             /* of publishing the rows */
};

/* --- Kafka --- */

/* Called on the thread that polls. A message's own opaque is the length of its row in the file. */
static void note_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    struct feed *f = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        f->delivered++;
        f->bytes_delivered += (uintptr_t)message->_private;
        if (f->complete != NULL)
            feed_complete_note_delivered(f->complete, message->partition, message->offset);
        return;
    }
    f->unsent += rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    if (f->failure == RD_KAFKA_RESP_ERR_NO_ERROR)
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
        !kafka_conf_set_trouble(conf, f->config, &f->trouble, e)) {
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

static bool is_stopped(const struct feed *f) {
    const atomic_bool *stop = f->options->stop;
    return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

/* False with `e`: it was stopped, or a row could not be delivered. */
static bool may_go_on(const struct feed *f, struct err *e) {
    if (is_stopped(f))
        return err_set(e, ERR_STOP, "interrupted");
    return !is_hopeless(f) || delivery_failed(f, e);
}

static void show_progress(struct feed *f) {
    progress_show(&f->progress, f->bytes_delivered, f->delivered);
}

/* Waits until the broker has everything. */
static bool drain(struct feed *f, struct err *e) {
    while (may_go_on(f, e)) {
        if (rd_kafka_flush(f->producer, POLL_MS) != RD_KAFKA_RESP_ERR__TIMED_OUT)
            return may_go_on(f, e);
        show_progress(f);
    }
    return false;
}

/* Forgets the rows that are not sent yet, and waits a moment for the answers to the others. */
static void give_up_rows(struct feed *f) {
    (void)rd_kafka_purge(f->producer, RD_KAFKA_PURGE_F_QUEUE);
    (void)rd_kafka_flush(f->producer, GIVE_UP_MS);
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

/* The rows before it are delivered, so this is a fault of the file's row. */
static bool refuse_long_row(const struct csv *csv, struct err *e) {
    return err_set(e, ERR_CONFIG,
                   "%s:%" PRIu64
                   ": the row is too long for a message, raise kafka.message.max.bytes",
                   csv_name(csv), csv_line(csv));
}

struct outgoing {
    struct slice key, value;
    bool is_delete;
    uint64_t row_bytes; /* of the row in the file; 0 for a delete */
};

static rd_kafka_resp_err_t send_row(struct feed *f, const struct outgoing *m) {
    int result = rd_kafka_produce(
        f->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)m->value.p,
        m->value.n, m->key.n > 0 ? m->key.p : NULL, m->key.n, (void *)(uintptr_t)m->row_bytes);
    return result == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

static rd_kafka_resp_err_t send_delete(struct feed *f, const struct outgoing *m) {
    return rd_kafka_producev(
        f->producer, RD_KAFKA_V_RKT(f->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)(uintptr_t)m->key.p, m->key.n),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)m->value.p, m->value.n),
        RD_KAFKA_V_HEADER(FEED_COMPLETE_HEADER, FEED_COMPLETE_HEADER_VALUE, -1), RD_KAFKA_V_END);
}

/* Waits for room in the queue. `csv`: the file, at the row; NULL for a delete. */
static bool produce(struct feed *f, const struct outgoing *m, const struct csv *csv,
                    struct err *e) {
    while (may_go_on(f, e)) {
        rd_kafka_resp_err_t code = m->is_delete ? send_delete(f, m) : send_row(f, m);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            f->queued++;
            return true;
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && csv != NULL)
            return refuse_long_row(csv, e);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            (void)rd_kafka_poll(f->producer, POLL_MS);
        else
            f->failure = code;
        show_progress(f);
    }
    return false;
}

static bool is_dry_run(const struct feed *f) {
    return f->options->complete != NULL && f->options->complete->dry_run;
}

/* Publishes the row, unless this is a dry run. */
static bool take_row(struct feed *f, const struct csv_rows *rows, uint64_t row_bytes,
                     struct err *e) {
    const struct csv *csv = csv_rows_file(rows);
    const struct outgoing m = {
        .key = csv_rows_key(rows), .value = csv_rows_json(rows), .row_bytes = row_bytes};
    if (f->complete != NULL &&
        !feed_complete_note_row(f->complete, m.value, csv_name(csv), csv_line(csv), e))
        return false;
    return is_dry_run(f) ? may_go_on(f, e) : produce(f, &m, csv, e);
}

/* Waits until the next row is due. After a stall of more than a second it does not catch up. */
static void keep_rate(struct feed *f) {
    if (f->options->rate == 0)
        return;
    int64_t now_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC);
    if (f->due_us < now_us - 1000000)
        f->due_us = now_us;
    for (; now_us < f->due_us && !is_stopped(f);
         now_us = clock_us(clock_of_machine(), CLOCK_MONOTONIC)) {
        int64_t wait_ms = (f->due_us - now_us + 999) / 1000;
        (void)rd_kafka_poll(f->producer, (int)(wait_ms < POLL_MS ? wait_ms : POLL_MS));
        show_progress(f);
    }
    f->due_us += 1000000 / f->options->rate;
}

static bool publish_rows(struct feed *f, struct csv_rows *rows, struct err *e) {
    enum csv_result row;
    uint64_t before = 0;
    while ((row = csv_rows_next(rows, e)) == CSV_ROW) {
        uint64_t after = csv_bytes_read(csv_rows_file(rows));
        keep_rate(f);
        if (!take_row(f, rows, after - before, e))
            return false;
        before = after;
        if (f->queued % 256 == 0) {
            (void)rd_kafka_poll(f->producer, 0);
            show_progress(f);
        }
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
                .command = customers ? "streamer feed customers" : "streamer feed accounts",
                .stop = f->options->stop},
        .decimal_comma = f->options->decimal_comma};
    return csv_rows_open(path, &f->rules, &o, e);
}

/* A pipe can be read only once. */
static bool is_read_once(const char *path) {
    struct stat s;
    return strcmp(path, "-") == 0 ||
           (stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode));
}

/* The command that publishes the rows behind the fault, and what comes after this file. */
static void set_way_on(struct feed *f, const char *path, const struct csv *csv,
                       size_t files_behind) {
    struct buf word = {0};
    shell_word_put(&word, path);
    buf_set(&f->way_on, slice_str("go on "));
    if (is_read_once(path) || f->options->encoding != NULL)
        buf_put_str(&f->way_on, "behind them");
    else
        buf_printf(&f->way_on,
                   "with (head -n %" PRIu64 " %s; tail -n +%" PRIu64 " %s) | streamer feed%s %s -",
                   csv_header_lines(csv), buf_cstr(&word), csv_line(csv), buf_cstr(&word),
                   f->options->as_given != NULL ? f->options->as_given : "",
                   entity_info(f->rules.entity)->name);
    if (files_behind > 0)
        buf_printf(&f->way_on, ", then feed the %zu file%s behind it", files_behind,
                   files_behind == 1 ? "" : "s");
    buf_release(&word);
}

static bool publish_file(struct feed *f, const char *path, size_t files_behind, struct err *e) {
    struct csv_rows *rows = open_file(f, path, e);
    if (rows == NULL)
        return false;
    bool ok = publish_rows(f, rows, e);
    if (!ok && e->class == ERR_CONFIG)
        set_way_on(f, path, csv_rows_file(rows), files_behind);
    csv_rows_close(rows);
    return ok;
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
        if (!publish_file(f, files[i], file_count - i - 1, e))
            return false;
    return drain(f, e);
}

static uint64_t deletes_delivered(const struct feed *f) {
    return f->deletes_due > 0 ? f->delivered - f->rows : 0;
}

/* Adds to the error how many rows the broker has, and how to go on. */
static void tell_what_is_published(struct feed *f, struct err *e) {
    struct err fault = *e;
    uint64_t unsure = f->queued - f->delivered - f->unsent;
    uint64_t rows = f->delivered - deletes_delivered(f);
    (void)err_set(e, fault.class, "%.500s; %" PRIu64 " row%s published",
                  is_stopped(f) ? "interrupted" : fault.text, rows, rows == 1 ? " was" : "s were");
    size_t n = strlen(e->text);
    if (unsure > 0)
        (void)snprintf(e->text + n, sizeof e->text - n, ", perhaps %" PRIu64 " more", unsure);
    n = strlen(e->text);
    if (f->deletes_due > 0)
        (void)snprintf(e->text + n, sizeof e->text - n, ", and %" PRIu64 " of %" PRIu64 " deletes",
                       deletes_delivered(f), f->deletes_due);
    else if (f->options->complete != NULL)
        (void)snprintf(e->text + n, sizeof e->text - n, ", nothing was deleted");
    n = strlen(e->text);
    if (is_stopped(f))
        (void)snprintf(e->text + n, sizeof e->text - n, ", feed the files again");
    else if (fault.class == ERR_CONFIG && f->way_on.n > 0 && f->complete == NULL)
        (void)snprintf(e->text + n, sizeof e->text - n, ", %s", buf_cstr(&f->way_on));
}

/* The rows before a fault in a file are delivered; of others only those that are being sent. */
static void end_badly(struct feed *f, struct err *e) {
    if (e->class != ERR_CONFIG || !drain(f, e))
        give_up_rows(f);
    tell_what_is_published(f, e);
}

static const char *topic_of(const struct config *c, enum entity entity) {
    return c->topics[entity_info(entity)->input];
}

/* --- what is missing in complete files --- */

static bool begin_complete(struct feed *f, struct err *e) {
    const struct feed_complete_options *o = f->options->complete;
    if (o == NULL)
        return true;
    f->complete = feed_complete_begin(f->config, f->rules.entity, o, f->producer, e);
    return f->complete != NULL;
}

static bool publish_delete(void *context, struct slice key, struct slice value, struct err *e) {
    struct feed *f = context;
    const struct outgoing m = {.key = key, .value = value, .is_delete = true};
    (void)rd_kafka_poll(f->producer, 0);
    return produce(f, &m, NULL, e);
}

static bool delete_missing(struct feed *f, struct err *e) {
    f->rows = f->delivered;
    if (f->complete == NULL)
        return true;
    if (!feed_complete_choose(f->complete, &f->deletes_due, e))
        return false;
    return f->deletes_due == 0 ||
           (feed_complete_publish(f->complete, publish_delete, f, e) && drain(f, e));
}

/* --- the whole --- */

static bool publish_all(struct feed *f, const char *const *files, size_t file_count,
                        struct err *e) {
    int64_t started_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    progress_init(&f->progress, f->options->progress, total_bytes(files, file_count));
    bool ok = publish_files(f, files, file_count, e);
    f->elapsed_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) - started_ms;
    progress_clear(&f->progress);
    f->progress.out = NULL;
    return ok;
}

static bool feed(struct feed *f, const char *const *files, size_t file_count, struct err *e) {
    if (!check_headers(f, files, file_count, e))
        return false;
    if (!connect_kafka(f, e) || !begin_complete(f, e))
        return is_stopped(f) ? err_set(e, ERR_STOP, "interrupted; nothing was published") : false;
    bool ok = publish_all(f, files, file_count, e) && delete_missing(f, e);
    if (!ok)
        end_badly(f, e);
    return ok;
}

int feed_files(const struct config *c, enum entity entity, const char *const *files,
               size_t file_count, const struct feed_options *o, struct feed_result *result,
               struct err *e) {
    struct feed f = {.config = c, .options = o, .topic_name = topic_of(c, entity)};
    bool ok = column_rules_init(&f.rules, entity, c->field_names[entity], o->maps, o->map_count,
                                o->missing, o->missing_count, e) &&
              feed(&f, files, file_count, e);
    disconnect_kafka(&f);
    feed_complete_free(f.complete);
    column_rules_release(&f.rules);
    buf_release(&f.way_on);
    *result = (struct feed_result){.rows = f.delivered - deletes_delivered(&f),
                                   .deletes = deletes_delivered(&f),
                                   .elapsed_ms = f.elapsed_ms};
    if (ok)
        return EXIT_DONE;
    return e->class == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

/* --- the command --- */

static void say_what_was_done(const struct feed_result *result, const char *topic,
                              size_t file_count, const struct feed_options *o) {
    double seconds = (double)(result->elapsed_ms > 0 ? result->elapsed_ms : 1) / 1000;
    if (o->complete != NULL && o->complete->dry_run) {
        (void)printf("dry run: nothing was published, nothing was deleted\n");
        return;
    }
    (void)printf("published %" PRIu64 " row%s of %zu file%s to %s in %.1f s (%.0f rows/s)\n",
                 result->rows, result->rows == 1 ? "" : "s", file_count, file_count == 1 ? "" : "s",
                 topic, seconds, (double)result->rows / seconds);
    if (o->complete != NULL)
        (void)printf("published %" PRIu64 " delete%s\n", result->deletes,
                     result->deletes == 1 ? "" : "s");
}

static int feed_and_tell(const struct config *c, enum entity entity, const struct arguments *a,
                         const struct feed_options *o) {
    struct feed_result result;
    struct err e;
    size_t file_count = a->operand_count - 1;
    if (feed_files(c, entity, a->operands + 1, file_count, o, &result, &e) != EXIT_DONE)
        return command_fail(&e);
    say_what_was_done(&result, topic_of(c, entity), file_count, o);
    return EXIT_DONE;
}

/* The options that only --complete has. */
static bool read_complete(const struct arguments *a, struct feed_complete_options *o,
                          struct err *e) {
    static const char *const names[] = {"--as-of",   "--max-deletes", "--timeout",
                                        "--dry-run", "--yes",         "--url"};
    for (size_t i = 0; i < ARRAY_LEN(names) && !arguments_has(a, "--complete"); i++)
        if (arguments_has(a, names[i]))
            return err_set(e, ERR_CONFIG, "%s is for --complete, add that or remove it", names[i]);
    *o = (struct feed_complete_options){.as_of = arguments_value(a, "--as-of"),
                                        .max_deletes = arguments_value(a, "--max-deletes"),
                                        .timeout = arguments_value(a, "--timeout"),
                                        .url = arguments_value(a, "--url"),
                                        .yes = arguments_has(a, "--yes"),
                                        .dry_run = arguments_has(a, "--dry-run"),
                                        .stop = interrupt_flag(),
                                        .out = stdout,
                                        .progress = isatty(STDERR_FILENO) ? stderr : NULL};
    return true;
}

static bool read_options(const struct arguments *a, struct feed_options *o, struct err *e) {
    const char *delimiter = arguments_value(a, "--delimiter");
    *o = (struct feed_options){.encoding = arguments_value(a, "--encoding"),
                               .decimal_comma = arguments_has(a, "--decimal-comma"),
                               .progress = isatty(STDERR_FILENO) ? stderr : NULL,
                               .stop = interrupt_flag()};
    o->map_count = arguments_values(a, "--map", &o->maps);
    o->missing_count = arguments_values(a, "--missing", &o->missing);
    if (o->decimal_comma && strcmp(a->operands[0], "customers") == 0)
        return err_set(e, ERR_CONFIG, "--decimal-comma: customers have no balance, remove it");
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

/* Appends an option as it was given, for the same command with other files. */
static void put_given(struct buf *out, const struct arguments *a, const char *option) {
    const char *const *values;
    size_t n = arguments_values(a, option, &values);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, " %s ", option);
        shell_word_put(out, values[i]);
    }
}

/* What a setting of --set is may be a secret, so it is left out. */
static const char *options_as_given(const struct arguments *a, struct buf *out) {
    static const char *const with_value[] = {"--config", "--delimiter", "--map", "--missing"};
    for (size_t i = 0; i < ARRAY_LEN(with_value); i++)
        put_given(out, a, with_value[i]);
    if (arguments_has(a, "--decimal-comma"))
        buf_put_str(out, " --decimal-comma");
    return buf_cstr(out);
}

static int run(const struct config *c, const struct arguments *a) {
    struct feed_options o;
    struct feed_complete_options complete;
    struct buf as_given = {0};
    struct err e;
    if (!check_operands(a, &e) || !read_options(a, &o, &e) || !read_complete(a, &complete, &e))
        return command_refuse(&feed_command, &e);
    o.complete = arguments_has(a, "--complete") ? &complete : NULL;
    bool customers = strcmp(a->operands[0], "customers") == 0;
    o.as_given = options_as_given(a, &as_given);
    interrupt_install();
    int code = feed_and_tell(c, customers ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, a, &o);
    buf_release(&as_given);
    return code;
}

static const struct option options[] = {
    {"--rate", .value = "N", .help = "rows a second; without it as fast as possible"},
    {"--delimiter", .value = "CHARACTER", .help = "what separates the columns: ';', '|' or '\\t'"},
    {"--encoding", .value = "NAME",
     .help = "what the files are written in, if not UTF-8: windows-1252, latin-1, utf-16"},
    {"--decimal-comma", .help = "balances are written as 1.234,56"},
    {"--map", .value = "COLUMN=FIELD", .repeats = true, .help = "the column is that field"},
    {"--missing", .value = "FIELD", .repeats = true, .help = "the files lack that field"},
    {"--complete", .help = "the files hold all rows: what is current and not in them is deleted"},
    {"--as-of", .value = "TIME",
     .help =
         "when the deletes happen; without it the newest updated_at, a row without it counts as "
         "now"},
    {"--max-deletes", .value = "N[%]", .help = "deletes nothing if it were more; 10%"},
    {"--timeout", .value = "DURATION",
     .help = "how long the processor may take to read the rows; 10m"},
    {"--dry-run", .help = "only says what would be deleted; publishes nothing"},
    {"--yes", .help = "deletes without asking"},
    OPTION_URL,
    {0},
};

static const char *const words[] = {"customers", "accounts", NULL};

static const char *const examples[] = {
    "streamer feed customers customers.csv",
    "streamer feed --delimiter ';' --map loan=has_loan customers monday.csv tuesday.csv",
    "streamer feed --encoding windows-1252 --decimal-comma accounts accounts.csv",
    "streamer feed --complete --max-deletes 1% accounts all-accounts.csv",
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
