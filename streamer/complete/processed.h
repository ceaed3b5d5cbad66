/* processed: waits until the processor has read what was published. */
#ifndef STREAMER_COMPLETE_PROCESSED_H
#define STREAMER_COMPLETE_PROCESSED_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/kafka.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the published records lie. A zero-initialized one is empty. */
struct published {
    int64_t *ends; /* by partition: the offset behind the last record; 0: there is none */
    size_t count, cap;
    uint64_t records;
};
void published_note(struct published *p, int32_t partition, int64_t offset);
void published_release(struct published *p);

struct processed_options {
    const struct config *config;
    rd_kafka_t *client; /* any handle */
    const char *topic;  /* the input */
    int64_t timeout_ms;
    const atomic_bool *stop;
};

/* Waits until the group app.id has committed all of it, and what others have published to the topic
 * until now. A record is committed together with its results, or with the record that takes it to
 * the task of its id. False with ERR_STOP: the time is over, `stop` became true, or a right is
 * missing. */
bool processed_wait(const struct processed_options *o, const struct published *p, struct err *e);

#endif
