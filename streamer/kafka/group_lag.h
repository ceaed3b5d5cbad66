/* group_lag: waits until the processor has processed everything that lies in its topics: the
 * inputs, and what its tasks tell each other. */
#ifndef STREAMER_KAFKA_GROUP_LAG_H
#define STREAMER_KAFKA_GROUP_LAG_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct group_lag_options {
    int64_t timeout_ms;
    /* Set. Where the brokers are embedded ones (embedded.h), which keep no committed offsets,
     * nothing is waited for, and that is no error. */
    bool *is_embedded;
    const atomic_bool *stop; /* waiting ends when it becomes true; NULL: never */
};

/* True: at one moment since the call, every record of every topic that is consumed was processed,
 * and its results were committed. For that, the group's committed offsets are compared with ends
 * that the topics have later. False with ERR_STOP: not before the timeout; `stop` became true; a
 * topic or a right is missing; the brokers do not answer. */
bool group_lag_wait(const struct config *c, const struct group_lag_options *o, struct err *e);

#endif
