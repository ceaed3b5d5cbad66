/* What a worker tells: the counts of committed transactions, lag, latency. */
#include "streamer/worker/worker_internal.h"

#define BOOKKEEPING_MS 1000
#define PURGE_MS 10000

/* --- metrics --- */

void worker_publish_counts(struct worker *w) {
    struct counts *c = &w->pipeline.env.counts;
    struct metrics *m = w->o.metrics;
    for (int t = 0; t < TOPIC_COUNT; t++)
        metric_add(&m->emitted[t], c->emitted[t]);
    for (int e = 0; e < ENTITY_COUNT; e++) {
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
    for (int t = 0; t < TOPIC_COUNT; t++) /* last: who sees a record as consumed sees what it did */
        metric_add(&m->consumed[t], c->consumed[t]);
    counts_clear(c);
}

/* How much waits: what the broker told with the last fetch, and what this worker itself has sent
 * since. */
void worker_publish_lag(struct worker *w) {
    int64_t sum = 0;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (!s->located)
            continue;
        int64_t high = w->o.kafka->end_heard(w->consumer, worker_topic(w, s->topic), s->partition);
        if (high > s->end && high > s->seen_end)
            s->end = high;
        if (s->partition < w->o.layout->n &&
            producer_position(w->producer, s->topic, s->partition) > s->end)
            s->end = producer_position(w->producer, s->topic, s->partition);
        int64_t position = s->committed >= 0 ? s->committed : s->next;
        int64_t lag = s->end > position ? s->end - position : 0;
        metric_set(&w->o.metrics->lag[s->topic].lag[s->partition], lag);
        sum += lag;
    }
    atomic_store(&w->backlog,
                 sum + w->unwritten); /* where it is 0, queries answer what was emitted */
}

void worker_publish_latency(struct worker *w, size_t from, size_t to) {
    int64_t now = worker_clock_ms(w, CLOCK_REALTIME);
    for (size_t i = from; i < to; i++) {
        const struct source *s = worker_source_of(w, w->messages[i]);
        if (w->forwarded[i] || s->topic == TOPIC_ACCOUNT_LINKS || s->topic == TOPIC_CUSTOMER_REFS)
            continue;
        int64_t ms = now - w->o.kafka->timestamp_ms(w->messages[i]);
        histogram_observe(&w->o.metrics->processing_latency, ms > 0 ? ms * 1000 : 0, 1);
    }
}

/* What the tasks of this worker add up to. */
static void publish_rows(struct worker *w) {
    int64_t orphans = 0, outdated[ENTITY_COUNT] = {0};
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        if (atomic_load(&w->stages[p]) != STAGE_READY)
            continue;
        orphans += task_orphans(&w->tasks[p]);
        for (int e = 0; e < ENTITY_COUNT; e++)
            outdated[e] += w->tasks[p].meta.outdated[e];
    }
    metric_move(&w->o.metrics->orphan_accounts, &w->shown.orphans, orphans);
    for (int e = 0; e < ENTITY_COUNT; e++)
        metric_move(&w->o.metrics->outdated_rows[e], &w->shown.outdated[e], outdated[e]);
}

void worker_bookkeeping(struct worker *w) {
    int64_t now = worker_clock_ms(w, CLOCK_MONOTONIC);
    if (now < w->bookkeeping_due_ms)
        return;
    w->bookkeeping_due_ms = now + BOOKKEEPING_MS;
    publish_rows(w);
    metric_set(&w->o.metrics->state_bytes, store_bytes(w->o.store));
    if (w->trim != NULL && now >= w->trim_due_ms) {
        repartition_trim_step(w->trim);
        w->trim_due_ms = now + PURGE_MS;
    }
}
