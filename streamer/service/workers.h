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
    size_t count;             /* of those that are there: 0, or all but while they begin */
    size_t wanted;            /* of all */
    int64_t absent_since_ms;  /* since 1970: the start, or when they were last stopped */
    atomic_int *state_owners; /* worker.h */
    struct worker_options common;
    const char *transactional_id; /* each worker's own has its index behind this one */
};

void workers_init(struct workers *w);
/* Once, before workers_begin. `common`: what the options of all workers have in common; index,
 * transactional_id and state_owners are filled in here. transactional_id is borrowed. */
void workers_prepare(struct workers *w, const struct worker_options *common,
                     const char *transactional_id);
/* False with `e` if Kafka refuses one; those before it run, and are to be stopped. */
bool workers_begin(struct workers *w, struct err *e);
/* Lets all finish their transactions, at the same time, and ends them. False with the first error
 * that had ended one of them. */
bool workers_stop(struct workers *w, struct err *e);
void workers_release(struct workers *w); /* after workers_stop */

/* Between these two the workers neither come nor go. The thread that begins and stops them needs no
 * lock; every other thread holds it while it calls what follows. */
void workers_lock(struct workers *w);
void workers_unlock(struct workers *w);

/* The worker that is furthest from running: if it runs, all do. NULL: there are none. */
struct worker *workers_slowest(const struct workers *w);
/* That one's phase; WORKER_CONNECTING if there are none. */
enum worker_phase workers_phase(const struct workers *w);
/* Whether one of them has the task of that partition, restored; or has it, restored or not. */
bool workers_own(const struct workers *w, int32_t partition);
bool workers_hold(const struct workers *w, int32_t partition);
/* Whether the group has given each of them its partitions. */
bool workers_are_settled(const struct workers *w);
/* How many records wait, over all workers. */
int64_t workers_backlog(const struct workers *w);
/* Whether each of them has done a step since this was last asked (worker_has_moved). */
bool workers_have_moved(struct workers *w);

#endif
