/* producer: the transactional producer of one worker, and the sink that the core's messages go to.
 * One thread.
 *
 * A transaction that fails is not aborted: the producer is given up, and a new one with the same
 * transactional id ends it. An abort would keep the epoch, and a produce request that was late on
 * its way (a stalled broker, a cut network) could then still be appended, take the sequence numbers
 * of the next transaction's messages, and make the broker drop those as duplicates. A new producer
 * has a new epoch, which fences whatever is late.
 *
 * For the same reason a transaction during which a connection broke is the last one of its
 * producer, though it was committed: librdkafka sends again what was under way, and the first copy
 * may still reach the broker. A late EndTxn would commit a part of the next transaction (seen with
 * Apache Kafka 4.3.1 behind a proxy, test_chaos.py), a late TxnOffsetCommit would set its offsets
 * back; the next transaction of a new producer has a new epoch, which refuses them. Late Produce
 * requests are told by their sequence numbers.
 *
 * The classes of err: ERR_RETRY: process the batch anew from the committed offsets, with a new
 * producer. ERR_FENCED: the same, and another producer with this transactional id was there.
 * ERR_DENIED: the same, and a right is missing. ERR_STOP: cannot go on. */
#ifndef STREAMER_KAFKA_PRODUCER_H
#define STREAMER_KAFKA_PRODUCER_H

#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/kafka/worker_kafka.h"

#include <stdbool.h>
#include <stdint.h>

struct producer;

/* Makes the client and ends what a predecessor with the same transactional id left open. `k` and
 * `clock` must outlive it. n: partitions of the result and internal topics. */
struct producer *producer_new(const struct worker_kafka *k, const struct clock *clock,
                              const char *transactional_id, int32_t n, struct err *e);
void producer_free(struct producer *p);

struct sink *producer_sink(struct producer *p);

bool producer_begin(struct producer *p, struct err *e);
/* Sends the offsets and commits. `group`: the member in the generation that gave it the offsets'
 * partitions; NULL: it is none any more. True: certainly committed. */
bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                     const rd_kafka_consumer_group_metadata_t *group, struct err *e);
/* False while a transaction is open, so after one that was not committed; and after a commit that
 * was slow: a retried request may reach the broker late and end a later transaction, a limit of
 * Kafka's protocol that Jepsen found (Bufstream 0.1.0, 2024-11). Make a new one then. */
bool producer_is_usable(const struct producer *p);

/* One behind the last message that was delivered to a partition, by the delivery reports; -1: none
 * yet. */
int64_t producer_position(const struct producer *p, enum topic topic, int32_t partition);

#endif
