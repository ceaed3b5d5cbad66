/* rights_watch: asks again and again, while a worker runs, what the user may do. One thread. */
#ifndef STREAMER_KAFKA_RIGHTS_WATCH_H
#define STREAMER_KAFKA_RIGHTS_WATCH_H

#include "streamer/kafka/worker_kafka.h"

#include <stdbool.h>
#include <stdint.h>

struct rights_watch;

/* `client` (borrowed): any consumer that outlives it. */
struct rights_watch *rights_watch_new(const struct worker_kafka *k, struct kafka_client *client);
void rights_watch_free(struct rights_watch *w); /* NULL is allowed */
/* Something was refused: the next rights_watch_holds waits for a fresh answer. */
void rights_watch_suspect(struct rights_watch *w);
/* False with ERR_DENIED while a right is missing. Waits only then, or after a suspicion, and for a
 * few seconds at most. now_ms: monotonic. */
bool rights_watch_holds(struct rights_watch *w, int64_t now_ms, struct err *e);

#endif
