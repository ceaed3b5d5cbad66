/* repartition_trim: deletes processed records from the repartition topics, which have no retention
 * of their own. One thread. */
#ifndef STREAMER_KAFKA_REPARTITION_TRIM_H
#define STREAMER_KAFKA_REPARTITION_TRIM_H

#include "streamer/kafka/worker_kafka.h"

#include <stdint.h>

struct repartition_trim;

/* `k` and `client` (any consumer) are borrowed. n: the partitions of each topic. */
struct repartition_trim *repartition_trim_new(const struct worker_kafka *k,
                                              struct kafka_client *client, int32_t n);
/* Sends a last request, if something was noted, and waits for its answer for 10 s at most. NULL is
 * allowed. */
void repartition_trim_free(struct repartition_trim *p);

/* Notes that all records before the offset `committed` are processed. Other topics than the
 * repartition topics are ignored. */
void repartition_trim_note(struct repartition_trim *p, enum topic topic, int32_t partition,
                           int64_t committed);
/* Sends one request for everything that was noted, unless a request is under way. Never blocks. A
 * request that fails is only logged, because the next one covers its records, too. */
void repartition_trim_step(struct repartition_trim *p);

#endif
