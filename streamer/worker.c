/* A worker's life: start, cycle after cycle (worker_batch.c), what to do after an error, stop. */
#include "streamer/worker_internal.h"

#include "streamer/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000

int64_t worker_clock_ms(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
int64_t worker_clock_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const char *worker_topic(const struct worker *w, enum topic t) {
    return w->o.config->topics[t];
}

struct source *worker_find_source(struct worker *w, const char *topic, int32_t partition) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].partition == partition && strcmp(worker_topic(w, w->sources[i].topic), topic) == 0)
            return &w->sources[i];
    return NULL;
}

/* --- the cycle --- */

static bool run_batch(struct worker *w, struct err *e) {
    for (size_t at = 0; at < w->message_count;)
        if (!worker_transact(w, &at, e))
            return false;
    worker_drop_messages(w);
    return true;
}

static void note_error(struct worker *w, const struct err *e) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(w->last_error, sizeof w->last_error, "%s", e->text);
    (void)pthread_mutex_unlock(&w->error_lock);
}

/* Nothing of the failed batch stays; a producer that is of no use any more is replaced. */
static bool clean_up(struct worker *w, struct err *e) {
    worker_drop_messages(w);
    batch_clear(w->batch);
    counts_clear(&w->pipeline.env.counts);
    if (w->producer == NULL || !producer_is_usable(w->producer)) {
        producer_free(w->producer);
        w->producer = producer_new(w->o.config, w->o.transactional_id, w->o.layout->n, e);
        if (w->producer == NULL)
            return false;
        w->pipeline.env.sink = producer_sink(w->producer);
    }
    if (w->source_count > 0) {
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        (void)rd_kafka_assign(w->consumer, none); /* until worker_recover() */
        rd_kafka_topic_partition_list_destroy(none);
    }
    return true;
}

/* Waits before another try, serving the group. */
static void back_off(struct worker *w, int64_t ms) {
    int64_t until = worker_clock_ms(CLOCK_MONOTONIC) + ms;
    while (worker_clock_ms(CLOCK_MONOTONIC) < until && !atomic_load(&w->stopping) &&
           w->fatal.class == ERR_NONE)
        (void)worker_poll_group(w, WORKER_POLL_MS);
}

static bool one_cycle(struct worker *w, struct err *e) {
    if (w->consumer_fenced && !worker_rejoin_group(w, e))
        return false;
    if (w->assignment_new && !worker_recover(w, e))
        return false;
    if (w->assignment_new)
        return true;
    worker_collect(w);
    if (w->message_count > 0 && w->fatal.class == ERR_NONE && !run_batch(w, e))
        return false;
    bool idle = w->message_count == 0 && !w->assignment_new && w->source_count > 0;
    if (idle && worker_clock_ms(CLOCK_MONOTONIC) >= w->bookkeeping_due_ms && !worker_pass_markers(w, e))
        return false;
    worker_publish_lag(w);
    worker_bookkeeping(w);
    return true;
}

static void run(struct worker *w) {
    int64_t backoff = BACKOFF_MIN_MS;
    while (!atomic_load(&w->stopping) && w->fatal.class == ERR_NONE) {
        struct err e = {0};
        int64_t committed = atomic_load(&w->o.metrics->transactions[TRANSACTION_COMMITTED]);
        if (one_cycle(w, &e)) {
            if (atomic_load(&w->o.metrics->transactions[TRANSACTION_COMMITTED]) > committed)
                backoff = BACKOFF_MIN_MS;
            continue;
        }
        while (e.class != ERR_STOP && e.class != ERR_CONFIG) {
            note_error(w, &e);
            log_warn("trying again", "backoff_ms=%lld error=%s", (long long)backoff,
                     log_quote(&(struct log_value){0}, e.text));
            atomic_store(&w->phase, WORKER_RETRYING);
            if (atomic_load(&w->stopping)) /* nothing is lost: the next start does what remains */
                break;
            bool clean = clean_up(w, &e);
            back_off(w, backoff);
            backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
            if (clean || atomic_load(&w->stopping))
                break;
        }
        if (e.class == ERR_STOP || e.class == ERR_CONFIG)
            w->fatal = e;
        w->assignment_new = w->source_count > 0;
    }
}

static void *thread_main(void *arg) {
    struct worker *w = arg;
    run(w);
    worker_drop_messages(w);
    w->result = w->fatal;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        atomic_store(&w->owned[p], false);
    atomic_store(&w->phase, WORKER_STOPPED);
    if (w->result.class != ERR_NONE) {
        note_error(w, &w->result);
        w->o.failed(w->o.context);
    }
    return NULL;
}

/* --- life --- */

static void release(struct worker *w) {
    worker_drop_messages(w);
    if (w->batch != NULL) {
        pipeline_release(&w->pipeline);
        batch_free(w->batch);
    }
    purge_free(w->purge);
    restore_free(w->restore);
    producer_free(w->producer);
    worker_leave_group(w);
    for (int32_t p = 0; p < w->o.layout->n; p++)
        task_release(&w->tasks[p]);
    free(w->tasks);
    free(w->sources);
    free(w->owned);
    free(w->assigned);
    free(w->messages);
    free(w->forwarded);
    (void)pthread_mutex_destroy(&w->error_lock);
    free(w);
}

struct worker *worker_start(const struct worker_options *o, struct err *e) {
    struct worker *w = mem_calloc(1, sizeof *w);
    size_t n = (size_t)o->layout->n, sources = 0;
    w->o = *o;
    (void)pthread_mutex_init(&w->error_lock, NULL);
    w->tasks = mem_calloc(n, sizeof *w->tasks);
    w->owned = mem_calloc(n, sizeof *w->owned);
    w->assigned = mem_calloc(n, sizeof *w->assigned);
    for (size_t p = 0; p < n; p++)
        task_init(&w->tasks[p], (int32_t)p);
    for (int t = 0; t < TOPIC_COUNT; t++)
        sources += topic_is_consumed((enum topic)t) ? (size_t)o->layout->partitions[t] : 0;
    w->sources = mem_calloc(sources, sizeof *w->sources);
    w->messages = mem_calloc((size_t)o->config->batch_max_records, sizeof(rd_kafka_message_t *));
    w->forwarded = mem_calloc((size_t)o->config->batch_max_records, sizeof *w->forwarded);
    w->producer = producer_new(o->config, o->transactional_id, o->layout->n, e);
    bool ok = w->producer != NULL;
    if (ok) {
        w->batch = batch_new(o->store);
        pipeline_init(&w->pipeline, o->config, batch_kv(w->batch), producer_sink(w->producer), o->layout->n,
                      (int32_t[ENTITY_COUNT]){o->layout->partitions[TOPIC_CUSTOMERS],
                                              o->layout->partitions[TOPIC_ACCOUNTS]});
        w->pipeline.quarantine_partitions = o->layout->partitions[TOPIC_QUARANTINE];
        w->restore = restore_new(o->config, o->layout, o->store, o->metrics, e);
        if (w->restore != NULL && !o->ephemeral)
            w->purge = purge_new(restore_client(w->restore), o->config, o->layout->n);
        ok = w->restore != NULL && worker_join_group(w, e);
    }
    if (ok && pthread_create(&w->thread, NULL, thread_main, w) != 0)
        ok = err_set(e, ERR_STOP, "cannot start a thread");
    if (ok) {
        w->thread_started = true;
        return w;
    }
    release(w);
    return NULL;
}

bool worker_stop(struct worker *w, struct err *e) {
    if (w == NULL)
        return true;
    atomic_store(&w->stopping, true);
    (void)pthread_join(w->thread, NULL);
    bool ok = w->result.class == ERR_NONE;
    if (!ok)
        *e = w->result;
    release(w);
    return ok;
}

enum worker_phase worker_phase(const struct worker *w) {
    return atomic_load(&w->phase);
}
int64_t worker_backlog(const struct worker *w) {
    return atomic_load(&w->backlog);
}

bool worker_owns(const struct worker *w, int32_t partition) {
    return atomic_load(&w->owned[partition]);
}

void worker_last_error(struct worker *w, char *text, size_t n) {
    (void)pthread_mutex_lock(&w->error_lock);
    (void)snprintf(text, n, "%s", w->last_error);
    (void)pthread_mutex_unlock(&w->error_lock);
}
