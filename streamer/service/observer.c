#include "streamer/service/observer.h"

#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"
#include "streamer/kafka/newest_records.h"
#include "streamer/metrics/freshness.h"
#include "streamer/metrics/hour.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 2000
#define LOOKS (HOUR_STEP_MS / LOOK_MS) /* of a step of the hour */

struct observer {
    struct observer_options o;
    struct newest_records *newest; /* NULL: the brokers are not asked */
    bool is_failing;               /* the log has said that the brokers do not tell */
    int looks_left;                /* of the step of the hour */
    pthread_t thread;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake;
    bool stopping;
    struct figures looks[LOOKS + 1]; /* oldest first */
    size_t look_count;
    struct hour hour;
};

/* --- how new the input is --- */

static void note_failure(struct observer *o, const struct newest_answer *answer) {
    if (!o->is_failing)
        log_warn("the brokers do not tell how new the input is", "error=%s",
                 log_quote(&(struct log_value){0}, answer->why.text));
    o->is_failing = true;
}

static void take_input(struct observer *o, enum entity entity, const struct newest_answer *answer) {
    static const enum input_told told[] = {
        [NEWEST_TOLD] = INPUT_TOLD,
        [NEWEST_NONE] = INPUT_EMPTY,
        [NEWEST_UNTOLD] = INPUT_TOLD,
        [NEWEST_NO_ANSWER] = INPUT_REFUSED,
    };
    const struct newest_record *r = &answer->inputs[entity];
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    if (r->state == NEWEST_TOLD)
        freshness_note_record(o->o.metrics, entity, r->ms, now_ms);
    freshness_note_told(o->o.metrics, entity, told[r->state], now_ms);
}

static void ask_brokers(struct observer *o) {
    struct newest_answer answer;
    if (o->newest == NULL ||
        !newest_records_step(o->newest, clock_ms(clock_of_machine(), CLOCK_MONOTONIC), &answer))
        return;
    bool is_failure = answer.why.class != ERR_NONE;
    if (is_failure)
        note_failure(o, &answer);
    o->is_failing = is_failure;
    for (int e = 0; e < ENTITY_COUNT; e++)
        take_input(o, (enum entity)e, &answer);
}

/* --- the figures; with the lock held --- */

static void keep(struct observer *o, const struct figures *now) {
    if (o->look_count == LOOKS + 1) {
        memmove(o->looks, o->looks + 1, LOOKS * sizeof *o->looks);
        o->look_count--;
    }
    o->looks[o->look_count++] = *now;
}

/* How many records of all consumed partitions wait. */
static int64_t lag_of(const struct metrics *m) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int32_t i = 0; i < m->lag[t].partitions; i++) {
            int64_t lag = metric_get(&m->lag[t].lag[i]);
            sum += lag > 0 ? lag : 0;
        }
    return sum;
}

static void end_step(struct observer *o, const struct figures *now) {
    o->looks_left--;
    if (o->looks_left > 0)
        return;
    o->looks_left = LOOKS;
    struct hour_point point = hour_point_of(&o->looks[0], now, lag_of(o->o.metrics));
    hour_add(&o->hour, clock_ms(clock_of_machine(), CLOCK_REALTIME), &point);
}

static void look(struct observer *o) {
    struct figures now;
    figures_read(o->o.metrics, clock_us(clock_of_machine(), CLOCK_MONOTONIC), &now);
    keep(o, &now);
    end_step(o, &now);
}

/* --- the thread --- */

static void sleep_ms(struct observer *o, int64_t ms) {
    int64_t until_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + ms;
    while (!o->stopping && steady_cond_wait(&o->wake, &o->lock, until_ms))
        continue;
}

static void *run(void *observer) {
    struct observer *o = observer;
    (void)pthread_mutex_lock(&o->lock);
    while (!o->stopping) {
        (void)pthread_mutex_unlock(&o->lock);
        ask_brokers(o);
        (void)pthread_mutex_lock(&o->lock);
        sleep_ms(o, LOOK_MS);
        if (!o->stopping)
            look(o);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* --- for others --- */

void observer_figures(struct observer *o, struct figures *before, struct figures *after) {
    (void)pthread_mutex_lock(&o->lock);
    *before = o->looks[0];
    *after = o->looks[o->look_count - 1];
    (void)pthread_mutex_unlock(&o->lock);
}

void observer_put_history(struct observer *o, struct buf *out) {
    (void)pthread_mutex_lock(&o->lock);
    hour_put_json(&o->hour, out);
    (void)pthread_mutex_unlock(&o->lock);
}

static void destroy(struct observer *o) {
    newest_records_free(o->newest);
    (void)pthread_mutex_destroy(&o->lock);
    (void)pthread_cond_destroy(&o->wake);
    free(o);
}

struct observer *observer_new(const struct observer_options *options, struct err *e) {
    struct observer *o = mem_calloc(1, sizeof *o);
    o->o = *options;
    o->looks_left = LOOKS + 1; /* the first look begins the first step */
    o->stopping = true;        /* until a thread runs */
    steady_cond_init(&o->wake);
    (void)pthread_mutex_init(&o->lock, NULL);
    if (options->asks_brokers)
        o->newest = newest_records_new(options->config, options->input_partitions);
    look(o);
    if (observer_resume(o, e))
        return o;
    destroy(o);
    return NULL;
}

void observer_pause(struct observer *o) {
    if (o == NULL || o->stopping)
        return;
    (void)pthread_mutex_lock(&o->lock);
    o->stopping = true;
    (void)pthread_cond_signal(&o->wake);
    (void)pthread_mutex_unlock(&o->lock);
    (void)pthread_join(o->thread, NULL);
    if (o->newest != NULL)
        newest_records_pause(o->newest);
}

bool observer_resume(struct observer *o, struct err *e) {
    if (o == NULL)
        return true;
    o->stopping = false;
    int error = pthread_create(&o->thread, NULL, run, o);
    if (error == 0)
        return true;
    o->stopping = true;
    return err_set(e, ERR_STOP, "observer: cannot start a thread: %s", strerror(error));
}

void observer_free(struct observer *o) {
    if (o == NULL)
        return;
    observer_pause(o);
    destroy(o);
}
