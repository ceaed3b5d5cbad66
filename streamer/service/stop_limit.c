#include "streamer/service/stop_limit.h"

#include "streamer/base/log.h"
#include "streamer/service/signals.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STOP_S 9 /* Docker waits 10 s before kill -9 */
#define POLL_NS 100000000

static void *give_up(void *nothing) {
    struct timespec left = {.tv_sec = STOP_S};
    while (nanosleep(&left, &left) != 0)
        continue;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    log_error("stopping takes too long; ended as by kill -9: the next start goes on from what is "
              "committed",
              "seconds=%d", STOP_S);
    _exit(EXIT_FAILURE);
    return nothing;
}

static void *give_up_after_signal(void *nothing) {
    const struct timespec pause = {.tv_nsec = POLL_NS};
    while (!signals_stop_is_pending())
        (void)nanosleep(&pause, NULL);
    return give_up(nothing);
}

static void begin(struct stop_limit *l, void *(*main)(void *)) {
    l->is_set = pthread_create(&l->thread, NULL, main, NULL) == 0;
}

void stop_limit_begin(struct stop_limit *l) {
    begin(l, give_up);
}

void stop_limit_begin_at_signal(struct stop_limit *l) {
    begin(l, give_up_after_signal);
}

void stop_limit_end(struct stop_limit *l) {
    if (l->is_set && pthread_cancel(l->thread) == 0)
        (void)pthread_join(l->thread, NULL);
    l->is_set = false;
}
