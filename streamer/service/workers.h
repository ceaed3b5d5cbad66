/* workers: the workers of this process, as one. They begin and end together: at the start, at a
 * stop, and when new secrets are taken over. HTTP asks them from other threads meanwhile. */
#ifndef STREAMER_SERVICE_WORKERS_H
#define STREAMER_SERVICE_WORKERS_H

#include "streamer/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workers {
    pthread_rwlock_t lock; /* over `list`, `count` and absent_since_ms */
    struct worker **list;
    size_t count;             /* workers that have begun: full_count, or 0 once they are stopped */
    size_t full_count;        /* as many as the setting `workers` says */
    int64_t absent_since_ms;  /* since 1970: the start, or when they were last stopped */
    atomic_int *state_owners; /* worker.h */
    struct worker_options common;
    const char *transactional_id; /* each worker's own has its index behind this one */
};

void workers_init(struct workers *w);
/* Call it once, before workers_begin. `common` is what the options of all workers have in common;
 * index, transactional_id and state_owners are filled in here. transactional_id is borrowed. */
void workers_prepare(struct workers *w, const struct worker_options *common,
                     const char *transactional_id);
/* Starts all workers. False with `e` if Kafka refuses one; the workers before it then run, and the
 * caller must stop them. */
bool workers_begin(struct workers *w, struct err *e);
/* Lets all workers finish their transactions, at the same time, and ends them. False with the first
 * error that had ended one of them. */
bool workers_stop(struct workers *w, struct err *e);
void workers_release(struct workers *w); /* after workers_stop */

/* Between these two calls no worker begins or ends. The thread that begins and stops the workers
 * needs no lock; every other thread holds it while it calls what follows. */
void workers_lock(struct workers *w);
void workers_unlock(struct workers *w);
/* For the thread that begins and stops the workers: no other thread is between these two calls, so
 * what such threads read may be changed. It ends with workers_unlock, too. */
void workers_lock_alone(struct workers *w);

/* The worker that is furthest from running: if it runs, all do. NULL: there are none. */
struct worker *workers_slowest(const struct workers *w);
/* The phase of workers_slowest; WORKER_CONNECTING if there are no workers. */
enum worker_phase workers_phase(const struct workers *w);
/* Whether one of them has the task of that partition, and has restored it. */
bool workers_own(const struct workers *w, int32_t partition);
/* Whether one of them has the task of that partition, restored or not. */
bool workers_hold(const struct workers *w, int32_t partition);
/* The worker that has the task of that partition, restored or not, and its index; NULL: none has.
 */
const struct worker *workers_holder(const struct workers *w, int32_t partition, size_t *index);
/* The newest quarantined records of all workers together. */
void workers_rejects(const struct workers *w, struct rejects *out);
/* Whether the group has given each of them its partitions. */
bool workers_are_settled(const struct workers *w);
/* The partitions of all workers that wait, and what the first one waits for. */
void workers_waits(const struct workers *w, struct worker_waits *out);
/* How many records wait, over all workers. */
int64_t workers_backlog(const struct workers *w);
/* Whether each of them has done a step since this was last asked (worker_has_moved). */
bool workers_have_moved(struct workers *w);

#endif
