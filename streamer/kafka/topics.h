/* topics: creates missing topics with the right partitions and cleanup policy, and checks existing
 * ones. */
#ifndef STREAMER_KAFKA_TOPICS_H
#define STREAMER_KAFKA_TOPICS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct topic_layout {
    int32_t partitions[TOPIC_COUNT]; /* of each topic */
    /* The partitions of every result and internal topic; only a quarantine that somebody else has
     * created may have another number. */
    int32_t n;
    bool has_owners_topic;
    /* The shortest delete.retention.ms of the compacted topics: how long tombstones live. */
    int64_t delete_retention_ms;
};

/* How many partitions every result and internal topic has or gets: as many as the application has
 * begun with, else the setting `partitions`, else as many as the larger input. `partitions` are
 * those that the topics have now (0: no such topic). Returns 0 if that is not known before the
 * inputs exist. */
int32_t topics_choose_n(const struct config *c, const int32_t partitions[TOPIC_COUNT]);

/* Checks all topics that exist, makes the app.id the owner of the result topics (owners.h), and
 * then creates the topics that are missing. Waits up to timeout_ms for the brokers. `client` is any
 * handle. ERR_CONFIG: a topic is not as it must be, or belongs to another app.id. ERR_DENIED: a
 * right is missing. ERR_STOP or ERR_RETRY: the brokers do not answer, or refuse. */
bool topics_ensure(rd_kafka_t *client, const struct config *c, int timeout_ms,
                   struct topic_layout *layout, struct err *e);

/* Only checks the topics that exist, and creates nothing. */
bool topics_check(rd_kafka_t *client, const struct config *c, int timeout_ms, struct err *e);

/* Creates the topic of owners_topic.h if it is missing. */
bool topics_create_owners(rd_kafka_t *client, const struct config *c, struct err *e);

/* Creates the topic of the marks of `quarantine replay`, <app.id>-replayed, if it is missing, and
 * checks it (ERR_CONFIG). It has one partition, so that its messages have one order. */
bool topics_create_replayed(rd_kafka_t *client, const struct config *c, struct err *e);

#endif
