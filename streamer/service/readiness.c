#include "streamer/service/readiness.h"

#include "streamer/base/clock.h"

#include <stdio.h>

/* What the slowest worker waits for, or the start (NULL: there are no workers). */
static void set_reason(const struct answers *a, struct worker *slowest, struct readiness *out) {
    static const char *const phases[] = {[WORKER_CONNECTING] = "waiting for an assignment",
                                         [WORKER_RESTORING] = "restoring state",
                                         [WORKER_RUNNING] = "running"};
    if (slowest == NULL)
        starting_copy(a->starting, out->reason);
    else if (out->phase == WORKER_RETRYING || out->phase == WORKER_STOPPED)
        worker_last_error(slowest, out->reason, sizeof out->reason);
    else if (out->phase == WORKER_RESTORING && metric_get(&a->metrics->restore_remaining) == 0)
        (void)snprintf(out->reason, sizeof out->reason, "looking for what is to be restored");
    else
        (void)snprintf(out->reason, sizeof out->reason, "%s", phases[out->phase]);
}

/* Since when (since 1970, ms) records wait for a schema registry that does not answer; `why` is its
 * error. 0: none does. */
static int64_t registry_down_since_ms(const struct answers *a, struct err *why) {
    int64_t since = a->schemas != NULL ? schema_cache_down_since_ms(a->schemas, why) : 0;
    const struct clock *clock = clock_of_machine();
    return since == 0 ? 0
                      : clock_ms(clock, CLOCK_REALTIME) - clock_ms(clock, CLOCK_MONOTONIC) + since;
}

void readiness_look(const struct answers *a, struct readiness *out) {
    bool is_open = atomic_load(&a->is_open);
    struct worker *slowest = is_open ? workers_slowest(a->workers) : NULL;
    struct err why;
    out->phase = slowest != NULL ? worker_phase(slowest) : WORKER_CONNECTING;
    out->since_ms =
        slowest != NULL ? worker_ready_changed_ms(slowest) : a->workers->absent_since_ms;
    set_reason(a, slowest, out);
    int64_t down_ms = out->phase == WORKER_RUNNING ? registry_down_since_ms(a, &why) : 0;
    out->is_ready = out->phase == WORKER_RUNNING && down_ms == 0;
    if (down_ms == 0)
        return;
    out->since_ms = down_ms;
    (void)snprintf(out->reason, sizeof out->reason, "%s", why.text);
}
