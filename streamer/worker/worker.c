#include "streamer/worker/worker.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/login_guard.h"
#include "streamer/worker/worker_cycle.h"
#include "streamer/worker/worker_group.h"
#include "streamer/worker/worker_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define REFUSED_BACKOFF_MS 1000 /* while a login is refused: only login_guard is asked */
#define CALM_MS 60000           /* after so long without an error the earlier ones are forgotten */

/* --- after an error --- */

static void note_error(struct worker *w, const struct err *e) {
    (void)pthread_mutex_lock(&w->status_lock);
    (void)snprintf(w->last_error, sizeof w->last_error, "%s", e->text);
    (void)pthread_mutex_unlock(&w->status_lock);
}

/* True: a broker refuses the login. Nothing can go on before it accepts one. */
static bool login_is_refused(const struct worker *w, struct err *e) {
    char text[400];
    if (!login_guard_refusal(w->o.config->logins, clock_ms(w->o.clock, CLOCK_MONOTONIC), text,
                             sizeof text))
        return false;
    (void)err_set(
        e, ERR_RETRY,
        "kafka: %s; tried again once a minute, check the user, its secret and whether it is locked",
        text);
    return true;
}

static bool replace_producer(struct worker *w, struct err *e) {
    producer_free(w->producer);
    w->producer = producer_new(w->o.kafka, w->o.clock, w->o.transactional_id, w->o.layout->n, e);
    if (w->producer == NULL)
        return false;
    w->pipeline.env.sink = producer_sink(w->producer);
    return true;
}

/* Drops everything of the failed batch, and replaces the producer if it is unusable. */
static bool clean_up(struct worker *w, struct err *e) {
    worker_restart(w);
    if (login_is_refused(w, e))
        return false;
    bool usable = w->producer != NULL && producer_is_usable(w->producer);
    return usable || replace_producer(w, e);
}

/* Counts one more error. False: it is time to give up, and `e` says so. */
static bool may_try_again(struct worker *w, struct err *e) {
    struct failing *f = &w->failing;
    int64_t now = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    if (f->since_ms == 0 || w->commits > f->commits || now - f->resume_ms > CALM_MS)
        *f = (struct failing){.since_ms = now, .backoff_ms = BACKOFF_MIN_MS};
    f->commits = w->commits;
    if (now - f->since_ms <= w->o.config->retry_timeout_ms)
        return true;
    e->class = ERR_STOP;
    return err_prefix(e, "gave up after %lld s of trying again (retry.timeout)",
                      (long long)((now - f->since_ms) / 1000));
}

/* Asks Kafka which right is missing, because the error may not say so. */
static void name_missing_right(struct worker *w, struct err *e) {
    if (w->rights == NULL)
        return;
    rights_watch_suspect(w->rights);
    (void)rights_watch_holds(w->rights, clock_ms(w->o.clock, CLOCK_MONOTONIC), e);
}

/* A refused login is logged once, not each time that it is tried again. */
static void log_failure(struct worker *w, const struct err *e, bool refused) {
    struct failing *f = &w->failing;
    const char *text = log_quote(&(struct log_value){0}, e->text);
    if (!refused && f->logged_refusal)
        log_info("login accepted again", "worker=%d", w->o.index);
    else if (!refused)
        log_warn("trying again", "worker=%d backoff_ms=%lld error=%s", w->o.index,
                 (long long)f->backoff_ms, text);
    else if (!f->logged_refusal)
        log_error("login refused", "worker=%d tried_every_s=%d gives_up_after_s=%lld error=%s",
                  w->o.index, (int)(LOGIN_GUARD_PAUSE_MS / 1000),
                  (long long)(w->o.config->retry_timeout_ms / 1000), text);
    f->logged_refusal = refused;
}

/* Cleans up and lets the worker try again a while later, or ends it. */
static void recover(struct worker *w, struct err *e) {
    struct failing *f = &w->failing;
    bool must_end = e->class == ERR_STOP || e->class == ERR_CONFIG;
    bool refused = !must_end && login_is_refused(w, e); /* the cause of other errors */
    if (e->class == ERR_DENIED)
        name_missing_right(w, e);
    note_error(w, e);
    if (must_end || !may_try_again(w, e)) {
        w->fatal = *e;
        return;
    }
    worker_set_phase(w, WORKER_RETRYING);
    log_failure(w, e, refused);
    f->unclean = clean_up(w, e) ? (struct err){0} : *e;
    f->resume_ms =
        clock_ms(w->o.clock, CLOCK_MONOTONIC) + (refused ? REFUSED_BACKOFF_MS : f->backoff_ms);
    f->backoff_ms = f->backoff_ms * 2 < BACKOFF_MAX_MS ? f->backoff_ms * 2 : BACKOFF_MAX_MS;
}

/* --- its thread --- */

/* Whether the brokers let this user work. */
static bool is_admitted(struct worker *w, struct err *e) {
    if (login_is_refused(w, e))
        return false;
    return w->rights == NULL ||
           rights_watch_holds(w->rights, clock_ms(w->o.clock, CLOCK_MONOTONIC), e);
}

bool worker_step(struct worker *w) {
    struct err e = w->failing.unclean;
    atomic_store(&w->moved, true);
    if (atomic_load(&w->stopping) || w->fatal.class != ERR_NONE)
        return false;
    if (clock_ms(w->o.clock, CLOCK_MONOTONIC) < w->failing.resume_ms)
        worker_poll_group(w, WORKER_POLL_MS);
    else if (e.class != ERR_NONE || !is_admitted(w, &e) || !worker_cycle(w, &e))
        recover(w, &e);
    return true;
}

static void *thread_main(void *arg) {
    struct worker *w = arg;
    store_use_thread();
    while (worker_step(w))
        ;
    worker_finish(w);
    return NULL;
}

void worker_finish(struct worker *w) {
    w->result = w->fatal;
    worker_let_go(w);
    worker_set_phase(w, WORKER_STOPPED);
    if (w->result.class != ERR_NONE) {
        note_error(w, &w->result);
        w->o.failed(w->o.context);
    }
}

/* --- life --- */

void worker_free(struct worker *w) {
    repartition_trim_free(w->trim);
    rights_watch_free(w->rights);
    producer_free(w->producer);
    worker_leave_group(w);
    restore_free(w->restore);
    if (w->batch != NULL) {
        pipeline_release(&w->pipeline);
        batch_free(w->batch);
    }
    for (int32_t p = 0; p < w->o.layout->n; p++)
        task_release(&w->tasks[p]);
    free(w->tasks);
    free(w->sources);
    free(w->stages);
    free(w->transactional_id);
    free(w->messages);
    free(w->forwarded);
    (void)pthread_mutex_destroy(&w->status_lock);
    (void)pthread_mutex_destroy(&w->rejects_lock);
    if (!w->consumer_lingers)
        free(w);
}

static size_t count_sources(const struct topic_layout *layout) {
    size_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += topic_is_consumed((enum topic)t) ? (size_t)layout->partitions[t] : 0;
    return sum;
}

/* What needs no connection. */
static struct worker *allocate(const struct worker_options *o) {
    struct worker *w = mem_calloc(1, sizeof *w);
    size_t n = (size_t)o->layout->n, batch_max = (size_t)o->config->batch_max_records;
    w->o = *o;
    w->o.transactional_id = w->transactional_id = mem_strdup(o->transactional_id);
    atomic_store(&w->ready_changed_ms, clock_ms(o->clock, CLOCK_REALTIME));
    (void)pthread_mutex_init(&w->status_lock, NULL);
    (void)pthread_mutex_init(&w->rejects_lock, NULL);
    w->tasks = mem_calloc(n, sizeof *w->tasks);
    w->stages = mem_calloc(n, sizeof *w->stages);
    for (size_t p = 0; p < n; p++)
        task_init(&w->tasks[p], (int32_t)p);
    w->sources = mem_calloc(count_sources(o->layout), sizeof *w->sources);
    w->messages = mem_calloc(batch_max, sizeof(rd_kafka_message_t *));
    w->forwarded = mem_calloc(batch_max, sizeof *w->forwarded);
    return w;
}

static void make_pipeline(struct worker *w) {
    const int32_t *partitions = w->o.layout->partitions;
    w->batch = batch_new(w->o.store);
    pipeline_init(&w->pipeline, w->o.config, batch_kv(w->batch), producer_sink(w->producer),
                  w->o.layout->n,
                  (int32_t[ENTITY_COUNT]){partitions[TOPIC_CUSTOMERS], partitions[TOPIC_ACCOUNTS]});
    w->pipeline.quarantine_partitions = partitions[TOPIC_QUARANTINE];
}

/* Makes the clients, and joins the group last. */
static bool make_clients(struct worker *w, struct err *e) {
    const struct worker_options *o = &w->o;
    w->producer = producer_new(o->kafka, o->clock, o->transactional_id, o->layout->n, e);
    if (w->producer == NULL)
        return false;
    make_pipeline(w);
    w->restore = restore_new(o->kafka, o->clock, o->layout, o->store, o->metrics, e);
    if (w->restore == NULL)
        return false;
    if (!o->ephemeral) {
        w->trim = repartition_trim_new(o->kafka, restore_client(w->restore), o->layout->n);
        w->rights = rights_watch_new(o->kafka, restore_client(w->restore));
    }
    return worker_enter_group(w, e);
}

struct worker *worker_new(const struct worker_options *o, struct err *e) {
    struct worker *w = allocate(o);
    if (make_clients(w, e))
        return w;
    worker_free(w);
    return NULL;
}

struct worker *worker_start(const struct worker_options *o, struct err *e) {
    struct worker *w = worker_new(o, e);
    if (w == NULL || pthread_create(&w->thread, NULL, thread_main, w) == 0)
        return w;
    worker_free(w);
    (void)err_set(e, ERR_STOP, "cannot start a thread");
    return NULL;
}

void worker_ask_to_stop(struct worker *w) {
    atomic_store(&w->stopping, true);
}

bool worker_stop(struct worker *w, struct err *e) {
    if (w == NULL)
        return true;
    worker_ask_to_stop(w);
    (void)pthread_join(w->thread, NULL);
    bool ok = w->result.class == ERR_NONE;
    if (!ok)
        *e = w->result;
    worker_free(w);
    return ok;
}

enum worker_phase worker_phase(const struct worker *w) {
    return atomic_load(&w->phase);
}

int64_t worker_ready_changed_ms(const struct worker *w) {
    return atomic_load(&w->ready_changed_ms);
}

int64_t worker_backlog(const struct worker *w) {
    return atomic_load(&w->backlog);
}

bool worker_has_moved(struct worker *w) {
    return atomic_exchange(&w->moved, false);
}

bool worker_owns(const struct worker *w, int32_t partition) {
    return worker_stage(w, partition) == STAGE_READY;
}

bool worker_holds(const struct worker *w, int32_t partition) {
    return worker_stage(w, partition) != STAGE_NONE;
}

enum task_phase worker_task_phase(const struct worker *w, int32_t partition) {
    static const enum task_phase phases[] = {
        [STAGE_NONE] = TASK_ABSENT,         [STAGE_WAITING] = TASK_WAITING,
        [STAGE_RESTORING] = TASK_RESTORING, [STAGE_REFRESHING] = TASK_RESTORING,
        [STAGE_READY] = TASK_RUNNING,
    };
    return phases[worker_stage(w, partition)];
}

void worker_rejects(struct worker *w, struct rejects *out) {
    (void)pthread_mutex_lock(&w->rejects_lock);
    *out = w->shown_rejects;
    (void)pthread_mutex_unlock(&w->rejects_lock);
}

void worker_last_error(struct worker *w, char *text, size_t n) {
    (void)pthread_mutex_lock(&w->status_lock);
    (void)snprintf(text, n, "%s", w->last_error);
    (void)pthread_mutex_unlock(&w->status_lock);
}

void worker_waits(struct worker *w, struct worker_waits *out) {
    (void)pthread_mutex_lock(&w->status_lock);
    *out = w->waits;
    (void)pthread_mutex_unlock(&w->status_lock);
}
