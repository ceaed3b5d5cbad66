/* rights_watch: asks every few seconds which rights the user of a worker has. One thread. */
#ifndef STREAMER_KAFKA_RIGHTS_WATCH_H
#define STREAMER_KAFKA_RIGHTS_WATCH_H

#include "streamer/kafka/worker_kafka.h"

#include <stdbool.h>
#include <stdint.h>

struct rights_watch;

/* `k` and `client` (any consumer) are borrowed. */
struct rights_watch *rights_watch_new(const struct worker_kafka *k, struct kafka_client *client);
void rights_watch_free(struct rights_watch *w); /* NULL is allowed */
/* Kafka has refused something: the next rights_watch_holds waits for a new answer. */
void rights_watch_suspect(struct rights_watch *w);
/* Whether the user has all rights. False with ERR_DENIED. Waits a few seconds for an answer, but
 * only while a right is missing or after rights_watch_suspect. now_ms is monotonic. */
bool rights_watch_holds(struct rights_watch *w, int64_t now_ms, struct err *e);

#endif
