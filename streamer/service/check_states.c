#include "streamer/service/check_states.h"

#include "streamer/base/clock.h"
#include "streamer/service/readiness.h"
#include "streamer/service/readiness_check.h"

#include <stdio.h>

void check_states_fail(struct check_states *s, const struct err *why) {
    s->failure = *why;
    atomic_store(&s->has_failed, true);
}

static void look(const struct check_states *s, int64_t now_ms, struct readiness *out) {
    workers_lock(s->answers->workers);
    readiness_look(s->answers, out);
    workers_unlock(s->answers->workers);
    if (!atomic_load(&s->has_failed))
        return;
    *out = (struct readiness){.phase = WORKER_STOPPED, .since_ms = now_ms};
    (void)snprintf(out->reason, sizeof out->reason, "%s", s->failure.text);
}

static void note_ready(struct check_states *s, bool is_ready, int64_t now_ms) {
    if (!is_ready || s->ready_ms == 0)
        s->ready_ms = is_ready ? now_ms : 0;
}

static bool is_known(const struct check_states *s, const struct check_state *check) {
    return check->status != CHECK_PASS || (s->ready_ms > 0 && check->judged_ms >= s->ready_ms);
}

size_t check_states_copy(void *context, struct check_state *out, size_t max) {
    struct check_states *s = context;
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    struct readiness readiness;
    look(s, now_ms, &readiness);
    readiness_check(&readiness, now_ms, &out[0]);
    const struct answers *a = s->answers;
    bool is_open = atomic_load(&a->is_open) && a->quality_states != NULL;
    size_t count = 1 + (is_open ? a->quality_states(a->quality, out + 1, max - 1) : 0);
    note_ready(s, readiness.is_ready, now_ms);
    for (size_t i = 0; i < count; i++)
        out[i].is_known = is_known(s, &out[i]);
    return count;
}

/* --- who tells of whole topics --- */

#define TELLING_PARTITION 0

/* Whether what the worker has is what the group has given it. */
static bool is_certain(enum worker_phase phase) {
    return phase == WORKER_RUNNING || phase == WORKER_RESTORING;
}

static enum alert_duty duty_of(const struct workers *w) {
    size_t index;
    const struct worker *holder = workers_holder(w, TELLING_PARTITION, &index);
    if (holder != NULL)
        return is_certain(worker_phase(holder)) ? ALERT_HERE : ALERT_UNCLEAR;
    return workers_are_settled(w) && is_certain(workers_phase(w)) ? ALERT_ELSEWHERE : ALERT_UNCLEAR;
}

/* A worker lets its tasks go a moment before its phase says so. So one look is not enough to say
 * that another instance has the task. */
enum alert_duty check_states_duty(void *context) {
    struct check_states *s = context;
    workers_lock(s->answers->workers);
    enum alert_duty duty = duty_of(s->answers->workers);
    workers_unlock(s->answers->workers);
    bool was_without = s->was_without;
    s->was_without = duty == ALERT_ELSEWHERE;
    return duty == ALERT_ELSEWHERE && !was_without ? ALERT_UNCLEAR : duty;
}
