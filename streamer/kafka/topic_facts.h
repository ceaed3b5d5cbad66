/* topic_facts: what a command needs to know of a topic before it reads or writes it. */
#ifndef STREAMER_KAFKA_TOPIC_FACTS_H
#define STREAMER_KAFKA_TOPIC_FACTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/kafka_trouble.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define TOPIC_FACT_UNKNOWN INT64_MIN
/* Kafka's default of delete.retention.ms. */
#define TOPIC_DELETE_RETENTION_MS (INT64_C(24) * 60 * 60 * 1000)

struct topic_facts {
    /* The brokers are those of librdkafka's mock cluster, which forgets old records in silence
     * (embedded.h). */
    bool is_embedded;
    int32_t partitions; /* 0: there is no such topic, or no right to see it */
    /* retention.ms (-1: for ever) and max.message.bytes. TOPIC_FACT_UNKNOWN: there is no right to
     * know it, or the broker, such as the embedded one, does not tell. */
    int64_t retention_ms, message_max_bytes;
    /* How long the topic keeps tombstones after they were compacted. Kafka's default where it is
     * not known. */
    int64_t delete_retention_ms;
    /* The broker gives each record the time of its arrival (message.timestamp.type=LogAppendTime).
     * False, too, where it is not known. */
    bool has_append_times;
};

/* Asks for `count` topics. Waits some seconds for a broker. `trouble` is the client's. False with
 * `e` (ERR_STOP): none answers, or the user has interrupted. */
bool topic_facts_read(rd_kafka_t *client, const struct config *c,
                      const struct kafka_trouble *trouble, const char *const *topics, size_t count,
                      struct topic_facts *facts, struct err *e);
/* The same for one topic, with a client of its own. */
bool topic_facts_ask(const struct config *c, const char *topic, struct topic_facts *facts,
                     struct err *e);

/* Whether the client is connected to the embedded broker of some process (embedded.h), which keeps
 * only the newest records of a topic, and on which aborted transactions are visible. Waits some
 * seconds for a broker; false if none answers. */
bool kafka_is_embedded(rd_kafka_t *client);

#endif
