/* producer: the transactional producer of one worker, and the sink that receives the messages of
 * the tasks. One thread.
 *
 * A failed transaction is not aborted. Instead the producer is given up, and a new one with the
 * same transactional id ends the transaction. The reason is a produce request that is delayed (a
 * stalled broker, a cut network). An abort would keep the epoch, so the delayed request could still
 * be appended. It would use the sequence numbers of the next transaction's messages, and the broker
 * would drop those as duplicates. A new producer has a new epoch, which fences delayed requests.
 *
 * A producer is also given up after a transaction that was committed, if a connection broke
 * meanwhile. librdkafka then sends unanswered requests again, and the first copy may still reach
 * the broker later. A late EndTxn would commit a part of the next transaction (seen with Apache
 * Kafka 4.3.1 behind a proxy, test_chaos.py), and a late TxnOffsetCommit would set its offsets
 * back. The epoch of a new producer fences both. Late Produce requests are recognized by their
 * sequence numbers.
 *
 * Errors: ERR_RETRY: process the batch again from the committed offsets, with a new producer.
 * ERR_FENCED: the same; another producer with this transactional id exists. ERR_DENIED: the same; a
 * right is missing. ERR_STOP: trying again will not help. */
#ifndef STREAMER_KAFKA_PRODUCER_H
#define STREAMER_KAFKA_PRODUCER_H

#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/kafka/worker_kafka.h"

#include <stdbool.h>
#include <stdint.h>

struct producer;

/* Makes the client, and ends a transaction that a predecessor with the same transactional id has
 * left open. `k` and `clock` are borrowed. n: the partitions of the result and internal topics.
 * NULL with an error. */
struct producer *producer_new(const struct worker_kafka *k, const struct clock *clock,
                              const char *transactional_id, int32_t n, struct err *e);
/* NULL is allowed. */
void producer_free(struct producer *p);

/* Owned by the producer. An error of a message is kept and fails the commit. */
struct sink *producer_sink(struct producer *p);

/* Must not be called while a transaction is open. */
bool producer_begin(struct producer *p, struct err *e);
/* Sends the offsets, of which there must be one, and commits. `group` is the member, with the
 * generation in which it got the partitions of the offsets; NULL: it is no longer a member. True:
 * certainly committed. */
bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                     const rd_kafka_consumer_group_metadata_t *group, struct err *e);
/* False: another producer is needed for the next transaction. This is the case while a transaction
 * is open, and therefore after one that was not committed. It is also the case if a connection
 * broke during the last commit, or if that commit was slow: a retried request may then reach the
 * broker late and end a later transaction, a limit of Kafka's protocol that Jepsen found (Bufstream
 * 0.1.0, 2024-11). */
bool producer_is_usable(const struct producer *p);

/* One behind the last message that this producer has delivered to the partition; -1: none yet. */
int64_t producer_position(const struct producer *p, enum topic topic, int32_t partition);

#endif
