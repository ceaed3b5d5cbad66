#include "streamer/commands/feed_complete.h"

#include "streamer/base/buf.h"
#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/base/words.h"
#include "streamer/commands/confirm.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/instance_read.h"
#include "streamer/commands/progress.h"
#include "streamer/complete/delete_limit.h"
#include "streamer/complete/drop_row.h"
#include "streamer/complete/history_ids.h"
#include "streamer/complete/processed.h"
#include "streamer/complete/vanished.h"
#include "streamer/config/config_value.h"
#include "streamer/kafka/topic_reader.h"
#include "streamer/model/entity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT "10m"
#define TIMEOUT_MIN_MS SECOND_MS
#define TIMEOUT_MAX_MS (7 * DAY_MS)
#define SAMPLES 10
#define SAMPLE_MAX_BYTES 80

struct feed_complete {
    const struct config *config;
    enum entity entity;
    const struct feed_complete_options *options;
    rd_kafka_t *client;
    struct delete_limit limit;
    int64_t timeout_ms, started_ms;
    int64_t as_of_ms; /* TIMESTAMP_NONE: not given */

    bool is_embedded;
    /* On the embedded broker: whom to ask, and how much had been read at the start. */
    struct instance instance;
    struct result_instance asked;
    int64_t read_before;
    struct vanished *vanished;
    struct topic_positions positions; /* the end of the history at the start */
    struct drop_rows rows;
    struct published published;
    int64_t newest_ms;           /* of the rows; TIMESTAMP_NONE: no row has a time that counts */
    uint64_t unreadable;         /* rows without an id */
    struct buf first_unreadable; /* where and why, of the first one */

    struct buf samples, message; /* for the walks */
    size_t sample_count;
    /* While the deletes are published. */
    feed_complete_publish_one *publish;
    void *context;
};

/* --- 1. begin --- */

/* The time of the deletes: the processor would refuse one that is too far ahead, and takes 0 for
 * none. */
static bool check_as_of(const struct feed_complete *f, struct err *e) {
    int64_t window_ms = f->config->future_window_ms;
    if (f->as_of_ms <= 0)
        return err_set(e, ERR_CONFIG, "--as-of: %.40s is not after 1970", f->options->as_of);
    if (f->as_of_ms - window_ms > f->started_ms)
        return err_set(e, ERR_CONFIG,
                       "--as-of: %.40s is more than future.window (%s) ahead, so the deletes would "
                       "be refused as too_early; give a time that has been",
                       f->options->as_of, duration_text(window_ms).text);
    return true;
}

static bool parse_as_of(struct feed_complete *f, struct err *e) {
    const char *text = f->options->as_of;
    f->as_of_ms = TIMESTAMP_NONE;
    if (text == NULL)
        return true;
    if (!timestamp_parse(slice_str(text), &f->as_of_ms))
        return err_set(e, ERR_CONFIG, "--as-of: \"%.40s\" is no time, write " TIMESTAMP_FORMS,
                       text);
    return check_as_of(f, e);
}

static bool parse_options(struct feed_complete *f, struct err *e) {
    const struct feed_complete_options *o = f->options;
    const char *limit = o->max_deletes != NULL ? o->max_deletes : DELETE_LIMIT_DEFAULT;
    const char *timeout = o->timeout != NULL ? o->timeout : TIMEOUT_DEFAULT;
    return parse_as_of(f, e) && delete_limit_parse(limit, &f->limit, e) &&
           (parse_duration(timeout, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &f->timeout_ms, e) ||
            err_prefix(e, "--timeout")) &&
           (o->yes || o->dry_run || isatty(STDIN_FILENO) ||
            err_set(e, ERR_CONFIG,
                    "--complete asks before it deletes, and standard input is no terminal: add "
                    "--yes, or --dry-run to see what would be deleted"));
}

/* Asks the instance where there is only an embedded broker: that forgets old messages. */
static bool find_instance(struct feed_complete *f, struct err *e) {
    const struct config *c = f->config;
    f->is_embedded = kafka_is_embedded(f->client);
    if (!f->is_embedded)
        return true;
    if (!instance_find(&f->instance, c, f->options->url, e))
        return false;
    f->asked = (struct result_instance){.patience_ms = RESULT_INSTANCE_PATIENCE_MS,
                                        .url = buf_cstr(&f->instance.url),
                                        .token = f->instance.token,
                                        .authorities = c->http_tls_ca};
    return true;
}

/* Waits until the processor has read what lies in the input now. */
static bool wait_until_read(const struct feed_complete *f, const char *what, struct err *e) {
    const struct processed_options o = {.config = f->config,
                                        .client = f->client,
                                        .topic = f->config->topics[entity_info(f->entity)->input],
                                        .timeout_ms = f->timeout_ms,
                                        .stop = f->options->stop};
    (void)fprintf(f->options->out, "waiting until app.id %s has read %s\n", f->config->app_id,
                  what);
    (void)fflush(f->options->out);
    if (f->is_embedded)
        return instance_read_wait(f->config, f->options->url, f->entity,
                                  f->read_before + (int64_t)f->published.records, f->timeout_ms,
                                  f->options->stop, e);
    return processed_wait(&o, &f->published, e);
}

/* Rows that are not processed yet would be current later, and in no history that is looked at. */
static bool wait_for_the_others(struct feed_complete *f, struct err *e) {
    if (!wait_until_read(f, "what is in its input", e))
        return err_suffix(e, "; nothing was published");
    return !f->is_embedded ||
           instance_read_count(f->config, f->options->url, f->entity, &f->read_before, e);
}

static struct history_ids history_of(const struct feed_complete *f) {
    return (struct history_ids){.config = f->config,
                                .entity = f->entity,
                                .instance = &f->asked,
                                .stop = f->options->stop,
                                .vanished = f->vanished};
}

static void show_reading(void *context, uint64_t done, uint64_t total) {
    struct progress *p = context;
    p->total = total;
    progress_show(p, done, done);
}

static bool look_at_start(struct feed_complete *f, struct err *e) {
    struct history_ids history = history_of(f);
    struct progress progress;
    progress_init(&progress, f->options->progress, 0);
    history.progress = show_reading;
    history.progress_context = &progress;
    bool ok = find_instance(f, e) && wait_for_the_others(f, e) &&
              history_ids_read(&history, &f->positions, e);
    progress_clear(&progress);
    return ok;
}

struct feed_complete *feed_complete_begin(const struct config *c, enum entity entity,
                                          const struct feed_complete_options *o, rd_kafka_t *client,
                                          struct err *e) {
    struct feed_complete *f = mem_calloc(1, sizeof *f);
    *f = (struct feed_complete){.config = c,
                                .entity = entity,
                                .options = o,
                                .client = client,
                                .started_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME),
                                .newest_ms = TIMESTAMP_NONE};
    drop_rows_init(&f->rows, c, entity, f->started_ms);
    if (parse_options(f, e) && (f->vanished = vanished_new(e)) != NULL && look_at_start(f, e))
        return f;
    feed_complete_free(f);
    return NULL;
}

void feed_complete_free(struct feed_complete *f) {
    if (f == NULL)
        return;
    vanished_free(f->vanished);
    topic_positions_release(&f->positions);
    drop_rows_release(&f->rows);
    published_release(&f->published);
    instance_release(&f->instance);
    buf_release(&f->first_unreadable);
    buf_release(&f->samples);
    buf_release(&f->message);
    free(f);
}

/* --- 2. note --- */

/* A row that does not say when it was changed counts as of now, as it does for the processor: a
 * delete before that would leave it alive. So does a time that lies ahead: what changes meanwhile
 * would come before the delete. A time that is too far ahead is a mistake, and the processor
 * refuses its row. */
static void note_time(struct feed_complete *f, const struct drop_row *row) {
    bool is_time = (row->has_time || row->is_good) && row->at_ms > 0 &&
                   row->at_ms - f->config->future_window_ms <= f->started_ms;
    int64_t at_ms = row->at_ms < f->started_ms ? row->at_ms : f->started_ms;
    if (is_time && at_ms > f->newest_ms)
        f->newest_ms = at_ms;
}

bool feed_complete_note_row(struct feed_complete *f, struct slice value, const char *file,
                            uint64_t line, struct err *e) {
    struct drop_row row = drop_rows_read(&f->rows, value);
    note_time(f, &row);
    if (row.id.n > 0)
        return vanished_note_present(f->vanished, row.id, e);
    if (f->unreadable++ == 0)
        buf_printf(&f->first_unreadable, "%s:%" PRIu64 ": %.200s", file, line, row.why);
    return true;
}

void feed_complete_note_delivered(struct feed_complete *f, int32_t partition, int64_t offset) {
    published_note(&f->published, partition, offset);
}

/* --- 3. choose --- */

static int64_t time_of_drop(const struct feed_complete *f) {
    if (f->as_of_ms != TIMESTAMP_NONE)
        return f->as_of_ms;
    return f->newest_ms != TIMESTAMP_NONE ? f->newest_ms : f->started_ms;
}

static bool all_ids_are_known(struct feed_complete *f, struct err *e) {
    if (f->unreadable == 0)
        return true;
    return err_set(e, ERR_STOP,
                   "%s, so the id of %s row%s cannot be read, and with --complete any row might be "
                   "meant; correct it and feed again",
                   buf_cstr(&f->first_unreadable), words_count((int64_t)f->unreadable).text,
                   f->unreadable == 1 ? "" : "s");
}

static bool look_at_changes(const struct feed_complete *f, struct err *e) {
    struct history_ids history = history_of(f);
    return f->is_embedded || history_ids_read_changes(&history, &f->positions, e);
}

/* An event that changed nothing is no change of the history. A delete before it would end the row
 * in the past, and the event would begin it again. */
static bool look_at_confirmations(const struct feed_complete *f, struct err *e) {
    struct history_ids history = history_of(f);
    return history_ids_read_confirmations(&history, time_of_drop(f), e);
}

/* Collects the first ids. Characters that would break the line become '?'. */
static bool sample(void *context, struct slice id, struct err *e) {
    (void)e;
    struct feed_complete *f = context;
    if (f->sample_count++ >= SAMPLES)
        return true;
    struct slice shown = utf8_cut(id, SAMPLE_MAX_BYTES);
    buf_put_str(&f->samples, f->samples.n > 0 ? ", " : "");
    for (size_t i = 0; i < shown.n; i++)
        buf_put_byte(&f->samples, (unsigned char)shown.p[i] < ' ' ? '?' : shown.p[i]);
    buf_put_str(&f->samples, shown.n < id.n ? "…" : "");
    return true;
}

static bool count(struct feed_complete *f, struct vanished_counts *counts, struct err *e) {
    buf_clear(&f->samples);
    f->sample_count = 0;
    if (!vanished_walk(f->vanished, time_of_drop(f), sample, f, counts, e))
        return false;
    if (f->sample_count > SAMPLES)
        buf_put_str(&f->samples, ", …");
    return true;
}

static const char *are(uint64_t n) {
    return n == 1 ? "is" : "are";
}

static void say_what_stays(const struct feed_complete *f, const struct vanished_counts *n) {
    FILE *out = f->options->out;
    if (n->newer > 0)
        (void)fprintf(out,
                      "%s more %s not in the files, but newer than that, and %s; a later --as-of "
                      "would delete %s.\n",
                      words_count((int64_t)n->newer).text, are(n->newer),
                      n->newer == 1 ? "stays" : "stay", n->newer == 1 ? "it" : "them");
    if (n->changed > 0)
        (void)fprintf(out, "%s more %s not in the files, but changed just now, and %s.\n",
                      words_count((int64_t)n->changed).text, are(n->changed),
                      n->changed == 1 ? "stays" : "stay");
}

/* The processor refuses a delete that is older than late.window behind the newest event of its id.
 * The history does not tell events that changed nothing. */
static void say_what_may_be_late(const struct feed_complete *f) {
    int64_t window_ms = f->config->late_window_ms;
    if (time_of_drop(f) + window_ms < f->started_ms)
        (void)fprintf(f->options->out,
                      "That is more than late.window (%s) ago: the delete of a row that was sent "
                      "again after it goes to the quarantine as too_late.\n",
                      duration_text(window_ms).text);
}

static void say_what_goes(const struct feed_complete *f, const struct vanished_counts *n) {
    struct buf time = {0};
    const char *name = entity_info(f->entity)->name;
    timestamp_put_iso(&time, time_of_drop(f));
    (void)fprintf(f->options->out, "%s of %s current %s %s not in the files as of %s%s%.*s\n",
                  words_count((int64_t)n->found).text, words_count((int64_t)n->current).text, name,
                  are(n->found), buf_cstr(&time), n->found > 0 ? ": " : "", (int)f->samples.n,
                  f->samples.n > 0 ? f->samples.p : "");
    say_what_stays(f, n);
    if (n->found > 0)
        say_what_may_be_late(f);
    buf_release(&time);
}

static bool check_limit(const struct feed_complete *f, const struct vanished_counts *n,
                        struct err *e) {
    const char *limit = f->options->max_deletes;
    if (delete_limit_allows(&f->limit, n->found, n->current))
        return true;
    return err_set(e, ERR_STOP,
                   "%" PRIu64 " of %" PRIu64
                   " current %s are not in the files, more than --max-deletes %.40s allows; check "
                   "that the files are whole, then allow it with --max-deletes %" PRIu64,
                   n->found, n->current, entity_info(f->entity)->name,
                   limit != NULL ? limit : DELETE_LIMIT_DEFAULT, n->found);
}

static bool confirmed(const struct feed_complete *f, struct err *e) {
    return f->options->yes || confirm_yes(f->options->out, "Type yes to delete: ") ||
           err_set(e, ERR_STOP, "not confirmed (--yes deletes without asking)");
}

/* Nothing is deleted if nobody can read what is deleted. */
static bool was_said(const struct feed_complete *f, struct err *e) {
    return (fflush(f->options->out) == 0 && !ferror(f->options->out)) ||
           err_set(e, ERR_STOP, "cannot write to standard output");
}

bool feed_complete_choose(struct feed_complete *f, uint64_t *deletes, struct err *e) {
    struct vanished_counts n;
    bool is_dry = f->options->dry_run;
    *deletes = 0;
    if (!all_ids_are_known(f, e) ||
        (!is_dry && !(wait_until_read(f, "the rows", e) && look_at_changes(f, e))) ||
        !look_at_confirmations(f, e) || !count(f, &n, e))
        return false;
    say_what_goes(f, &n);
    if (n.found == 0)
        return true;
    if (!check_limit(f, &n, e))
        return false;
    if (is_dry)
        return true;
    if (!confirmed(f, e) || !was_said(f, e))
        return false;
    *deletes = n.found;
    return true;
}

/* --- 4. publish --- */

static void put_delete(const struct feed_complete *f, struct slice id, struct buf *out) {
    bool is_customer = f->entity == ENTITY_CUSTOMER;
    buf_clear(out);
    buf_put_str(out, is_customer ? "{\"customer_id\":" : "{\"account_id\":");
    json_put_string(out, id);
    buf_printf(out, ",\"__deleted\":\"true\",\"__source_ts_ms\":%" PRId64 "}", time_of_drop(f));
}

static bool publish_delete(void *context, struct slice id, struct err *e) {
    struct feed_complete *f = context;
    put_delete(f, id, &f->message);
    return f->publish(f->context, id, buf_slice(&f->message), e);
}

bool feed_complete_publish(struct feed_complete *f, feed_complete_publish_one *publish,
                           void *context, struct err *e) {
    struct vanished_counts n;
    f->publish = publish;
    f->context = context;
    return vanished_walk(f->vanished, time_of_drop(f), publish_delete, f, &n, e);
}
