/* topic_configs: whether the topics are configured as they must be. */
#ifndef STREAMER_KAFKA_TOPIC_CONFIGS_H
#define STREAMER_KAFKA_TOPIC_CONFIGS_H

#include "streamer/kafka/topics.h"

/* Checks the cleanup policy and the retention of all topics but the inputs that exist according to
 * `layout`, and lowers layout->delete_retention_ms to the shortest that it finds. ERR_CONFIG names
 * the first topic that is not as it must be. ERR_DENIED: a right is missing. Waits up to 30 s for
 * brokers that do not know a new topic yet. */
bool topic_configs_check(rd_kafka_t *client, const struct config *c, struct topic_layout *layout,
                         struct err *e);

/* The same for the topic of topics_create_replayed, which must be there, or be created just now. */
bool topic_configs_check_replayed(rd_kafka_t *client, const struct config *c, struct err *e);

#endif
