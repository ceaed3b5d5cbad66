/* steady_cond: condition variables whose timed waits are by the clock that never goes back
 * (CLOCK_MONOTONIC), so that no wait gets longer when somebody sets the time. */
#ifndef STREAMER_BASE_STEADY_COND_H
#define STREAMER_BASE_STEADY_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Released by pthread_cond_destroy. */
void steady_cond_init(pthread_cond_t *cond);

/* Waits for a signal, with the lock, which it gives up meanwhile. As any wait it can also end for
 * no reason. False: it is `until_ms` by the machine's CLOCK_MONOTONIC. */
bool steady_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);

#endif
