/* input_loss: what of the input is no longer in its topics, so that reprocessing cannot bring back
 * what it made. */
#ifndef STREAMER_KAFKA_INPUT_LOSS_H
#define STREAMER_KAFKA_INPUT_LOSS_H

#include "streamer/base/buf.h"
#include "streamer/kafka/kafka_trouble.h"

/* Puts a line into `out` for each input that is missing and each partition whose first records are
 * gone; nothing: all of them start at 0. False with an error if the brokers do not say. */
bool input_loss_describe(rd_kafka_t *client, const struct config *c,
                         const struct kafka_trouble *trouble, int timeout_ms, struct buf *out,
                         struct err *e);

#endif
