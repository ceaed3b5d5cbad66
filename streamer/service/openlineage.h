/* openlineage: tells openlineage.url of this run: START at once, RUNNING each hour, and COMPLETE or
 * FAIL at the end. A thread of its own waits for the receiver; nobody else does. If an event does
 * not get through, it is tried again after 1, 2 and 4 seconds. Then the log says so, and the next
 * event follows in its time; a START is made up for by then. */
#ifndef STREAMER_SERVICE_OPENLINEAGE_H
#define STREAMER_SERVICE_OPENLINEAGE_H

#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdint.h>

struct openlineage;

/* Everything is borrowed and must outlive the thread. */
struct openlineage_options {
    const struct config *config; /* with an openlineage.url */
    const struct clock *clock;
    int64_t running_ms; /* between two events RUNNING: OPENLINEAGE_RUNNING_MS */
};
#define OPENLINEAGE_RUNNING_MS INT64_C(3600000)

/* The run begins. NULL with `e`: there can be no thread. */
struct openlineage *openlineage_start(const struct openlineage_options *o, struct err *e);

/* From the next attempt on this openlineage.api.key is sent, a copy of which is made. NULL is
 * allowed as `l`. Any thread. */
void openlineage_renew(struct openlineage *l, const char *api_key);

/* The run ends: with COMPLETE, or, if `why` is not NULL, with FAIL. Waits for the receiver for at
 * most five seconds, and frees it. NULL is allowed. */
void openlineage_end(struct openlineage *l, const struct err *why);

#endif
