/* clock: the time, as something that is handed in: the machine's, or one that a test turns. */
#ifndef STREAMER_BASE_CLOCK_H
#define STREAMER_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
    /* Microseconds. id: CLOCK_REALTIME (since the epoch; may be set back) or CLOCK_MONOTONIC. Any
     * thread. */
    int64_t (*now_us)(const struct clock *c, clockid_t id);
};

/* The machine's. */
const struct clock *clock_of_machine(void);

static inline int64_t clock_us(const struct clock *c, clockid_t id) {
    return c->now_us(c, id);
}
static inline int64_t clock_ms(const struct clock *c, clockid_t id) {
    return c->now_us(c, id) / 1000;
}

#endif
