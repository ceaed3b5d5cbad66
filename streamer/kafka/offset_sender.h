/* offset_sender: rd_kafka_send_offsets_to_transaction with a deadline. The call runs on a thread of
 * its own, because it may not return: librdkafka (2.14.2, rd_kafka_coord_req) looks for the group's
 * coordinator without a deadline, and looks again only when a connection to some broker begins or
 * ends. If it only knows a coordinator that is gone, it waits until that broker is back. */
#ifndef STREAMER_KAFKA_OFFSET_SENDER_H
#define STREAMER_KAFKA_OFFSET_SENDER_H

#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct offset_sender;

/* `producer` is borrowed. NULL with `e`. */
struct offset_sender *offset_sender_new(rd_kafka_t *producer, struct err *e);

/* The same as librdkafka's call, on one thread. It also returns RD_KAFKA_RESP_ERR__TIMED_OUT if the
 * call has not returned a second after timeout_ms. Then only offset_sender_free may follow. */
rd_kafka_error_t *offset_sender_send(struct offset_sender *s,
                                     const rd_kafka_topic_partition_list_t *offsets,
                                     const rd_kafka_consumer_group_metadata_t *group,
                                     int timeout_ms);

/* False: a call has not returned yet. In that case `end` is called with `context` on the sender's
 * thread once it has, and whatever the call uses must live until then. NULL is allowed (true). */
bool offset_sender_free(struct offset_sender *s, void (*end)(void *context), void *context);

#endif
