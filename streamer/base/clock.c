#include "streamer/base/clock.h"

static int64_t machine_us(const struct clock *c, clockid_t id) {
    struct timespec t;
    (void)c;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const struct clock *clock_of_machine(void) {
    static const struct clock machine = {machine_us};
    return &machine;
}
