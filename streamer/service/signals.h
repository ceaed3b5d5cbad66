/* signals: which signals the process takes, and how it waits for them. SIGINT and SIGTERM stop it,
 * SIGHUP makes it reload its secrets, SIGUSR1 and SIGUSR2 show more and less of the log. No handler
 * is installed: the signals are blocked in all threads, and one thread waits for them. */
#ifndef STREAMER_SERVICE_SIGNALS_H
#define STREAMER_SERVICE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Sets `set` to the signals that stop the process. */
void signals_of_stop(sigset_t *set);

/* Blocks all these signals in this thread and in those that it starts later; call it before any
 * thread starts. Without `can_reload` SIGHUP is not blocked, and ends the process. */
void signals_block(bool can_reload);

/* Waits for at most `ms` milliseconds, and handles SIGUSR1 and SIGUSR2 meanwhile. Returns SIGINT,
 * SIGTERM or SIGHUP; negative if none of them came. It may return early. */
int signals_wait(int64_t ms);

/* Whether a signal that stops the process has come and nobody has taken it yet. */
bool signals_stop_is_pending(void);

#endif
