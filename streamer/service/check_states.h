/* check_states: how all checks of this process are: readiness, and the checks of quality. */
#ifndef STREAMER_SERVICE_CHECK_STATES_H
#define STREAMER_SERVICE_CHECK_STATES_H

#include "streamer/model/check.h"
#include "streamer/service/alert_plan.h"
#include "streamer/service/answers.h"

#include <stdatomic.h>
#include <stddef.h>

/* Zero-initialized but for `answers`, which is borrowed. */
struct check_states {
    struct answers *answers;
    atomic_bool has_failed;
    struct err failure; /* why the start has failed, once has_failed is true */
    int64_t ready_ms;   /* since 1970: the first copy that found the process ready; 0: it is not */
    bool was_without;   /* check_states_duty did not find the task at its last call */
};

/* The start has failed: the process will end. */
void check_states_fail(struct check_states *s, const struct err *why);

/* Copies at most `max` (1 or more) of them into `out`, and returns how many. A check that passes is
 * known if the process is ready, and the check has judged what there is since then. The context is
 * the struct check_states. One thread at a time. */
size_t check_states_copy(void *context, struct check_state *out, size_t max);

/* Who tells of whole topics: the instance that has the task of partition 0, restored or not. It is
 * not clear while the group moves partitions, and while a worker tries again after an error. The
 * context is the struct check_states. One thread at a time. */
enum alert_duty check_states_duty(void *context);

#endif
