#include "streamer/metrics/freshness.h"

#include "streamer/base/timestamp.h"
#include "streamer/base/words.h"
#include "streamer/model/entity.h"

#include <stdio.h>

/* --- what is noted --- */

static bool is_ahead(const struct metrics *m, int64_t timestamp_ms, int64_t now_ms) {
    return timestamp_ms > now_ms + m->config->future_window_ms;
}

/* Two workers may note records at once; then either may be the one that ends a gap. */
void freshness_note_record(struct metrics *m, enum entity entity, int64_t timestamp_ms,
                           int64_t now_ms) {
    struct input_figures *in = &m->inputs[entity];
    int64_t was = metric_get(&in->newest_record_ms);
    if (was == TIMESTAMP_NONE || timestamp_ms - was > m->config->freshness_warn_ms ||
        (is_ahead(m, timestamp_ms, now_ms) && !is_ahead(m, was, now_ms)))
        metric_set(&in->fresh_from_ms, timestamp_ms < now_ms ? timestamp_ms : now_ms);
    metric_raise(&in->newest_record_ms, timestamp_ms);
}

void freshness_note_told(struct metrics *m, enum entity entity, enum input_told told,
                         int64_t now_ms) {
    struct input_figures *in = &m->inputs[entity];
    if (metric_get(&in->told) == (int64_t)told)
        return;
    metric_set(&in->told_since_ms, now_ms);
    metric_set(&in->told, told);
}

/* --- what is said --- */

const char *freshness_status_name(enum freshness_status status) {
    static const char *const names[] = {
        [FRESHNESS_PASS] = "pass",
        [FRESHNESS_WARN] = "warn",
        [FRESHNESS_ERROR] = "error",
        [FRESHNESS_UNKNOWN] = "runtime error",
    };
    return names[status];
}

/* The newest record is known. */
static void judge_age(const struct metrics *m, enum entity entity, int64_t now_ms,
                      struct freshness *f) {
    const struct config *c = m->config;
    int64_t newest_ms = f->newest_record_ms, age_ms = now_ms > newest_ms ? now_ms - newest_ms : 0;
    f->age_s = age_ms / 1000;
    f->status = age_ms >= c->freshness_error_ms  ? FRESHNESS_ERROR
                : age_ms >= c->freshness_warn_ms ? FRESHNESS_WARN
                                                 : FRESHNESS_PASS;
    f->since_ms = f->status == FRESHNESS_ERROR  ? newest_ms + c->freshness_error_ms
                  : f->status == FRESHNESS_WARN ? newest_ms + c->freshness_warn_ms
                                                : metric_get(&m->inputs[entity].fresh_from_ms);
    if (f->status != FRESHNESS_PASS)
        (void)snprintf(f->message, sizeof f->message, "%s: no record for %s",
                       entity_info(entity)->name, words_duration(f->age_s).text);
}

/* A date far ahead hides how old the other records are. */
static void judge_future(const struct metrics *m, enum entity entity, struct freshness *f) {
    struct buf time = {0};
    timestamp_put_nearest(&time, f->newest_record_ms);
    f->status = FRESHNESS_WARN;
    f->since_ms = metric_get(&m->inputs[entity].fresh_from_ms);
    (void)snprintf(f->message, sizeof f->message,
                   "%s: a record is dated ahead, %s, so that the age of the newest one cannot be "
                   "told",
                   entity_info(entity)->name, buf_cstr(&time));
    buf_release(&time);
}

/* No record is known. */
static void judge_absence(const struct metrics *m, enum entity entity, struct freshness *f) {
    const struct input_figures *in = &m->inputs[entity];
    enum input_told told = (enum input_told)metric_get(&in->told);
    f->since_ms =
        told == INPUT_NOT_ASKED ? m->process_start_cs * 10 : metric_get(&in->told_since_ms);
    f->status = told == INPUT_EMPTY || told == INPUT_TOLD ? FRESHNESS_WARN : FRESHNESS_UNKNOWN;
    (void)snprintf(f->message, sizeof f->message, "%s: %s", entity_info(entity)->name,
                   f->status == FRESHNESS_WARN ? "the topic has no record"
                   : told == INPUT_REFUSED ? "the brokers do not tell how old the newest record is"
                                           : "how old the newest record is, is not known yet");
}

void freshness_look(const struct metrics *m, enum entity entity, int64_t now_ms,
                    struct freshness *out) {
    *out = (struct freshness){
        .newest_record_ms = metric_get(&m->inputs[entity].newest_record_ms),
        .age_s = -1,
    };
    if (out->newest_record_ms == TIMESTAMP_NONE)
        judge_absence(m, entity, out);
    else if (is_ahead(m, out->newest_record_ms, now_ms))
        judge_future(m, entity, out);
    else
        judge_age(m, entity, now_ms, out);
}

void freshness_check(const struct metrics *m, enum entity entity, int64_t now_ms,
                     struct check_state *out) {
    static const char *const ids[ENTITY_COUNT] = {"source.freshness.customers",
                                                  "source.freshness.accounts"};
    static const enum check_status statuses[] = {
        [FRESHNESS_PASS] = CHECK_PASS,
        [FRESHNESS_WARN] = CHECK_WARN,
        [FRESHNESS_ERROR] = CHECK_FAIL,
        [FRESHNESS_UNKNOWN] = CHECK_WARN,
    };
    struct freshness f;
    freshness_look(m, entity, now_ms, &f);
    *out = (struct check_state){.id = ids[entity],
                                .layer = LAYER_SOURCE,
                                .severity = SEVERITY_ERROR,
                                .status = statuses[f.status],
                                .since_ms = f.since_ms,
                                .is_of_topic = true,
                                .judged_ms = now_ms};
    (void)snprintf(out->message, sizeof out->message, "%s", f.message);
    bool is_early =
        f.status == FRESHNESS_UNKNOWN && metric_get(&m->inputs[entity].told) == INPUT_NOT_ASKED;
    if (is_early) { /* it is known within seconds, so nobody needs to hear of it */
        out->status = CHECK_PASS;
        out->message[0] = '\0';
        out->judged_ms = 0;
    }
}
