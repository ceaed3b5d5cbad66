#include "streamer/service/signals.h"

#include "streamer/base/log.h"

#include <time.h>

void signals_of_stop(sigset_t *set) {
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

static void all_signals(sigset_t *set) {
    signals_of_stop(set);
    (void)sigaddset(set, SIGUSR1);
    (void)sigaddset(set, SIGUSR2);
    (void)sigaddset(set, SIGHUP);
}

void signals_block(bool can_reload) {
    sigset_t set;
    all_signals(&set);
    if (!can_reload)
        (void)sigdelset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* The line about the change is logged at the level that shows more of the two. */
static void change_log_level(int signal) {
    enum log_level was = log_get_level(), now = was;
    if (signal == SIGUSR1 && was > LOG_DEBUG)
        now = was - 1;
    if (signal == SIGUSR2 && was < LOG_ERROR)
        now = was + 1;
    log_set_level(was < now ? was : now);
    log_info("log level changed", "log.level=%s was=%s", log_level_name(now), log_level_name(was));
    log_set_level(now);
}

int signals_wait(int64_t ms) {
    sigset_t set;
    const struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    all_signals(&set);
    int signal = sigtimedwait(&set, NULL, &wait);
    if (signal != SIGUSR1 && signal != SIGUSR2)
        return signal;
    change_log_level(signal);
    return -1;
}

bool signals_stop_is_pending(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}
