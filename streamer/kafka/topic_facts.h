/* topic_facts: what a command must know of a topic before it reads all of it. */
#ifndef STREAMER_KAFKA_TOPIC_FACTS_H
#define STREAMER_KAFKA_TOPIC_FACTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Kafka's default of delete.retention.ms. */
#define TOPIC_DELETE_RETENTION_MS (INT64_C(24) * 60 * 60 * 1000)

struct topic_facts {
    /* The brokers are those of librdkafka's mock cluster, which forgets old records in silence
     * (embedded.h). Then the rest is not set. */
    bool is_embedded;
    /* How long the topic keeps tombstones after they were compacted. Kafka's default where the user
     * has no right to ask (DescribeConfigs). */
    int64_t delete_retention_ms;
};

/* Asks the configured brokers. A topic that does not exist is no error. False with ERR_STOP: they
 * do not answer. */
bool topic_facts_ask(const struct config *c, const char *topic, struct topic_facts *facts,
                     struct err *e);

#endif
