#include "streamer/service/background.h"

#include "streamer/base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

struct waiting {
    STAILQ_ENTRY(waiting) entry;
    background_job *job;
    void *context;
};

struct background {
    pthread_t thread;
    bool has_stopped; /* for the thread that stops it */
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* over the jobs */
    pthread_cond_t wake;
    STAILQ_HEAD(, waiting) jobs;
    bool is_closed; /* no job is added any more */
};

/* Waits for the next job. NULL: there are none, and it is time to stop. */
static struct waiting *take(struct background *b) {
    (void)pthread_mutex_lock(&b->lock);
    while (STAILQ_EMPTY(&b->jobs) && !b->is_closed)
        (void)pthread_cond_wait(&b->wake, &b->lock);
    struct waiting *w = STAILQ_FIRST(&b->jobs);
    if (w != NULL)
        STAILQ_REMOVE_HEAD(&b->jobs, entry);
    (void)pthread_mutex_unlock(&b->lock);
    return w;
}

static void *run(void *background) {
    struct background *b = background;
    for (struct waiting *w; (w = take(b)) != NULL; free(w))
        w->job(w->context, &b->is_stopping);
    return NULL;
}

static void destroy(struct background *b) {
    (void)pthread_mutex_destroy(&b->lock);
    (void)pthread_cond_destroy(&b->wake);
    free(b);
}

struct background *background_new(struct err *e) {
    struct background *b = mem_calloc(1, sizeof *b);
    STAILQ_INIT(&b->jobs);
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->wake, NULL);
    if (pthread_create(&b->thread, NULL, run, b) == 0)
        return b;
    (void)err_set(e, ERR_STOP,
                  "http: cannot start a thread for long answers; raise the limit of "
                  "threads (ulimit -u, TasksMax)");
    destroy(b);
    return NULL;
}

/* False: it is closed. */
static bool add(struct background *b, struct waiting *w) {
    (void)pthread_mutex_lock(&b->lock);
    bool is_open = !b->is_closed;
    if (is_open)
        STAILQ_INSERT_TAIL(&b->jobs, w, entry);
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    return is_open;
}

void background_do(struct background *b, background_job *job, void *context) {
    struct waiting *w = mem_calloc(1, sizeof *w);
    w->job = job;
    w->context = context;
    if (add(b, w))
        return;
    free(w);
    job(context, &b->is_stopping);
}

void background_stop(struct background *b) {
    if (b == NULL || b->has_stopped)
        return;
    atomic_store(&b->is_stopping, true);
    (void)pthread_mutex_lock(&b->lock);
    b->is_closed = true;
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    (void)pthread_join(b->thread, NULL);
    b->has_stopped = true;
}

void background_free(struct background *b) {
    if (b == NULL)
        return;
    background_stop(b);
    destroy(b);
}
