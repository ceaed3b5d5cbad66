/* preflight: finds what is wrong on this machine and in the configuration, before a start asks the
 * brokers anything or creates anything there. */
#ifndef STREAMER_SERVICE_PREFLIGHT_H
#define STREAMER_SERVICE_PREFLIGHT_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

/* Checks the kafka.* settings by librdkafka's own rules. It makes a producer and a consumer, which
 * do not connect, because librdkafka checks some combinations only then. */
bool preflight_clients(const struct config *c, struct err *e);

/* All checks before a start: limits of the process, clients, state directory. The directory is made
 * if it is not there. An `embedded` run has another one, which is not checked. False with an error,
 * mostly ERR_CONFIG. */
bool preflight(const struct config *c, bool embedded, struct err *e);

#endif
