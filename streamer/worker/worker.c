/* A worker's life: start, cycle after cycle (worker_cycle.c), what to do after an error, stop. */
#include "streamer/worker/worker_internal.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/login_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define REFUSED_LOOK_MS 1000 /* whether a login that was refused has been accepted */
#define CALM_MS 60000        /* without an error: the ones before it are forgotten */

int64_t worker_clock_ms(const struct worker *w, clockid_t id) {
    return clock_ms(w->o.clock, id);
}
int64_t worker_clock_us(const struct worker *w) {
    return clock_us(w->o.clock, CLOCK_MONOTONIC);
}

const char *worker_topic(const struct worker *w, enum topic t) {
    return w->o.config->topics[t];
}

static bool is_source(const struct worker *w, const struct source *s, const char *topic,
                      int32_t partition) {
    return s->partition == partition && strcmp(worker_topic(w, s->topic), topic) == 0;
}

struct source *worker_find_source(struct worker *w, const char *topic, int32_t partition) {
    for (size_t i = 0; i < w->source_count; i++)
        if (is_source(w, &w->sources[i], topic, partition))
            return &w->sources[i];
    return NULL;
}

/* Messages come in runs of one partition. */
struct source *worker_source_of(struct worker *w, const rd_kafka_message_t *m) {
    const char *topic = w->o.kafka->topic(m);
    if (w->last_source >= w->source_count ||
        !is_source(w, &w->sources[w->last_source], topic, m->partition)) {
        const struct source *s = worker_find_source(w, topic, m->partition);
        if (s == NULL)
            return NULL;
        w->last_source = (size_t)(s - w->sources);
    }
    return &w->sources[w->last_source];
}

/* --- the cycle --- */

/* The rest of a batch that takes several transactions is left to the next start if the program is
 * told to stop. */
static bool run_batch(struct worker *w, struct err *e) {
    for (size_t at = 0; at < w->message_count && !atomic_load(&w->stopping);) {
        if (!worker_transact(w, &at, e))
            return false;
        atomic_store(&w->moved, true);
    }
    worker_drop_messages(w);
    return true;
}

static void note_error(struct worker *w, const struct err *e) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(w->last_error, sizeof w->last_error, "%s", e->text);
    (void)pthread_mutex_unlock(&w->error_lock);
}

/* True: a broker refuses the login, and nothing else can go on before it lets somebody in. */
static bool login_is_refused(const struct worker *w, struct err *e) {
    char text[400];
    if (!login_guard_refusal(w->o.config->logins, worker_clock_ms(w, CLOCK_MONOTONIC), text,
                             sizeof text))
        return false;
    (void)err_set(
        e, ERR_RETRY,
        "kafka: %s; tried again once a minute, check the user, its secret and whether it is locked",
        text);
    return true;
}

/* Nothing of the failed batch stays; a producer that is of no use any more is replaced. */
static bool clean_up(struct worker *w, struct err *e) {
    worker_drop_messages(w);
    counts_clear(&w->pipeline.env.counts);
    worker_restart_tasks(w);
    if (login_is_refused(w, e))
        return false;
    if (w->producer == NULL || !producer_is_usable(w->producer)) {
        producer_free(w->producer);
        w->producer =
            producer_new(w->o.kafka, w->o.clock, w->o.transactional_id, w->o.layout->n, e);
        if (w->producer == NULL)
            return false;
        w->pipeline.env.sink = producer_sink(w->producer);
    }
    return true;
}

static bool one_cycle(struct worker *w, struct err *e) {
    if (login_is_refused(w, e))
        return false;
    if (w->rights != NULL && !rights_watch_holds(w->rights, worker_clock_ms(w, CLOCK_MONOTONIC), e))
        return false;
    if (w->must_rejoin && !worker_rejoin_group(w, e))
        return false;
    if (!worker_advance_tasks(w, e))
        return false;
    worker_collect(w);
    if (w->trouble.class != ERR_NONE) {
        *e = w->trouble;
        w->trouble.class = ERR_NONE;
        return false;
    }
    w->busy = w->message_count > 0;
    if (w->busy && w->fatal.class == ERR_NONE && !run_batch(w, e))
        return false;
    if (!w->busy && !worker_may_defer_write(w) && !worker_write_state(w, e))
        return false;
    if (!w->busy && w->has_assignment &&
        worker_clock_ms(w, CLOCK_MONOTONIC) >= w->bookkeeping_due_ms && !worker_pass_markers(w, e))
        return false;
    worker_publish_lag(w);
    worker_bookkeeping(w);
    return true;
}

void worker_set_phase(struct worker *w, enum worker_phase phase) {
    enum worker_phase before = atomic_exchange(&w->phase, phase);
    if ((before == WORKER_RUNNING) != (phase == WORKER_RUNNING))
        atomic_store(&w->ready_changed_ms, worker_clock_ms(w, CLOCK_REALTIME));
}

/* Notes one more error. False if it is time to give up: `e` says so. */
static bool may_try_again(struct worker *w, struct err *e) {
    struct failing *f = &w->failing;
    int64_t now = worker_clock_ms(w, CLOCK_MONOTONIC);
    if (f->since_ms == 0 || w->commits > f->commits || now - f->resume_ms > CALM_MS)
        *f = (struct failing){.since_ms = now, .backoff_ms = BACKOFF_MIN_MS};
    f->commits = w->commits;
    if (now - f->since_ms <= w->o.config->retry_timeout_ms)
        return true;
    e->class = ERR_STOP;
    return err_prefix(e, "gave up after %lld s of trying again (retry.timeout)",
                      (long long)((now - f->since_ms) / 1000));
}

/* Asks which right is missing: the error may not say. */
static void name_missing_right(struct worker *w, struct err *e) {
    if (w->rights == NULL)
        return;
    rights_watch_suspect(w->rights);
    (void)rights_watch_holds(w->rights, worker_clock_ms(w, CLOCK_MONOTONIC), e);
}

/* That a login is refused is said once, not each time that it is tried again. */
static void tell(struct worker *w, const struct err *e, bool refused) {
    struct failing *f = &w->failing;
    const char *text = log_quote(&(struct log_value){0}, e->text);
    if (!refused && f->told_refused)
        log_info("login accepted again", "worker=%d", w->o.index);
    else if (!refused)
        log_warn("trying again", "worker=%d backoff_ms=%lld error=%s", w->o.index,
                 (long long)f->backoff_ms, text);
    else if (!f->told_refused)
        log_error("login refused", "worker=%d tried_every_s=%d gives_up_after_s=%lld error=%s",
                  w->o.index, (int)(LOGIN_GUARD_PAUSE_MS / 1000),
                  (long long)(w->o.config->retry_timeout_ms / 1000), text);
    f->told_refused = refused;
}

/* Begins anew, and goes on a while later; or ends the worker. */
static void recover(struct worker *w, struct err *e) {
    struct failing *f = &w->failing;
    bool must_end = e->class == ERR_STOP || e->class == ERR_CONFIG;
    bool refused = !must_end && login_is_refused(w, e); /* what that has caused says less */
    if (e->class == ERR_DENIED)
        name_missing_right(w, e);
    note_error(w, e);
    if (must_end || !may_try_again(w, e)) {
        w->fatal = *e;
        return;
    }
    worker_set_phase(w, WORKER_RETRYING);
    tell(w, e, refused);
    f->unclean = clean_up(w, e) ? (struct err){0} : *e;
    f->resume_ms =
        worker_clock_ms(w, CLOCK_MONOTONIC) + (refused ? REFUSED_LOOK_MS : f->backoff_ms);
    f->backoff_ms = f->backoff_ms * 2 < BACKOFF_MAX_MS ? f->backoff_ms * 2 : BACKOFF_MAX_MS;
}

bool worker_step(struct worker *w) {
    struct err e = w->failing.unclean;
    atomic_store(&w->moved, true);
    if (atomic_load(&w->stopping) || w->fatal.class != ERR_NONE)
        return false;
    if (worker_clock_ms(w, CLOCK_MONOTONIC) < w->failing.resume_ms)
        worker_poll_group(w, WORKER_POLL_MS); /* it serves the group meanwhile */
    else if (e.class != ERR_NONE || !one_cycle(w, &e))
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
    worker_drop_messages(w);
    w->result = w->fatal;
    worker_release_tasks(w);
    worker_set_phase(w, WORKER_STOPPED);
    if (w->result.class != ERR_NONE) {
        note_error(w, &w->result);
        w->o.failed(w->o.context);
    }
}

/* --- life --- */

void worker_free(struct worker *w) {
    worker_drop_messages(w);
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
    (void)pthread_mutex_destroy(&w->error_lock);
    if (!w->consumer_lingers)
        free(w);
}

struct worker *worker_new(const struct worker_options *o, struct err *e) {
    struct worker *w = mem_calloc(1, sizeof *w);
    size_t n = (size_t)o->layout->n, sources = 0;
    w->o = *o;
    w->o.transactional_id = w->transactional_id = mem_strdup(o->transactional_id);
    atomic_store(&w->ready_changed_ms, worker_clock_ms(w, CLOCK_REALTIME));
    (void)pthread_mutex_init(&w->error_lock, NULL);
    w->tasks = mem_calloc(n, sizeof *w->tasks);
    w->stages = mem_calloc(n, sizeof *w->stages);
    for (size_t p = 0; p < n; p++)
        task_init(&w->tasks[p], (int32_t)p);
    for (int t = 0; t < TOPIC_COUNT; t++)
        sources += topic_is_consumed((enum topic)t) ? (size_t)o->layout->partitions[t] : 0;
    w->sources = mem_calloc(sources, sizeof *w->sources);
    w->messages = mem_calloc((size_t)o->config->batch_max_records, sizeof(rd_kafka_message_t *));
    w->forwarded = mem_calloc((size_t)o->config->batch_max_records, sizeof *w->forwarded);
    w->producer = producer_new(o->kafka, o->clock, o->transactional_id, o->layout->n, e);
    bool ok = w->producer != NULL;
    if (ok) {
        w->batch = batch_new(o->store);
        pipeline_init(&w->pipeline, o->config, batch_kv(w->batch), producer_sink(w->producer),
                      o->layout->n,
                      (int32_t[ENTITY_COUNT]){o->layout->partitions[TOPIC_CUSTOMERS],
                                              o->layout->partitions[TOPIC_ACCOUNTS]});
        w->pipeline.quarantine_partitions = o->layout->partitions[TOPIC_QUARANTINE];
        w->restore = restore_new(o->kafka, o->clock, o->layout, o->store, o->metrics, e);
        if (w->restore != NULL && !o->ephemeral) {
            w->trim = repartition_trim_new(o->kafka, restore_client(w->restore), o->layout->n);
            w->rights = rights_watch_new(o->kafka, restore_client(w->restore));
        }
        ok = w->restore != NULL && worker_join_group(w, e);
    }
    if (ok)
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
    return atomic_load(&w->stages[partition]) == STAGE_READY;
}

bool worker_holds(const struct worker *w, int32_t partition) {
    return atomic_load(&w->stages[partition]) != STAGE_NONE;
}

void worker_last_error(struct worker *w, char *text, size_t n) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(text, n, "%s", w->last_error);
    (void)pthread_mutex_unlock(&w->error_lock);
}
