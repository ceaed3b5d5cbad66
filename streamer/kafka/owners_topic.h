/* owners_topic: reads the records of owners.h from partition 0 of the topic `topic.owners`, and
 * appends records to it. A start asks for topics (topics.c), and a reset gives topics up
 * (reset.c). */
#ifndef STREAMER_KAFKA_OWNERS_TOPIC_H
#define STREAMER_KAFKA_OWNERS_TOPIC_H

#include "streamer/kafka/owners.h"

#include <librdkafka/rdkafka.h>

/* Reads all records into `o`, which the caller always releases. If the topic does not exist, no
 * topic belongs to anybody. `client` is any handle. ERR_STOP: there was no answer, or records are
 * missing. ERR_DENIED: a right is missing. Waits for 30 s at most. */
bool owners_read(rd_kafka_t *client, const struct config *c, struct owners *o, struct err *e);

/* Appends one record about the topics `which` (see owners.h). Then reads all records up to that one
 * into `o` again, which tells its effect. The topic must exist. Errors as above. Each of the two
 * steps waits for 30 s at most. */
bool owners_append(const struct config *c, enum owners_state state, const bool *which,
                   struct owners *o, struct err *e);

#endif
