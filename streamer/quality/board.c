#include "streamer/quality/board.h"

#include "streamer/base/mem.h"

#include <stdio.h>
#include <string.h>

void board_init(struct board *b, struct metrics *metrics, int64_t now_ms) {
    *b = (struct board){.metrics = metrics};
    (void)pthread_mutex_init(&b->lock, NULL);
    for (int i = 0; i < CHECK_COUNT; i++) {
        b->standings[i].exists = i != CHECK_FRESHNESS_CUSTOMERS && i != CHECK_FRESHNESS_ACCOUNTS;
        b->standings[i].since_ms = now_ms;
    }
}

void board_release(struct board *b) {
    (void)pthread_mutex_destroy(&b->lock);
}

static void lock(struct board *b) {
    (void)pthread_mutex_lock(&b->lock);
}

/* Publishes how many checks there are of each kind. */
static void publish(struct board *b) {
    int64_t counts[LAYER_COUNT][SEVERITY_COUNT][CHECK_STATUS_COUNT] = {0};
    for (int i = 0; i < CHECK_COUNT; i++) {
        const struct check *c = check_of((enum check_id)i);
        counts[c->layer][c->severity][b->standings[i].status] += b->standings[i].exists;
    }
    for (int l = 0; l < LAYER_COUNT; l++)
        for (int s = 0; s < SEVERITY_COUNT; s++)
            for (int t = 0; t < CHECK_STATUS_COUNT; t++)
                metric_set(&b->metrics->quality_checks[l][s][t], counts[l][s][t]);
}

static void unlock(struct board *b) {
    publish(b);
    (void)pthread_mutex_unlock(&b->lock);
}

static void set_status(struct standing *v, enum check_status status, int64_t now_ms) {
    if (v->status != status)
        v->since_ms = now_ms;
    v->status = status;
}

/* What a check over rows says by what its passes have found. */
static void judge(struct standing *v, enum check_id id, int64_t now_ms) {
    const struct check *c = check_of(id);
    enum check_status bad = c->severity == SEVERITY_ERROR ? CHECK_FAIL : CHECK_WARN;
    v->found = v->now.count > v->last.count ? v->now.count : v->last.count;
    set_status(v, v->found > 0 ? bad : CHECK_PASS, now_ms);
    if (v->found == 0)
        v->message[0] = '\0';
    else
        (void)snprintf(v->message, sizeof v->message, "%lld found: %s", (long long)v->found,
                       c->message);
}

static void add(struct finds *f, const struct sample *sample) {
    if (f->count < SAMPLES_MAX)
        f->samples[f->count] = *sample;
    f->count++;
}

static bool is_of_passes(int id) {
    return check_is_of_rows((enum check_id)id) && !check_of((enum check_id)id)->spans;
}

void board_begin_pass(struct board *b, int64_t began_ms) {
    lock(b);
    b->began_ms = began_ms;
    for (int i = 0; i < CHECK_COUNT; i++)
        if (is_of_passes(i))
            b->standings[i].now.count = 0;
    unlock(b);
}

void board_found(struct board *b, enum check_id id, const struct sample *sample, int64_t now_ms) {
    lock(b);
    add(&b->standings[id].now, sample);
    judge(&b->standings[id], id, now_ms);
    unlock(b);
}

void board_end_pass(struct board *b, int64_t rows, int64_t now_ms) {
    lock(b);
    b->before_ms = b->whole_ms;
    b->whole_ms = b->began_ms;
    for (int i = 0; i < CHECK_COUNT; i++) {
        struct standing *v = &b->standings[i];
        if (!check_is_of_rows((enum check_id)i))
            continue;
        v->rows = rows;
        v->seen_all_ms = now_ms;
        if (!is_of_passes(i))
            continue;
        v->last = v->now;
        v->now.count = 0;
        judge(v, (enum check_id)i, now_ms);
    }
    unlock(b);
}

void board_set_finds(struct board *b, enum check_id id, const struct sample *samples, size_t count,
                     int64_t now_ms) {
    struct standing *v = &b->standings[id];
    lock(b);
    v->last.count = 0;
    for (size_t i = 0; i < count; i++)
        add(&v->last, &samples[i]);
    judge(v, id, now_ms);
    unlock(b);
}

void board_set_certain(struct board *b, enum check_id id) {
    (void)pthread_mutex_lock(&b->lock);
    b->standings[id].judged_ms = b->before_ms;
    (void)pthread_mutex_unlock(&b->lock);
}

void board_set(struct board *b, enum check_id id, enum check_status status, const char *message,
               int64_t rows, int64_t found, int64_t now_ms) {
    struct standing *v = &b->standings[id];
    lock(b);
    v->exists = true;
    v->rows = rows;
    v->judged_ms = rows >= BOARD_RECORDS ? now_ms : 0;
    v->found = found;
    set_status(v, status, now_ms);
    (void)snprintf(v->message, sizeof v->message, "%s", message);
    unlock(b);
}

void board_set_state(struct board *b, enum check_id id, const struct check_state *state) {
    struct standing *v = &b->standings[id];
    lock(b);
    v->exists = true;
    v->rows = 1;
    v->found = state->status != CHECK_PASS;
    v->status = state->status;
    v->since_ms = state->since_ms;
    v->is_of_topic = state->is_of_topic;
    v->judged_ms = state->judged_ms;
    memcpy(v->message, state->message, sizeof v->message);
    unlock(b);
}

static int64_t judged_ms(const struct board *b, enum check_id id) {
    return is_of_passes((int)id) ? b->before_ms : b->standings[id].judged_ms;
}

size_t board_states(struct board *b, struct check_state *out, size_t max) {
    size_t count = 0;
    lock(b);
    for (int i = 0; i < CHECK_COUNT && count < max; i++) {
        const struct standing *v = &b->standings[i];
        const struct check *c = check_of((enum check_id)i);
        if (!v->exists)
            continue;
        struct check_state *s = &out[count++];
        *s = (struct check_state){.id = c->id,
                                  .layer = c->layer,
                                  .severity = c->severity,
                                  .status = v->status,
                                  .since_ms = v->since_ms,
                                  .is_of_topic = v->is_of_topic,
                                  .judged_ms = judged_ms(b, (enum check_id)i)};
        memcpy(s->message, v->message, sizeof s->message);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return count;
}
