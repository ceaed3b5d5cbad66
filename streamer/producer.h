/* producer: the transactional producer of one worker, and the sink that the core's messages go to. One
 * thread.
 *
 * The classes of err that it returns (which error of Kafka means what: ARCHITECTURE.md):
 *
 * ERR_RETRY: the transaction is aborted; process the batch anew from the committed offsets.
 *
 * ERR_FENCED: the producer is of no use any more, or nobody knows whether it committed: make a new one,
 * re-read the committed offsets and catch up by replay.
 *
 * ERR_STOP: cannot go on. */
#ifndef STREAMER_PRODUCER_H
#define STREAMER_PRODUCER_H

#include "streamer/base/err.h"
#include "streamer/config.h"
#include "streamer/sink.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct producer;

/* Makes the handle and ends what a predecessor with the same transactional id left open. n: partitions of the
 * result and internal topics. */
struct producer *producer_new(const struct config *c, const char *transactional_id, int32_t n, struct err *e);
void producer_free(struct producer *p);

struct sink *producer_sink(struct producer *p);

bool producer_begin(struct producer *p, struct err *e);
/* Sends the offsets and commits. True: certainly committed. Otherwise the transaction is aborted or lost. */
bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets, rd_kafka_t *consumer,
                     struct err *e);
/* After a commit that was slow: a retried request may reach the broker late and end a later transaction, a
 * limit of Kafka's protocol that Jepsen found (Bufstream 0.1.0, 2024-11). A new producer has a new epoch,
 * which fences it. */
bool producer_is_doubtful(const struct producer *p);
/* Gives up what was begun. */
bool producer_abort(struct producer *p, struct err *e);

/* One behind the last message that was delivered to a partition, by the delivery reports; -1: none yet. */
int64_t producer_position(const struct producer *p, enum topic topic, int32_t partition);

#endif
