/* instance_read: asks a running instance how much of its input it has read, where the brokers
 * cannot tell: the embedded broker stores no committed offsets. */
#ifndef STREAMER_COMMANDS_INSTANCE_READ_H
#define STREAMER_COMMANDS_INSTANCE_READ_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many records of the entity's input the instance at `url` (NULL: that of the configuration)
 * has processed since it started. */
bool instance_read_count(const struct config *c, const char *url, enum entity entity,
                         int64_t *records, struct err *e);

/* Waits until the instance has processed so many records, and sees none that is left, for
 * timeout_ms at most, or until `stop` becomes true. */
bool instance_read_wait(const struct config *c, const char *url, enum entity entity,
                        int64_t records, int64_t timeout_ms, const atomic_bool *stop,
                        struct err *e);

#endif
