/* start_watch: obeys SIGTERM and SIGINT while the process starts. The start may wait for brokers in
 * calls that cannot be interrupted. Since no record is processed yet, a signal ends the process at
 * once, with exit code 0. */
#ifndef STREAMER_SERVICE_START_WATCH_H
#define STREAMER_SERVICE_START_WATCH_H

#include "streamer/base/err.h"

struct start_watch;

/* Starts a thread that waits for both signals; the caller has blocked them (signals_block). NULL
 * with `e`. */
struct start_watch *start_watch_begin(struct err *e);
/* Ends the thread: from now on it takes no signals. NULL is allowed. */
void start_watch_end(struct start_watch *watch);

#endif
