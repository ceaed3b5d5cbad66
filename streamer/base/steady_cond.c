#include "streamer/base/steady_cond.h"

#include <time.h>

void steady_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &steady);
    (void)pthread_condattr_destroy(&steady);
}

bool steady_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms) {
    const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}
