/* purge: deletes what is committed from the repartition topics, which keep everything else for
 * ever. */
#ifndef STREAMER_KAFKA_REPARTITION_TRIM_H
#define STREAMER_KAFKA_REPARTITION_TRIM_H

#include "streamer/kafka/worker_kafka.h"

#include <stdint.h>

struct repartition_trim;

/* `client` (borrowed): any consumer that outlives it. n: partitions of the topics. */
struct repartition_trim *repartition_trim_new(const struct worker_kafka *k,
                                              struct kafka_client *client, int32_t n);
/* Waits a few seconds for a request under way. NULL is allowed. */
void repartition_trim_free(struct repartition_trim *p);

/* Everything before `committed` of a repartition topic's partition has been processed. */
void repartition_trim_note(struct repartition_trim *p, enum topic topic, int32_t partition,
                           int64_t committed);
/* Sends one request for all that was noted, unless one is under way; never blocks. What fails is
 * tried again with the next one: it only costs disk. */
void repartition_trim_step(struct repartition_trim *p);

#endif
