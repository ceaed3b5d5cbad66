/* patience: how long a start tries again what fails: for retry.timeout, with growing pauses. */
#ifndef STREAMER_SERVICE_PATIENCE_H
#define STREAMER_SERVICE_PATIENCE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/service/starting.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialized: nothing has failed yet. */
struct patience {
    int64_t waited_ms; /* in all */
    int64_t next_ms;   /* how long the next pause is */
};

/* Waits before another try after the failure `e`, which it logs and shows in `starting`. False if
 * retry.timeout is over or a signal to stop is pending: then `e` says so. */
bool patience_wait(struct patience *p, const struct config *c, struct starting *starting,
                   struct err *e);

#endif
