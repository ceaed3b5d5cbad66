/* limits: checks at the start what the system allows this process. Later would be too late: RocksDB
 * and librdkafka end the program if they cannot start a thread. */
#ifndef STREAMER_SERVICE_LIMITS_H
#define STREAMER_SERVICE_LIMITS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

/* Raises the limit of open files to the hard limit. False with ERR_CONFIG if that is too low, or
 * the address space is too small. */
bool limits_prepare(const struct config *c, struct err *e);

#endif
