#include "streamer/service/workers.h"

#include "streamer/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* --- life */

/* A thread that waits to write comes first. Otherwise a client that asks all the time would keep
 * the workers from beginning and ending. */
void workers_init(struct workers *w) {
    *w = (struct workers){.absent_since_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME)};
    pthread_rwlockattr_t kind;
    (void)pthread_rwlockattr_init(&kind);
    (void)pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(&w->lock, &kind);
    (void)pthread_rwlockattr_destroy(&kind);
}

void workers_prepare(struct workers *w, const struct worker_options *common,
                     const char *transactional_id) {
    w->full_count = (size_t)common->config->workers;
    w->list = mem_calloc(w->full_count, sizeof(struct worker *));
    w->state_owners = mem_calloc((size_t)common->layout->n, sizeof *w->state_owners);
    w->transactional_id = transactional_id;
    w->common = *common;
}

static bool begin_one(struct workers *w, size_t index, struct err *e) {
    char transactional_id[512];
    (void)snprintf(transactional_id, sizeof transactional_id, "%s-%zu", w->transactional_id, index);
    struct worker_options o = w->common;
    o.index = (int)index;
    o.transactional_id = transactional_id;
    o.state_owners = w->state_owners;
    struct worker *worker = worker_start(&o, e);
    (void)pthread_rwlock_wrlock(&w->lock);
    w->list[index] = worker;
    w->count += worker != NULL;
    (void)pthread_rwlock_unlock(&w->lock);
    return worker != NULL;
}

bool workers_begin(struct workers *w, struct err *e) {
    for (size_t i = 0; i < w->full_count; i++)
        if (!begin_one(w, i, e))
            return false;
    return true;
}

bool workers_stop(struct workers *w, struct err *e) {
    bool ok = true;
    (void)pthread_rwlock_wrlock(&w->lock); /* from here on nobody else sees them */
    size_t count = w->count;
    w->count = 0;
    w->absent_since_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    (void)pthread_rwlock_unlock(&w->lock);
    for (size_t i = 0; i < count; i++)
        worker_ask_to_stop(w->list[i]);
    for (size_t i = 0; i < count; i++) {
        struct err own;
        if (!worker_stop(w->list[i], &own)) {
            *e = ok ? own : *e;
            ok = false;
        }
    }
    return ok;
}

void workers_release(struct workers *w) {
    free(w->list);
    free(w->state_owners);
    (void)pthread_rwlock_destroy(&w->lock);
}

void workers_lock(struct workers *w) {
    (void)pthread_rwlock_rdlock(&w->lock);
}

void workers_lock_alone(struct workers *w) {
    (void)pthread_rwlock_wrlock(&w->lock);
}

void workers_unlock(struct workers *w) {
    (void)pthread_rwlock_unlock(&w->lock);
}

/* --- what the workers do now */

/* How many steps the worker is away from running. */
static int distance(const struct worker *w) {
    static const int steps[] = {
        [WORKER_RUNNING] = 0,  [WORKER_RESTORING] = 1, [WORKER_CONNECTING] = 2,
        [WORKER_RETRYING] = 3, [WORKER_STOPPED] = 4,
    };
    return steps[worker_phase(w)];
}

struct worker *workers_slowest(const struct workers *w) {
    struct worker *slowest = NULL;
    for (size_t i = 0; i < w->count; i++)
        if (slowest == NULL || distance(w->list[i]) > distance(slowest))
            slowest = w->list[i];
    return slowest;
}

enum worker_phase workers_phase(const struct workers *w) {
    const struct worker *slowest = workers_slowest(w);
    return slowest != NULL ? worker_phase(slowest) : WORKER_CONNECTING;
}

bool workers_own(const struct workers *w, int32_t partition) {
    for (size_t i = 0; i < w->count; i++)
        if (worker_owns(w->list[i], partition))
            return true;
    return false;
}

bool workers_hold(const struct workers *w, int32_t partition) {
    for (size_t i = 0; i < w->count; i++)
        if (worker_holds(w->list[i], partition))
            return true;
    return false;
}

const struct worker *workers_holder(const struct workers *w, int32_t partition, size_t *index) {
    for (*index = 0; *index < w->count; ++*index)
        if (worker_holds(w->list[*index], partition))
            return w->list[*index];
    return NULL;
}

void workers_rejects(const struct workers *w, struct rejects *out) {
    struct rejects one;
    rejects_clear(out);
    for (size_t i = 0; i < w->count; i++) {
        worker_rejects(w->list[i], &one);
        rejects_merge(out, &one);
    }
}

bool workers_are_settled(const struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        if (worker_phase(w->list[i]) == WORKER_CONNECTING)
            return false;
    return w->count == w->full_count;
}

void workers_waits(const struct workers *w, struct worker_waits *out) {
    *out = (struct worker_waits){0};
    for (size_t i = 0; i < w->count; i++) {
        struct worker_waits one;
        worker_waits(w->list[i], &one);
        int64_t partitions = out->partitions + one.partitions;
        if (one.partitions > 0 && (out->partitions == 0 || one.since_ms < out->since_ms))
            *out = one;
        out->partitions = partitions;
    }
}

int64_t workers_backlog(const struct workers *w) {
    int64_t backlog = 0;
    for (size_t i = 0; i < w->count; i++)
        backlog += worker_backlog(w->list[i]);
    return backlog;
}

bool workers_have_moved(struct workers *w) {
    bool all = true;
    for (size_t i = 0; i < w->count; i++)
        all = worker_has_moved(w->list[i]) && all;
    return all;
}
