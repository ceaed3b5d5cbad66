/* topics: creates what is missing with the right partitions and cleanup policy, and checks what is there. */
#ifndef STREAMER_TOPICS_H
#define STREAMER_TOPICS_H

#include "streamer/base/err.h"
#include "streamer/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct topic_layout {
    int32_t partitions[TOPIC_COUNT]; /* of each topic */
    int32_t n; /* of every result and internal topic; a quarantine that was there before may have its own */
    int64_t delete_retention_ms; /* the shortest of the compacted topics: how long tombstones live */
};

/* Waits for the brokers (at most timeout_ms), then creates and checks. ERR_CONFIG: a topic is not as it must
 * be; ERR_STOP: brokers cannot be reached or refuse. `client` is any handle. */
bool topics_ensure(rd_kafka_t *client, const struct config *c, int timeout_ms, struct topic_layout *layout,
                   struct err *e);

/* The checks alone, of the topics that are there; creates nothing. */
bool topics_check(rd_kafka_t *client, const struct config *c, int timeout_ms, struct err *e);

#endif
