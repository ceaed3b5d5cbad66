/* steady_wait: a cnd_timedwait that waits by the monotonic clock. librdkafka (2.0.2) uses
 * cnd_timedwait, which waits until a time of the wall clock. When that clock is set back by an
 * hour, a wait of 100 ms lasts an hour: no heartbeats, no records, no stop. The linker takes the
 * program's definition before the one of the C library. Its cnd_t and mtx_t are the pthread types
 * under other names. */
#include <errno.h>
#include <pthread.h>
#include <threads.h>
#include <time.h>

#define NS_IN_S 1000000000

_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");
_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");

/* Converts a time of the wall clock to one of the monotonic clock. */
static struct timespec to_steady(const struct timespec *until) {
    struct timespec wall, steady;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_MONOTONIC, &steady);
    steady.tv_sec += until->tv_sec - wall.tv_sec;
    steady.tv_nsec += until->tv_nsec - wall.tv_nsec;
    if (steady.tv_nsec >= NS_IN_S) {
        steady.tv_nsec -= NS_IN_S;
        steady.tv_sec++;
    } else if (steady.tv_nsec < 0) {
        steady.tv_nsec += NS_IN_S;
        steady.tv_sec--;
    }
    return steady;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                  const struct timespec *restrict until) {
    struct timespec end = to_steady(until);
    if (end.tv_sec < 0)
        return thrd_timedout;
    switch (pthread_cond_clockwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex,
                                   CLOCK_MONOTONIC, &end)) {
    case 0:
        return thrd_success;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}
