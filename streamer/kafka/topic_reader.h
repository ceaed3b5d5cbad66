/* topic_reader: reads what is committed in a topic, from its beginning to its end, once. For
 * commands that look at a whole topic: exports, the quarantine, the history of an entity.
 *
 * It joins no group, commits nothing and creates nothing. Messages of open and aborted transactions
 * are left out. Those of a partition come in the order of their offsets, those of different
 * partitions in any order. Memory does not depend on the length of the topic. */
#ifndef STREAMER_KAFKA_TOPIC_READER_H
#define STREAMER_KAFKA_TOPIC_READER_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topic_facts.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a partition ends. Either end is at least the end that the partition has when reading
 * begins, open transactions included: reading waits until these have ended. So whatever was
 * committed before the call is read. */
enum topic_reader_end {
    TOPIC_READER_END_AT_START,     /* the end that the partition has when reading begins */
    TOPIC_READER_END_WHEN_REACHED, /* the end that it has at the moment when it is reached */
};

struct topic_reader_options {
    const char *topic;
    const char *bootstrap; /* in place of the configured brokers; NULL: those */
    enum topic_reader_end end;
    /* The first offset to read, by partition; below the first that is there, that counts. NULL: the
     * beginning of each. If the topic has other than begin_count partitions, nothing is read. */
    const int64_t *begin;
    int32_t begin_count;
    /* Filled before anything is read. Where the brokers are embedded ones, nothing is read then,
     * and that is no error. NULL: the facts do not matter. */
    struct topic_facts *facts;
    const atomic_bool *stop; /* reading ends when it becomes true; NULL: never */
    /* Called now and then: how many offsets of how many were passed. NULL: not called. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
};

/* Called for each message, on the thread that reads. The message is good until it returns. False:
 * reading stops with `e`. */
typedef bool topic_reader_seen(void *context, const rd_kafka_message_t *m, struct err *e);

/* What was read: by partition, the first offset that was there (low) and the one behind the last
 * that was read (end). */
struct topic_positions {
    int32_t count;
    int64_t *low, *end;
};
void topic_positions_release(struct topic_positions *p); /* a zero-initialized one, too */

/* `positions` (NULL: not wanted) is only filled on success; the caller releases it. False with `e`:
 *
 *   ERR_STOP    there is no such topic; it has got other partitions; a right is missing; the
 * brokers cannot be reached, or for a minute nothing came although there is more; `stop` became
 * true ERR_CONFIG  the settings of the client are wrong any class   as `seen` has set it */
bool topic_read(const struct config *c, const struct topic_reader_options *o,
                topic_reader_seen *seen, void *context, struct topic_positions *positions,
                struct err *e);

#endif
