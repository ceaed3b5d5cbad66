#include "instance.h"

#include "sim.h"
#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/invariants.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *step_name(enum step s) {
    static const char *const names[STEP_COUNT] = {
        [STEP_ADVANCE] = "advance",           [STEP_COLLECT] = "collect", [STEP_PROCESS] = "process",
        [STEP_SEND_OFFSETS] = "send offsets", [STEP_COMMIT] = "commit",   [STEP_KEEP] = "keep",
    };
    return names[s];
}

static bool mutated(const struct instance *i, enum mutation m) {
    return i->sim->mutation == m;
}
/* Of those that happen now and then. */
static bool mutated_now(struct instance *i, enum mutation m) {
    return mutated(i, m) && rng_chance(&i->sim->rng, 5);
}

/* --- life --- */

static bool is_lost(struct instance *i, const struct sink_message *m) {
    return (m->topic == TOPIC_ACCOUNT_LINKS && mutated_now(i, MUTATION_LOSE_LINK)) ||
           (m->topic == TOPIC_CUSTOMER_REFS && mutated_now(i, MUTATION_LOSE_REF)) ||
           (topic_is_repartition(m->topic) && mutated_now(i, MUTATION_LOSE_FORWARDED)) ||
           (m->topic == TOPIC_CONFIRMATIONS && mutated_now(i, MUTATION_LOSE_CONFIRMATION)) ||
           (!topic_is_consumed(m->topic) && m->value.p == NULL && m->topic != TOPIC_CONFIRMATIONS &&
            mutated_now(i, MUTATION_LOSE_RESULT_TOMBSTONE));
}

static void on_send(struct sink *sink, const struct sink_message *sent) {
    struct instance *i = (struct instance *)sink;
    struct sink_message kept = *sent, *m = &kept;
    char source[48] = "";
    if (is_lost(i, m))
        return;
    if (m->header_count == 2 && mutated_now(i, MUTATION_LOSE_POSITION))
        m->header_count = 1; /* it is the last one */
    if (topic_is_repartition(m->topic))
        (void)snprintf(source, sizeof source, "%.*s", (int)m->headers[0].value.n, m->headers[0].value.p);
    int64_t offset = broker_send(&i->sim->broker, i->producer, i->epoch, m, source);
    i->fenced = i->fenced || offset < 0;
    if (offset >= 0)
        i->delivered[m->topic][m->partition] = offset + 1;
    bool is_text = m->topic <= TOPIC_CUSTOMER_PROFILE;
    sim_trace(i->sim, i, "    sends topic %d partition %d offset %lld key %.*s %.*s%s", (int)m->topic,
              m->partition, (long long)offset, (int)m->key.n, m->key.p != NULL ? m->key.p : "",
              is_text ? (int)m->value.n : 0, m->value.p != NULL ? m->value.p : "",
              m->value.p == NULL ? "tombstone" : "");
}

static void forget_delivered(struct instance *i) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int p = 0; p < BROKER_PARTITIONS; p++)
            i->delivered[t][p] = -1;
}

/* How many links are part of a customer's row may be another number each time: so even the few accounts of most worlds go
 * over it, and come back to states that were written with another one. */
static int64_t any_links_max(struct sim *s) {
    return rng_chance(&s->rng, 50) ? CUSTOMER_LINKS_MAX : rng_below(&s->rng, 4);
}

void instance_start(struct instance *i, struct sim *sim, int id, int producer) {
    struct memory *memory = i->memory, *older = i->older;
    *i = (struct instance){
        .sink = {on_send}, .sim = sim, .id = id, .up = true, .producer = producer, .older = older};
    i->memory = memory != NULL ? memory : memory_new();
    i->epoch = broker_init_producer(&sim->broker, producer);
    forget_delivered(i);
    pipeline_init(&i->pipeline, &sim->config, memory_kv(i->memory), &i->sink, sim->n,
                  (int32_t[ENTITY_COUNT]){sim->broker.partitions[TOPIC_CUSTOMERS],
                                          sim->broker.partitions[TOPIC_ACCOUNTS]});
    i->pipeline.env.rates = &sim->world.cluster.rates;
    i->pipeline.env.links_max = any_links_max(sim);
    for (int e = 0; e < ENTITY_COUNT; e++)
        i->pipeline.has_told_of_tombstones[e] = true; /* nobody reads it */
    for (int32_t p = 0; p < sim->n; p++)
        task_init(&i->tasks[p], p);
}

void instance_kill(struct instance *i) {
    if (!i->up)
        return;
    memory_rollback(i->memory);
    for (int32_t p = 0; p < i->sim->n; p++)
        task_release(&i->tasks[p]);
    pipeline_release(&i->pipeline);
    i->up = i->frozen = false;
    i->stopped_ms = i->sim->broker.now_ms;
}

void instance_release(struct instance *i) {
    instance_kill(i);
    memory_free(i->memory);
    memory_free(i->older);
    i->memory = i->older = NULL;
}

/* --- the assignment, and errors --- */

static bool is_taskless(const struct instance *i, const struct source *s) {
    return s->partition >= i->sim->n || i->stages[s->partition] == STAGE_NONE;
}

static bool is_ready(const struct instance *i, const struct source *s) {
    return s->located && (is_taskless(i, s) || i->stages[s->partition] == STAGE_READY);
}

static struct source *find_source(struct instance *i, enum topic topic, int32_t partition) {
    for (int k = 0; k < i->source_count; k++)
        if (i->sources[k].topic == topic && i->sources[k].partition == partition)
            return &i->sources[k];
    return NULL;
}

static bool may_defer_write(const struct instance *i) {
    for (int32_t p = 0; p < i->sim->n; p++)
        if (i->stages[p] != STAGE_NONE && i->stages[p] != STAGE_READY)
            return false;
    return true;
}

/* As worker_write_state. */
static void write_state(struct instance *i) {
    if (!i->unwritten)
        return;
    for (int32_t p = 0; p < i->sim->n; p++) {
        struct task *t = &i->tasks[p];
        if (i->stages[p] != STAGE_READY && i->stages[p] != STAGE_REFRESHING)
            continue;
        for (int k = 0; k < TOPIC_COUNT; k++)
            if (topic_is_replayed((enum topic)k) && !topic_is_consumed((enum topic)k) &&
                i->delivered[k][p] > t->meta.positions[k])
                t->meta.positions[k] = i->delivered[k][p] + (mutated(i, MUTATION_POSITION_TOO_FAR) ? 2 : 0);
        if (memcmp(&t->meta, &t->saved_meta, sizeof t->meta) == 0)
            continue;
        t->meta.committed_ms = i->pipeline.env.now_ms;
        task_save_meta(&i->pipeline.env, t);
    }
    memory_commit(i->memory);
    i->unwritten = false;
    for (int32_t p = 0; p < i->sim->n; p++)
        i->tasks[p].saved_meta = i->tasks[p].meta;
    if (rng_chance(&i->sim->rng, 6)) {
        memory_free(i->older);
        i->older = memory_copy(i->memory);
    }
}

static void restart_tasks(struct instance *i) {
    i->unwritten = false;
    if (!mutated(i, MUTATION_NO_ROLLBACK)) {
        memory_rollback(i->memory);
        for (int32_t p = 0; p < i->sim->n; p++)
            task_rollback(&i->tasks[p]);
    }
    counts_clear(&i->pipeline.env.counts);
    for (int32_t p = 0; p < i->sim->n; p++)
        if (i->stages[p] != STAGE_NONE)
            i->stages[p] = STAGE_WAITING;
    for (int k = 0; k < i->source_count; k++)
        i->sources[k].located = false;
    i->batch_count = i->at = i->offset_count = 0;
    i->refreshing = false;
    i->step = STEP_ADVANCE;
}

static void recover(struct instance *i, const char *why) {
    sim_trace(i->sim, i, "error: %s", why);
    restart_tasks(i);
    i->epoch = broker_init_producer(&i->sim->broker, i->producer);
    i->fenced = false;
    forget_delivered(i);
}

static bool is_member(const struct instance *i) {
    for (int k = 0; k < i->sim->member_count; k++)
        if (i->sim->members[k] == i->id)
            return true;
    return false;
}

/* What a poll learns of the group. */
static void poll_group(struct instance *i) {
    struct sim *s = i->sim;
    if (i->generation == s->broker.generation)
        return;
    sim_trace(s, i, "gets a new assignment, generation %d", s->broker.generation);
    if (rng_chance(&s->rng, 70)) /* else writing fails */
        write_state(i);
    for (int32_t p = 0; p < s->n; p++)
        i->stages[p] = STAGE_NONE;
    i->source_count = 0;
    i->generation = is_member(i) ? s->broker.generation : 0;
    for (int t = 0; t < TOPIC_COUNT && i->generation != 0; t++) {
        for (int32_t p = 0; topic_is_consumed((enum topic)t) && p < s->broker.partitions[t]; p++) {
            if (sim_owner(s, p, s->broker.partitions[t]) != i->id)
                continue;
            i->sources[i->source_count++] = (struct source){(enum topic)t, p, -1, -1, false};
            if (t == TOPIC_ACCOUNT_LINKS)
                i->stages[p] = STAGE_WAITING;
        }
    }
    restart_tasks(i);
}

/* --- advance --- */

static bool locate(struct instance *i) {
    struct broker *b = &i->sim->broker;
    for (int k = 0; k < i->source_count; k++)
        if (!broker_offset_is_stable(b, i->sources[k].topic, i->sources[k].partition) &&
            !mutated(i, MUTATION_UNSTABLE_OFFSETS))
            return false;
    for (int k = 0; k < i->source_count; k++) {
        struct source *s = &i->sources[k];
        s->committed = b->committed[s->topic][s->partition];
        int64_t low = b->logs[s->topic][s->partition].start;
        if (s->committed >= 0 && (s->committed < low || s->committed > broker_end(b, s->topic, s->partition)))
            fail_msg("committed offset %lld outside of the log", (long long)s->committed);
        s->next = s->committed >= 0 ? s->committed : low;
        s->located = true;
    }
    return true;
}

static void find_ranges(const struct instance *i, int32_t p, struct catchup_range ranges[TOPIC_COUNT]) {
    const struct broker *b = &i->sim->broker;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_replayed((enum topic)t))
            continue;
        ranges[t] = (struct catchup_range){b->logs[t][p].start, broker_end(b, (enum topic)t, p)};
        if (topic_is_consumed((enum topic)t) && !mutated(i, MUTATION_REPLAY_LINKS_TO_END))
            ranges[t].high = b->committed[t][p] >= 0 ? b->committed[t][p] : 0;
        if (!topic_is_consumed((enum topic)t) && mutated(i, MUTATION_REPLAY_TO_STABLE_END))
            ranges[t].high = broker_stable_end(b, (enum topic)t, p);
    }
}

static void plan(struct instance *i, int32_t p) {
    struct sim *s = i->sim;
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    struct task *t = &i->tasks[p];
    find_ranges(i, p, ranges);
    task_load_meta(&i->pipeline.env, t);
    if (catchup_lost_topic(&t->meta, ranges) != TOPIC_COUNT)
        fail_msg("the state is ahead of a topic that only its task writes");
    int64_t retention = mutated(i, MUTATION_OLD_STATE_IS_FINE) ? INT64_MAX / 2 : SIM_DELETE_RETENTION_MS;
    const char *why = catchup_unusable(&t->meta, ranges, s->broker.now_ms, retention);
    if (why != NULL) {
        sim_trace(s, i, "partition %d is rebuilt: %s", p, why);
        memory_wipe(i->memory, p);
        task_load_meta(&i->pipeline.env, t);
    }
    catchup_init(&i->catchups[p], t, ranges, s->broker.now_ms);
    i->stages[p] = STAGE_RESTORING;
}

static void save_catchup(struct instance *i, int32_t p) {
    catchup_note_positions(&i->catchups[p]);
    task_save_meta(&i->pipeline.env, &i->tasks[p]);
    if (kv_failed(i->pipeline.env.kv))
        fail_msg("%s", i->pipeline.env.kv->err.text);
    memory_commit(i->memory);
    i->tasks[p].saved_meta = i->tasks[p].meta;
    const int64_t *rows = i->tasks[p].meta.rows;
    i->sim->doubts = i->sim->doubts || rows[FAMILY_LINKS_AHEAD] + rows[FAMILY_REFS_AHEAD] > 0;
}

/* Hands records of one topic over, at most `max` of those before the target; the end of the log, too, if it is reached.
 * (What is looked ahead at does not move the stream on, so it comes in one piece.) */
static void replay_topic(struct catchup *c, struct pending *pending, const struct broker *b, enum topic topic,
                         int max, enum mutation mutation) {
    int32_t p = c->task->partition;
    int64_t at = c->streams[topic].next;
    while (max > 0 && !c->streams[topic].done) {
        const struct log_record *r = broker_read(b, topic, p, &at);
        bool ahead = at >= c->streams[topic].target;
        if (r == NULL) {
            catchup_end_of_partition(c, topic, at);
            return;
        }
        bool passed = (mutation == MUTATION_NO_LOOK_AHEAD && ahead) ||
                      (mutation == MUTATION_REPLAY_NO_TOMBSTONES && !r->has_value);
        if (!passed)
            (void)catchup_take(c, pending, topic, at, buf_slice(&r->key),
                               r->has_value ? buf_slice(&r->value) : slice_null(),
                               (struct history_headers){buf_slice(&r->position), buf_slice(&r->origin)});
        max -= !ahead;
        at++;
    }
}

/* TOPIC_COUNT: none is left. */
static enum topic choose_topic(struct instance *i, const struct catchup *c) {
    enum topic topic = (enum topic)rng_below(&i->sim->rng, TOPIC_COUNT);
    for (int k = 0; k < TOPIC_COUNT; k++) {
        if (topic_is_replayed(topic) && !c->streams[topic].done)
            return topic;
        topic = (enum topic)((topic + 1) % TOPIC_COUNT);
    }
    return TOPIC_COUNT;
}

static void restore_some(struct instance *i, int32_t p) {
    struct catchup *c = &i->catchups[p];
    if (mutated(i, MUTATION_NO_REPLAY)) {
        i->stages[p] = STAGE_READY;
        return;
    }
    struct pending pending = {0};
    for (int64_t n = 1 + rng_below(&i->sim->rng, 3); n > 0; n--) {
        enum topic topic = choose_topic(i, c);
        if (topic != TOPIC_COUNT)
            replay_topic(c, &pending, &i->sim->broker, topic, 1 + (int)rng_below(&i->sim->rng, 30),
                         i->sim->mutation);
    }
    catchup_apply(c, &i->pipeline.env, &pending);
    pending_release(&pending);
    save_catchup(i, p);
    if (!catchup_done(c))
        return;
    int64_t retention = mutated(i, MUTATION_OLD_STATE_IS_FINE) ? INT64_MAX / 2 : SIM_DELETE_RETENTION_MS;
    if (catchup_came_too_late(c, i->sim->broker.now_ms, retention)) {
        memory_wipe(i->memory, p);
        recover(i, "restoring took too long");
        return;
    }
    bool refresh = task_needs_refresh(&i->pipeline.env, &i->tasks[p]);
    i->stages[p] = refresh ? STAGE_REFRESHING : STAGE_READY;
    sim_trace(i->sim, i, "partition %d is restored", p);
    instance_check_state(i, p);
}

static bool begin(struct instance *i) {
    if (broker_begin(&i->sim->broker, i->producer, i->epoch))
        return true;
    recover(i, "begin: fenced");
    return false;
}

static void note_offset(struct instance *i, enum topic topic, int32_t partition, int64_t offset) {
    for (int k = 0; k < i->offset_count; k++) {
        if (i->offsets[k].topic == topic && i->offsets[k].partition == partition) {
            i->offsets[k].offset = offset;
            return;
        }
    }
    i->offsets[i->offset_count++] = (struct offset){topic, partition, offset};
}

/* True: a transaction was begun. */
static bool refresh_some(struct instance *i) {
    for (int32_t p = 0; p < i->sim->n; p++) {
        struct task_env *env = &i->pipeline.env;
        if (i->stages[p] != STAGE_REFRESHING)
            continue;
        if (!task_needs_refresh(env, &i->tasks[p])) {
            i->stages[p] = STAGE_READY;
            continue;
        }
        if (!begin(i))
            return true;
        env->now_ms = i->sim->broker.now_ms;
        const struct source *s = find_source(i, TOPIC_ACCOUNT_LINKS, p);
        note_offset(i, TOPIC_ACCOUNT_LINKS, p, s->next);
        (void)task_refresh(env, &i->tasks[p]);
        for (int t = 0; t < TOPIC_COUNT; t++) /* the rates are always the same */
            if (env->counts.emitted[t] > 0 && !i->sim->doubts &&
                (i->sim->mutation == MUTATION_NONE || i->sim->mutation == MUTATION_NO_LOOK_AHEAD))
                fail_msg("partition %d: a rebuilt state is not what was emitted: %lld messages to topic %d",
                         p, (long long)env->counts.emitted[t], t);
        i->refreshing = true;
        i->step = STEP_SEND_OFFSETS;
        return true;
    }
    return false;
}

static void advance(struct instance *i) {
    poll_group(i);
    i->step = STEP_COLLECT;
    bool located = true;
    for (int k = 0; k < i->source_count; k++)
        located = located && i->sources[k].located;
    if (!located && !locate(i))
        return;
    for (int32_t p = 0; p < i->sim->n; p++)
        if (i->stages[p] == STAGE_WAITING)
            plan(i, p);
    for (int32_t p = 0; p < i->sim->n; p++)
        if (i->stages[p] == STAGE_RESTORING) {
            restore_some(i, p);
            break;
        }
    (void)refresh_some(i);
}

/* --- the cycle --- */

static void collect(struct instance *i) {
    struct sim *s = i->sim;
    poll_group(i);
    int wanted = 1 + (int)rng_below(&s->rng, SIM_BATCH_MAX);
    for (int tries = 0; tries < 3 * wanted && i->batch_count < wanted && i->source_count > 0; tries++) {
        int k = (int)rng_below(&s->rng, i->source_count);
        struct source *source = &i->sources[k];
        int64_t at = source->next;
        if (!is_ready(i, source) || source->topic == s->delayed)
            continue;
        const struct log_record *r = broker_read(&s->broker, source->topic, source->partition, &at);
        if (r == NULL)
            continue;
        source->next = at + 1;
        i->batch[i->batch_count++] = (struct taken){k, at, NULL};
    }
    i->at = 0;
    i->step = i->batch_count > 0 ? STEP_PROCESS : STEP_ADVANCE;
    if (i->batch_count == 0)
        write_state(i);
    if (i->batch_count > 0)
        sim_trace(s, i, "collected %d records", i->batch_count);
}

static struct input make_input(const struct source *s, int64_t offset, const struct log_record *r) {
    struct input in = {
        .topic = s->topic,
        .partition = s->partition,
        .offset = offset,
        .record = {r->has_key ? buf_slice(&r->key) : slice_null(),
                   r->has_value ? buf_slice(&r->value) : slice_null(), r->timestamp_ms, r->by_time,
                   r->replayed_at_ms},
        .headers = r,
        .origin = buf_slice(&r->origin),
        .source_partition = s->partition,
        .source_offset = offset,
    };
    int partition;
    long long source_offset;
    if (sscanf(r->source, "%d:%lld", &partition, &source_offset) == 2) {
        in.source_partition = partition;
        in.source_offset = source_offset;
    }
    return in;
}

/* The record is copied: what is sent can move its log in memory. */
static bool process_one(struct instance *i, const struct taken *taken) {
    const struct source *s = &i->sources[taken->source];
    const struct log_record *r = &i->sim->broker.logs[s->topic][s->partition].records[taken->offset];
    struct log_record copy = *r;
    copy.key = copy.value = copy.origin = copy.position = (struct buf){0};
    buf_set(&copy.origin, buf_slice(&r->origin));
    buf_set(&copy.key, buf_slice(&r->key));
    buf_set(&copy.value, buf_slice(&r->value));
    struct input in = make_input(s, taken->offset, &copy);
    sim_trace(i->sim, i, "  processes topic %d partition %d offset %lld key %.*s value %.*s", (int)s->topic,
              s->partition, (long long)taken->offset, (int)copy.key.n, copy.key.p != NULL ? copy.key.p : "",
              topic_is_users(s->topic) ? (int)copy.value.n : 0, copy.value.p != NULL ? copy.value.p : "");
    struct task *task = is_taskless(i, s) ? NULL : &i->tasks[s->partition];
    bool done = pipeline_process(&i->pipeline, task, &in);
    if (done && mutated_now(i, MUTATION_TWICE))
        (void)pipeline_process(&i->pipeline, task, &in);
    buf_release(&copy.key);
    buf_release(&copy.value);
    buf_release(&copy.origin);
    return done;
}

static void process(struct instance *i) {
    if (!begin(i))
        return;
    i->pipeline.env.now_ms = i->sim->broker.now_ms;
    i->offset_count = 0;
    int before = i->at, some = 1 + (int)rng_below(&i->sim->rng, SIM_BATCH_MAX);
    for (; i->at < i->batch_count && i->at - before < some; i->at++) {
        const struct taken *taken = &i->batch[i->at];
        const struct source *s = &i->sources[taken->source];
        bool skipped = mutated_now(i, MUTATION_SKIP);
        bool done = skipped || process_one(i, taken);
        if (kv_failed(i->pipeline.env.kv))
            fail_msg("%s", i->pipeline.env.kv->err.text);
        note_offset(i, s->topic, s->partition, done ? taken->offset + 1 : taken->offset);
        if (!done)
            break;
    }
    i->step = STEP_SEND_OFFSETS;
    if (i->fenced)
        recover(i, "send: fenced");
}

static void check_invariants(struct instance *i) {
    struct err e;
    if (i->sim->mutation != MUTATION_NONE)
        return; /* it is to be found by its results */
    bool ok = invariant_conservation(&i->pipeline.env.counts, &e);
    for (int k = 0; ok && k < i->offset_count; k++) {
        const struct source *s = find_source(i, i->offsets[k].topic, i->offsets[k].partition);
        ok = invariant_offset(s->committed, i->offsets[k].offset, s->next, &e);
    }
    for (int32_t p = 0; ok && p < i->sim->n; p++)
        ok = i->stages[p] != STAGE_READY || invariant_rows(&i->tasks[p].meta, &e);
    if (!ok)
        fail_msg("%s", e.text);
}

static void keep(struct instance *i);

static void send_offsets(struct instance *i) {
    struct sim *s = i->sim;
    check_invariants(i);
    if (mutated(i, MUTATION_OFFSET_TOO_LOW) && i->offset_count > 0 && rng_chance(&s->rng, 5) &&
        i->offsets[0].offset > 0)
        i->offsets[0].offset--;
    int generation = mutated(i, MUTATION_NEWEST_GENERATION) ? s->broker.generation : i->generation;
    if (i->fenced ||
        !broker_send_offsets(&s->broker, i->producer, i->epoch, generation, i->offsets, i->offset_count)) {
        recover(i, "send offsets: refused");
        return;
    }
    if (mutated(i, MUTATION_KEEP_BEFORE_COMMIT))
        keep(i);
    i->step = STEP_COMMIT;
}

static void commit(struct instance *i) {
    struct sim *s = i->sim;
    int luck = s->calm ? 100 : (int)rng_below(&s->rng, 100);
    bool arrives = luck >= 4, answered = luck >= 8;
    bool committed = arrives && broker_commit(&s->broker, i->producer, i->epoch);
    if (committed && answered) {
        sim_trace(s, i, "committed");
        i->step = STEP_KEEP;
        return;
    }
    if (mutated(i, MUTATION_KEEP_AFTER_FAILURE))
        keep(i);
    recover(i, committed ? "commit: no answer, and it went through" : "commit: failed");
}

/* As keep_state of the worker. */
static void keep(struct instance *i) {
    for (int k = 0; k < i->offset_count; k++) {
        struct source *s = find_source(i, i->offsets[k].topic, i->offsets[k].partition);
        s->committed = i->offsets[k].offset;
        if (s->partition < i->sim->n)
            i->tasks[s->partition].meta.positions[s->topic] = s->committed;
    }
    i->unwritten = true;
    if (!may_defer_write(i) || rng_chance(&i->sim->rng, 40))
        write_state(i);
}

static void finish_cycle(struct instance *i) {
    if (!mutated(i, MUTATION_KEEP_BEFORE_COMMIT))
        keep(i);
    counts_clear(&i->pipeline.env.counts);
    i->offset_count = 0;
    i->step = !i->refreshing && i->at < i->batch_count ? STEP_PROCESS : STEP_ADVANCE;
    i->refreshing = false;
    if (i->step == STEP_ADVANCE)
        i->batch_count = 0;
}

void instance_step(struct instance *i) {
    switch (i->step) {
    case STEP_ADVANCE:
        advance(i);
        break;
    case STEP_COLLECT:
        collect(i);
        break;
    case STEP_PROCESS:
        process(i);
        break;
    case STEP_SEND_OFFSETS:
        send_offsets(i);
        break;
    case STEP_COMMIT:
        commit(i);
        break;
    case STEP_KEEP:
        finish_cycle(i);
        break;
    case STEP_COUNT:
        break;
    }
}

bool instance_is_idle(const struct instance *i) {
    if (i->generation != i->sim->broker.generation || i->step > STEP_COLLECT || i->batch_count > 0 ||
        i->unwritten)
        return false;
    for (int32_t p = 0; p < i->sim->n; p++)
        if (i->stages[p] != STAGE_NONE && i->stages[p] != STAGE_READY)
            return false;
    for (int k = 0; k < i->source_count; k++) {
        const struct source *s = &i->sources[k];
        int64_t at = s->next;
        if (!s->located || broker_read(&i->sim->broker, s->topic, s->partition, &at) != NULL ||
            at < broker_end(&i->sim->broker, s->topic, s->partition))
            return false;
    }
    return true;
}

/* --- what a restore must give --- */

/* Rows that are a function of the topics. Not the meta data; not the refs: one whose accounts are gone may stay (replay.c);
 * of rows of accounts and customers, and of links, see put_part. */
static bool is_compared(enum family f) {
    return f == FAMILY_CUSTOMER_HISTORY || f == FAMILY_ACCOUNT_HISTORY || f == FAMILY_ACCOUNTS_BY_CUSTOMER ||
           f == FAMILY_CUSTOMER_CONFIRMATIONS || f == FAMILY_ACCOUNT_CONFIRMATIONS;
}

/* Compares two listings, and empties them. */
static void check_same(const struct instance *i, int32_t p, const char *what, struct buf *got,
                       struct buf *expected) {
    if (!slice_eq(buf_slice(expected), buf_slice(got)))
        fail_msg("instance %d partition %d: %s: not what the topics say\nstate:\n%stopics:\n%s", i->id, p,
                 what, buf_cstr(got), buf_cstr(expected));
    buf_clear(got);
    buf_clear(expected);
}

static void check_same_state(const struct instance *i, struct kv *rebuilt, int32_t p, bool links_wait) {
    struct kv *own = memory_kv(i->memory);
    struct buf prefix = {0}, expected = {0}, got = {0};
    key_partition(&prefix, p);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        if (!is_compared((enum family)f))
            continue;
        put_family(rebuilt, (enum family)f, buf_slice(&prefix), &expected);
        put_family(own, (enum family)f, buf_slice(&prefix), &got);
        check_same(i, p, family_name((enum family)f), &got, &expected);
    }
    for (int part = 0; part < PART_COUNT; part++) {
        if ((part == PART_TOTALS || part == PART_LINKS) && links_wait)
            continue; /* those of before may be compacted away */
        (void)put_part(rebuilt, p, (enum part)part, &expected);
        (void)put_part(own, p, (enum part)part, &got);
        check_same(i, p, part_name((enum part)part), &got, &expected);
    }
    buf_release(&prefix);
    buf_release(&expected);
    buf_release(&got);
}

void instance_check_state(struct instance *i, int32_t p) {
    struct memory *memory = memory_new();
    struct task_env env = {.kv = memory_kv(memory),
                           .rates = &i->sim->world.cluster.rates,
                           .partitions = i->sim->n,
                           .links_max = any_links_max(i->sim)};
    struct task task;
    struct catchup c;
    struct pending pending = {0};
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    json_init(&env.json);
    counts_clear(&env.counts);
    task_init(&task, p);
    find_ranges(i, p, ranges);
    catchup_init(&c, &task, ranges, i->sim->broker.now_ms);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_replayed((enum topic)t))
            continue;
        if (!c.streams[t].done) /* what is not decided yet was not there when the other one was planned */
            replay_topic(&c, &pending, &i->sim->broker, (enum topic)t, INT32_MAX, MUTATION_NONE);
        if (t % 2 == 0) /* some topics together, and each whole: all that is replaced is left out */
            catchup_apply(&c, &env, &pending);
    }
    catchup_apply(&c, &env, &pending);
    bool comparable = true; /* the other one went exactly as far */
    for (int t = 0; t < TOPIC_COUNT; t++)
        comparable = comparable && (!topic_is_replayed((enum topic)t) ||
                                    c.streams[t].next == i->catchups[p].streams[t].next);
    int64_t ahead = c.streams[TOPIC_ACCOUNT_LINKS].target;
    bool links_wait = broker_read(&i->sim->broker, TOPIC_ACCOUNT_LINKS, p, &ahead) != NULL;
    if (comparable)
        check_same_state(i, memory_kv(memory), p, links_wait);
    pending_release(&pending);
    task_release(&task);
    task_env_release(&env);
    memory_free(memory);
}
