#include "streamer/service/start_watch.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/service/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SIGNAL_END SIGRTMIN /* sent to the thread to end it */

struct start_watch {
    pthread_t thread;
};

static void *watch_main(void *set) {
    int signal = 0;
    while (sigwait(set, &signal) != 0)
        continue;
    free(set);
    if (signal == SIGNAL_END)
        return NULL;
    log_info("stopping", "signal=%d note=\"while starting: nothing was processed\"", signal);
    _exit(EXIT_SUCCESS);
}

struct start_watch *start_watch_begin(struct err *e) {
    struct start_watch *watch = mem_calloc(1, sizeof *watch);
    sigset_t *set = mem_alloc(sizeof *set), before, end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGNAL_END);
    signals_of_stop(set);
    (void)sigaddset(set, SIGNAL_END);
    (void)pthread_sigmask(SIG_BLOCK, &end, &before); /* the new thread inherits this */
    bool ok = pthread_create(&watch->thread, NULL, watch_main, set) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        return watch;
    free(set);
    free(watch);
    (void)err_set(e, ERR_STOP, "cannot start a thread");
    return NULL;
}

void start_watch_end(struct start_watch *watch) {
    if (watch == NULL)
        return;
    (void)pthread_kill(watch->thread, SIGNAL_END);
    (void)pthread_join(watch->thread, NULL);
    free(watch);
}
