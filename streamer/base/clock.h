/* clock: the time as a parameter. A program passes the machine's clock; a test passes one that it
 * sets. */
#ifndef STREAMER_BASE_CLOCK_H
#define STREAMER_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
    /* Returns microseconds. `id` is CLOCK_REALTIME (since the epoch; it may jump back),
     * CLOCK_MONOTONIC, or a CPU clock of the machine. May be called from any thread. */
    int64_t (*now_us)(const struct clock *c, clockid_t id);
};

/* The machine's clock. */
const struct clock *clock_of_machine(void);

static inline int64_t clock_us(const struct clock *c, clockid_t id) {
    return c->now_us(c, id);
}
static inline int64_t clock_ms(const struct clock *c, clockid_t id) {
    return c->now_us(c, id) / 1000;
}

#endif
