/* The tasks of the assignment, each on its own way from STAGE_WAITING to STAGE_READY: let go of by
 * whoever had it in this process, its committed offsets read, its state brought there by replay,
 * its marts computed with the rates of now, its partitions consumed. A short step at a time, so
 * that tasks that are ready are worked on meanwhile and the group is polled. */
#include "streamer/worker/worker_internal.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 5000
/* Of restoring. What is replayed together is proportional to it (restore.c), and whoever is ready
 * waits meanwhile. */
#define STEP_MS 200       /* when nobody is ready */
#define QUIET_STEP_MS 100 /* when those that are have nothing to do */
#define BUSY_STEP_MS 10   /* when they have */
#define PROGRESS_MS 10000

/* --- stages --- */

static enum task_stage stage_of(const struct worker *w, int32_t p) {
    return atomic_load(&w->stages[p]);
}

static bool any_in(const struct worker *w, enum task_stage stage) {
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (stage_of(w, p) == stage)
            return true;
    return false;
}

bool worker_has_ready_task(const struct worker *w) {
    return any_in(w, STAGE_READY);
}

bool worker_is_advancing(const struct worker *w) {
    return any_in(w, STAGE_RESTORING) || any_in(w, STAGE_REFRESHING);
}

bool worker_is_forward_only(const struct worker *w, const struct source *s) {
    return s->partition >= w->o.layout->n || stage_of(w, s->partition) == STAGE_NONE;
}

static bool is_ready(const struct worker *w, const struct source *s) {
    return s->located && (worker_is_forward_only(w, s) || stage_of(w, s->partition) == STAGE_READY);
}

/* Takes the state of a task into this worker's hands. */
static bool hold(struct worker *w, int32_t p) {
    int nobody = 0, me = w->o.index + 1;
    return atomic_load(&w->o.state_owners[p]) == me ||
           atomic_compare_exchange_strong(&w->o.state_owners[p], &nobody, me);
}

void worker_release_tasks(struct worker *w) {
    restore_reset(w->restore);
    worker_try_write_state(w);
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        int me = w->o.index + 1;
        atomic_store(&w->stages[p], STAGE_NONE);
        (void)atomic_compare_exchange_strong(&w->o.state_owners[p], &me, 0);
    }
}

void worker_restart_tasks(struct worker *w) {
    w->restart_ms = worker_clock_ms(w, CLOCK_MONOTONIC);
    w->progress_due_ms = w->restart_ms + PROGRESS_MS;
    restore_reset(w->restore);
    worker_try_write_state(w);
    batch_clear(w->batch);
    w->unwritten = false;
    w->in_transaction = false;
    for (int32_t p = 0; p < w->o.layout->n; p++) {
        task_rollback(&w->tasks[p]);
        if (stage_of(w, p) != STAGE_NONE)
            atomic_store(&w->stages[p], STAGE_WAITING);
    }
    for (size_t i = 0; i < w->source_count; i++)
        w->sources[i].located = w->sources[i].consumed = false;
    if (w->has_assignment) { /* also how the rebalance callback accepts it */
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        (void)w->o.kafka->assign(w->consumer, none);
        rd_kafka_topic_partition_list_destroy(none);
    }
}

/* --- STAGE_WAITING: where to begin --- */

/* Topics can be deleted, and made anew, while this runs. */
static bool topics_are_there(struct worker *w, struct err *e) {
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = w->o.kafka->metadata(w->consumer, &md, CALL_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY, "metadata: %s", rd_kafka_err2str(code));
    bool ok = true;
    for (int t = 0; ok && t < TOPIC_COUNT; t++) {
        const struct rd_kafka_metadata_topic *topic =
            kafka_metadata_topic(md, worker_topic(w, (enum topic)t));
        if (topic == NULL || topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            ok = err_set(
                e, ERR_DENIED, /* if this user may not see it: that is found out */
                "topic %s is gone: bring it back, or, if it was deleted on purpose, reprocess everything "
                "(streamer reset)",
                worker_topic(w, (enum topic)t));
        else if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 topic->partition_cnt != w->o.layout->partitions[t])
            ok = err_set(e, ERR_STOP,
                         "topic %s: it had %d partitions when this started and has %d now; restart",
                         worker_topic(w, (enum topic)t), w->o.layout->partitions[t],
                         topic->partition_cnt);
    }
    w->o.kafka->free_metadata(md);
    return ok;
}

/* One entry for each source of `which`, in that order. */
static rd_kafka_topic_partition_list_t *list_of(struct worker *w, struct source *const *which,
                                                size_t count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        (void)rd_kafka_topic_partition_list_add(list, worker_topic(w, which[i]->topic),
                                                which[i]->partition);
    return list;
}

static bool read_committed(struct worker *w, struct source *const *which, size_t count,
                           struct err *e) {
    rd_kafka_topic_partition_list_t *list = list_of(w, which, count);
    rd_kafka_resp_err_t code = w->o.kafka->committed(w->consumer, list, CALL_TIMEOUT_MS);
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR ||
              err_set(e, kafka_class_of(code), "committed offsets: %s%s", rd_kafka_err2str(code),
                      code == RD_KAFKA_RESP_ERR__TIMED_OUT
                          ? "; if that stays so with the brokers up, a transaction hangs in Kafka: "
                            "kafka-transactions.sh find-hanging shows it, abort ends it"
                          : "");
    for (size_t i = 0; ok && i < count; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        struct source *s = which[i];
        if (tp->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            ok = err_set(e, kafka_class_of(tp->err), "committed offset of %s partition %d: %s",
                         tp->topic, tp->partition, rd_kafka_err2str(tp->err));
        else if (w->o.ephemeral) { /* they outlive a rebalance: the machine may have slept */
            task_load_meta(&w->pipeline.env, &w->tasks[s->partition]);
            s->committed = w->tasks[s->partition].meta.positions[s->topic];
        } else
            s->committed = tp->offset >= 0 ? tp->offset : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* `e` says, because of the committed offset of `s`, that nobody may go on. That offset is from a
 * moment ago: others may have taken the partition over since, if this process stood still. Then it
 * is their business. Returns false. */
static bool make_sure(struct worker *w, struct source *s, struct err *e) {
    int64_t before = s->committed;
    struct err other;
    if (!read_committed(w, &s, 1, &other))
        *e = other;
    else if (s->committed != before)
        (void)err_set(e, ERR_RETRY,
                      "%s partition %d: another instance has gone on with it meanwhile",
                      worker_topic(w, s->topic), s->partition);
    return false;
}

static bool nothing_is_lost(struct worker *w, struct source *s, int64_t low, int64_t high,
                            struct err *e) {
    if (s->committed < 0 || (s->committed >= low && s->committed <= high))
        return true;
    (void)err_set(
        e, ERR_STOP,
        "%s partition %d: the committed offset %lld is outside of what the topic holds (%lld to "
        "%lld): records were deleted before they were processed, or the topic was recreated; look "
        "for them upstream, then set the offsets of group %s to where to go on (kafka-consumer-groups.sh "
        "--reset-offsets)",
        worker_topic(w, s->topic), s->partition, (long long)s->committed, (long long)low,
        (long long)high, w->o.config->app_id);
    return make_sure(w, s, e);
}

/* Where each source goes on, and that nothing between there and its start is lost. */
static bool find_starts(struct worker *w, struct source *const *which, size_t count,
                        struct err *e) {
    rd_kafka_topic_partition_list_t *list = list_of(w, which, count);
    int64_t *low = mem_calloc(count, sizeof *low), *high = mem_calloc(count, sizeof *high);
    bool ok =
        w->o.kafka->watermarks(restore_client(w->restore), list, low, high, CALL_TIMEOUT_MS, e);
    for (size_t i = 0; ok && i < count; i++) {
        struct source *s = which[i];
        ok = nothing_is_lost(w, s, low[i], high[i], e);
        s->next = s->committed >= 0 ? s->committed : low[i];
        s->end = high[i];
        s->seen_end = 0;
        s->located = ok;
    }
    free(low);
    free(high);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* Sources whose place is not known yet, of tasks that this worker holds and of none. */
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
    const struct source *s = worker_find_source(w, worker_topic(w, topic), partition);
    return s != NULL && s->committed >= 0 ? s->committed : 0;
}

static bool any_committed(const struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].committed >= 0)
            return true;
    return false;
}

/* A source that became this worker's meanwhile is not asked about yet: it would seem never to have
 * been committed. */
static bool is_located(const struct worker *w, int32_t p) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].partition == p && !w->sources[i].located)
            return false;
    return true;
}

/* Plans the way of the tasks that wait and whose places are known; who holds them has asked for
 * those. */
static bool plan(struct worker *w, struct err *e) {
    struct restore_request *requests = mem_calloc((size_t)w->o.layout->n, sizeof *requests);
    size_t count = 0;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (stage_of(w, p) == STAGE_WAITING && is_located(w, p))
            requests[count++] =
                (struct restore_request){&w->tasks[p], committed_of(w, TOPIC_ACCOUNT_LINKS, p),
                                         committed_of(w, TOPIC_CUSTOMER_REFS, p), any_committed(w)};
    bool ok = restore_add(w->restore, &w->pipeline.env, requests, count,
                          worker_clock_ms(w, CLOCK_REALTIME), e);
    for (size_t i = 0; ok && i < count; i++)
        atomic_store(&w->stages[requests[i].task->partition], STAGE_RESTORING);
    free(requests);
    return ok;
}

static bool look_at_waiting(struct worker *w, struct err *e) {
    if (!any_unlocated(w))
        return true;
    struct source **which = mem_calloc(w->source_count, sizeof(struct source *));
    size_t count = sources_to_locate(w, which);
    bool ok = count == 0 || (topics_are_there(w, e) && read_committed(w, which, count, e) &&
                             find_starts(w, which, count, e) && plan(w, e));
    free(which);
    return ok;
}

/* --- STAGE_RESTORING --- */

/* Results are never written before an offset of links is committed (worker_refresh), so where there
 * are rows and no such offset, the group's offsets are lost. */
static bool offsets_are_there(struct worker *w, const struct task *t, struct err *e) {
    struct source *s = worker_find_source(w, worker_topic(w, TOPIC_ACCOUNT_LINKS), t->partition);
    bool rows = false;
    for (int f = 0; f < FAMILY_COUNT; f++)
        rows = rows || t->meta.rows[f] > 0;
    if (!rows || w->o.ephemeral || s->committed >= 0)
        return true;
    (void)err_set(
        e, ERR_STOP,
        "partition %d: there are results, but group %s has no committed offsets (they expire "
        "offsets.retention.minutes after the last instance has stopped): all input would be processed "
        "once more; set the offsets to where to go on (kafka-consumer-groups.sh --reset-offsets), or "
        "start anew with streamer reset",
        t->partition, w->o.config->app_id);
    return make_sure(w, s, e);
}

/* For a while; the tasks that get done in it are consumed together. */
static bool restore_some(struct worker *w, struct err *e) {
    struct task *done = NULL;
    bool others = worker_has_ready_task(w);
    int wait_ms = w->busy ? 0 : others ? WORKER_POLL_MS / 10 : WORKER_POLL_MS;
    int budget_ms = w->busy ? BUSY_STEP_MS : others ? QUIET_STEP_MS : STEP_MS;
    int64_t deadline = worker_clock_ms(w, CLOCK_MONOTONIC) + budget_ms;
    do {
        if (!restore_step(w->restore, &w->pipeline.env, w->batch, wait_ms, budget_ms, &done, e))
            return false;
        if (done == NULL)
            return true;
        if (!offsets_are_there(w, done, e))
            return false;
        bool refresh = task_needs_refresh(&w->pipeline.env, done);
        atomic_store(&w->stages[done->partition], refresh ? STAGE_REFRESHING : STAGE_READY);
    } while (any_in(w, STAGE_RESTORING) && worker_clock_ms(w, CLOCK_MONOTONIC) < deadline);
    return true;
}

/* --- STAGE_REFRESHING --- */

static bool refresh_some(struct worker *w, struct err *e) {
    if (!worker_refresh(w, e))
        return false;
    for (int32_t p = 0; p < w->o.layout->n; p++)
        if (stage_of(w, p) == STAGE_REFRESHING &&
            !task_needs_refresh(&w->pipeline.env, &w->tasks[p]))
            atomic_store(&w->stages[p], STAGE_READY);
    return true;
}

/* --- STAGE_READY --- */

/* Gives the consumer what is ready by now, if that is more than it reads already. What it has
 * fetched of that is fetched again, from s->next on: with an eager group there is no adding to an
 * assignment. */
static bool consume_ready(struct worker *w, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)w->source_count);
    bool more = false;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (!is_ready(w, s))
            continue;
        rd_kafka_topic_partition_list_add(list, worker_topic(w, s->topic), s->partition)->offset =
            s->next;
        more = more || !s->consumed;
        s->consumed = true;
    }
    rd_kafka_resp_err_t code =
        more ? w->o.kafka->assign(w->consumer, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_RETRY, "assign: %s", rd_kafka_err2str(code));
}

static void show_progress(struct worker *w, bool done) {
    int64_t now = worker_clock_ms(w, CLOCK_MONOTONIC);
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

/* Topics with as many partitions as there are tasks are shared out alike: who has a partition of
 * one has it of all. Not if the group's leader has not heard of a topic yet. */
static bool assignment_is_whole(struct worker *w, struct err *e) {
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        for (int t = 0; t < TOPIC_COUNT && w->o.layout->partitions[s->topic] == w->o.layout->n; t++)
            if (topic_is_consumed((enum topic)t) && w->o.layout->partitions[t] == w->o.layout->n &&
                worker_find_source(w, worker_topic(w, (enum topic)t), s->partition) == NULL)
                return err_set(
                    e, ERR_RETRY,
                    "the group's leader has given out partition %d of %s without that of %s, which it may "
                    "not know yet; joining the group anew",
                    s->partition, worker_topic(w, s->topic), worker_topic(w, (enum topic)t));
    }
    return true;
}

bool worker_advance_tasks(struct worker *w, struct err *e) {
    if (!w->has_assignment) {
        worker_set_phase(w, WORKER_CONNECTING);
        return true;
    }
    if (atomic_load(&w->phase) == WORKER_RUNNING)
        return true;
    w->must_rejoin = !assignment_is_whole(w, e);
    if (w->must_rejoin)
        return false;
    if (!look_at_waiting(w, e) || (any_in(w, STAGE_RESTORING) && !restore_some(w, e)) ||
        (any_in(w, STAGE_REFRESHING) && !refresh_some(w, e)))
        return false;
    if (!consume_ready(w, e))
        return false;
    bool all = !worker_is_advancing(w) && !any_in(w, STAGE_WAITING);
    worker_publish_lag(w); /* who sees it running sees what waits */
    worker_set_phase(w, all ? WORKER_RUNNING : WORKER_RESTORING);
    show_progress(w, all);
    return true;
}
