#include "streamer/commands/settle.h"

#include "streamer/base/clock.h"
#include "streamer/commands/instance.h"
#include "streamer/kafka/group_lag.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_US 100000
/* The instance hears of new records with its next fetch, and tells what is left then. What it makes
 * of them it may have to process, too. */
#define LOOKS_WITHOUT_LAG 5

/* The sum of the lags of all topics in the text of /metrics; -1: a partition is not assigned, or
 * there is no lag at all. */
static int64_t sum_of_lags(const char *metrics) {
    static const char name[] = "\nstreamer_consumer_lag_records{";
    int64_t sum = 0, lags = 0;
    for (const char *at = metrics; (at = strstr(at, name)) != NULL; lags++) {
        at += sizeof name - 1;
        const char *value = strstr(at, "} ");
        int64_t lag = value != NULL ? strtoll(value + 2, NULL, 10) : -1;
        if (lag < 0)
            return -1;
        sum += lag;
    }
    return lags > 0 ? sum : -1;
}

static bool ask(const struct config *c, const char *url, int64_t *lag, struct err *e) {
    struct buf body = {0};
    bool ok = instance_ask(c, url, "/metrics", &body, e);
    if (ok)
        *lag = sum_of_lags(buf_cstr(&body));
    buf_release(&body);
    return ok;
}

static bool wait_for_instance(const struct config *c, const char *url, int64_t timeout_ms,
                              const atomic_bool *stop, struct err *e) {
    int64_t end_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + timeout_ms, lag = -1;
    for (int looks = 0; looks < LOOKS_WITHOUT_LAG;) {
        if (!ask(c, url, &lag, e))
            return false;
        if (stop != NULL && atomic_load(stop))
            return err_set(e, ERR_STOP, "interrupted");
        looks = lag == 0 ? looks + 1 : 0;
        if (looks == 0 && clock_ms(clock_of_machine(), CLOCK_MONOTONIC) >= end_ms)
            return err_set(e, ERR_STOP,
                           "not settled after %" PRId64 " s: %" PRId64 " records are left; look at "
                           "`streamer status`, or raise --timeout",
                           timeout_ms / 1000, lag);
        (void)usleep(PAUSE_US);
    }
    return true;
}

bool settle_wait(const struct config *c, const char *url, int64_t timeout_ms,
                 const atomic_bool *stop, struct err *e) {
    bool is_embedded;
    const struct group_lag_options o = {
        .timeout_ms = timeout_ms, .is_embedded = &is_embedded, .stop = stop};
    return group_lag_wait(c, &o, e) &&
           (!is_embedded || wait_for_instance(c, url, timeout_ms, stop, e));
}
