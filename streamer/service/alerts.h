/* alerts: the thread that asks each second how the checks are, and tells of each change: a line of
 * the log, and a message to alert.webhook.url, if that is set. It waits for the receiver of the
 * messages; nobody waits for it. */
#ifndef STREAMER_SERVICE_ALERTS_H
#define STREAMER_SERVICE_ALERTS_H

#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/metrics/metrics.h"
#include "streamer/model/check.h"
#include "streamer/service/alert_plan.h"

#include <stddef.h>

struct alerts;

/* Copies how the checks are into `out`, at most `max` of them, and returns how many. Called on the
 * thread of the alerts, and once by alerts_finish. */
typedef size_t alerts_source(void *context, struct check_state *out, size_t max);

/* Who tells the webhook of what is so for a whole topic (check_state.is_of_topic). Called after
 * alerts_source, on the same thread. */
typedef enum alert_duty alerts_duty(void *context);

#define ALERTS_LOOK_MS 1000
#define ALERTS_ATTEMPT_MS 4000 /* how long the receiver may take to answer */

/* Everything is borrowed and must outlive the thread. */
struct alerts_options {
    const struct config *config; /* its alert.webhook.url holds until alerts_renew */
    struct metrics *metrics;
    const struct clock *clock;
    int64_t look_ms;      /* how often the checks are asked: ALERTS_LOOK_MS */
    const char *instance; /* who tells; UTF-8 */
    const char *dir;      /* where what was told outlives a restart; NULL: it does not */
    alerts_source *states;
    alerts_duty *topics_duty;
    void *context;
};

/* NULL with `e`: there can be no thread. */
struct alerts *alerts_start(const struct alerts_options *o, struct err *e);

/* From the next attempt on messages go to this URL, a copy of which is made. Whether there is a
 * webhook at all is decided at the start: "" changes nothing then, and a URL does not if there was
 * none. Any thread. */
void alerts_renew(struct alerts *a, const char *webhook_url);

/* The process stops: the checks are looked at once more, and never again. What is to be sent now
 * is sent, in attempts that begin within ALERTS_FINISH_MS, while the caller goes on. What waits for
 * its minute is not sent. NULL is allowed. */
void alerts_finish(struct alerts *a);
#define ALERTS_FINISH_MS 2000

/* Call it after alerts_finish. Waits for the last attempt (ALERTS_ATTEMPT_MS), and frees it. NULL
 * is allowed. */
void alerts_free(struct alerts *a);

#endif
