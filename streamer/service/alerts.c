#include "streamer/service/alerts.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"
#include "streamer/base/timestamp.h"
#include "streamer/service/alert.h"
#include "streamer/service/alert_plan.h"
#include "streamer/service/alert_text.h"
#include "streamer/service/alert_told.h"
#include "streamer/service/json_post.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct alerts {
    struct alerts_options o;
    struct alert_sender sender;
    pthread_t thread;
    pthread_mutex_t lock; /* over what follows; not held while a message is sent */
    pthread_cond_t wake;
    char *webhook_url; /* "": there is none, from the start on */
    struct alert_watch watch;
    struct alert_plan plan;
    struct alert_told told;
    struct check_state states[ALERT_CHECKS_MAX];
    bool is_failing;   /* the log has said that messages do not get through */
    int64_t finish_ms; /* when the last attempt may begin; 0: the process does not stop */
};

static int64_t now_ms(const struct alerts *a) {
    return clock_ms(a->o.clock, CLOCK_MONOTONIC);
}

/* --- the log */

static void log_change(void *context, const struct alert *a) {
    static const enum log_level levels[] = {
        [CHECK_PASS] = LOG_INFO, [CHECK_WARN] = LOG_WARN, [CHECK_FAIL] = LOG_ERROR};
    (void)context;
    struct buf since = {0};
    timestamp_put_nearest(&since, a->now.since_ms);
    log_line(levels[a->now.status], "a check has changed",
             "check=%s status=%s before=%s since=%s message=%s runbook=%s", a->now.id,
             check_status_name(a->now.status), check_status_name(a->before), buf_cstr(&since),
             log_quote(&(struct log_value){0}, a->now.message), alert_help_of(a->now.id)->runbook);
    buf_release(&since);
}

/* --- the webhook */

static bool has_webhook(const struct alerts *a) {
    return a->webhook_url[0] != '\0';
}

/* Without the lock. */
static bool post(struct alerts *a, const char *url, const struct alert *message, struct err *e) {
    struct buf body = {0};
    alert_put_json(message, &a->sender, &body);
    const struct json_post p = {
        .setting = "alert.webhook.url",
        .url = url,
        .token = "",
        .authorities = a->o.config->alert_webhook_ca,
        .body = buf_cstr(&body),
        .total_ms = ALERTS_ATTEMPT_MS,
    };
    bool ok = json_post(&p, e);
    buf_release(&body);
    return ok;
}

/* Once until a message gets through again. */
static void note_failure(struct alerts *a, const struct alert *message, const struct err *e) {
    metric_add(&a->o.metrics->alerts_sent[ALERTS_FAILED], 1);
    if (!a->is_failing)
        log_error("alerts do not get through", "check=%s error=%s", message->now.id,
                  log_quote(&(struct log_value){0}, e->text));
    a->is_failing = true;
}

static void note_success(struct alerts *a) {
    metric_add(&a->o.metrics->alerts_sent[ALERTS_OK], 1);
    if (a->is_failing)
        log_info("alerts get through again", " ");
    a->is_failing = false;
}

/* With the lock, which it gives up while it sends. */
static void send_message(struct alerts *a, const struct alert *planned) {
    struct alert message = *planned;
    struct err e = {0};
    char *url = mem_strdup(a->webhook_url);
    (void)pthread_mutex_unlock(&a->lock);
    bool ok = post(a, url, &message, &e);
    free(url);
    (void)pthread_mutex_lock(&a->lock);
    enum alert_end end = alert_plan_end(&a->plan, planned, ok, now_ms(a));
    if (end == ALERT_SENT)
        note_success(a);
    else if (end == ALERT_GIVEN_UP)
        note_failure(a, &message, &e);
}

static bool is_too_late(const struct alerts *a) {
    return a->finish_ms > 0 && now_ms(a) >= a->finish_ms;
}

/* False: there is nothing to send now. */
static bool send_one(struct alerts *a) {
    const struct alert *message = is_too_late(a) ? NULL : alert_plan_begin(&a->plan, now_ms(a));
    if (message != NULL)
        send_message(a, message);
    return message != NULL;
}

/* --- the thread; with the lock held */

static enum alert_duty duty_of(const struct check_state *check, enum alert_duty topics) {
    if (check->is_of_topic && topics != ALERT_HERE)
        return topics;
    return check->is_known ? ALERT_HERE : ALERT_UNCLEAR;
}

static void plan(struct alerts *a, size_t count) {
    enum alert_duty topics = a->o.topics_duty(a->o.context);
    for (size_t i = 0; i < count; i++)
        alert_plan_see(&a->plan, &a->states[i], duty_of(&a->states[i], topics), now_ms(a));
}

static void look(struct alerts *a) {
    size_t count = a->o.states(a->o.context, a->states, ALERT_CHECKS_MAX);
    alert_watch_look(&a->watch, a->states, count);
    if (has_webhook(a))
        plan(a, count);
}

static bool is_finished(const struct alerts *a) {
    return a->finish_ms > 0 && (is_too_late(a) || alert_plan_due_ms(&a->plan) >= a->finish_ms);
}

static void sleep_until(struct alerts *a, int64_t ms) {
    int64_t left_ms = ms - now_ms(a);
    (void)steady_cond_wait(&a->wake, &a->lock,
                           clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + left_ms);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void *run(void *alerts) {
    struct alerts *a = alerts;
    int64_t look_ms = now_ms(a);
    (void)pthread_mutex_lock(&a->lock);
    while (!is_finished(a)) {
        if (a->finish_ms == 0 && now_ms(a) >= look_ms) {
            look(a);
            look_ms = now_ms(a) + a->o.look_ms;
        }
        alert_told_keep(&a->told, &a->plan);
        /* Between two messages the checks are looked at, however slow the receiver is. */
        if (!send_one(a) && !is_finished(a))
            sleep_until(a, earlier(a->finish_ms == 0 ? look_ms : a->finish_ms,
                                   alert_plan_due_ms(&a->plan)));
    }
    alert_told_keep(&a->told, &a->plan);
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* --- for others */

static void destroy(struct alerts *a) {
    (void)pthread_mutex_destroy(&a->lock);
    (void)pthread_cond_destroy(&a->wake);
    alert_told_release(&a->told);
    free(a->webhook_url);
    free(a);
}

struct alerts *alerts_start(const struct alerts_options *o, struct err *e) {
    struct alerts *a = mem_calloc(1, sizeof *a);
    a->o = *o;
    a->watch.changed = log_change;
    a->sender = (struct alert_sender){o->config->app_id, o->instance};
    a->webhook_url = mem_strdup(o->config->alert_webhook_url);
    alert_told_init(&a->told, has_webhook(a) ? o->dir : NULL, o->config->app_id, &a->plan);
    steady_cond_init(&a->wake);
    (void)pthread_mutex_init(&a->lock, NULL);
    int error = pthread_create(&a->thread, NULL, run, a);
    if (error == 0)
        return a;
    (void)err_set(e, ERR_STOP, "alerts: cannot start a thread: %s", strerror(error));
    destroy(a);
    return NULL;
}

void alerts_renew(struct alerts *a, const char *webhook_url) {
    (void)pthread_mutex_lock(&a->lock);
    if (has_webhook(a) && webhook_url[0] != '\0') {
        free(a->webhook_url);
        a->webhook_url = mem_strdup(webhook_url);
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void alerts_finish(struct alerts *a) {
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    look(a);
    a->finish_ms = now_ms(a) + ALERTS_FINISH_MS;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
}

void alerts_free(struct alerts *a) {
    if (a == NULL)
        return;
    (void)pthread_join(a->thread, NULL);
    destroy(a);
}
