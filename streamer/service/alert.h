/* alert: notices when a check changes, and tells a receiver, which is the log. (What the webhook is
 * told is decided by alert_plan.h.) Readiness is one of the checks (readiness_check.h). Pure. One
 * thread at a time. */
#ifndef STREAMER_SERVICE_ALERT_H
#define STREAMER_SERVICE_ALERT_H

#include "streamer/model/check.h"

#include <stddef.h>
#include <stdint.h>

/* More checks than this are not looked at. */
#define ALERT_CHECKS_MAX 64

/* A check that is in another state than before. */
struct alert {
    struct check_state now;
    enum check_status before;
    int64_t before_since_ms; /* since 1970: when it came to the state before; 0: not known */
};

/* Zero-initialized, with the receiver filled in: no check is known yet. */
struct alert_watch {
    void (*changed)(void *context, const struct alert *alert);
    void *context;
    struct {
        const char *id;
        enum check_status status;
        int64_t since_ms;
    } seen[ALERT_CHECKS_MAX];
    size_t seen_count;
};

/* Takes how the checks are now, and tells the receiver of each one that is in another state
 * than before. A check that is seen for the first time counts as having passed before. */
void alert_watch_look(struct alert_watch *w, const struct check_state *states, size_t count);

#endif
