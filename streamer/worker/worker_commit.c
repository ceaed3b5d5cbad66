#include "streamer/worker/worker_commit.h"

#include "streamer/task/invariants.h"
#include "streamer/worker/worker_sources.h"

bool worker_begin(struct worker *w, struct err *e) {
    w->in_transaction = producer_begin(w->producer, e);
    return w->in_transaction;
}

/* Counts the outcome of a check. Returns `holds`, else with `e` completed. */
static bool note_check(struct worker *w, enum invariant i, bool holds, struct err *e) {
    metric_add(&w->o.metrics->invariant_checks[i], 1);
    if (holds)
        return true;
    metric_add(&w->o.metrics->invariant_violations[i], 1);
    return err_prefix(
        e,
        "a mistake of the program was found before it got out: the invariant %s does not hold; "
        "nothing of the transaction is committed, please report this",
        invariant_name(i));
}

static bool invariants_hold(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                            struct err *e) {
    if (!note_check(w, INVARIANT_CONSERVATION, invariant_conservation(&w->pipeline.env.counts, e),
                    e))
        return false;
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &offsets->elems[i];
        const struct source *s = worker_find_source_named(w, tp->topic, tp->partition);
        int64_t next = s->next > s->seen_end ? s->next : s->seen_end;
        if (!note_check(w, INVARIANT_OFFSETS, invariant_offset(s->committed, tp->offset, next, e),
                        e))
            return false;
    }
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (worker_stage(w, p) == STAGE_READY &&
            !note_check(w, INVARIANT_ROWS, invariant_rows(&w->tasks[p].meta, e), e))
            return false;
    return true;
}

bool worker_commit(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                   struct err *e) {
    struct metrics *m = w->o.metrics;
    if (kv_failed(w->pipeline.env.kv)) {
        *e = w->pipeline.env.kv->err;
        metric_add(&m->transactions[TRANSACTION_ABORTED], 1);
        return false;
    }
    if (!invariants_hold(w, offsets, e))
        return false;
    int64_t started = clock_us(w->o.clock, CLOCK_MONOTONIC);
    if (!producer_commit(w->producer, offsets, w->membership, e)) {
        metric_add(
            &m->transactions[e->class == ERR_FENCED ? TRANSACTION_FENCED : TRANSACTION_ABORTED], 1);
        return false;
    }
    w->in_transaction = false;
    metric_add(&m->transactions[TRANSACTION_COMMITTED], 1);
    w->commits++;
    histogram_observe(&m->commit_duration, clock_us(w->o.clock, CLOCK_MONOTONIC) - started, 1);
    metric_set(&m->last_commit_ms, w->pipeline.env.now_ms);
    return true;
}
