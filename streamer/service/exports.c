#include "streamer/service/exports.h"

#include "schemas/row_text.h"
#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/http/routes.h"
#include "streamer/service/answers.h"
#include "streamer/service/background.h"
#include "streamer/task/table_scan.h"
#include "streamer/task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICENESS 10 /* records come first */
#define PIECE_BYTES ((size_t)32 << 10)
#define STEPS_PER_LOOK 1000 /* of the scan, between two looks at whether it is to go on */

struct seat {
    struct background *thread;
    atomic_bool is_taken;
};

struct exports {
    struct answers *answers;
    struct seat seats[EXPORTS_MAX];
};

/* One answer while it is made. */
struct export {
    struct answers *answers;
    struct seat *seat;
    struct http_exchange *exchange;
    const struct row_type *type;
    enum row_text_format format;
    int64_t as_of;
    const atomic_bool *is_stopping;

    bool *is_mine; /* by partition */
    struct kv *kv; /* the snapshot */
    struct http_stream *stream;
    struct buf text; /* what is put into the stream next */
    int64_t rows, bytes, begun_ms;
    int64_t steps;
    const char *why; /* it breaks off; NULL: it does not */
};

/* --- the question --- */

static const struct row_type *find_table(const char *name) {
    for (int i = 0; i < ROW_RESULT_COUNT; i++)
        if (strcmp(row_result_types[i]->name, name) == 0)
            return row_result_types[i];
    return NULL;
}

static void refuse_table(const char *name, struct http_reply *reply) {
    struct buf text = {0};
    struct nearest nearest = nearest_to(name);
    buf_put_str(&text, "no such table");
    if (utf8_is_valid(slice_str(name)) && name[0] != '\0')
        buf_printf(&text, ": %s", name);
    for (int i = 0; i < ROW_RESULT_COUNT; i++)
        nearest_offer(&nearest, row_result_types[i]->name);
    if (nearest.best[0] != '\0')
        buf_printf(&text, ", did you mean %s?", nearest.best);
    for (int i = 0; i < ROW_RESULT_COUNT && nearest.best[0] == '\0'; i++)
        buf_printf(&text, "%s%s", i == 0 ? "; give one of " : ", ", row_result_types[i]->name);
    http_reply_error(reply, 400, buf_cstr(&text));
    buf_release(&text);
}

static bool is_history(const struct row_type *type) {
    return type == &customer_history_type || type == &account_history_type;
}

/* Rows of the other tables follow from the histories of several partitions. */
static void refuse_as_of(const struct row_type *type, struct http_reply *reply) {
    char text[200];
    (void)snprintf(text, sizeof text,
                   "as_of: only the histories are exported as of a time; of the others use "
                   "`streamer export %s --as-of TIME`, which reads all partitions",
                   type->name);
    http_reply_error(reply, 400, text);
}

static bool read_question(struct export *x, const struct http_request *request,
                          struct http_reply *reply) {
    struct buf name = {0};
    const char *format = http_parameter(request, ROUTE_FORMAT);
    (void)http_path_segment(request->path, 2, &name);
    x->type = find_table(buf_cstr(&name));
    x->format = format != NULL && strcmp(format, "jsonl") == 0 ? ROW_TEXT_JSONL : ROW_TEXT_CSV;
    x->as_of = route_time(request, "as_of");
    if (x->type == NULL)
        refuse_table(buf_cstr(&name), reply);
    else if (x->as_of != TIMESTAMP_NONE && !is_history(x->type))
        refuse_as_of(x->type, reply);
    buf_release(&name);
    return reply->status == 0;
}

/* Whether all partitions that this instance has can be read; else `reply` says what it waits for.
 */
static bool is_ready(const struct answers *a, struct http_reply *reply) {
    if (!workers_are_settled(a->workers)) {
        http_reply_later(reply,
                         "the group has not given this instance its partitions, see /readyz");
        return false;
    }
    for (int32_t p = 0; p < a->partitions; p++) {
        if (!workers_hold(a->workers, p) || workers_own(a->workers, p))
            continue;
        http_reply_later(reply, "partitions of this instance are restored, see /readyz");
        return false;
    }
    return true;
}

/* --- the snapshot --- */

static bool owns(const struct export *x, int32_t partition) {
    workers_lock(x->answers->workers);
    bool yes = workers_own(x->answers->workers, partition);
    workers_unlock(x->answers->workers);
    return yes;
}

/* Whether this instance still has all partitions whose rows it promised. */
static bool still_owns(const struct export *x) {
    bool all = true;
    for (int32_t p = 0; p < x->answers->partitions && all; p++)
        all = !x->is_mine[p] || owns(x, p);
    return all;
}

/* The partitions are those that were here before the snapshot was made and after. */
static bool take_snapshot(struct export *x) {
    x->is_mine = mem_calloc((size_t)x->answers->partitions, sizeof *x->is_mine);
    for (int32_t p = 0; p < x->answers->partitions; p++)
        x->is_mine[p] = owns(x, p);
    x->kv = store_reader_new(x->answers->store);
    return still_owns(x);
}

/* --- headers --- */

/* "0-3,7" */
static void put_partitions(const struct export *x, struct buf *out) {
    const char *before = "";
    for (int32_t p = 0, n = x->answers->partitions; p < n; p++) {
        if (!x->is_mine[p])
            continue;
        int32_t last = p;
        while (last + 1 < n && x->is_mine[last + 1])
            last++;
        buf_printf(out, last > p ? "%s%d-%d" : "%s%d", before, p, last);
        before = ",";
        p = last;
    }
}

static enum topic topic_of(const struct row_type *type) {
    static const enum topic topics[ROW_RESULT_COUNT] = {
        [ROW_CUSTOMER_HISTORY] = TOPIC_CUSTOMER_HISTORY,
        [ROW_ACCOUNT_HISTORY] = TOPIC_ACCOUNT_HISTORY,
        [ROW_ACCOUNT_WITH_CUSTOMER] = TOPIC_ACCOUNT_WITH_CUSTOMER,
        [ROW_ACCOUNT_SUMMARY] = TOPIC_ACCOUNT_SUMMARY,
        [ROW_CUSTOMER_PROFILE] = TOPIC_CUSTOMER_PROFILE,
    };
    return topics[type->result];
}

static void put_positions(const struct export *x, struct buf *out) {
    struct task_env env = {.kv = x->kv};
    const char *before = "";
    for (int32_t p = 0; p < x->answers->partitions && out->n < EXPORTS_POSITIONS_MAX; p++) {
        struct task t;
        if (!x->is_mine[p])
            continue;
        task_init(&t, p);
        task_load_meta(&env, &t);
        buf_printf(out, "%s%d=%lld", before, p, (long long)t.meta.positions[topic_of(x->type)]);
        task_release(&t);
        before = ",";
    }
    task_env_release(&env);
}

static void put_headers(const struct export *x, struct buf *out) {
    struct buf positions = {0};
    put_positions(x, &positions);
    buf_put_str(out, "X-Streamer-Partitions: ");
    put_partitions(x, out);
    buf_printf(out, "\nX-Streamer-Partition-Count: %d\n", x->answers->partitions);
    buf_put_str(out, "X-Streamer-Rates: tiers=");
    rates_put_tiers(&x->answers->config->rates, out);
    buf_put_str(out, " loan.bonus=");
    rates_put_rate(x->answers->config->rates.loan_bonus_milli, out);
    buf_put_byte(out, '\n');
    if (positions.n < EXPORTS_POSITIONS_MAX)
        buf_printf(out, "X-Streamer-Positions: %s\n", buf_cstr(&positions));
    buf_printf(out, "Content-Disposition: attachment; filename=\"%s.%s\"\n", x->type->name,
               x->format == ROW_TEXT_CSV ? "csv" : "jsonl");
    buf_release(&positions);
}

/* --- rows --- */

/* Sends what is in x->text. False: the answer breaks off. */
static bool send_text(struct export *x) {
    if (!still_owns(x))
        x->why = "a partition has moved to another instance";
    else if (kv_failed(x->kv))
        x->why = "the state cannot be read";
    else if (!http_stream_write(x->stream, buf_slice(&x->text), x->is_stopping))
        x->why = atomic_load(x->is_stopping) ? "the process stops"
                                             : "the client has left, or takes too little";
    x->bytes += (int64_t)x->text.n;
    buf_clear(&x->text);
    return x->why == NULL;
}

/* Sends when there is enough, and looks now and then whether it is to go on. */
static bool goes_on(struct export *x) {
    bool is_time = ++x->steps % STEPS_PER_LOOK == 0;
    return (!is_time && x->text.n < PIECE_BYTES) || send_text(x);
}

static bool put_rows(struct export *x, int32_t partition) {
    struct table_scan s;
    bool ok = true;
    table_scan_init(&s, x->kv, partition, x->type, x->as_of);
    while (ok && table_scan_next(&s)) {
        if (s.row != NULL) {
            row_text_put(x->format, x->type, s.row, &x->text);
            x->rows++;
        }
        ok = goes_on(x);
    }
    table_scan_release(&s);
    return ok;
}

static bool put_table(struct export *x) {
    bool ok = true;
    row_text_put_header(x->format, x->type, &x->text);
    for (int32_t p = 0; p < x->answers->partitions && ok; p++)
        ok = !x->is_mine[p] || put_rows(x, p);
    return ok && send_text(x);
}

/* --- the job --- */

/* Lowers the priority of this thread, and never raises it. */
static void be_nice(void) {
    id_t thread = (id_t)gettid();
    if (getpriority(PRIO_PROCESS, thread) < NICENESS)
        (void)setpriority(PRIO_PROCESS, thread, NICENESS);
}

static void tell(const struct export *x) {
    int64_t ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) - x->begun_ms;
    struct buf figures = {0};
    buf_printf(&figures, "table=%s rows=%lld bytes=%lld ms=%lld", x->type->name, (long long)x->rows,
               (long long)x->bytes, (long long)ms);
    if (x->why == NULL)
        log_info("exported", "%s", buf_cstr(&figures));
    else
        log_warn("export broken off", "%s reason=%s", buf_cstr(&figures),
                 log_quote(&(struct log_value){0}, kv_failed(x->kv) ? x->kv->err.text : x->why));
    buf_release(&figures);
}

static void make_answer(struct export *x) {
    struct http_reply reply = {.status = 200,
                               .content_type = x->format == ROW_TEXT_CSV ? ROUTE_CSV : ROUTE_JSONL};
    x->stream = reply.stream = http_stream_new();
    put_headers(x, &reply.headers);
    http_finish(x->exchange, &reply);
    bool is_whole = put_table(x);
    tell(x);
    http_stream_end(x->stream, is_whole);
}

static void export_free(struct export *x) {
    if (x->kv != NULL)
        store_reader_free(x->kv);
    buf_release(&x->text);
    free(x->is_mine);
    atomic_store(&x->seat->is_taken, false);
    free(x);
}

/* A background_job. */
static void run(void *context, const atomic_bool *is_stopping) {
    struct export *x = context;
    x->is_stopping = is_stopping;
    store_use_thread();
    be_nice();
    if (take_snapshot(x)) {
        make_answer(x);
    } else {
        struct http_reply reply = {0};
        http_reply_later(&reply, "partitions are moving between instances, see /readyz");
        http_finish(x->exchange, &reply);
    }
    export_free(x);
}

/* --- requests --- */

static struct seat *take_seat(struct exports *all) {
    for (size_t i = 0; i < ARRAY_LEN(all->seats); i++)
        if (!atomic_exchange(&all->seats[i].is_taken, true))
            return &all->seats[i];
    return NULL;
}

void exports_answer(struct exports *all, const struct http_request *request,
                    struct http_reply *reply) {
    struct export question = {.answers = all->answers};
    if (!read_question(&question, request, reply) || !is_ready(all->answers, reply))
        return;
    question.seat = take_seat(all);
    if (question.seat == NULL) {
        http_reply_later(reply, "busy: other exports are under way");
        return;
    }
    struct export *x = mem_calloc(1, sizeof *x);
    *x = question;
    x->begun_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    x->exchange = http_defer(request);
    background_do(x->seat->thread, run, x);
}

struct exports *exports_new(struct answers *a, struct err *e) {
    struct exports *all = mem_calloc(1, sizeof *all);
    all->answers = a;
    for (size_t i = 0; i < ARRAY_LEN(all->seats); i++) {
        all->seats[i].thread = background_new(e);
        if (all->seats[i].thread == NULL) {
            exports_free(all);
            return NULL;
        }
    }
    return all;
}

void exports_stop(struct exports *all) {
    for (size_t i = 0; all != NULL && i < ARRAY_LEN(all->seats); i++)
        background_stop(all->seats[i].thread);
}

void exports_free(struct exports *all) {
    if (all == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(all->seats); i++)
        background_free(all->seats[i].thread);
    free(all);
}
