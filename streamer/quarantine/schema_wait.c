#include "streamer/quarantine/schema_wait.h"

#include "streamer/base/clock.h"

#define MOMENT_MS 20

int64_t schema_wait_begin(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

bool schema_wait(int64_t begun_ms, const atomic_bool *stop, const char *what, struct err *e) {
    const struct timespec moment = {.tv_nsec = MOMENT_MS * 1000000L};
    if (stop != NULL && atomic_load(stop))
        return err_set(e, ERR_STOP, "interrupted while a schema was waited for");
    if (schema_wait_begin() - begun_ms > SCHEMA_WAIT_MAX_MS)
        return err_set(e, ERR_STOP, "waited %d s for a schema: %s", SCHEMA_WAIT_MAX_MS / 1000,
                       what);
    (void)nanosleep(&moment, NULL);
    return true;
}
