/* service: the running processor as a whole: broker (if embedded), topics, store, worker, HTTP. What `run`
 * and `demo` have in common. */
#ifndef STREAMER_SERVICE_H
#define STREAMER_SERVICE_H

#include "streamer/base/err.h"
#include "streamer/config.h"
#include "streamer/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct service;

/* Starts everything; `config` must outlive it. With `embedded` the broker lives in this process, and the
 * state directory is a temporary one: both are gone when it stops. NULL with `e`, nothing left running. */
struct service *service_start(const struct config *config, bool embedded, struct err *e);
/* Ends it in order: HTTP, worker (its transaction is finished), store, broker. False with `e` if it had
 * failed. */
bool service_stop(struct service *s, struct err *e);

/* Blocks until SIGINT or SIGTERM, or until the worker fails; meanwhile SIGUSR1 and SIGUSR2 change the
 * log's level, and systemd is told, where it asks, that the program is ready and that the workers make
 * progress (notify.h). The signals must be blocked in every thread: call service_block_signals before
 * any thread starts. */
void service_block_signals(void);
void service_wait(struct service *s);
/* The same for at most `ms`; true if it is time to stop. */
bool service_wait_ms(struct service *s, int64_t ms);

const char *service_bootstrap(const struct service *s);
const char *service_http_address(const struct service *s); /* NULL: no HTTP */
const struct metrics *service_metrics(const struct service *s);
/* Nothing waits, as far as the worker knows (worker.h). */
bool service_idle(const struct service *s);
struct store *service_store(const struct service *s);
int32_t service_partitions(const struct service *s);
bool service_running(const struct service *s); /* connected, assigned, restored */

#endif
