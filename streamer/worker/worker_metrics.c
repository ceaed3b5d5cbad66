#include "streamer/worker/worker_metrics.h"

#include "streamer/base/mem.h"
#include "streamer/metrics/freshness.h"
#include "streamer/worker/worker_sources.h"

static void publish_entity(struct metrics *m, const struct counts *c, enum entity e) {
    for (int r = 0; r < REASON_COUNT; r++)
        metric_add(&m->quarantined[e][r], c->quarantined[e][r]);
    for (int f = 0; f < FIELD_COUNT; f++)
        metric_add(&m->null_values[e][f], c->null_values[e][f]);
    metric_add(&m->applied[e], c->applied[e]);
    metric_add(&m->unchanged[e], c->unchanged[e]);
    metric_add(&m->forwarded[e], c->forwarded[e]);
    metric_add(&m->late[e], c->late[e]);
    metric_add(&m->unknown_fields[e], c->unknown_fields[e]);
    metric_add(&m->confirmations_dropped[e], c->confirmations_dropped[e]);
    metric_add(&m->reordered[e], c->reordered[e]);
    metric_add(&m->repeated[e], c->repeated[e]);
    metric_add(&m->behind_tombstone[e], c->behind_tombstone[e]);
    metric_add(&m->tombstones_unknown[e], c->tombstones_unknown[e]);
    metric_raise(&m->newest_event_ms[e], c->newest_event_ms[e]);
}

void worker_publish_counts(struct worker *w) {
    struct counts *c = &w->pipeline.env.counts;
    struct metrics *m = w->o.metrics;
    for (int t = 0; t < TOPIC_COUNT; t++)
        metric_add(&m->emitted[t], c->emitted[t]);
    for (int e = 0; e < ENTITY_COUNT; e++)
        publish_entity(m, c, (enum entity)e);
    /* Counts of consumed records come last: whoever sees a record consumed also sees its
     * effects. */
    for (int t = 0; t < TOPIC_COUNT; t++)
        metric_add(&m->consumed[t], c->consumed[t]);
    counts_clear(c);
    rejects_append(&w->rejects, &w->pipeline.rejects);
    w->has_new_rejects |= w->pipeline.rejects.count > 0;
    rejects_clear(&w->pipeline.rejects);
    worker_publish_rejects(w);
}

void worker_publish_rejects(struct worker *w) {
    if (!w->has_new_rejects || pthread_mutex_trylock(&w->rejects_lock) != 0)
        return;
    w->shown_rejects = w->rejects;
    (void)pthread_mutex_unlock(&w->rejects_lock);
    w->has_new_rejects = false;
}

/* The end is what the broker told with the last fetch, or what this worker has sent since. */
static void update_end(struct worker *w, struct source *s) {
    int64_t heard = w->o.kafka->end_heard(w->consumer, worker_topic(w, s->topic), s->partition);
    if (heard > s->end && heard > s->seen_end)
        s->end = heard;
    if (s->partition < w->o.layout->n &&
        producer_position(w->producer, s->topic, s->partition) > s->end)
        s->end = producer_position(w->producer, s->topic, s->partition);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t reach_of(const struct source *s) {
    return larger(larger(s->end, s->seen_end), larger(s->next, s->committed));
}

void worker_publish_lag(struct worker *w) {
    int64_t sum = 0;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (!s->located)
            continue;
        update_end(w, s);
        int64_t position = s->committed >= 0 ? s->committed : s->next;
        int64_t lag = s->end > position ? s->end - position : 0;
        metric_set(&w->o.metrics->lag[s->topic].lag[s->partition], lag);
        metric_set(&w->o.metrics->lag[s->topic].end[s->partition], s->end);
        metric_set(&w->o.metrics->lag[s->topic].reach[s->partition], reach_of(s));
        sum += lag;
    }
    /* A backlog of 0 also says that queries answer with what was emitted. */
    atomic_store(&w->backlog, sum + w->unwritten);
}

void worker_publish_sent(struct worker *w) {
    static const enum topic topics[] = {TOPIC_ACCOUNT_LINKS, TOPIC_CUSTOMER_REFS};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        for (int32_t p = 0; p < w->o.layout->n; p++)
            metric_raise(&w->o.metrics->lag[topics[i]].sent[p],
                         producer_position(w->producer, topics[i], p));
}

void worker_unpublish_lag(struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        metric_set(&w->o.metrics->lag[s->topic].lag[s->partition], -1);
        metric_set(&w->o.metrics->lag[s->topic].end[s->partition], -1);
        metric_set(&w->o.metrics->lag[s->topic].reach[s->partition], -1);
    }
}

/* The newest of the messages' timestamps, by the input topic that they came from. */
static void publish_newest(struct worker *w, size_t from, size_t to, int64_t now_ms) {
    int64_t newest_ms[ENTITY_COUNT] = {0};
    for (size_t i = from; i < to; i++) {
        enum topic topic = worker_source_of(w, w->messages[i])->topic;
        if (!topic_is_input(topic))
            continue;
        int64_t ms = w->o.kafka->timestamp_ms(w->messages[i]);
        int64_t *newest = &newest_ms[topic == TOPIC_CUSTOMERS ? ENTITY_CUSTOMER : ENTITY_ACCOUNT];
        *newest = ms > *newest ? ms : *newest;
    }
    for (int e = 0; e < ENTITY_COUNT; e++)
        if (newest_ms[e] > 0)
            freshness_note_record(w->o.metrics, (enum entity)e, newest_ms[e], now_ms);
}

/* Records whose results are made elsewhere, and those that this program has sent to itself, do not
 * count. */
void worker_publish_latency(struct worker *w, size_t from, size_t to) {
    int64_t now = clock_ms(w->o.clock, CLOCK_REALTIME);
    publish_newest(w, from, to, now);
    for (size_t i = from; i < to; i++) {
        const struct source *s = worker_source_of(w, w->messages[i]);
        if (w->forwarded[i] || s->topic == TOPIC_ACCOUNT_LINKS || s->topic == TOPIC_CUSTOMER_REFS)
            continue;
        int64_t ms = now - w->o.kafka->timestamp_ms(w->messages[i]);
        histogram_observe(&w->o.metrics->processing_latency, ms > 0 ? ms * 1000 : 0, 1);
    }
}

void worker_publish_assigned(struct worker *w) {
    metric_move(&w->o.metrics->assigned_partitions, &w->shown.assigned, (int64_t)w->source_count);
}

void worker_publish_state(struct worker *w) {
    int64_t orphans = 0, outdated[ENTITY_COUNT] = {0};
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        if (worker_stage(w, p) != STAGE_READY)
            continue;
        orphans += task_orphans(&w->tasks[p]);
        for (int e = 0; e < ENTITY_COUNT; e++)
            outdated[e] += w->tasks[p].meta.outdated[e];
    }
    metric_move(&w->o.metrics->orphan_accounts, &w->shown.orphans, orphans);
    for (int e = 0; e < ENTITY_COUNT; e++)
        metric_move(&w->o.metrics->outdated_rows[e], &w->shown.outdated[e], outdated[e]);
    metric_set(&w->o.metrics->state_bytes, store_bytes(w->o.store));
}
