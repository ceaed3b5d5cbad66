#include "streamer/worker/worker_tasks.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/worker/worker_park.h"
#include "streamer/worker/worker_sources.h"

#include <stdlib.h>

/* How long one step restores. What it replays at once is proportional to that (restore.c), and the
 * ready tasks have to wait meanwhile. */
#define STEP_MS 200       /* no task is ready */
#define QUIET_STEP_MS 100 /* the ready tasks have nothing to do */
#define BUSY_STEP_MS 10   /* the ready tasks have messages */
#define READY_POLL_MS 10  /* the wait for a message while other tasks are ready */
#define PROGRESS_MS 10000

/* --- stages --- */

bool worker_has_task_in(const struct worker *w, enum task_stage stage) {
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (worker_stage(w, p) == stage)
            return true;
    return false;
}

bool worker_is_advancing(const struct worker *w) {
    return worker_has_task_in(w, STAGE_RESTORING) || worker_has_task_in(w, STAGE_REFRESHING);
}

static bool is_ready(const struct worker *w, const struct source *s) {
    return s->located && !worker_is_parked(s) &&
           (worker_is_forward_only(w, s) || worker_stage(w, s->partition) == STAGE_READY);
}

/* Takes the state of a task for this worker. False: another worker still has it. */
static bool hold(struct worker *w, int32_t p) {
    int nobody = 0, me = w->o.index + 1;
    return atomic_load(&w->o.state_owners[p]) == me ||
           atomic_compare_exchange_strong(&w->o.state_owners[p], &nobody, me);
}

void worker_take_tasks(struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].topic == TOPIC_ACCOUNT_LINKS)
            atomic_store(&w->stages[w->sources[i].partition], STAGE_WAITING);
}

void worker_release_tasks(struct worker *w) {
    restore_reset(w->restore);
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        int me = w->o.index + 1;
        atomic_store(&w->stages[p], STAGE_NONE);
        (void)atomic_compare_exchange_strong(&w->o.state_owners[p], &me, 0);
    }
}

void worker_restart_tasks(struct worker *w) {
    w->restart_ms = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    w->progress_due_ms = w->restart_ms + PROGRESS_MS;
    restore_reset(w->restore);
    batch_clear(w->batch);
    w->unwritten = false;
    w->in_transaction = false;
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        task_rollback(&w->tasks[p]);
        if (worker_stage(w, p) != STAGE_NONE)
            atomic_store(&w->stages[p], STAGE_WAITING);
    }
}

/* --- STAGE_WAITING --- */

/* The sources that are to be located: those of tasks that this worker holds, and those without a
 * task. */
static size_t sources_to_locate(struct worker *w, struct source **which) {
    size_t count = 0;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (!s->located && (worker_is_forward_only(w, s) || hold(w, s->partition)))
            which[count++] = s;
    }
    return count;
}

static bool any_unlocated(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (!w->sources[i].located)
            return true;
    return false;
}

static int64_t committed_of(struct worker *w, enum topic topic, int32_t partition) {
    const struct source *s = worker_find_source(w, topic, partition);
    return s != NULL && s->committed >= 0 ? s->committed : 0;
}

static bool any_committed(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].committed >= 0)
            return true;
    return false;
}

/* Whether all sources of the task are located. Sources are only located for tasks whose state was
 * free before the offsets were requested. Without this check a task whose state became free later
 * would be restored as if nothing had ever been committed. */
static bool is_located(const struct worker *w, int32_t p) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].partition == p && !w->sources[i].located)
            return false;
    return true;
}

/* Plans the restore of the waiting tasks whose sources are located. */
static bool plan(struct worker *w, struct err *e) {
    struct restore_request *requests = mem_calloc((size_t)w->o.layout->n, sizeof *requests);
    size_t count = 0;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (worker_stage(w, p) == STAGE_WAITING && is_located(w, p))
            requests[count++] =
                (struct restore_request){&w->tasks[p], committed_of(w, TOPIC_ACCOUNT_LINKS, p),
                                         committed_of(w, TOPIC_CUSTOMER_REFS, p), any_committed(w)};
    bool ok = restore_add(w->restore, &w->pipeline.env, requests, count,
                          clock_ms(w->o.clock, CLOCK_REALTIME), e);
    for (size_t i = 0; ok && i < count; i++)
        atomic_store(&w->stages[requests[i].task->partition], STAGE_RESTORING);
    free(requests);
    return ok;
}

bool worker_plan_tasks(struct worker *w, struct err *e) {
    if (!any_unlocated(w))
        return true;
    struct source **which = mem_calloc(w->source_count, sizeof(struct source *));
    size_t count = sources_to_locate(w, which);
    bool ok = count == 0 || (worker_locate_sources(w, which, count, e) && plan(w, e));
    free(which);
    return ok;
}

/* --- STAGE_RESTORING --- */

static bool has_rows(const struct task *t) {
    for (int f = 0; f < FAMILY_COUNT; f++)
        if (t->meta.rows[f] > 0)
            return true;
    return false;
}

/* Rows are never written before an offset of the account links is committed, not even by a refresh.
 * So where there are rows but no such offset, the group's offsets are lost. */
static bool offsets_are_there(struct worker *w, const struct task *t, struct err *e) {
    struct source *s = worker_find_source(w, TOPIC_ACCOUNT_LINKS, t->partition);
    if (!has_rows(t) || w->o.ephemeral || s->committed >= 0)
        return true;
    (void)err_set(e, ERR_STOP,
                  "partition %d: there are results, but group %s has no committed offsets (they "
                  "expire offsets.retention.minutes after the last instance has stopped): all "
                  "input would be processed once more; set the offsets to where to go on "
                  "(kafka-consumer-groups.sh --reset-offsets), or start anew with streamer reset",
                  t->partition, w->o.config->app_id);
    return worker_confirm_fatal(w, s, e);
}

/* Tasks that finish within the same step are given to the consumer together. */
bool worker_restore_tasks(struct worker *w, struct err *e) {
    struct task *done = NULL;
    bool others = worker_has_task_in(w, STAGE_READY);
    int wait_ms = w->busy ? 0 : others ? READY_POLL_MS : WORKER_POLL_MS;
    int budget_ms = w->busy ? BUSY_STEP_MS : others ? QUIET_STEP_MS : STEP_MS;
    int64_t deadline = clock_ms(w->o.clock, CLOCK_MONOTONIC) + budget_ms;
    while (worker_has_task_in(w, STAGE_RESTORING)) {
        if (!restore_step(w->restore, &w->pipeline.env, w->batch, wait_ms, budget_ms, &done, e))
            return false;
        if (done == NULL)
            return true;
        if (!offsets_are_there(w, done, e))
            return false;
        bool refresh = task_needs_refresh(&w->pipeline.env, done);
        atomic_store(&w->stages[done->partition], refresh ? STAGE_REFRESHING : STAGE_READY);
        if (clock_ms(w->o.clock, CLOCK_MONOTONIC) >= deadline)
            return true;
    }
    return true;
}

/* --- STAGE_REFRESHING and STAGE_READY --- */

void worker_pass_refreshed(struct worker *w) {
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (worker_stage(w, p) == STAGE_REFRESHING &&
            !task_needs_refresh(&w->pipeline.env, &w->tasks[p]))
            atomic_store(&w->stages[p], STAGE_READY);
}

/* Whether the consumer should read other sources than it does. */
static bool assignment_is_stale(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (is_ready(w, &w->sources[i]) != w->sources[i].consumed)
            return true;
    return false;
}

/* What the consumer has already fetched of its sources is fetched again, from s->next on: with the
 * eager protocol an assignment can only be replaced. */
bool worker_consume_ready(struct worker *w, struct err *e) {
    if (!assignment_is_stale(w))
        return true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        s->consumed = is_ready(w, s);
        if (s->consumed)
            rd_kafka_topic_partition_list_add(list, worker_topic(w, s->topic), s->partition)
                ->offset = s->next;
    }
    rd_kafka_resp_err_t code = w->o.kafka->assign(w->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_RETRY, "assign: %s", rd_kafka_err2str(code));
}

void worker_log_progress(struct worker *w, bool done) {
    int64_t now = clock_ms(w->o.clock, CLOCK_MONOTONIC);
    struct restore_progress p = restore_progress(w->restore);
    if (done)
        log_info("state is where the committed offsets are",
                 "worker=%d partitions=%zu replayed=%lld ms=%lld", w->o.index, w->source_count,
                 (long long)p.replayed, (long long)(now - w->restart_ms));
    else if (now >= w->progress_due_ms)
        log_info("restoring state", "worker=%d tasks_left=%zu replayed=%lld remaining=%lld",
                 w->o.index, p.tasks, (long long)p.replayed, (long long)p.remaining);
    else
        return;
    w->progress_due_ms = now + PROGRESS_MS;
}
