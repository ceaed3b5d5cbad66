/* owners_topic: reads the records of owners.h from their topic, partition 0 of `topic.owners`, and
 * appends to it. Who asks for topics and gives them up is the callers' business: a start (topics.c)
 * and a reset (reset.c). */
#ifndef STREAMER_KAFKA_OWNERS_TOPIC_H
#define STREAMER_KAFKA_OWNERS_TOPIC_H

#include "streamer/kafka/owners.h"

#include <librdkafka/rdkafka.h>

/* Reads all records into `o`, which the caller releases, whatever comes back. Without the topic
 * nothing belongs to anybody. `client` is any handle. ERR_STOP: no answer, or records are
 * missing; ERR_DENIED: a right is. Waits for 30 s at most, as owners_append for each of its two
 * steps. */
bool owners_read(rd_kafka_t *client, const struct config *c, struct owners *o, struct err *e);

/* Appends one record about `which` topics (owners.h); the topic must be there. Then reads all that
 * lies up to the record into `o` anew: what it has brought. */
bool owners_append(const struct config *c, enum owners_state state, const bool *which,
                   struct owners *o, struct err *e);

#endif
