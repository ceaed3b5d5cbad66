/* purge: deletes what is committed from the repartition topics, which keep everything else for ever. */
#ifndef STREAMER_PURGE_H
#define STREAMER_PURGE_H

#include "streamer/kafka/worker_kafka.h"

#include <stdint.h>

struct purge;

/* `client` (borrowed): any consumer that outlives it. n: partitions of the topics. */
struct purge *purge_new(const struct worker_kafka *k, struct kafka_client *client, int32_t n);
/* Waits a few seconds for a request under way. NULL is allowed. */
void purge_free(struct purge *p);

/* Everything before `committed` of a repartition topic's partition has been processed. */
void purge_note(struct purge *p, enum topic topic, int32_t partition, int64_t committed);
/* Sends one request for all that was noted, unless one is under way; never blocks. What fails is tried again
 * with the next one: it only costs disk. */
void purge_step(struct purge *p);

#endif
