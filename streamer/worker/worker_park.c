#include "streamer/worker/worker_park.h"

#include "streamer/base/log.h"
#include "streamer/base/utf8.h"
#include "streamer/worker/worker_sources.h"

#include <stdio.h>

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000

static bool waits(const struct source *s) {
    return s->park.pause_ms != 0;
}

/* The source that has waited longest; NULL: none waits. */
static const struct source *longest(const struct worker *w) {
    const struct source *first = NULL;
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        if (waits(s) && (first == NULL || s->park.since_ms < first->park.since_ms))
            first = s;
    }
    return first;
}

static void publish(struct worker *w) {
    const struct source *first = longest(w);
    struct worker_waits now = {0};
    for (size_t i = 0; i < w->source_count; i++)
        now.partitions += waits(&w->sources[i]);
    if (first != NULL) {
        now.since_ms = first->park.since_ms;
        (void)snprintf(now.text, sizeof now.text, "%s partition %d offset %lld: %s",
                       worker_topic(w, first->topic), first->partition,
                       (long long)first->park.offset, first->park.what_for);
    }
    (void)pthread_mutex_lock(&w->status_lock);
    w->waits = now;
    (void)pthread_mutex_unlock(&w->status_lock);
}

static void log_wait(const struct worker *w, const struct source *s) {
    log_warn("a record has to wait, and its partition with it",
             "worker=%d topic=%s partition=%d offset=%lld for=%s", w->o.index,
             worker_topic(w, s->topic), s->partition, (long long)s->park.offset,
             log_quote(&(struct log_value){0}, s->park.what_for));
}

/* Begins the next pause, which is longer than the last one. */
static void pause_source(struct worker *w, struct park *p) {
    int64_t longer_ms = p->pause_ms == 0 ? PAUSE_MIN_MS : 2 * p->pause_ms;
    p->pause_ms = longer_ms < PAUSE_MAX_MS ? longer_ms : PAUSE_MAX_MS;
    p->resume_ms = clock_ms(w->o.clock, CLOCK_MONOTONIC) + p->pause_ms;
}

void worker_park(struct worker *w, struct source *s, int64_t offset) {
    struct park *p = &s->park;
    if (worker_is_parked(s))
        return;
    if (!waits(s))
        p->since_ms = clock_ms(w->o.clock, CLOCK_REALTIME);
    struct slice text = utf8_cut(buf_slice(&w->pipeline.reason.text), sizeof p->what_for - 1);
    (void)snprintf(p->what_for, sizeof p->what_for, "%.*s", (int)text.n, text.p);
    p->offset = offset;
    /* What is needed for the first time is mostly there after the first pause. */
    if (p->pause_ms == PAUSE_MIN_MS)
        log_wait(w, s);
    pause_source(w, p);
    s->next = offset;
    s->seen_end = 0; /* the records before that end were read, but not processed */
    publish(w);
}

void worker_unpark(struct worker *w, struct source *s) {
    if (!waits(s))
        return;
    if (s->park.pause_ms > PAUSE_MIN_MS)
        log_info("the partition goes on",
                 "worker=%d topic=%s partition=%d offset=%lld waited_ms=%lld", w->o.index,
                 worker_topic(w, s->topic), s->partition, (long long)s->park.offset,
                 (long long)(clock_ms(w->o.clock, CLOCK_REALTIME) - s->park.since_ms));
    s->park = (struct park){0};
    publish(w);
}

static bool any_is_due(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        if (worker_is_parked(s) && clock_ms(w->o.clock, CLOCK_MONOTONIC) >= s->park.resume_ms)
            return true;
    }
    return false;
}

/* After each change of the assignment the consumer fetches again what it has already fetched, so
 * one change serves all sources. While it still reads a source, its position lies behind the record
 * that waits. */
void worker_resume_parked(struct worker *w) {
    if (!any_is_due(w))
        return;
    for (size_t i = 0; i < w->source_count; i++)
        if (!w->sources[i].consumed)
            w->sources[i].park.resume_ms = 0;
}

void worker_forget_parked(struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        w->sources[i].park = (struct park){0};
    publish(w);
}
