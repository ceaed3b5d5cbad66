#include "instance.h"

#include "clients.h"
#include "state/keys.h"
#include "streamer/task/task_history.h"
#include "unit/support.h"
#include "waits.h"

#include <stdio.h>
#include <string.h>

#define YIELD_PERCENT 30

/* --- turns --- */

static void yield(struct instance *i, bool waits) {
    struct sim_worker *w = i->running;
    w->waits = waits;
    fiber_yield(w->fiber);
    w->waits = false;
}

void instance_pause(struct instance *i) {
    if (rng_chance(&i->sim->rng, YIELD_PERCENT))
        yield(i, false);
}

void instance_wait(struct instance *i) {
    yield(i, true);
}

/* --- life --- */

/* How many links a customer's row may contain is drawn anew for each worker. So even the few
 * accounts of most worlds exceed it, and a worker meets states that were written with another
 * maximum. */
static int64_t any_links_max(struct sim *s) {
    return rng_chance(&s->rng, 50) ? CUSTOMER_LINKS_MAX : rng_below(&s->rng, 4);
}

/* A worker may only end because a right was taken away. No other fault of Kafka or of the disk may
 * end it. */
static void on_failed(void *context) {
    const struct sim_worker *w = context;
    if (strstr(w->worker->result.text, "grant the right") != NULL)
        instance_stop(w->instance);
    else
        fail_msg("instance %d: a worker ended: %s", w->instance->id, w->worker->result.text);
}

static struct worker *make_worker(struct sim_worker *w) {
    struct instance *i = w->instance;
    char id[24];
    struct err e;
    (void)snprintf(id, sizeof id, "%d", i->producer + w->index);
    struct worker_options o = {.config = &i->sim->config,
                               .kafka = &i->kafka,
                               .clock = &i->sim->clock,
                               .layout = &i->sim->layout,
                               .store = &i->store,
                               .metrics = i->metrics,
                               .index = w->index,
                               .transactional_id = id,
                               .state_owners = i->state_owners,
                               .failed = on_failed,
                               .context = w};
    struct worker *made = worker_new(&o, &e);
    if (made == NULL) {
        sim_trace(i->sim, i, "worker %d does not start: %s", w->index, e.text);
        return NULL;
    }
    made->pipeline.env.links_max = any_links_max(i->sim);
    if (i->sim->waits != NULL)
        waits_use(i->sim->waits, made->pipeline.decoder);
    return made;
}

/* What was committed must be counted, even if the state was not written. Other workers may not have
 * counted theirs yet. */
static void check_counts(struct sim_worker *w) {
    struct instance *i = w->instance;
    int64_t counted = 0, most = 0;
    i->committed += w->committed;
    w->committed = 0;
    for (int k = 0; k < SIM_WORKERS; k++)
        most += i->workers[k].committed;
    for (int t = 0; t < TOPIC_COUNT; t++)
        counted += metric_get(&i->metrics->emitted[t]);
    if (counted < i->committed || counted > i->committed + most)
        fail_msg("instance %d: %lld messages are counted, committed are %lld", i->id,
                 (long long)counted, (long long)i->committed);
}

/* The fiber of a worker. */
static void run(void *context) {
    struct sim_worker *w = context;
    w->worker = make_worker(w);
    if (w->worker == NULL) {
        instance_stop(w->instance);
        return;
    }
    if (w->instance->stopping)
        worker_ask_to_stop(w->worker);
    while (worker_step(w->worker)) {
        check_counts(w);
        instance_pause(w->instance);
    }
    worker_finish(w->worker);
    struct worker *ended = w->worker;
    w->worker = NULL;
    worker_free(ended);
}

void instance_init(struct instance *i, struct sim *sim, int id) {
    *i = (struct instance){.sim = sim, .id = id};
    i->kafka = clients_kafka(&sim->config, i);
    state_init(&i->store, i);
}

void instance_start(struct instance *i, int producer) {
    i->up = true;
    i->frozen = i->stopping = false;
    i->committed = 0;
    i->producer = producer;
    i->metrics = metrics_new(&i->sim->config);
    for (int t = 0; t < TOPIC_COUNT; t++)
        metrics_set_partitions(i->metrics, (enum topic)t, i->sim->layout.partitions[t]);
    for (int p = 0; p < SIM_N_MAX; p++)
        atomic_store(&i->state_owners[p], 0);
    for (int k = 0; k < i->sim->workers; k++) {
        i->workers[k] = (struct sim_worker){.instance = i, .index = k};
        i->workers[k].fiber = fiber_new(run, &i->workers[k]);
    }
}

static void end(struct instance *i) {
    for (int k = 0; k < SIM_WORKERS; k++) {
        fiber_free(i->workers[k].fiber);
        i->workers[k] = (struct sim_worker){0};
    }
    clients_kill(i);
    state_crash(&i->store);
    metrics_free(i->metrics);
    i->up = i->frozen = false;
}

void instance_kill(struct instance *i) {
    if (i->up)
        end(i);
}

void instance_stop(struct instance *i) {
    i->stopping = true;
    for (int k = 0; k < SIM_WORKERS; k++)
        if (i->workers[k].worker != NULL)
            worker_ask_to_stop(i->workers[k].worker);
}

void instance_release(struct instance *i) {
    instance_kill(i);
    state_release(&i->store);
}

static bool has_ended(const struct instance *i) {
    for (int k = 0; k < SIM_WORKERS; k++)
        if (i->workers[k].fiber != NULL)
            return false;
    return true;
}

void instance_step(struct instance *i) {
    struct sim_worker *w = &i->workers[rng_below(&i->sim->rng, i->sim->workers)];
    if (w->fiber == NULL)
        return;
    i->running = w;
    bool goes_on = fiber_resume(w->fiber);
    i->running = NULL;
    if (goes_on)
        return;
    fiber_free(w->fiber);
    w->fiber = NULL;
    if (has_ended(i)) {
        sim_trace(i->sim, i, "has ended by itself");
        end(i);
    }
}

/* --- what it is doing --- */

static bool is_read(const struct sim *s, const struct source *source) {
    int64_t at = source->next;
    return source->located &&
           broker_read(&s->broker, source->topic, source->partition, &at) == NULL &&
           at >= broker_end(&s->broker, source->topic, source->partition);
}

static bool is_idle(const struct sim_worker *w) {
    const struct sim *s = w->instance->sim;
    const struct worker *worker = w->worker;
    if (worker == NULL || !w->waits || worker->message_count > 0 || worker->unwritten ||
        worker->must_rejoin || worker_phase(worker) != WORKER_RUNNING ||
        client_generation(worker->consumer) != s->broker.generation)
        return false;
    for (size_t k = 0; k < worker->source_count; k++)
        if (!is_read(s, &worker->sources[k]))
            return false;
    return true;
}

bool instance_is_idle(const struct instance *i) {
    if (!i->up)
        return false;
    for (int k = 0; k < i->sim->workers; k++)
        if (!is_idle(&i->workers[k]))
            return false;
    return true;
}

void instance_check_age(const struct instance *i) {
    for (int k = 0; k < i->sim->workers; k++) {
        const struct worker *worker = i->workers[k].worker;
        for (int32_t p = 0; worker != NULL && p < i->sim->n; p++)
            if (atomic_load(&worker->stages[p]) == STAGE_READY &&
                i->sim->broker.now_ms - worker->tasks[p].saved_meta.committed_ms >
                    SIM_DELETE_RETENTION_MS)
                fail_msg("instance %d partition %d: the state seems too old to be used", i->id, p);
    }
}

static void tell_worker(const struct sim_worker *w) {
    const struct sim *s = w->instance->sim;
    const struct worker *worker = w->worker;
    if (worker == NULL) {
        printf("  worker %d is not there\n", w->index);
        return;
    }
    printf("  worker %d: phase %d, %s, %zu messages%s, generation %d of %d, last error: %s\n",
           w->index, (int)worker_phase(worker), w->waits ? "waits" : "works", worker->message_count,
           worker->unwritten ? ", unwritten" : "",
           worker->consumer != NULL ? client_generation(worker->consumer) : -1,
           s->broker.generation, worker->last_error);
    for (int32_t p = 0; p < s->n; p++)
        printf("    partition %d in stage %d\n", p, (int)atomic_load(&worker->stages[p]));
    for (size_t k = 0; k < worker->source_count; k++) {
        const struct source *source = &worker->sources[k];
        printf("    topic %d partition %d: next %lld of %lld%s\n", (int)source->topic,
               source->partition, (long long)source->next,
               (long long)broker_end(&s->broker, source->topic, source->partition),
               source->located ? "" : ", not located");
    }
}

void instance_tell(const struct instance *i) {
    printf("instance %d%s\n", i->id, i->up ? "" : " is down");
    for (int k = 0; k < i->sim->workers; k++)
        tell_worker(&i->workers[k]);
}

/* --- what a restore must give --- */

/* Whether the rows of a family are a function of the topics. The meta data are not, and neither are
 * the refs: a ref whose accounts are gone may stay (replay.c). Rows of accounts, customers and
 * links are compared in parts (put_part). */
static bool is_compared(enum family f) {
    return f == FAMILY_CUSTOMER_HISTORY || f == FAMILY_ACCOUNT_HISTORY ||
           f == FAMILY_ACCOUNTS_BY_CUSTOMER || f == FAMILY_CUSTOMER_CONFIRMATIONS ||
           f == FAMILY_ACCOUNT_CONFIRMATIONS;
}

/* Compares two listings, and clears them. */
static void check_same(const struct instance *i, int32_t p, const char *what, struct buf *got,
                       struct buf *expected) {
    if (!slice_eq(buf_slice(expected), buf_slice(got)))
        fail_msg("instance %d partition %d: %s: not what the topics say\nstate:\n%stopics:\n%s",
                 i->id, p, what, buf_cstr(got), buf_cstr(expected));
    buf_clear(got);
    buf_clear(expected);
}

static void check_same_state(const struct instance *i, struct kv *rebuilt, int32_t p,
                             bool links_wait) {
    struct kv *own = memory_kv(i->store.partitions[p]);
    struct buf prefix = {0}, expected = {0}, got = {0};
    key_partition(&prefix, p);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        if (!is_compared((enum family)f))
            continue;
        put_family(rebuilt, (enum family)f, buf_slice(&prefix), &expected);
        put_family(own, (enum family)f, buf_slice(&prefix), &got);
        check_same(i, p, family_name((enum family)f), &got, &expected);
    }
    assert_former_accounts(own, p);
    assert_former_accounts(rebuilt, p);
    for (int part = 0; part < PART_COUNT; part++) {
        if ((part == PART_TOTALS || part == PART_LINKS) && links_wait)
            continue; /* older links may be compacted away */
        (void)put_part(rebuilt, p, (enum part)part, &expected);
        (void)put_part(own, p, (enum part)part, &got);
        check_same(i, p, part_name((enum part)part), &got, &expected);
    }
    buf_release(&prefix);
    buf_release(&expected);
    buf_release(&got);
}

static void find_ranges(const struct broker *b, int32_t p,
                        struct catchup_range ranges[TOPIC_COUNT]) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_replayed((enum topic)t))
            continue;
        ranges[t] = (struct catchup_range){b->logs[t][p].start, broker_end(b, (enum topic)t, p)};
        if (topic_is_consumed((enum topic)t))
            ranges[t].high = b->committed[t][p] >= 0 ? b->committed[t][p] : 0;
    }
}

static void replay_topic(struct catchup *c, struct replay_buffer *buffer, const struct broker *b,
                         enum topic topic) {
    int32_t p = c->task->partition;
    int64_t at = c->streams[topic].next;
    for (; !c->streams[topic].done; at++) {
        const struct log_record *r = broker_read(b, topic, p, &at);
        if (r == NULL) {
            catchup_end_of_partition(c, topic, at);
            return;
        }
        (void)catchup_take(
            c, buffer, topic, at, buf_slice(&r->key),
            r->has_value ? buf_slice(&r->value) : slice_null(),
            (struct history_headers){worker_kafka_header(r->headers, TASK_POSITION_HEADER),
                                     worker_kafka_header(r->headers, SINK_SOURCE_HEADER),
                                     worker_kafka_header(r->headers, TASK_SPLIT_HEADER)});
    }
}

/* Rebuilds a task into an empty state. True if it went exactly as far as the state with these
 * `positions`. */
static bool rebuild(const struct instance *i, struct task_env *env, struct task *task,
                    const int64_t positions[TOPIC_COUNT], int64_t *links_target) {
    const struct broker *b = &i->sim->broker;
    struct catchup c;
    struct replay_buffer buffer = {0};
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    bool same = true;
    find_ranges(b, task->partition, ranges);
    catchup_init(&c, task, ranges, b->now_ms);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_replayed((enum topic)t))
            continue;
        if (!c.streams[t]
                 .done) /* what is undecided now was not there when the restore was planned */
            replay_topic(&c, &buffer, b, (enum topic)t);
        /* Some topics are applied together, and each completely, so that replaced messages are
         * skipped. */
        if (t % 2 == 0)
            catchup_apply(&c, env, &buffer);
        same = same && c.streams[t].next == positions[t];
    }
    catchup_apply(&c, env, &buffer);
    replay_buffer_release(&buffer);
    *links_target = c.streams[TOPIC_ACCOUNT_LINKS].target;
    return same;
}

static void check_state(struct instance *i, const struct task *own) {
    int32_t p = own->partition;
    struct memory *memory = memory_new();
    struct task_env env = {.kv = memory_kv(memory),
                           .rates = &i->sim->world.cluster.rates,
                           .topics = i->sim->world.cluster.env.topics,
                           .partitions = i->sim->n,
                           .links_max = any_links_max(i->sim)};
    struct task task;
    int64_t ahead;
    codec_reader_init(&env.reader, NULL, NULL);
    counts_clear(&env.counts);
    task_init(&task, p);
    bool comparable = rebuild(i, &env, &task, own->meta.positions, &ahead);
    bool links_wait = broker_read(&i->sim->broker, TOPIC_ACCOUNT_LINKS, p, &ahead) != NULL;
    if (comparable)
        check_same_state(i, memory_kv(memory), p, links_wait);
    task_release(&task);
    task_env_release(&env);
    memory_free(memory);
}

/* Links and refs are also input, so the state must be exactly at their committed offsets. This is
 * not checked if others may have the partition by now. */
static void check_positions(const struct instance *i, const struct sim_worker *w,
                            const struct task *task) {
    if (client_generation(w->worker->consumer) != i->sim->broker.generation)
        return;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        int64_t committed = i->sim->broker.committed[t][task->partition];
        if (topic_is_replayed((enum topic)t) && topic_is_consumed((enum topic)t) &&
            task->meta.positions[t] != (committed > 0 ? committed : 0))
            fail_msg("instance %d partition %d: topic %d: the state is at %lld, committed is %lld",
                     i->id, task->partition, t, (long long)task->meta.positions[t],
                     (long long)committed);
    }
}

static bool is_restored(enum task_stage stage) {
    return stage == STAGE_REFRESHING || stage == STAGE_READY;
}

void instance_look(struct instance *i) {
    struct sim_worker *w = i->running;
    for (int32_t p = 0; w->worker != NULL && p < i->sim->n; p++) {
        enum task_stage stage = atomic_load(&w->worker->stages[p]);
        const struct task *task = &w->worker->tasks[p];
        if (stage >= STAGE_RESTORING)
            i->sim->doubts |=
                task->meta.rows[FAMILY_LINKS_AHEAD] + task->meta.rows[FAMILY_REFS_AHEAD] > 0;
        if (is_restored(stage) && !is_restored(w->seen[p])) {
            sim_trace(i->sim, i, "partition %d is restored", p);
            check_positions(i, w, task);
            check_state(i, task);
        }
        w->seen[p] = stage;
    }
}
