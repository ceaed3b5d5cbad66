/* observer: a thread that looks at this process every two seconds. It keeps the figures of the last
 * seconds, from which rates are computed, and of the last hour, and asks the brokers how new the
 * input is. What it keeps is read under a lock that no worker takes. */
#ifndef STREAMER_SERVICE_OBSERVER_H
#define STREAMER_SERVICE_OBSERVER_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/metrics/figures.h"

#include <stdbool.h>
#include <stdint.h>

struct observer;

/* Everything is borrowed. */
struct observer_options {
    const struct config *config;
    struct metrics *metrics;
    int32_t input_partitions[ENTITY_COUNT];
    bool asks_brokers; /* the embedded one cannot tell */
};

/* Starts the thread. NULL with `e` if there can be none. */
struct observer *observer_new(const struct observer_options *o, struct err *e);
void observer_free(struct observer *o); /* NULL is allowed */
/* Ends the thread and its client, so that the configuration may change, and starts them again. In
 * between, other threads still read. NULL is allowed. False with `e` if there can be no thread. */
void observer_pause(struct observer *o);
bool observer_resume(struct observer *o, struct err *e);

/* The figures of some ten seconds ago (since the start, if that is later) and of the last look. Any
 * thread. */
void observer_figures(struct observer *o, struct figures *before, struct figures *after);
/* Appends the last hour (hour.h). Any thread. */
void observer_put_history(struct observer *o, struct buf *out);

#endif
