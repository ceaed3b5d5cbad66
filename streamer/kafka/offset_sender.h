/* offset_sender: rd_kafka_send_offsets_to_transaction with a deadline, on a thread of its own,
 * since that call may not come back: librdkafka (2.14.2, rd_kafka_coord_req) looks for the group's
 * coordinator without a deadline, and anew only when a connection to some broker begins or ends. If
 * all that it knows is a coordinator that is gone, it waits for as long as that one is gone. */
#ifndef STREAMER_KAFKA_OFFSET_SENDER_H
#define STREAMER_KAFKA_OFFSET_SENDER_H

#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct offset_sender;

/* `producer` is borrowed. NULL with `e`. */
struct offset_sender *offset_sender_new(rd_kafka_t *producer, struct err *e);

/* As the call of librdkafka; RD_KAFKA_RESP_ERR__TIMED_OUT too if it has not come back some time
 * after timeout_ms: then only offset_sender_free may follow. One thread. */
rd_kafka_error_t *offset_sender_send(struct offset_sender *s,
                                     const rd_kafka_topic_partition_list_t *offsets,
                                     const rd_kafka_consumer_group_metadata_t *group,
                                     int timeout_ms);

/* False: a call has not come back yet. Then `end` is called with `context` once it has, on the
 * sender's thread, and what the call uses has to live until then. NULL is allowed (true). */
bool offset_sender_free(struct offset_sender *s, void (*end)(void *context), void *context);

#endif
