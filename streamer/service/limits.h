/* limits: what the system allows this process, looked at before it is needed: RocksDB and
 * librdkafka end the program where they cannot start a thread. */
#ifndef STREAMER_SERVICE_LIMITS_H
#define STREAMER_SERVICE_LIMITS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

/* Raises the number of files that may be open as far as it goes. False with ERR_CONFIG if that, or
 * the address space, is too little. */
bool limits_prepare(const struct config *c, struct err *e);

#endif
