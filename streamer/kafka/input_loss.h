/* input_loss: which input records are no longer in their topics, so that reprocessing cannot
 * produce their results again. */
#ifndef STREAMER_KAFKA_INPUT_LOSS_H
#define STREAMER_KAFKA_INPUT_LOSS_H

#include "streamer/base/buf.h"
#include "streamer/kafka/kafka_trouble.h"

/* Sets `out` to one line for each input topic that is missing, and for each partition whose first
 * records are gone. `out` is empty if every partition starts at offset 0. False with an error if
 * the brokers do not answer. */
bool input_loss_describe(rd_kafka_t *client, const struct config *c,
                         const struct kafka_trouble *trouble, int timeout_ms, struct buf *out,
                         struct err *e);

#endif
