/* embedded: a Kafka broker inside the process (librdkafka's mock cluster) that other clients can
 * connect to. For trying things out and for tests: it keeps everything in memory, about 5 MiB a
 * partition, knows neither compaction nor transactions, and dies with the process. */
#ifndef STREAMER_KAFKA_EMBEDDED_H
#define STREAMER_KAFKA_EMBEDDED_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topics.h"

struct embedded;

/* Starts it with all topics; fills `layout`. The partitions are config's, or 2. */
struct embedded *embedded_start(const struct config *c, struct topic_layout *layout, struct err *e);
void embedded_stop(struct embedded *b); /* NULL is allowed */
/* "127.0.0.1:41234"; owned by the broker. */
const char *embedded_bootstrap(const struct embedded *b);

#endif
