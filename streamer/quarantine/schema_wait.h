/* schema_wait: waiting for a schema that a message needs and that is not here yet. */
#ifndef STREAMER_QUARANTINE_SCHEMA_WAIT_H
#define STREAMER_QUARANTINE_SCHEMA_WAIT_H

#include "streamer/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How long the schema registry may take for one schema. */
#define SCHEMA_WAIT_MAX_MS 30000

/* When a wait begins (ms of the machine's monotonic clock). */
int64_t schema_wait_begin(void);
/* Waits a moment. False with ERR_STOP: the wait that began then has taken too long, for `what`; or
 * *stop (NULL: never) has become true. */
bool schema_wait(int64_t begun_ms, const atomic_bool *stop, const char *what, struct err *e);

#endif
