#include "streamer/worker/restore.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/task/task_history.h"

#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 5000
#define RECORDS_PER_MS                                                                             \
    500 /* the most records that are replayed together, for each ms of the budget */
#define POLL_RECORDS 500
#define IDLE_MS 50                  /* how long no message may come before the buffer is replayed */
#define SHORTEST_RETENTION_MS 60000 /* with a shorter one no restore could be quick enough */

struct restore {
    const struct worker_kafka *kafka;
    const struct config *config;
    const struct clock *clock;
    const struct topic_layout *layout;
    struct store *store;
    struct metrics *metrics;
    struct kafka_client *consumer; /* reads committed messages */
    struct kafka_client *probe;    /* sees uncommitted messages, too; asks for watermarks */
    struct catchup *catchups;      /* the tasks that are still to be restored */
    size_t count;
    struct catchup *current;     /* the task that the consumer reads for; NULL: none */
    struct replay_buffer buffer; /* the messages of `current` that are not replayed yet */
    int64_t came_ms;             /* monotonic: when the last message came */
    struct task **finished;
    size_t finished_count;
    int64_t replayed;
    int64_t shown_remaining;
};

struct restore *restore_new(const struct worker_kafka *k, const struct clock *clock,
                            const struct topic_layout *layout, struct store *store,
                            struct metrics *metrics, struct err *e) {
    struct restore *r = mem_calloc(1, sizeof *r);
    *r = (struct restore){.kafka = k,
                          .config = k->config,
                          .clock = clock,
                          .layout = layout,
                          .store = store,
                          .metrics = metrics};
    r->catchups = mem_calloc((size_t)layout->n, sizeof *r->catchups);
    r->finished = mem_calloc((size_t)layout->n, sizeof(struct task *));
    r->consumer = k->new_reader(k, true, e);
    if (r->consumer != NULL)
        r->probe = k->new_reader(k, false, e);
    if (r->probe != NULL)
        return r;
    restore_free(r);
    return NULL;
}

void restore_free(struct restore *r) {
    if (r == NULL)
        return;
    restore_reset(r);
    if (r->consumer != NULL)
        (void)r->kafka->free_client(r->consumer);
    if (r->probe != NULL)
        (void)r->kafka->free_client(r->probe);
    free(r->catchups);
    free(r->finished);
    free(r);
}

struct kafka_client *restore_client(const struct restore *r) {
    return r->probe;
}

struct restore_progress restore_progress(const struct restore *r) {
    struct restore_progress p = {.tasks = r->count, .replayed = r->replayed};
    for (size_t i = 0; i < r->count; i++)
        p.remaining += catchup_remaining(&r->catchups[i]);
    return p;
}

/* NULL: nobody looks at single tasks. */
static struct task_figures *figures_of(const struct restore *r, const struct task *task) {
    return r->metrics->tasks != NULL ? &r->metrics->tasks[task->partition] : NULL;
}

static void show_task(const struct restore *r, const struct task *task, int64_t remaining) {
    struct task_figures *f = figures_of(r, task);
    if (f != NULL)
        metric_set(&f->remaining, remaining);
}

static void begin_to_show(const struct restore *r, const struct task *task) {
    struct task_figures *f = figures_of(r, task);
    if (f != NULL)
        metric_set(&f->restored, 0);
    show_task(r, task, 0);
}

static void show_restored(const struct restore *r, const struct task *task) {
    struct task_figures *f = figures_of(r, task);
    if (f != NULL)
        metric_add(&f->restored, 1);
}

static void show_remaining(struct restore *r) {
    for (size_t i = 0; i < r->count; i++)
        show_task(r, r->catchups[i].task, catchup_remaining(&r->catchups[i]));
    metric_move(&r->metrics->restore_remaining, &r->shown_remaining, restore_progress(r).remaining);
}

static void unassign(struct restore *r) {
    if (r->current != NULL)
        (void)r->kafka->assign(r->consumer, NULL);
    r->current = NULL;
}

void restore_reset(struct restore *r) {
    unassign(r);
    replay_buffer_release(&r->buffer);
    for (size_t i = 0; i < r->count; i++)
        show_task(r, r->catchups[i].task, -1);
    r->count = 0;
    r->finished_count = 0;
    r->replayed = 0;
    show_remaining(r);
}

/* --- planning --- */

/* Sets ranges[request * TOPIC_COUNT + topic]. */
static bool find_ranges(struct restore *r, const struct restore_request *requests, size_t count,
                        struct catchup_range *ranges, struct err *e) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count * TOPIC_COUNT);
    for (size_t i = 0; i < count; i++)
        for (int t = 0; t < TOPIC_COUNT; t++)
            if (topic_is_replayed((enum topic)t))
                (void)rd_kafka_topic_partition_list_add(list, r->config->topics[t],
                                                        requests[i].task->partition);
    int64_t *low = mem_calloc((size_t)list->cnt, sizeof *low),
            *high = mem_calloc((size_t)list->cnt, sizeof *high);
    bool ok = r->kafka->watermarks(r->probe, list, low, high, CALL_TIMEOUT_MS, e);
    for (size_t i = 0, k = 0; ok && i < count; i++) {
        struct catchup_range *of = &ranges[i * TOPIC_COUNT];
        for (int t = 0; t < TOPIC_COUNT; t++) {
            if (!topic_is_replayed((enum topic)t))
                continue;
            of[t] = (struct catchup_range){low[k], high[k]};
            k++;
        }
        of[TOPIC_ACCOUNT_LINKS].high = requests[i].links_committed;
        of[TOPIC_CUSTOMER_REFS].high = requests[i].refs_committed;
    }
    free(low);
    free(high);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool results_are_whole(const struct restore *r, const struct task *t,
                              const struct catchup_range ranges[TOPIC_COUNT], struct err *e) {
    enum topic lost = catchup_lost_topic(&t->meta, ranges);
    return lost == TOPIC_COUNT ||
           err_set(
               e, ERR_STOP,
               "topic %s partition %d ends at offset %lld, but %lld was written already: it was "
               "recreated, truncated or renamed, and what it held is not produced again; bring "
               "it back, or reprocess everything (streamer reset)",
               r->config->topics[lost], t->partition, (long long)ranges[lost].high,
               (long long)t->meta.positions[lost]);
}

static bool rows_agree(struct restore *r, const struct task *t, bool *agree, struct err *e) {
    int64_t rows[FAMILY_COUNT];
    *agree = true;
    if (!store_needs_count(r->store, t->partition))
        return true;
    if (!store_count_rows(r->store, t->partition, rows, e))
        return false;
    for (int f = 0; f < FAMILY_COUNT; f++)
        *agree = *agree && (f == FAMILY_META || rows[f] == t->meta.rows[f]);
    if (*agree)
        store_note_counted(r->store, t->partition);
    return true;
}

static bool load_meta(struct task_env *env, struct task *task, struct err *e) {
    task_load_meta(env, task);
    if (!kv_failed(env->kv))
        return true;
    *e = env->kv->err;
    return false;
}

static bool plan_task(struct restore *r, struct task_env *env, const struct restore_request *q,
                      const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms,
                      struct err *e) {
    bool agree;
    struct task *task = q->task;
    if (!load_meta(env, task, e) ||
        (q->input_committed && !results_are_whole(r, task, ranges, e)) ||
        !rows_agree(r, task, &agree, e))
        return false;
    const char *why =
        agree ? catchup_unusable(&task->meta, ranges, now_ms, r->layout->delete_retention_ms)
              : "its row counts do not agree with its digest";
    if (why != NULL) {
        log_warn("local state of a task is set aside and rebuilt from the topics",
                 "partition=%d reason=%s", task->partition, log_quote(&(struct log_value){0}, why));
        if (!store_wipe(r->store, task->partition, e) || !load_meta(env, task, e))
            return false;
    }
    catchup_init(&r->catchups[r->count], task, ranges, now_ms);
    begin_to_show(r, task);
    if (catchup_done(&r->catchups[r->count])) {
        catchup_note_positions(&r->catchups[r->count]);
        r->finished[r->finished_count++] = task;
    } else {
        r->count++;
    }
    return true;
}

bool restore_add(struct restore *r, struct task_env *env, const struct restore_request *requests,
                 size_t count, int64_t now_ms, struct err *e) {
    if (count == 0)
        return true;
    struct catchup_range *ranges = mem_calloc(count * TOPIC_COUNT, sizeof *ranges);
    bool ok = find_ranges(r, requests, count, ranges, e);
    for (size_t i = 0; ok && i < count; i++)
        ok = plan_task(r, env, &requests[i], &ranges[i * TOPIC_COUNT], now_ms, e);
    show_remaining(r);
    free(ranges);
    return ok;
}

/* --- replaying --- */

/* Begins with the task that has the least to read. */
static bool choose_task(struct restore *r, struct err *e) {
    struct catchup *least = &r->catchups[0];
    for (size_t i = 1; i < r->count; i++)
        if (catchup_remaining(&r->catchups[i]) < catchup_remaining(least))
            least = &r->catchups[i];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPIC_COUNT);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topic_is_replayed((enum topic)t) && !least->streams[t].done)
            rd_kafka_topic_partition_list_add(list, r->config->topics[t], least->task->partition)
                ->offset = least->streams[t].next;
    rd_kafka_resp_err_t code = r->kafka->assign(r->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY, "restore: %s", rd_kafka_err2str(code));
    r->current = least;
    return true;
}

static enum topic topic_of(const struct restore *r, const rd_kafka_message_t *m) {
    const char *name = r->kafka->topic(m);
    int t = 0;
    while (t < TOPIC_COUNT && strcmp(r->config->topics[t], name) != 0)
        t++;
    return (enum topic)t;
}

/* Takes one message into the buffer. False with `e`: the restore cannot go on. */
static bool take_message(struct restore *r, const rd_kafka_message_t *m, struct err *e) {
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
            m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
            return err_set(e, ERR_RETRY, "restore: %s", rd_kafka_message_errstr(m));
        log_warn("restore", "error=%s",
                 log_quote(&(struct log_value){0}, rd_kafka_message_errstr(m)));
        return true;
    }
    enum topic topic = topic_of(r, m);
    if (topic == TOPIC_COUNT || m->partition != r->current->task->partition)
        return true; /* a late message of the last task */
    const rd_kafka_headers_t *headers = r->kafka->headers(m);
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        catchup_end_of_partition(r->current, topic, m->offset);
    else if (catchup_take(
                 r->current, &r->buffer, topic, m->offset,
                 m->key != NULL ? slice_of(m->key, m->key_len) : slice_null(),
                 m->payload != NULL ? slice_of(m->payload, m->len) : slice_null(),
                 (struct history_headers){worker_kafka_header(headers, TASK_POSITION_HEADER),
                                          worker_kafka_header(headers, SINK_SOURCE_HEADER),
                                          worker_kafka_header(headers, TASK_SPLIT_HEADER)})) {
        metric_add(&r->metrics->restored_records, 1);
        show_restored(r, r->current->task);
        r->replayed++;
    }
    return true;
}

/* Whether tombstones that were to be read may have been cleaned away before. Then nothing of the
 * state is good, not even what was read in time. */
static bool is_too_late(const struct restore *r) {
    int64_t retention = r->layout->delete_retention_ms;
    if (retention < SHORTEST_RETENTION_MS)
        retention = SHORTEST_RETENTION_MS;
    return catchup_came_too_late(r->current, clock_ms(r->clock, CLOCK_REALTIME), retention);
}

static bool begin_anew(struct restore *r, struct err *e) {
    int32_t partition = r->current->task->partition;
    return store_wipe(r->store, partition, e) &&
           err_set(e, ERR_RETRY,
                   "restoring partition %d took longer than tombstones live "
                   "(delete.retention.ms): it begins anew; if that happens again, lengthen "
                   "delete.retention.ms",
                   partition);
}

/* Replays the buffer, and writes the result. What came too late must not be written: if the process
 * died before the wipe, the state would look complete. */
static bool replay_and_save(struct restore *r, struct task_env *env, struct batch *batch,
                            struct err *e) {
    struct task *task = r->current->task;
    if (is_too_late(r))
        return begin_anew(r, e);
    catchup_apply(r->current, env, &r->buffer);
    catchup_note_positions(r->current);
    task_save_meta(env, task);
    if (!batch_commit(batch, e))
        return false;
    task->saved_meta = task->meta;
    show_remaining(r);
    return true;
}

/* Ends the restore of `current`. The last task of the list takes its place there. */
static struct task *finish_task(struct restore *r) {
    struct task *task = r->current->task;
    *r->current = r->catchups[--r->count];
    unassign(r);
    if (r->count == 0)
        replay_buffer_release(&r->buffer);
    return task;
}

/* Whether the buffer holds as much as the budget, or the memory, allows to replay together. */
static bool is_full(const struct restore *r, int budget_ms) {
    return r->buffer.count >= (size_t)budget_ms * RECORDS_PER_MS ||
           replay_buffer_bytes(&r->buffer) >= (size_t)r->config->state_memory_bytes / 2;
}

/* Reads for up to budget_ms. The first read waits, and asks for one message only, because a read
 * that waits does so until it has all the messages that it asked for. */
static bool read_some(struct restore *r, int wait_ms, int budget_ms, struct err *e) {
    int64_t deadline = clock_ms(r->clock, CLOCK_MONOTONIC) + budget_ms;
    rd_kafka_message_t *messages[POLL_RECORDS];
    do {
        size_t most = wait_ms > 0 ? 1 : POLL_RECORDS;
        ssize_t n = r->kafka->read(r->consumer, wait_ms, messages, most);
        bool ok = true;
        for (ssize_t i = 0; i < n; i++) {
            ok = ok && take_message(r, messages[i], e);
            r->kafka->free_message(messages[i]);
        }
        if (!ok)
            return false;
        if (n <= 0)
            break;
        r->came_ms = clock_ms(r->clock, CLOCK_MONOTONIC);
        wait_ms = 0;
    } while (!catchup_done(r->current) && !is_full(r, budget_ms) && r->came_ms < deadline);
    return true;
}

bool restore_step(struct restore *r, struct task_env *env, struct batch *batch, int wait_ms,
                  int budget_ms, struct task **finished, struct err *e) {
    *finished = r->finished_count > 0 ? r->finished[--r->finished_count] : NULL;
    if (*finished != NULL || r->count == 0)
        return true;
    if ((r->current == NULL && !choose_task(r, e)) || !read_some(r, wait_ms, budget_ms, e))
        return false;
    bool idle = r->buffer.count > 0 && clock_ms(r->clock, CLOCK_MONOTONIC) - r->came_ms >= IDLE_MS;
    if ((catchup_done(r->current) || idle || is_full(r, budget_ms)) &&
        !replay_and_save(r, env, batch, e)) {
        batch_clear(batch);
        return false;
    }
    if (catchup_done(r->current))
        *finished = finish_task(r);
    return true;
}
