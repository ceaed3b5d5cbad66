#include "streamer/worker/worker_cycle.h"

#include "streamer/base/log.h"
#include "streamer/worker/worker_collect.h"
#include "streamer/worker/worker_commit.h"
#include "streamer/worker/worker_group.h"
#include "streamer/worker/worker_metrics.h"
#include "streamer/worker/worker_park.h"
#include "streamer/worker/worker_persist.h"
#include "streamer/worker/worker_process.h"
#include "streamer/worker/worker_sources.h"
#include "streamer/worker/worker_tasks.h"

#define BOOKKEEPING_MS 1000
#define TRIM_MS 10000

void worker_set_phase(struct worker *w, enum worker_phase phase) {
    enum worker_phase before = atomic_exchange(&w->phase, phase);
    if ((before == WORKER_RUNNING) != (phase == WORKER_RUNNING))
        atomic_store(&w->ready_changed_ms, clock_ms(w->o.clock, CLOCK_REALTIME));
}

/* --- the assignment --- */

void worker_let_go(struct worker *w) {
    worker_drop_messages(w);
    worker_try_write_state(w);
    worker_release_tasks(w);
}

void worker_restart(struct worker *w) {
    worker_drop_messages(w);
    counts_clear(&w->pipeline.env.counts);
    rejects_clear(&w->pipeline.rejects);
    worker_try_write_state(w);
    worker_restart_tasks(w);
    worker_restart_sources(w);
    worker_forget_parked(w);
    if (w->has_assignment)
        worker_consume_nothing(w);
}

/* After an error the phase stays WORKER_RETRYING until a cycle succeeds. */
static void set_phase_of_assignment(struct worker *w, enum worker_phase phase) {
    if (atomic_load(&w->phase) != WORKER_RETRYING)
        worker_set_phase(w, phase);
}

static void forget_assignment(struct worker *w) {
    worker_let_go(w);
    if (w->membership != NULL)
        rd_kafka_consumer_group_metadata_destroy(w->membership);
    w->membership = NULL;
    worker_unpublish_lag(w);
    worker_forget_sources(w);
    worker_forget_parked(w);
    worker_publish_assigned(w);
    w->has_assignment = false;
    w->rebalanced = true;
    set_phase_of_assignment(w, WORKER_CONNECTING);
}

/* Called from the consumer's poll, on the worker's thread. Nothing is consumed yet: worker_advance
 * assigns what is ready. */
static void on_assigned(void *context, const rd_kafka_topic_partition_list_t *list) {
    struct worker *w = context;
    log_info("partitions assigned", "worker=%d count=%d", w->o.index, list->cnt);
    forget_assignment(w);
    worker_take_sources(w, list);
    worker_take_tasks(w);
    worker_publish_assigned(w);
    w->has_assignment = true;
    /* All commits of this assignment name this membership. It is taken once, because Kafka refuses
     * it in any later generation. */
    w->membership = w->o.kafka->membership(w->consumer);
    set_phase_of_assignment(w, WORKER_RESTORING);
    worker_restart(w);
}

static void on_revoked(void *context, int count, bool lost) {
    struct worker *w = context;
    log_info("partitions revoked", "worker=%d count=%d lost=%s", w->o.index, count,
             lost ? "yes" : "no");
    forget_assignment(w);
}

bool worker_enter_group(struct worker *w, struct err *e) {
    static const struct worker_group_callbacks callbacks = {on_assigned, on_revoked};
    return worker_join_group(w, &callbacks, e);
}

static bool rejoin_group(struct worker *w, struct err *e) {
    log_warn("joining the group anew", "worker=%d", w->o.index);
    worker_leave_group(w);
    forget_assignment(w);
    return worker_enter_group(w, e);
}

/* --- one transaction --- */

/* Phases 3 and 4, and then publishes what messages `from` to `to` - 1 of the batch have done, even
 * if the state could not be written. */
static bool finish(struct worker *w, const rd_kafka_topic_partition_list_t *offsets, size_t from,
                   size_t to, struct err *e) {
    if (!worker_commit(w, offsets, e))
        return false;
    worker_publish_sent(w);
    bool ok = worker_persist(w, offsets, e);
    worker_publish_latency(w, from, to);
    worker_publish_lag(w);
    worker_publish_counts(w);
    return ok;
}

bool worker_transact(struct worker *w, size_t *at, struct err *e) {
    size_t from = *at;
    if (!worker_begin(w, e))
        return false;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    worker_process_messages(w, at, offsets);
    bool ok = finish(w, offsets, from, *at, e);
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

static bool refresh(struct worker *w, struct err *e) {
    if (!worker_begin(w, e))
        return false;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    worker_process_refresh(w, offsets);
    bool ok = finish(w, offsets, 0, 0, e);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (ok)
        worker_pass_refreshed(w);
    return ok;
}

/* Commits offsets though no message was processed: behind transaction markers, and of tasks whose
 * stored state is about to look too old. Needs an empty batch. */
static bool commit_idle(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(4);
    w->pipeline.env.now_ms = clock_ms(w->o.clock, CLOCK_REALTIME);
    worker_note_markers(w, offsets);
    worker_note_aging(w, offsets);
    bool any = offsets->cnt > 0;
    bool ok = !any || (worker_begin(w, e) && finish(w, offsets, 0, 0, e));
    rd_kafka_topic_partition_list_destroy(offsets);
    if (any && ok)
        worker_skip_markers(w);
    return ok;
}

/* --- the phases --- */

bool worker_advance(struct worker *w, struct err *e) {
    if (!w->has_assignment) {
        worker_set_phase(w, WORKER_CONNECTING);
        return true;
    }
    worker_resume_parked(w);
    if (atomic_load(&w->phase) == WORKER_RUNNING)
        return worker_consume_ready(w, e);
    w->must_rejoin = !worker_sources_are_whole(w, e);
    if (w->must_rejoin)
        return false;
    if (!worker_plan_tasks(w, e) || !worker_restore_tasks(w, e))
        return false;
    if (worker_has_task_in(w, STAGE_REFRESHING) && !refresh(w, e))
        return false;
    if (!worker_consume_ready(w, e))
        return false;
    bool all = !worker_is_advancing(w) && !worker_has_task_in(w, STAGE_WAITING);
    /* The lag is published before RUNNING, so that nobody sees RUNNING with a stale lag. */
    worker_publish_lag(w);
    worker_set_phase(w, all ? WORKER_RUNNING : WORKER_RESTORING);
    worker_log_progress(w, all);
    return true;
}

/* When the worker is told to stop, the rest of the batch is left to the next start. */
static bool run_batch(struct worker *w, struct err *e) {
    for (size_t at = 0; at < w->message_count && !atomic_load(&w->stopping);) {
        if (!worker_transact(w, &at, e))
            return false;
        atomic_store(&w->moved, true);
    }
    worker_drop_messages(w);
    return true;
}

static bool run_idle(struct worker *w, struct err *e) {
    if (!worker_may_defer_write(w) && !worker_write_state(w, e))
        return false;
    bool due = clock_ms(w->o.clock, CLOCK_MONOTONIC) >= w->bookkeeping_due_ms;
    return !w->has_assignment || !due || commit_idle(w, e);
}

static void once_a_second(struct worker *w) {
    int64_t now = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    if (now < w->bookkeeping_due_ms)
        return;
    w->bookkeeping_due_ms = now + BOOKKEEPING_MS;
    worker_publish_state(w);
    worker_publish_rejects(w);
    if (w->trim != NULL && now >= w->trim_due_ms) {
        repartition_trim_step(w->trim);
        w->trim_due_ms = now + TRIM_MS;
    }
}

bool worker_cycle(struct worker *w, struct err *e) {
    if (w->must_rejoin && !rejoin_group(w, e))
        return false;
    if (!worker_advance(w, e))
        return false;
    worker_collect(w, worker_is_advancing(w) ? 0 : WORKER_POLL_MS);
    if (w->trouble.class != ERR_NONE) {
        *e = w->trouble;
        w->trouble.class = ERR_NONE;
        return false;
    }
    w->busy = w->message_count > 0;
    if (w->busy && w->fatal.class == ERR_NONE && !run_batch(w, e))
        return false;
    if (!w->busy && !run_idle(w, e))
        return false;
    worker_publish_lag(w);
    once_a_second(w);
    return true;
}
