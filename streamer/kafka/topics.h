/* topics: creates what is missing with the right partitions and cleanup policy, and checks what is
 * there. */
#ifndef STREAMER_KAFKA_TOPICS_H
#define STREAMER_KAFKA_TOPICS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct topic_layout {
    int32_t partitions[TOPIC_COUNT]; /* of each topic */
    int32_t n; /* of every result and internal topic; a quarantine that was there before may have
                  its own */
    bool has_owners_topic;
    int64_t
        delete_retention_ms; /* the shortest of the compacted topics: how long tombstones live */
};

/* How many partitions every result and internal topic has or gets, by those that the topics have
 * (0: no such topic): as many as the application has begun with, else the setting `partitions`,
 * else as many as the larger input has. 0: that is not known before the inputs are there. */
int32_t topics_choose_n(const struct config *c, const int32_t partitions[TOPIC_COUNT]);

/* Waits for the brokers (at most timeout_ms), checks all topics that are there, makes the result
 * topics app.id's own (owners.h), then creates those that are missing. ERR_CONFIG: a topic is not
 * as it must be, or another app.id's; ERR_DENIED: a right is missing; ERR_STOP: brokers cannot be
 * reached or refuse. `client` is any handle. */
bool topics_ensure(rd_kafka_t *client, const struct config *c, int timeout_ms,
                   struct topic_layout *layout, struct err *e);

/* The checks alone, of the topics that are there; creates nothing. */
bool topics_check(rd_kafka_t *client, const struct config *c, int timeout_ms, struct err *e);

/* Creates the topic of owners_topic.h, if it is missing. */
bool topics_create_owners(rd_kafka_t *client, const struct config *c, struct err *e);

#endif
