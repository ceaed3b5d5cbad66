#include "streamer/service/patience.h"

#include "streamer/base/log.h"
#include "streamer/service/signals.h"

#include <time.h>

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 10000
#define STEP_MS 100 /* how soon a stop is noticed */

/* False: the process is to stop. */
static bool pause_ms(int64_t ms) {
    for (; ms > 0 && !signals_stop_is_pending(); ms -= STEP_MS) {
        const struct timespec step = {0, (ms < STEP_MS ? ms : STEP_MS) * 1000000};
        (void)nanosleep(&step, NULL);
    }
    return !signals_stop_is_pending();
}

bool patience_wait(struct patience *p, const struct config *c, struct starting *starting,
                   struct err *e) {
    int64_t left_ms = c->retry_timeout_ms - p->waited_ms;
    if (left_ms <= 0) {
        e->class = ERR_STOP;
        return err_prefix(e, "gave up after %lld s of trying again (retry.timeout)",
                          (long long)(p->waited_ms / 1000));
    }
    if (starting_set(starting, e->text)) /* another error than before: somebody is mending it */
        p->next_ms = PAUSE_MIN_MS;
    if (p->next_ms > left_ms)
        p->next_ms = left_ms;
    log_warn("trying again", "backoff_ms=%lld error=%s", (long long)p->next_ms,
             log_quote(&(struct log_value){0}, e->text));
    if (!pause_ms(p->next_ms))
        return err_prefix(e, "stopped while it was trying again");
    p->waited_ms += p->next_ms;
    p->next_ms = p->next_ms * 2 < PAUSE_MAX_MS ? p->next_ms * 2 : PAUSE_MAX_MS;
    return true;
}
