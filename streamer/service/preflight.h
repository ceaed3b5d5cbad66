/* preflight: what can be wrong on this machine and in the configuration, looked at before anything
 * is asked of the brokers or created there. */
#ifndef STREAMER_SERVICE_PREFLIGHT_H
#define STREAMER_SERVICE_PREFLIGHT_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

/* librdkafka's own rules: only clients that are made find what does not go together. They do not
 * connect. */
bool preflight_clients(const struct config *c, struct err *e);

/* All of it, before a start: the limits of the process, the clients, the state directory, which is
 * made (not if it is `embedded`, which has one of its own). False with an error that is mostly
 * ERR_CONFIG. */
bool preflight(const struct config *c, bool embedded, struct err *e);

#endif
