/* service: the running process: broker (if embedded), topics, state, workers, HTTP. `run` and
 * `demo` start it, wait, and stop it. All functions are for the thread that has started it, which
 * has blocked the signals before (signals.h). */
#ifndef STREAMER_SERVICE_SERVICE_H
#define STREAMER_SERVICE_SERVICE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct service;

/* Starts everything. `config` is borrowed and must outlive the service. With `embedded` the broker
 * lives in this process and the state directory is a temporary one; both are gone after the stop.
 * NULL with `e`; then nothing is left running. */
struct service *service_start(const struct config *config, bool embedded, struct err *e);
/* Ends HTTP, the workers (which finish their transactions), the store and the broker, in this
 * order, and frees the service. False with `e` if a worker had failed. */
bool service_stop(struct service *s, struct err *e);

enum service_event { SERVICE_STOP, SERVICE_RELOAD };

/* Blocks until SIGINT or SIGTERM comes or a worker fails (SERVICE_STOP), or until SIGHUP comes
 * (SERVICE_RELOAD). Meanwhile systemd is told, if it wants to know, that the process is ready and
 * that the workers make progress (notify.h). */
enum service_event service_wait(struct service *s);
/* The same for at most `ms` milliseconds, without systemd and SIGHUP. True: it is time to stop. */
bool service_wait_ms(struct service *s, int64_t ms);

/* Takes over the kafka.* settings of `fresh`, secrets and certificates among them: if the brokers
 * let a client in with them, all workers stop and begin anew. So it does with the logins of the
 * schema registry, alert.webhook.url and openlineage.api.key. True: the service owns what `fresh`
 * holds. (If a worker then fails, the next service_wait returns SERVICE_STOP.) False with `e`:
 * nothing has changed. */
bool service_reload(struct service *s, const struct config *fresh, struct err *e);

/* Texts and structs that these return belong to the service. */
const char *service_bootstrap(const struct service *s);
const char *service_http_address(const struct service *s); /* NULL: no HTTP */
const struct metrics *service_metrics(const struct service *s);
struct store *service_store(const struct service *s);
int32_t service_partitions(const struct service *s);
/* No record waits, as far as the workers know (worker_backlog). */
bool service_idle(const struct service *s);
/* All workers are connected, assigned and restored. */
bool service_running(const struct service *s);

#endif
