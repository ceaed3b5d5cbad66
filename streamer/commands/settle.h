/* settle: waits until the processor has processed everything that lies in its topics, for commands
 * that want to see the results of what was fed before. */
#ifndef STREAMER_COMMANDS_SETTLE_H
#define STREAMER_COMMANDS_SETTLE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Asks the brokers; or, where they are embedded and keep no committed offsets, the instance at
 * `url` (NULL: that of the configuration). False as group_lag_wait. */
bool settle_wait(const struct config *c, const char *url, int64_t timeout_ms,
                 const atomic_bool *stop, struct err *e);

#endif
