#include "streamer/quality/quality.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"
#include "streamer/metrics/freshness.h"
#include "streamer/quality/averages_file.h"
#include "streamer/quality/board.h"
#include "streamer/quality/caught_up.h"
#include "streamer/quality/doubts.h"
#include "streamer/quality/pass.h"
#include "streamer/quality/report.h"
#include "streamer/quality/streams.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TICK_US INT64_C(1000000)       /* from one look at the counters to the next */
#define PASS_PAUSE_US INT64_C(1000000) /* from one pass to the next, at least */
#define CATCH_UP_US INT64_C(20000)     /* so much of what it is behind its rate it catches up */
#define SLEEP_LEAST_US INT64_C(2000)
#define NICENESS 10 /* records come first */

/* The positions of a partition's task as the pass before saw them. */
struct seen_positions {
    bool exists;
    int64_t at[TOPIC_COUNT];
};

struct quality {
    struct quality_options o;
    struct board board;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* by CLOCK_MONOTONIC */
    bool stopping;       /* under `lock` */

    /* Only the thread uses what follows. */
    struct doubts doubts;
    struct streams streams;
    struct averages_file averages_file;
    struct caught_up caught_up;
    bool *is_here;                    /* by partition, in the present snapshot */
    struct seen_positions *positions; /* by partition */
    struct task_env env;              /* for meta data */
    int64_t next_tick_us;             /* monotonic */
    int64_t due_us;                   /* the rate allows the next row from here on; monotonic */
    bool has_told_of_error;
    bool had_partitions; /* in some pass so far */
};

static int64_t monotonic_us(const struct quality *q) {
    return clock_us(q->o.clock, CLOCK_MONOTONIC);
}
static int64_t wall_ms(const struct quality *q) {
    return clock_ms(q->o.clock, CLOCK_REALTIME);
}

/* Sleeps until then. False: it is time to end. */
static bool sleep_until(struct quality *q, int64_t us) {
    (void)pthread_mutex_lock(&q->lock);
    while (!q->stopping && monotonic_us(q) < us)
        (void)steady_cond_wait(&q->wake, &q->lock, us / 1000 + 1);
    bool goes_on = !q->stopping;
    (void)pthread_mutex_unlock(&q->lock);
    return goes_on;
}

/* --- what is found --- */

static void found(void *context, const struct subject *of, enum check_id check, const char *what,
                  const char *expected, const char *value) {
    struct quality *q = context;
    struct sample sample;
    if (check_of(check)->spans) {
        doubts_note(&q->doubts, of, check, what, expected, value, monotonic_us(q) / 1000);
        return;
    }
    sample_set(&sample, of, what, expected, value);
    board_found(&q->board, check, &sample, wall_ms(q));
}

static void found_again(void *context, const struct subject *of, enum check_id check,
                        const char *what, const char *expected, const char *value) {
    struct quality *q = context;
    if (check_of(check)->spans)
        doubts_see(&q->doubts, of, check, what, expected, value);
}

/* --- snapshots --- */

/* A snapshot, and q->is_here for it: the partitions that were here before it was made and after.
 * NULL: there are none. */
static struct kv *take_snapshot(struct quality *q) {
    bool any = false;
    for (int32_t p = 0; p < q->o.partitions; p++)
        q->is_here[p] = q->o.owns(q->o.context, p);
    struct kv *kv = store_reader_new(q->o.store);
    for (int32_t p = 0; p < q->o.partitions; p++) {
        q->is_here[p] = q->is_here[p] && q->o.owns(q->o.context, p);
        any = any || q->is_here[p];
    }
    if (any)
        return kv;
    store_reader_free(kv);
    return NULL;
}

/* Reads what the snapshot says of the partition's task. */
static void load_meta(struct quality *q, struct kv *kv, int32_t partition, struct task *t) {
    q->env.kv = kv;
    q->env.rates = &q->o.config->rates;
    task_init(t, partition);
    task_load_meta(&q->env, t);
}

static struct look_options look_options(struct quality *q, look_found *take) {
    return (struct look_options){.is_here = q->is_here,
                                 .partitions = q->o.partitions,
                                 .rates = &q->o.config->rates,
                                 .orphan_after_ms = q->o.config->quality_orphans_warn_ms,
                                 .read_until_ms = q->caught_up.until_ms,
                                 .found = take,
                                 .context = q};
}

/* --- each second --- */

struct review {
    struct quality *quality;
    struct kv *kv;
};

static int64_t position_of(void *context, enum topic topic, int32_t partition) {
    struct review *r = context;
    struct task t;
    load_meta(r->quality, r->kv, partition, &t);
    int64_t position = t.meta.positions[topic];
    task_release(&t);
    return position;
}

static void publish_doubts(struct quality *q) {
    struct sample samples[SAMPLES_MAX];
    for (int i = 0; i < CHECK_COUNT; i++)
        if (check_of((enum check_id)i)->spans) {
            size_t count = doubts_certain(&q->doubts, (enum check_id)i, samples);
            board_set_finds(&q->board, (enum check_id)i, samples, count, wall_ms(q));
            if (!doubts_has(&q->doubts, (enum check_id)i))
                board_set_certain(&q->board, (enum check_id)i);
        }
}

static void review_doubts(struct quality *q) {
    bool *is_here = q->is_here;
    struct kv *kv = NULL;
    if (q->doubts.count > 0) {
        q->is_here = mem_calloc((size_t)q->o.partitions, sizeof *q->is_here);
        kv = take_snapshot(q);
    }
    if (kv != NULL) {
        struct look look;
        struct look_options o = look_options(q, found_again);
        look_init(&look, kv, &o);
        doubts_review(&q->doubts, &look, q->o.metrics, position_of, &(struct review){q, kv},
                      monotonic_us(q) / 1000);
        look_release(&look);
        store_reader_free(kv);
    }
    if (q->is_here != is_here) {
        free(q->is_here);
        q->is_here = is_here;
    }
    publish_doubts(q);
}

static void judge_freshness(struct quality *q) {
    static const enum check_id ids[ENTITY_COUNT] = {CHECK_FRESHNESS_CUSTOMERS,
                                                    CHECK_FRESHNESS_ACCOUNTS};
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct check_state now;
        freshness_check(q->o.metrics, (enum entity)e, wall_ms(q), &now);
        board_set_state(&q->board, ids[e], &now);
    }
}

static void tick(struct quality *q) {
    int64_t now = monotonic_us(q);
    if (now < q->next_tick_us)
        return;
    q->next_tick_us = now + TICK_US;
    streams_sample(&q->streams, &q->board, wall_ms(q));
    averages_file_keep(&q->averages_file, &q->streams.averages, now);
    caught_up_sample(&q->caught_up, q->o.metrics, wall_ms(q));
    judge_freshness(q);
    review_doubts(q);
}

/* --- a pass --- */

/* What was read takes its time at the rate of the setting. */
static void charge(struct quality *q, int64_t reads) {
    int64_t now = monotonic_us(q);
    if (q->due_us < now - CATCH_UP_US)
        q->due_us = now - CATCH_UP_US;
    q->due_us += reads * 1000000 / q->o.config->quality_scan_rows_per_second;
}

/* Sets the pace. At a low rate a pause takes long, and each second goes on meanwhile. */
static bool pause_pass(void *context, int64_t reads) {
    struct quality *q = context;
    charge(q, reads);
    bool goes_on = true, is_early = true;
    while (goes_on && is_early) {
        tick(q);
        int64_t now = monotonic_us(q);
        is_early = q->due_us > now + SLEEP_LEAST_US;
        int64_t until = q->due_us < q->next_tick_us ? q->due_us : q->next_tick_us;
        goes_on = sleep_until(q, is_early ? until : now);
    }
    return goes_on;
}

static void find_position(struct quality *q, int32_t partition, const char *topic, int64_t expected,
                          int64_t position) {
    struct subject of = {.entity = ENTITY_COUNT, .partition = partition, .id = slice_of("", 0)};
    char limit[24], text[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)expected);
    (void)snprintf(text, sizeof text, "%lld", (long long)position);
    found(q, &of, CHECK_POSITIONS, topic, limit, text);
}

/* The workers tell where topics end a moment after they have written the state. So the positions of
 * the pass before are compared with these ends. */
static void check_positions(struct quality *q, const struct task *t) {
    struct seen_positions *seen = &q->positions[t->partition];
    for (int i = 0; i < TOPIC_COUNT; i++) {
        enum topic topic = (enum topic)i;
        const struct metrics *m = q->o.metrics;
        if (!topic_is_consumed(topic) || t->partition >= m->lag[topic].partitions)
            continue;
        int64_t end = metric_get(&m->lag[topic].reach[t->partition]);
        if (seen->exists && end >= 0 && seen->at[i] > end)
            find_position(q, t->partition, q->o.config->topics[i], end, seen->at[i]);
        if (seen->exists && t->meta.positions[i] < seen->at[i])
            find_position(q, t->partition, q->o.config->topics[i], seen->at[i],
                          t->meta.positions[i]);
        seen->at[i] = t->meta.positions[i];
    }
    seen->exists = true;
}

/* Adds the rows to *rows. False: the partition was not looked at as a whole. */
static bool pass_one(struct quality *q, struct pass *pass, int32_t partition, int64_t *rows) {
    struct task t;
    load_meta(q, pass->look->kv, partition, &t);
    bool ok = !kv_failed(pass->look->kv) && !task_needs_refresh(&q->env, &t);
    if (ok) {
        check_positions(q, &t);
        ok = pass_partition(pass, partition, &t.meta);
        for (int f = 0; f < FAMILY_COUNT; f++)
            *rows += pass->counts.rows[f];
    }
    task_release(&t);
    return ok;
}

static void tell_of_error(struct quality *q, const struct kv *kv) {
    if (kv_failed(kv) && !q->has_told_of_error)
        log_warn("the quality checks cannot read the state", "error=%s",
                 log_quote(&(struct log_value){0}, kv->err.text));
    q->has_told_of_error = kv_failed(kv);
}

/* Nothing is here any more, so nothing is wrong with it. */
static void forget_rows(struct quality *q) {
    if (!q->had_partitions)
        return;
    board_begin_pass(&q->board, wall_ms(q));
    board_end_pass(&q->board, 0, wall_ms(q));
}

static void pass_all(struct quality *q) {
    int64_t began_ms = wall_ms(q); /* before the snapshot */
    struct kv *kv = take_snapshot(q);
    struct look look;
    struct look_options o = look_options(q, found);
    o.pause = pause_pass;
    bool is_whole = true;
    int64_t rows = 0;
    if (kv == NULL) {
        forget_rows(q);
        return;
    }
    q->had_partitions = true;
    look_init(&look, kv, &o);
    struct pass pass = {.look = &look};
    board_begin_pass(&q->board, began_ms);
    for (int32_t p = 0; p < q->o.partitions; p++) {
        if (q->is_here[p])
            is_whole = pass_one(q, &pass, p, &rows) && is_whole;
        else
            q->positions[p].exists = false;
    }
    tell_of_error(q, kv);
    if (is_whole)
        board_end_pass(&q->board, rows, wall_ms(q));
    look_release(&look);
    store_reader_free(kv);
}

/* Lowers the priority of this thread, and never raises it. */
static void be_nice(void) {
    id_t thread = (id_t)gettid();
    if (getpriority(PRIO_PROCESS, thread) < NICENESS)
        (void)setpriority(PRIO_PROCESS, thread, NICENESS);
}

static void *run(void *context) {
    struct quality *q = context;
    store_use_thread();
    be_nice();
    do {
        int64_t next_us = monotonic_us(q) + PASS_PAUSE_US;
        pass_all(q);
        tick(q);
        if (next_us < monotonic_us(q) + TICK_US / 10)
            next_us = monotonic_us(q) + TICK_US / 10;
        if (!sleep_until(q, next_us))
            break;
    } while (true);
    return NULL;
}

/* --- its life --- */

static void quality_free(struct quality *q) {
    doubts_release(&q->doubts);
    averages_file_release(&q->averages_file);
    board_release(&q->board);
    task_env_release(&q->env);
    (void)pthread_cond_destroy(&q->wake);
    (void)pthread_mutex_destroy(&q->lock);
    free(q->is_here);
    free(q->positions);
    free(q);
}

struct quality *quality_start(const struct quality_options *o, struct err *e) {
    struct quality *q = mem_calloc(1, sizeof *q);
    q->o = *o;
    steady_cond_init(&q->wake);
    (void)pthread_mutex_init(&q->lock, NULL);
    q->is_here = mem_calloc((size_t)o->partitions, sizeof *q->is_here);
    q->positions = mem_calloc((size_t)o->partitions, sizeof *q->positions);
    board_init(&q->board, o->metrics, wall_ms(q));
    streams_init(&q->streams, o->config, o->metrics, wall_ms(q));
    averages_file_init(&q->averages_file, o->config->state_dir);
    averages_file_read(&q->averages_file, &q->streams.averages);
    int code = pthread_create(&q->thread, NULL, run, q);
    if (code == 0)
        return q;
    quality_free(q);
    (void)err_set(e, ERR_STOP, "cannot start the thread of the quality checks: %s", strerror(code));
    return NULL;
}

void quality_stop(struct quality *q) {
    if (q == NULL)
        return;
    (void)pthread_mutex_lock(&q->lock);
    q->stopping = true;
    (void)pthread_cond_signal(&q->wake);
    (void)pthread_mutex_unlock(&q->lock);
    (void)pthread_join(q->thread, NULL);
    averages_file_write(&q->averages_file, &q->streams.averages);
    quality_free(q);
}

/* --- what it says --- */

size_t quality_states(struct quality *q, struct check_state *out, size_t max) {
    return board_states(&q->board, out, max);
}

void quality_put_report(struct quality *q, struct buf *out) {
    const struct report_head head = {.app = q->o.config->app_id,
                                     .instance = q->o.instance,
                                     .now_ms = wall_ms(q),
                                     .shows_values = q->o.config->http_show_values != 0};
    report_put(&q->board, &head, out);
}
