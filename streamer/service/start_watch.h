/* start_watch: SIGTERM and SIGINT while the program starts. It may wait for brokers for a minute
 * then, within calls that nothing ends earlier; since nothing is processed yet, a signal ends the
 * process at once, with exit code 0. */
#ifndef STREAMER_SERVICE_START_WATCH_H
#define STREAMER_SERVICE_START_WATCH_H

#include "streamer/base/err.h"

struct start_watch;

/* Both signals are blocked already. NULL with `e`. */
struct start_watch *start_watch_begin(struct err *e);
/* From now on they are left to whoever waits for them. NULL is allowed. */
void start_watch_end(struct start_watch *watch);

#endif
