#include "sim.h"

#include "clients.h"
#include "input.h"
#include "instance.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "waits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STEPS_TO_DRAIN 400000
#define STEPS_OF_TRUNCATE 500
#define WEEKEND_DAYS 8
#define STEPS_OF_DAY 200

void sim_trace(const struct sim *s, const struct instance *i, const char *format, ...) {
    va_list arguments;
    if (!s->trace)
        return;
    printf("%6lld ", (long long)s->steps);
    if (i != NULL)
        printf("instance %d: ", i->id);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

bool sim_strikes(struct sim *s, int permille) {
    return !s->calm && rng_below(&s->rng, 1000) < permille;
}

static enum mutation chosen; /* the mistake of this run */
static struct rng *dice;

bool mutated(enum mutation m) {
    return chosen == m;
}

bool mutated_now(enum mutation m) {
    return chosen == m && rng_chance(dice, 5);
}

/* --- the group --- */

/* Draws the topic that the group's leader does not know yet, if there is one. */
static enum topic any_unknown(struct sim *s) {
    enum topic t = (enum topic)rng_below(&s->rng, TOPIC_COUNT);
    return topic_is_consumed(t) && sim_strikes(s, 100) ? t : TOPIC_COUNT;
}

void sim_rebalance(struct sim *s, const struct instance *left_out) {
    int count = 0;
    for (int k = 0; k < s->joined_count; k++)
        if (client_instance(s->joined[k]) != left_out || rng_chance(&s->rng, 30))
            s->members[count++] = client_member_id(s->joined[k]);
    if (count == 0)
        return;
    if (rng_chance(&s->rng, 30)) { /* one worker gets another id */
        int k = (int)rng_below(&s->rng, count);
        int64_t other = s->members[k];
        s->members[k] = s->members[0];
        s->members[0] = other;
    }
    s->member_count = count;
    s->broker.generation++;
    s->broker.unknown = any_unknown(s);
    sim_trace(s, NULL, "generation %d has %d members%s", s->broker.generation, count,
              s->broker.unknown != TOPIC_COUNT ? ", and its leader lacks a topic" : "");
}

/* Draws what is left of the state when an instance comes back. Returns whether nothing is left. */
static bool spoil_state(struct sim *s, struct instance *i) {
    int luck = (int)rng_below(&s->rng, 100);
    if (luck < 15) {
        sim_trace(s, i, "its state is lost");
        state_lose(&i->store);
    } else if (luck < 50) {
        sim_trace(s, i, "its state is an older one");
        state_age(&i->store, &s->rng);
    }
    if (luck % 3 == 0)
        state_touch(&i->store);
    return luck < 15;
}

static void start(struct sim *s, int k, bool spoil) {
    struct instance *i = &s->instances[k];
    int producer = i->producer;
    bool is_new = spoil ? spoil_state(s, i) : true;
    if (is_new &&
        s->next_producer + s->workers <= BROKER_PRODUCERS) { /* the id is part of the state */
        producer = s->next_producer;
        s->next_producer += s->workers;
    }
    instance_start(i, producer);
    sim_trace(s, i, "starts with transactional id %d", producer);
}

/* --- what happens --- */

static struct instance *any_instance(struct sim *s) {
    return &s->instances[rng_below(&s->rng, s->instance_count)];
}

static void compact_some(struct sim *s) {
    enum topic topic =
        rng_chance(&s->rng, 40) ? TOPIC_ACCOUNT_LINKS : (enum topic)rng_below(&s->rng, TOPIC_COUNT);
    int32_t p = (int32_t)rng_below(&s->rng, s->n);
    if (topic_is_replayed(topic))
        broker_compact(&s->broker, topic, p, SIM_DELETE_RETENTION_MS);
    if (topic_is_repartition(topic) &&
        s->broker.committed[topic][p] > s->broker.logs[topic][p].start)
        s->broker.logs[topic][p].start = s->broker.committed[topic][p]; /* as after DeleteRecords */
}

/* One instance stands still for days. The others go on meanwhile, and tombstones are compacted
 * away. */
static void long_pause(struct sim *s) {
    sim_trace(s, NULL, "a long time passes");
    for (int rounds = 0; rounds < 2; rounds++) {
        s->broker.now_ms += SIM_DELETE_RETENTION_MS + 1;
        for (int t = 0; t < TOPIC_COUNT; t++)
            for (int32_t p = 0; topic_is_replayed((enum topic)t) && p < s->n; p++)
                broker_compact(&s->broker, (enum topic)t, p, SIM_DELETE_RETENTION_MS);
    }
}

static void start_or_go_on(struct sim *s) {
    for (int k = 0; k < s->instance_count; k++) {
        if (!s->instances[k].up)
            start(s, k, true);
        else if (s->instances[k].frozen && rng_chance(&s->rng, 50)) {
            s->instances[k].frozen = false;
            sim_trace(s, &s->instances[k], "goes on");
        }
    }
}

static void end_or_kill(struct sim *s, struct instance *i) {
    if (!i->up)
        return;
    if (rng_chance(&s->rng, 20)) {
        sim_trace(s, i, "is asked to stop");
        instance_stop(i);
    } else {
        sim_trace(s, i, "is killed");
        instance_kill(i);
    }
}

static void freeze(struct sim *s, struct instance *i) {
    if (!i->up)
        return;
    i->frozen = true;
    sim_trace(s, i, "stands still");
    if (rng_chance(&s->rng, 70)) /* and the group excludes it */
        sim_rebalance(s, i);
}

static void hold_back(struct sim *s) {
    s->delayed = rng_chance(&s->rng, 50)
                     ? TOPIC_COUNT
                     : (enum topic)(TOPIC_REPARTITION_CUSTOMERS + rng_below(&s->rng, 4));
    sim_trace(s, NULL, "topic %d is held back", (int)s->delayed);
}

static void fault(struct sim *s) {
    struct instance *i = any_instance(s);
    switch (rng_below(&s->rng, 10)) {
    case 0:
    case 1:
        end_or_kill(s, i);
        break;
    case 2:
        freeze(s, i);
        break;
    case 3:
        sim_rebalance(s, rng_chance(&s->rng, 30) ? i : NULL);
        break;
    case 4:
        if (broker_time_out(&s->broker, (int)rng_below(&s->rng, 2)))
            sim_trace(s, NULL, "a transaction is given up by the broker");
        break;
    case 5:
    case 9:
        compact_some(s);
        compact_some(s);
        break;
    case 6:
        if (rng_chance(&s->rng, 10))
            long_pause(s);
        else
            freeze(s, i);
        break;
    case 7:
        hold_back(s);
        break;
    default:
        start_or_go_on(s);
        break;
    }
}

static void step(struct sim *s, int events) {
    s->steps++;
    s->broker.now_ms += rng_below(&s->rng, 20);
    int luck = (int)rng_below(&s->rng, 100);
    if (luck < 25 && s->produced < events) {
        input_produce(s);
        return;
    }
    if (luck < 45) {
        (void)broker_write_marker(&s->broker, (int)rng_below(&s->rng, 4));
        return;
    }
    if (luck < 47 && !s->calm) {
        fault(s);
        return;
    }
    struct instance *i = any_instance(s);
    if (i->up && !i->frozen)
        instance_step(i);
}

static bool all_idle(const struct sim *s) {
    for (int k = 0; k < BROKER_PRODUCERS; k++)
        if (s->broker.open[k] >= 0)
            return false;
    for (int k = 0; k < s->instance_count; k++)
        if (!instance_is_idle(&s->instances[k]))
            return false;
    return true;
}

static void tell_what_waits(const struct sim *s) {
    for (int k = 0; k < BROKER_PRODUCERS; k++)
        if (s->broker.open[k] >= 0)
            printf("transaction %d of producer %d is in state %d\n", s->broker.open[k], k,
                   (int)s->broker.txns[s->broker.open[k]].state);
    for (int k = 0; k < s->instance_count; k++)
        instance_tell(&s->instances[k]);
}

/* Without further faults, everything must be processed. */
static void drain(struct sim *s) {
    s->calm = true;
    s->delayed = TOPIC_COUNT;
    for (int k = 0; k < s->instance_count; k++)
        s->instances[k].frozen = false;
    sim_rebalance(s, NULL);
    for (int64_t left = STEPS_TO_DRAIN; !all_idle(s); left--) {
        if (left == 0) {
            tell_what_waits(s);
            fail_msg("it does not come to an end");
        }
        if (left % 1000 == 0) /* transactions of instances that do not come back */
            (void)broker_time_out(&s->broker, 0);
        for (int k = 0; k < s->instance_count; k++)
            if (!s->instances[k].up)
                start(s, k, true);
        step(s, 0);
    }
}

/* Lets more time pass than tombstones live, without any input. */
static void weekend(struct sim *s) {
    for (int day = 0; day < WEEKEND_DAYS; day++) {
        s->broker.now_ms += SIM_DELETE_RETENTION_MS / (WEEKEND_DAYS - 1);
        for (int i = 0; i < STEPS_OF_DAY; i++)
            step(s, 0);
    }
    for (int k = 0; k < s->instance_count; k++)
        instance_check_age(&s->instances[k]);
    drain(s);
}

/* The order of a truncate against the records of other partitions is not defined, and the history
 * depends on it. So no other input is under way. Faults still happen. */
static void truncate_table(struct sim *s, int events) {
    enum entity entity = rng_chance(&s->rng, 50) ? ENTITY_CUSTOMER : ENTITY_ACCOUNT;
    drain(s);
    input_truncate(s, entity);
    s->calm = false;
    for (int i = 0; i < STEPS_OF_TRUNCATE; i++)
        step(s, 0);
    drain(s);
    s->calm = s->produced >= events;
}

/* --- what must have come out --- */

/* Writes all results that were committed, even those that were compacted away since. */
static void export_results(struct sim *s) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        for (int32_t p = 0; topic_is_kept((enum topic)t) && p < s->n; p++) {
            struct partition_log *l = &s->broker.logs[t][p];
            for (int64_t k = 0; k < l->count; k++) {
                struct log_record *r = &l->records[k];
                if (r->marker || r->txn < 0 || !s->broker.txns[r->txn].committed)
                    continue;
                struct message m = {.topic = (enum topic)t,
                                    .partition = p,
                                    .has_key = true,
                                    .has_value = r->has_value};
                buf_set(&m.key, buf_slice(&r->key));
                buf_set(&m.value, buf_slice(&r->value));
                cluster_append(&s->world.cluster, &m);
            }
        }
    }
}

static void check_quarantine(const struct sim *s) {
    int64_t count = 0;
    for (int32_t p = 0; p < s->n; p++) {
        const struct partition_log *l = &s->broker.logs[TOPIC_QUARANTINE][p];
        for (int64_t k = 0; k < l->count; k++)
            count += !l->records[k].marker && s->broker.txns[l->records[k].txn].committed;
    }
    if (count != s->world.refused + s->malformed)
        fail_msg("%lld in quarantine, should be %lld", (long long)count,
                 (long long)(s->world.refused + s->malformed));
}

static int64_t broker_clock(const struct clock *c, clockid_t id) {
    (void)id;
    return ((const struct sim *)c)->broker.now_ms * 1000;
}

static void init(struct sim *s, uint64_t seed, enum mutation mutation, enum order_mistake mistake,
                 bool trace) {
    static const char *const sets[] = {"kafka.bootstrap.servers=none:1",
                                       "transaction.max.messages=3", "batch.max.records=12",
                                       "retry.timeout=365d", "instance.id=i"};
    int32_t partitions[TOPIC_COUNT];
    struct err e;
    *s = (struct sim){
        .clock = {broker_clock}, .rng = rng_seeded(seed), .trace = trace, .delayed = TOPIC_COUNT};
    chosen = mutation;
    dice = &s->rng;
    log_set_level(trace ? LOG_INFO : LOG_ERROR);
    s->n = 1 + (int32_t)rng_below(&s->rng, SIM_N_MAX);
    s->instance_count = 1 + (int)rng_below(&s->rng, SIM_INSTANCES);
    s->workers = rng_chance(&s->rng, 30) ? 1 : SIM_WORKERS;
    s->instances = mem_calloc(SIM_INSTANCES, sizeof *s->instances);
    for (int t = 0; t < TOPIC_COUNT; t++)
        partitions[t] = s->n;
    for (int t = TOPIC_CUSTOMERS; t <= TOPIC_ACCOUNTS; t++)
        if (rng_chance(&s->rng, 40))
            partitions[t] = 1 + (int32_t)rng_below(&s->rng, BROKER_PARTITIONS);
    world_init(&s->world, s->n, seed);
    broker_init(&s->broker, partitions);
    s->broker.ignores_generation = mutation == MUTATION_ANY_GENERATION;
    s->broker.ignores_epoch = mutation == MUTATION_NO_FENCING;
    s->broker.shows_all = mutation == MUTATION_READ_UNCOMMITTED;
    s->broker.offsets_at_once = mutation == MUTATION_OFFSETS_OUTSIDE;
    s->broker.tells_unstable = mutation == MUTATION_UNSTABLE_OFFSETS;
    s->layout = (struct topic_layout){.n = s->n, .delete_retention_ms = SIM_DELETE_RETENTION_MS};
    memcpy(s->layout.partitions, partitions, sizeof partitions);
    if (!config_load(&s->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    s->waits = rng_chance(&s->rng, 30) ? waits_new(s) : NULL;
    if (rng_chance(&s->rng, 50))
        s->config.state_memory_bytes = 2000; /* so that a restore takes several steps */
    s->config.late_window_ms = CLUSTER_WINDOW_MS;
    s->config.future_window_ms = CLUSTER_FUTURE_MS;
    s->truncate_permille = s->world.style.truncate_permille;
    s->world.style.truncate_permille = 0;
    s->world.options.mistake = mistake;
    s->world.style.is_spelled = true;
    s->world.inputs[ENTITY_CUSTOMER] = partitions[TOPIC_CUSTOMERS];
    s->world.inputs[ENTITY_ACCOUNT] = partitions[TOPIC_ACCOUNTS];
    for (int k = 0; k < s->instance_count; k++) {
        instance_init(&s->instances[k], s, k);
        start(s, k, false);
    }
}

static void release(struct sim *s) {
    for (int k = 0; k < s->instance_count; k++)
        instance_release(&s->instances[k]);
    free(s->instances);
    free(s->waits);
    config_release(&s->config);
    broker_release(&s->broker);
    world_release(&s->world);
}

int64_t sim_run(uint64_t seed, int events, enum mutation mutation, enum order_mistake mistake,
                bool trace) {
    struct sim *s = mem_calloc(1, sizeof *s);
    init(s, seed, mutation, mistake, trace);
    while (s->produced < events) {
        if (rng_below(&s->rng, 10000) < s->truncate_permille)
            truncate_table(s, events);
        else
            step(s, events);
    }
    drain(s);
    if (rng_chance(&s->rng, 20))
        weekend(s);
    export_results(s);
    world_check_histories(&s->world);
    world_check_results(&s->world);
    assert_change_only(&s->world.cluster);
    check_quarantine(s);
    int64_t produced = s->produced;
    release(s);
    free(s);
    return produced;
}
