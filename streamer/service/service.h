/* service: the running processor as a whole: broker (if embedded), topics, store, worker, HTTP.
 * What `run` and `demo` have in common. */
#ifndef STREAMER_SERVICE_SERVICE_H
#define STREAMER_SERVICE_SERVICE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/metrics/metrics.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct service;

/* Starts everything; `config` must outlive it. With `embedded` the broker lives in this process,
 * and the state directory is a temporary one: both are gone when it stops. NULL with `e`, nothing
 * left running. */
struct service *service_start(const struct config *config, bool embedded, struct err *e);
/* Ends it in order: HTTP, worker (its transaction is finished), store, broker. False with `e` if it
 * had failed. */
bool service_stop(struct service *s, struct err *e);

/* The signals that end the program, and those that service_wait takes, for every thread: before any
 * starts. Without `can_reload` SIGHUP ends the process. */
void service_stop_signals(sigset_t *set);
void service_block_signals(bool can_reload);

enum service_event { SERVICE_STOP, SERVICE_RELOAD };

/* Blocks until SIGINT or SIGTERM, or until the worker fails, or until SIGHUP; meanwhile SIGUSR1 and
 * SIGUSR2 change the log's level, and systemd is told, where it asks, that the program is ready and
 * that the workers make progress (notify.h). */
enum service_event service_wait(struct service *s);

/* Takes the kafka.* of `fresh`, and what their files hold now: if the brokers let a client in with
 * them, the workers end as for a stop and begin anew. True: `fresh` is the service's now. False
 * with `e`: nothing has changed. (If a worker fails meanwhile, that is true, and the service is to
 * stop.) */
bool service_reload(struct service *s, const struct config *fresh, struct err *e);
/* service_wait for at most `ms`, without SIGHUP; true if it is time to stop. */
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
