/* The state is a cache of committed topics. Replaying what a task has sent, and the links and refs
 * that it has read, gives the state that the task has, even if compaction has left only the last
 * message of each key. */
#include "support.h"

#include "cluster.h"
#include "rows_peer.h"
#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/task/catchup.h"
#include "streamer/task/task_history.h"
#include "world.h"

#include <string.h>

#define SNAPSHOTS_MAX 8

static struct world world;

static struct history_headers headers_of(const struct message *m) {
    return (struct history_headers){message_header(m, TASK_POSITION_HEADER),
                                    message_header(m, SINK_SOURCE_HEADER),
                                    message_header(m, TASK_SPLIT_HEADER)};
}

/* The state of a task at some moment, and its position in each log. */
struct snapshot {
    int32_t partition;
    struct memory *memory;
    struct task_meta meta;
    size_t positions[TOPIC_COUNT];
};

static void copy_partition(struct kv *from, struct kv *to, int32_t partition) {
    struct buf prefix = {0};
    key_partition(&prefix, partition);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct kv_cursor *c = kv_cursor(from, (enum family)f);
        for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c))
            kv_put(to, (enum family)f, cursor_key(c), cursor_value(c));
        cursor_free(c);
    }
    buf_release(&prefix);
}

static void erase_partition(struct memory *m, int32_t partition) {
    struct buf prefix = {0}, key = {0};
    key_partition(&prefix, partition);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (bool any = true; any;) {
            struct kv_cursor *c = kv_cursor(memory_kv(m), (enum family)f);
            cursor_seek(c, buf_slice(&prefix));
            any = cursor_in(c, buf_slice(&prefix));
            if (any)
                buf_set(&key, cursor_key(c));
            cursor_free(c);
            if (any)
                kv_erase(memory_kv(m), (enum family)f, buf_slice(&key));
        }
    }
    buf_release(&prefix);
    buf_release(&key);
}

static void snapshot_take(struct snapshot *s, const struct cluster *c, int32_t partition) {
    *s = (struct snapshot){
        .partition = partition, .memory = memory_new(), .meta = c->tasks[partition].meta};
    copy_partition(memory_kv(c->memory), memory_kv(s->memory), partition);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct log *l = &c->logs[t][partition];
        bool input = t == TOPIC_ACCOUNT_LINKS || t == TOPIC_CUSTOMER_REFS;
        s->positions[t] = input ? l->consumed : l->count;
    }
}

static void snapshot_empty(struct snapshot *s, int32_t partition) {
    struct task t;
    task_init(&t, partition);
    *s = (struct snapshot){.partition = partition, .memory = memory_new(), .meta = t.meta};
    task_release(&t);
}

static void snapshot_release(struct snapshot *s) {
    memory_free(s->memory);
}

/* --- replaying --- */

static bool is_input(enum topic t) {
    return t == TOPIC_ACCOUNT_LINKS || t == TOPIC_CUSTOMER_REFS;
}

static size_t replay_end(const struct cluster *c, enum topic t, int32_t p) {
    return is_input(t) ? c->logs[t][p].consumed : c->logs[t][p].count;
}

/* Whether a message before `end` has the key of message `i`. */
static bool superseded(const struct log *l, size_t i, size_t end) {
    for (size_t k = i + 1; k < end; k++)
        if (slice_eq(buf_slice(&l->messages[k].key), buf_slice(&l->messages[i].key)))
            return true;
    return false;
}

enum compaction { COMPACT_NOTHING, COMPACT_SOME, COMPACT_ALL };

/* Replays what lies between the snapshot's positions and now into `memory` and `t`. The topics take
 * turns at random, each in its own order. Messages are replayed one by one, or many together
 * without those that a later one of the same key replaces. */
static void replay(struct cluster *c, const struct snapshot *s, struct memory *memory,
                   struct task *t, enum compaction compaction, struct rng *r) {
    struct kv *own = c->env.kv;
    int64_t own_links_max = c->env.links_max;
    struct catchup catchup = {.task = t};
    struct replay_buffer buffer = {0};
    int apply_percent = rng_chance(r, 50) ? 100 : 5;
    size_t next[TOPIC_COUNT], left = 0;
    c->env.kv = memory_kv(memory);
    c->env.links_max = rng_below(r, 5); /* the result must not depend on it */
    for (int i = 0; i < TOPIC_COUNT; i++) {
        next[i] = s->positions[i];
        if (topic_is_kept((enum topic)i))
            left += replay_end(c, (enum topic)i, t->partition) - next[i];
    }
    while (left > 0) {
        enum topic topic = (enum topic)rng_below(r, TOPIC_COUNT);
        if (!topic_is_kept(topic) || next[topic] == replay_end(c, topic, t->partition))
            continue;
        const struct log *l = &c->logs[topic][t->partition];
        size_t i = next[topic]++;
        left--;
        if (l->compacted[i])
            continue;
        bool gone = compaction != COMPACT_NOTHING &&
                    superseded(l, i, replay_end(c, topic, t->partition)) &&
                    (compaction == COMPACT_ALL || rng_chance(r, 50));
        if (!gone)
            replay_buffer_put(&buffer, topic, false, message_key(&l->messages[i]),
                              message_value(&l->messages[i]), headers_of(&l->messages[i]));
        if (rng_chance(r, apply_percent))
            catchup_apply(&catchup, &c->env, &buffer);
    }
    catchup_apply(&catchup, &c->env, &buffer);
    if (kv_failed(c->env.kv))
        fail_msg("%s", c->env.kv->err.text);
    replay_buffer_release(&buffer);
    memory_commit(memory);
    c->env.kv = own;
    c->env.links_max = own_links_max;
}

/* --- comparing --- */

/* Whether the row is what the next ref says. A part of the ref's fan-out was committed, but the ref
 * does not count as read. */
static bool half_read(const struct cluster *c, int32_t partition, struct slice id,
                      struct slice stored) {
    const struct log *l = &c->logs[TOPIC_CUSTOMER_REFS][partition];
    size_t i = l->consumed;
    while (i < l->count && l->compacted[i])
        i++;
    if (i == l->count || !slice_eq(buf_slice(&l->messages[i].key), id) || !l->messages[i].has_value)
        return false;
    /* They are equal except for the format bytes. */
    struct slice value = buf_slice(&l->messages[i].value);
    return slice_eq(slice_of(value.p + 1, value.n - 1), slice_of(stored.p + 1, stored.n - 1));
}

/* Refs may differ in two cases. First, the live task has already stored a ref whose fan-out is not
 * through. Second, the live task keeps a ref when its tombstone comes after an account has come
 * back, because a new ref is on its way. The replay erases it, because it does not know when the
 * account came back. So a ref may be missing after a replay until the new one is read.
 *
 * This is about a ref that the live task has and the replayed one has not. */
static void check_missing_ref(const struct cluster *c, int32_t partition, struct slice id) {
    const struct log *l = &c->logs[TOPIC_CUSTOMER_REFS][partition];
    bool last_is_tombstone = false, on_its_way = false;
    for (size_t i = 0; i < l->consumed; i++)
        if (slice_eq(buf_slice(&l->messages[i].key), id))
            last_is_tombstone = !l->messages[i].has_value;
    for (size_t i = l->consumed; i < l->count; i++)
        on_its_way = on_its_way || slice_eq(buf_slice(&l->messages[i].key), id);
    for (int32_t p = 0; p < c->n; p++) /* or the customer's task has still to read the link */
        on_its_way = on_its_way || cluster_waits(c, TOPIC_ACCOUNT_LINKS, p);
    if (!last_is_tombstone || !on_its_way)
        fail_msg("the ref of %.*s is missing", (int)id.n, id.p);
}

static void assert_same_refs(const struct cluster *c, struct kv *live, struct kv *replayed,
                             int32_t partition) {
    struct buf prefix = {0}, value = {0}, id = {0};
    key_partition(&prefix, partition);
    struct kv_cursor *cursor = kv_cursor(live, FAMILY_CUSTOMER_REFS);
    for (cursor_seek(cursor, buf_slice(&prefix)); cursor_in(cursor, buf_slice(&prefix));
         cursor_next(cursor)) {
        buf_clear(&id);
        buf_put_int(&id, key_customer_id(cursor_key(cursor)));
        if (half_read(c, partition, buf_slice(&id), cursor_value(cursor)))
            continue;
        if (kv_get(replayed, FAMILY_CUSTOMER_REFS, cursor_key(cursor), &value))
            assert_true(slice_eq(buf_slice(&value), cursor_value(cursor)));
        else
            check_missing_ref(c, partition, buf_slice(&id));
    }
    cursor_free(cursor);
    cursor = kv_cursor(replayed, FAMILY_CUSTOMER_REFS);
    for (cursor_seek(cursor, buf_slice(&prefix)); cursor_in(cursor, buf_slice(&prefix));
         cursor_next(cursor))
        assert_true(kv_get(live, FAMILY_CUSTOMER_REFS, cursor_key(cursor), &value));
    cursor_free(cursor);
    buf_release(&prefix);
    buf_release(&value);
    buf_release(&id);
}

static void assert_same_text(struct buf *live, struct buf *replayed, const char *what,
                             int32_t partition) {
    if (!slice_eq(buf_slice(live), buf_slice(replayed)))
        fail_msg("%s of partition %d: is\n%s, not\n%s", what, partition, buf_cstr(replayed),
                 buf_cstr(live));
    buf_clear(live);
    buf_clear(replayed);
}

/* Those of the accounts are compared with the bytes of their rows. */
static void put_origins_of_customers(struct kv *kv, int32_t partition, struct buf *out) {
    struct buf prefix = {0};
    struct customer_row r = {0};
    key_partition(&prefix, partition);
    struct kv_cursor *c = kv_cursor(kv, FAMILY_CUSTOMERS);
    for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c)) {
        int64_t id = key_customer_id(cursor_key(c));
        struct slice value = cursor_value(c);
        assert_true(customer_row_decode(slice_of(value.p + 1, value.n - 1), id, &r));
        buf_printf(out, "%lld: %d %d %lld@%lld\n", (long long)id, r.origin.exists,
                   r.origin.is_split, (long long)r.origin.partition, (long long)r.origin.offset);
    }
    cursor_free(c);
    customer_row_release(&r);
    buf_release(&prefix);
}

static void assert_same_state(const struct cluster *c, struct memory *replayed,
                              const struct task *t) {
    struct kv *live = memory_kv(c->memory), *other = memory_kv(replayed);
    const struct task_meta *expected = &c->tasks[t->partition].meta;
    struct buf prefix = {0}, a = {0}, b = {0};
    key_partition(&prefix, t->partition);
    for (int f = FAMILY_META + 1; f < FAMILY_COUNT; f++) {
        assert_int_equal(t->meta.rows[f], count_family(other, (enum family)f, buf_slice(&prefix)));
        if (f == FAMILY_CUSTOMER_REFS) {
            assert_same_refs(c, live, other, t->partition);
            continue;
        }
        /* Which links lie in a customer's row depends on the order in which they came. A restore
         * may have fewer or more former accounts than needed. */
        if (f == FAMILY_CUSTOMERS || f == FAMILY_LINKS || f == FAMILY_FORMER_ACCOUNTS)
            continue;
        put_family(live, (enum family)f, buf_slice(&prefix), &a);
        put_family(other, (enum family)f, buf_slice(&prefix), &b);
        assert_same_text(&a, &b, family_name((enum family)f), t->partition);
        assert_int_equal(t->meta.rows[f], expected->rows[f]);
    }
    for (int part = 0; part < PART_COUNT; part++) {
        (void)put_part(live, t->partition, (enum part)part, &a);
        (void)put_part(other, t->partition, (enum part)part, &b);
        assert_same_text(&a, &b, part_name((enum part)part), t->partition);
    }
    put_origins_of_customers(live, t->partition, &a);
    put_origins_of_customers(other, t->partition, &b);
    assert_same_text(&a, &b, "origins of customers", t->partition);
    assert_former_accounts(live, t->partition);
    assert_former_accounts(other, t->partition);
    assert_int_equal(t->meta.current_accounts, expected->current_accounts);
    assert_int_equal(t->meta.joined_accounts, expected->joined_accounts);
    assert_int_equal(t->meta.summaries, expected->summaries);
    buf_release(&prefix);
    buf_release(&a);
    buf_release(&b);
}

static void check_replay(struct world *w, const struct snapshot *s, enum compaction compaction) {
    struct task t;
    struct memory *memory = memory_new();
    task_init(&t, s->partition);
    t.meta = s->meta;
    copy_partition(memory_kv(s->memory), memory_kv(memory), s->partition);
    replay(&w->cluster, s, memory, &t, compaction, &w->rng);
    assert_same_state(&w->cluster, memory, &t);
    task_release(&t);
    memory_free(memory);
}

/* --- into nothing, and into the state as it was at some moments before --- */

static void check_replays(struct world *w, const struct snapshot *snapshots, size_t count) {
    for (int32_t p = 0; p < w->cluster.n; p++) {
        struct snapshot nothing;
        snapshot_empty(&nothing, p);
        for (int k = COMPACT_NOTHING; k <= COMPACT_ALL; k++)
            check_replay(w, &nothing, (enum compaction)k);
        snapshot_release(&nothing);
    }
    for (size_t i = 0; i < count; i++)
        check_replay(w, &snapshots[i], (enum compaction)rng_below(&w->rng, COMPACT_ALL + 1));
}

static const struct codec *const codecs[] = {&codec_json, &codec_json_numbers, &codec_avro,
                                             &codec_connect_json};

/* Lets the tasks write their results in another format from now on. */
static void set_format(struct cluster *c, const struct codec *codec) {
    codec_writer_release(&c->writer);
    codec_writer_init(&c->writer, codec, own_schema_ids);
    c->env.reader.find_schema = find_own_schema;
}

static void run_equality(uint64_t seed, int32_t n) {
    struct snapshot snapshots[SNAPSHOTS_MAX] = {0};
    size_t count = 0;
    world_init(&world, n, seed);
    world.cluster.env.fanout_max_rows = 1 + rng_below(&world.rng, 3);
    world.cluster.env.links_max =
        rng_chance(&world.rng, 50) ? CUSTOMER_LINKS_MAX : rng_below(&world.rng, 4);
    if (rng_chance(&world.rng, 20))
        world.cluster.env.confirmations_max = 2;
    int64_t steps = 20 + rng_below(&world.rng, 120);
    for (int64_t i = 0; i < steps; i++) {
        if (count < SNAPSHOTS_MAX && rng_chance(&world.rng, 8))
            snapshot_take(&snapshots[count++], &world.cluster, (int32_t)rng_below(&world.rng, n));
        if (rng_chance(&world.rng, 10))
            set_format(&world.cluster, codecs[rng_below(&world.rng, ARRAY_LEN(codecs))]);
        world_step(&world, 60);
    }
    check_replays(&world, snapshots, count);
    cluster_settle(&world.cluster);
    check_replays(&world, snapshots, count);
    for (size_t i = 0; i < count; i++)
        snapshot_release(&snapshots[i]);
    world_release(&world);
}

static void test_replay__equals_the_live_state(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(200); seed++)
        run_equality(seed, seed % 3 == 0 ? 1 : 3);
}

/* --- the format of results changes --- */

/* Changes of a customer and of an account of its. */
static void apply_changes(struct cluster *c, int64_t at, const char *name, int64_t cents) {
    struct event customer = customer_event("7", at, name, true),
                 account = account_event("A-1", at, 7, cents, ACCOUNT_SAVINGS);
    assert_true(cluster_apply(c, &customer));
    assert_true(cluster_apply(c, &account));
    cluster_settle(c);
}

static int64_t result_count(const struct cluster *c) {
    int64_t count = 0;
    for (int t = TOPIC_CUSTOMER_HISTORY; t <= TOPIC_CUSTOMER_PROFILE; t++)
        count += (int64_t)c->logs[t][0].count;
    return count;
}

/* Asserts that the last row of each result topic is in this format. */
static void assert_format(const struct cluster *c, const struct codec *codec) {
    for (int t = TOPIC_CUSTOMER_HISTORY; t <= TOPIC_CUSTOMER_PROFILE; t++) {
        const struct log *l = &c->logs[t][0];
        assert_ptr_equal(codec_of(buf_slice(&l->messages[l->count - 1].value)), codec);
    }
}

static void test_replay__format_changes(void **state) {
    struct cluster c;
    (void)state;
    cluster_init(&c, 1);
    apply_changes(&c, 100, "ann", 1000);
    assert_format(&c, &codec_json);
    const struct codec *const order[] = {&codec_avro, &codec_connect_json, &codec_json};
    for (int i = 0; i < 3; i++) {
        int64_t before = result_count(&c);
        set_format(&c, order[i]);
        cluster_refresh(&c, 0);
        apply_changes(&c, 101 + 10 * i, i % 2 == 0 ? "ann" : "bea", 1000 + i); /* as they are */
        assert_int_equal(result_count(&c), before);
        apply_changes(&c, 105 + 10 * i, i % 2 == 0 ? "bea" : "ann", 1001 + i);
        assert_true(result_count(&c) >= before + 5);
        assert_format(&c, order[i]);
    }
    cluster_release(&c);
}

/* --- the registry does not give a schema --- */

static enum codec_schema find_answer(void *context, uint32_t id, struct buf *text,
                                     bool *has_references) {
    const enum codec_schema *answer = context;
    return *answer == CODEC_SCHEMA_FOUND ? find_own_schema(NULL, id, text, has_references)
                                         : *answer;
}

static void replay_one(struct cluster *c, struct memory *memory, enum topic topic) {
    struct kv *own = c->env.kv;
    struct task t;
    const struct message *m = &c->logs[topic][0].messages[c->logs[topic][0].count - 1];
    task_init(&t, 0);
    c->env.kv = memory_kv(memory);
    task_replay(&c->env, &t, topic, message_key(m), message_value(m), headers_of(m));
    c->env.kv = own;
    task_release(&t);
}

static void test_replay__schema_is_missing(void **state) {
    static const struct {
        enum codec_schema answer;
        enum err_class class;
        const char *text;
    } cases[] = {
        {CODEC_SCHEMA_NOT_NOW, ERR_RETRY, "waiting for its schema"},
        {CODEC_SCHEMA_UNKNOWN, ERR_STOP, "the schema registry does not know its schema"},
    };
    enum codec_schema answer;
    struct cluster c;
    (void)state;
    cluster_init(&c, 1);
    set_format(&c, &codec_avro);
    apply_changes(&c, 100, "ann", 1000);
    c.env.reader.find_schema = find_answer;
    c.env.reader.context = &answer;
    for (int t = TOPIC_CUSTOMER_HISTORY; t <= TOPIC_CUSTOMER_PROFILE; t++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct memory *memory = memory_new();
            char id[16];
            answer = cases[i].answer;
            replay_one(&c, memory, (enum topic)t);
            const struct err *e = &memory_kv(memory)->err;
            assert_int_equal(e->class, cases[i].class);
            (void)snprintf(id, sizeof id, "%u", own_schema_ids[t - TOPIC_CUSTOMER_HISTORY]);
            if (strstr(e->text, cases[i].text) == NULL || strstr(e->text, id) == NULL ||
                strstr(e->text, c.env.topics[t]) == NULL)
                fail_msg("%s", e->text);
            memory_free(memory);
        }
        struct memory *memory = memory_new();
        answer = CODEC_SCHEMA_FOUND; /* a failed try leaves nothing behind */
        replay_one(&c, memory, (enum topic)t);
        assert_false(kv_failed(memory_kv(memory)));
        memory_free(memory);
    }
    cluster_release(&c);
}

/* --- messages that streamer did not write --- */

static void mutate(struct buf *b, struct rng *r) {
    size_t at = b->n > 0 ? (size_t)rng_below(r, (int64_t)b->n) : 0;
    switch (rng_below(r, 4)) {
    case 0:
        b->n = at;
        break;
    case 1:
        buf_put_byte(b, (char)rng_below(r, 256));
        break;
    default:
        if (b->n > 0)
            b->p[at] = (char)(rng_chance(r, 50) ? rng_below(r, 256) : "0|\"-"[rng_below(r, 4)]);
    }
}

/* Each message is applied, or refused with an error that stops the program. Nothing outside of it
 * is read. */
static void test_replay__foreign_messages(void **state) {
    (void)state;
    int refused = 0, taken = 0;
    for (uint64_t seed = 0; seed < seed_count(20); seed++) {
        world_init(&world, 1, seed);
        struct cluster *c = &world.cluster;
        struct rng *r = &world.rng;
        for (int i = 0; i < 60; i++) {
            if (rng_chance(r, 20))
                set_format(c, codecs[rng_below(r, ARRAY_LEN(codecs))]);
            world_step(&world, 60);
        }
        for (int i = 0; i < 1000; i++) {
            enum topic topic = (enum topic)rng_below(r, TOPIC_COUNT);
            const struct log *l = &c->logs[topic][0];
            struct buf key = {0}, value = {0};
            if (!topic_is_kept(topic) || l->count == 0)
                continue;
            const struct message *m = &l->messages[rng_below(r, (int64_t)l->count)];
            buf_set(&key, buf_slice(&m->key));
            buf_set(&value, buf_slice(&m->value));
            mutate(rng_chance(r, 30) ? &key : &value, r);
            struct slice body =
                m->has_value && rng_chance(r, 95) ? buf_slice(&value) : slice_null();
            if (topic == TOPIC_ACCOUNT_LINKS && rng_chance(r, 50))
                task_apply_link(&c->env, &c->tasks[0], buf_slice(&key), body);
            else if (topic == TOPIC_CUSTOMER_REFS && rng_chance(r, 50))
                (void)task_apply_ref(&c->env, &c->tasks[0], buf_slice(&key), body);
            else
                task_replay(&c->env, &c->tasks[0], topic, buf_slice(&key), body, headers_of(m));
            if (kv_failed(c->env.kv)) {
                assert_int_equal(c->env.kv->err.class, ERR_STOP);
                refused++;
            } else {
                taken++;
            }
            cluster_rollback(c);
            buf_release(&key);
            buf_release(&value);
        }
        world_release(&world);
    }
    assert_true(refused > 1000 && taken > 100);
}

/* --- tasks that go on after they have lost their state --- */

/* Compacts a log: leaves the last message of each key and, by chance, some more. Messages that
 * nobody has read yet may be removed, too. */
static void compact_log(struct log *l, struct rng *r) {
    size_t end = l->count > 0 ? (size_t)rng_below(r, (int64_t)l->count + 1)
                              : 0; /* the rest is the active segment */
    for (size_t i = 0; i < end; i++)
        if (superseded(l, i, end) && rng_chance(r, 80))
            l->compacted[i] = true;
}

/* Compaction may have removed a link's tombstone that was read, because of a later message that was
 * not read. So after a replay, links with an unread message are removed. They are new when that
 * message is read. */
static void take_back_unread_links(struct cluster *c, struct task *t) {
    const struct log *l = &c->logs[TOPIC_ACCOUNT_LINKS][t->partition];
    for (size_t i = l->consumed; i < l->count; i++)
        if (!l->compacted[i])
            task_replay(&c->env, t, TOPIC_ACCOUNT_LINKS, message_key(&l->messages[i]), slice_null(),
                        (struct history_headers){0});
}

static void restart(struct world *w, int32_t p, const struct snapshot *from) {
    struct cluster *c = &w->cluster;
    struct task *t = &c->tasks[p];
    for (int topic = 0; topic < TOPIC_COUNT; topic++)
        compact_log(&c->logs[topic][p], &w->rng);
    erase_partition(c->memory, p);
    copy_partition(memory_kv(from->memory), memory_kv(c->memory), p);
    task_release(t);
    task_init(t, p);
    t->meta = from->meta;
    t->saved_meta = t->meta;
    replay(c, from, c->memory, t, COMPACT_NOTHING, &w->rng);
    if (from->positions[TOPIC_ACCOUNT_LINKS] < c->logs[TOPIC_ACCOUNT_LINKS][p].consumed)
        take_back_unread_links(c, t);
    cluster_commit(c);
    cluster_refresh(c, p);
}

static void run_restarts(uint64_t seed, int32_t n) {
    struct snapshot snapshots[CLUSTER_MAX];
    world_init(&world, n, seed);
    world.cluster.env.fanout_max_rows = 1 + rng_below(&world.rng, 3);
    world.cluster.env.links_max =
        rng_chance(&world.rng, 50) ? CUSTOMER_LINKS_MAX : rng_below(&world.rng, 4);
    for (int32_t p = 0; p < n; p++)
        snapshot_empty(&snapshots[p], p);
    int64_t steps = 20 + rng_below(&world.rng, 200);
    int changes = 30 + (int)rng_below(&world.rng, 60);
    for (int64_t i = 0; i < steps; i++) {
        int32_t p = (int32_t)rng_below(&world.rng, n);
        if (rng_chance(&world.rng, 6)) {
            restart(&world, p, &snapshots[p]);
        } else if (rng_chance(&world.rng, 4)) {
            snapshot_release(&snapshots[p]);
            snapshot_take(&snapshots[p], &world.cluster, p);
        } else if (rng_chance(&world.rng, 2)) { /* all state is lost */
            snapshot_release(&snapshots[p]);
            snapshot_empty(&snapshots[p], p);
        }
        world_step(&world, changes);
    }
    cluster_settle(&world.cluster);
    world_check_histories(&world);
    world_check_results(&world);
    assert_meta(&world.cluster);
    assert_change_only(&world.cluster);
    for (int32_t p = 0; p < n; p++)
        snapshot_release(&snapshots[p]);
    world_release(&world);
}

static void test_replay__restarts(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(500); seed++)
        run_restarts(seed, seed % 3 == 0 ? 1 : 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay__equals_the_live_state),
        cmocka_unit_test(test_replay__format_changes),
        cmocka_unit_test(test_replay__schema_is_missing),
        cmocka_unit_test(test_replay__foreign_messages),
        cmocka_unit_test(test_replay__restarts),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
