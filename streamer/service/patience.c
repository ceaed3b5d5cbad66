#include "streamer/service/patience.h"

#include "streamer/base/log.h"

#include <time.h>

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 10000

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
    const struct timespec pause = {p->next_ms / 1000, p->next_ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
    p->waited_ms += p->next_ms;
    p->next_ms = p->next_ms * 2 < PAUSE_MAX_MS ? p->next_ms * 2 : PAUSE_MAX_MS;
    return true;
}
