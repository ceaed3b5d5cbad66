#include "streamer/worker/worker_persist.h"

#include "streamer/base/log.h"
#include "streamer/worker/worker_sources.h"

#include <string.h>

#define AGING_PART 4  /* the part of delete.retention.ms after which a state is stored again */
#define WRITE_MS 1000 /* how long a write may be postponed */

/* Stored meta data say when the state was last as new as the topics. */
static bool is_aging(const struct worker *w, const struct task *t) {
    int64_t age_ms = w->pipeline.env.now_ms - t->meta.committed_ms;
    return age_ms < 0 || age_ms > w->o.layout->delete_retention_ms / AGING_PART;
}

void worker_note_aging(const struct worker *w, rd_kafka_topic_partition_list_t *offsets) {
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        if (s->located && s->topic == TOPIC_ACCOUNT_LINKS &&
            worker_stage(w, s->partition) == STAGE_READY && is_aging(w, &w->tasks[s->partition]))
            worker_note_offset(w, offsets, s, s->next);
    }
}

static void note_positions(struct worker *w, const rd_kafka_topic_partition_list_t *offsets) {
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &offsets->elems[i];
        struct source *s = worker_find_source_named(w, tp->topic, tp->partition);
        s->committed = tp->offset;
        if (s->partition < w->o.layout->n)
            w->tasks[s->partition].meta.positions[s->topic] = s->committed;
        if (w->trim != NULL && topic_is_repartition(s->topic))
            repartition_trim_note(w->trim, s->topic, s->partition, s->committed);
    }
}

/* The positions in the topics that the task writes to come from the delivery reports. */
static void save_task(struct worker *w, struct task *t) {
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_is_replayed((enum topic)i) && !topic_is_consumed((enum topic)i) &&
            producer_position(w->producer, (enum topic)i, t->partition) > t->meta.positions[i])
            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition);
    if (memcmp(&t->meta, &t->saved_meta, sizeof t->meta) == 0 && !is_aging(w, t))
        return;
    t->meta.committed_ms = w->pipeline.env.now_ms;
    task_save_meta(&w->pipeline.env, t);
}

bool worker_write_state(struct worker *w, struct err *e) {
    if (!w->unwritten || w->in_transaction)
        return true;
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        enum task_stage stage = worker_stage(w, p);
        if (stage == STAGE_READY || stage == STAGE_REFRESHING)
            save_task(w, &w->tasks[p]);
    }
    w->unwritten = false;
    if (!batch_commit(w->batch, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        w->tasks[p].saved_meta = w->tasks[p].meta;
    return true;
}

void worker_try_write_state(struct worker *w) {
    struct err e;
    if (!worker_write_state(w, &e))
        log_warn("the state was not written; it is replayed", "worker=%d error=%s", w->o.index,
                 log_quote(&(struct log_value){0}, e.text));
}

/* When nothing waits, the state is written at once, so that queries are as new as the results.
 * During a restore each step writes what there is. With the embedded broker only the state knows
 * what was processed, so it is always written. */
bool worker_may_defer_write(const struct worker *w) {
    return w->backlogged && !w->o.ephemeral && atomic_load(&w->phase) == WORKER_RUNNING &&
           !batch_is_full(w->batch) &&
           clock_ms(w->o.clock, CLOCK_MONOTONIC) - w->unwritten_since_ms < WRITE_MS;
}

bool worker_persist(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                    struct err *e) {
    note_positions(w, offsets);
    if (!w->unwritten)
        w->unwritten_since_ms = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    w->unwritten = true;
    return worker_may_defer_write(w) || worker_write_state(w, e);
}
