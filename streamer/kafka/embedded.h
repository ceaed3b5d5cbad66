/* embedded: a Kafka broker inside the process (librdkafka's mock cluster), to which other clients
 * can connect. It is meant for trying things out and for tests: it keeps everything in memory
 * (about 5 MiB for each partition), has neither compaction nor real transactions, and ends with the
 * process. */
#ifndef STREAMER_KAFKA_EMBEDDED_H
#define STREAMER_KAFKA_EMBEDDED_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topics.h"

struct embedded;

/* Starts the broker with all topics, each with as many partitions as the setting `partitions` says,
 * or 2. Fills `layout`. NULL with an error. */
struct embedded *embedded_start(const struct config *c, struct topic_layout *layout, struct err *e);
void embedded_stop(struct embedded *b); /* NULL is allowed */
/* The address for bootstrap.servers, such as "127.0.0.1:41234". The broker owns the text. */
const char *embedded_bootstrap(const struct embedded *b);

#endif
