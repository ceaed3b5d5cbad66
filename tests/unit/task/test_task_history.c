/* task_history: reading from the state what an event has to know of its id's history, the
 * confirmations in the state, and the header of history rows. test_task.c tests the rest of it. */
#include "cluster.h"

#include "rows_peer.h"
#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/task_floor.h"
#include "streamer/task/task_history.h"

#include <stdio.h>

#define WIDE INT64_C(1000000)

/* --- the position of an id --- */

static void put_lsn(struct buf *out, const char *lsn) {
    struct position_source source = {slice_str("postgresql"), slice_str("bank"), slice_null()};
    struct slice parts[POSITION_PARTS] = {slice_str(lsn), slice_null(), slice_null()};
    position_put(out, POSITION_LSN, &source, parts);
}

static void test_task_history__position_header(void **state) {
    static const char *const lsns[] = {"1", "0/16B3748", "a:b", "1:0:l0123456789abcdef:7"};
    (void)state;
    struct rng r = rng_seeded(31);
    struct buf header = {0}, position = {0}, seen = {0};
    for (int i = 0; i < 1000; i++) {
        put_lsn(&position, lsns[rng_below(&r, ARRAY_LEN(lsns))]);
        put_lsn(&seen, rng_chance(&r, 50) ? "" : lsns[rng_below(&r, ARRAY_LEN(lsns))]);
        struct order_memory m = {.position = buf_slice(&position),
                                 .position_is_last = rng_chance(&r, 50),
                                 .position_is_read = rng_chance(&r, 50),
                                 .seen = buf_slice(&seen),
                                 .revision = rng_below(&r, rng_chance(&r, 50) ? 100 : INT64_MAX)};
        struct order_memory got = {.last = LAST_DELETE, .before_end = 7, .outdated = true};
        task_put_position_header(&m, &header);
        assert_true(task_get_position_header(buf_slice(&header), &got));
        assert_true(slice_eq(got.position, m.position) &&
                    got.position_is_last == m.position_is_last && got.revision == m.revision);
        assert_true(got.position_is_read == m.position_is_read && slice_eq(got.seen, m.seen));
        assert_true(got.last == LAST_DELETE && got.before_end == 7 && got.outdated);
    }
    buf_release(&header);
    buf_release(&position);
    buf_release(&seen);
}

/* The form that task_history.h describes. */
static void test_task_history__position_header_text(void **state) {
    static const struct {
        bool is_last, is_read;
        const char *seen, *header;
    } cases[] = {
        {false, false, "", "4:0:l0123456789abcdef:50"},
        {true, false, "", "4:1:l0123456789abcdef:50"},
        {false, true, "", "4:2:l0123456789abcdef:50"},
        {true, true, "", "4:3:l0123456789abcdef:50"},
        {true, true, "l0123456789abcdef:7", "4:3:l0123456789abcdef:50\tl0123456789abcdef:7"},
    };
    (void)state;
    struct buf header = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct order_memory m = {.position = slice_str("l0123456789abcdef:50"),
                                 .position_is_last = cases[i].is_last,
                                 .position_is_read = cases[i].is_read,
                                 .seen = slice_str(cases[i].seen),
                                 .revision = 4};
        task_put_position_header(&m, &header);
        assert_text(buf_slice(&header), cases[i].header);
    }
    buf_release(&header);
}

/* Headers of one id come in any order: compaction keeps the last of each key. */
static void test_task_history__position_header_revision(void **state) {
    (void)state;
    struct order_memory m = {0};
    assert_true(task_get_position_header(slice_str("4:1:l0123456789abcdef:50"), &m));
    assert_true(task_get_position_header(slice_str("3:0:l0123456789abcdef:90"), &m));
    assert_text(m.position, "l0123456789abcdef:50");
    assert_true(m.position_is_last && m.revision == 4);
    assert_true(task_get_position_header(slice_str("4:0:l0123456789abcdef:50"), &m));
    assert_false(m.position_is_last);
    assert_true(task_get_position_header(slice_str("5:1:l0123456789abcdef:20"), &m));
    assert_text(m.position, "l0123456789abcdef:20");
    assert_int_equal(m.revision, 5);
    assert_true(
        task_get_position_header(slice_str("6:3:l0123456789abcdef:9\tl0123456789abcdef:5"), &m));
    assert_true(task_get_position_header(slice_str("5:1:l0123456789abcdef:20"), &m));
    assert_true(m.position_is_last && m.position_is_read);
    assert_text(m.seen, "l0123456789abcdef:5");
    assert_true(task_get_position_header(slice_str("7:0:l0123456789abcdef:11"), &m));
    assert_false(m.position_is_read);
    assert_int_equal(m.seen.n, 0);
}

static void test_task_history__position_header_refused(void **state) {
    static const char *const texts[] = {
        "",
        ":",
        "::",
        ":1:l0123456789abcdef:5",
        "1",
        "1:",
        "1:1",
        "1:1:",
        "1:1:l0123456789abcdef",
        "1:1:l0123456789abcdef:",
        "1:1:l0123456789abcdef-5",
        "1:11:l0123456789abcdef:5",
        "1:4:l0123456789abcdef:5",
        "1:-1:l0123456789abcdef:5",
        "1:3:\tl0123456789abcdef:5",
        "1:3:l0123456789abcdef:5\tl0123456789abcdef",
        "1:3:l0123456789abcdef:5\tl0123456789abcdef:",
        "1::l0123456789abcdef:5",
        "x:1:l0123456789abcdef:5",
        "1x:1:l0123456789abcdef:5",
        "9223372036854775808:1:l0123456789abcdef:5",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct order_memory m = {.revision = -1};
        size_t n = strlen(texts[i]);
        char *copy = mem_alloc(n); /* of just that size, so that a read behind it is seen */
        memcpy(copy, texts[i], n);
        if (task_get_position_header(slice_of(copy, n), &m))
            fail_msg("\"%s\" was taken", texts[i]);
        assert_true(m.position.n == 0 && m.revision == -1);
        free(copy);
    }
    struct order_memory m = {0};
    assert_false(task_get_position_header(slice_null(), &m));
}

/* --- one id in the state --- */

static const char *const names[] = {"alice", "bob", "charlie", "dora"};

/* The customer 7 or the account A, whose values are names or amounts; of a partition of its own. */
struct one {
    struct cluster cluster;
    struct task *task;
    enum entity entity;
    struct slice id;
    struct model model; /* of all that was applied */
};

static void one_init(struct one *o, enum entity entity, int64_t late_window_ms,
                     int64_t confirmations_max) {
    cluster_init(&o->cluster, 1);
    o->cluster.env.order_options.late_window_ms = late_window_ms;
    o->cluster.env.order_options.future_window_ms = 10 * WIDE;
    o->cluster.env.confirmations_max = confirmations_max;
    o->task = &o->cluster.tasks[0];
    o->entity = entity;
    o->id = slice_str(entity == ENTITY_CUSTOMER ? "7" : "A");
    model_init(&o->model);
}

static void one_release(struct one *o) {
    cluster_settle(&o->cluster);
    assert_meta(&o->cluster);
    cluster_release(&o->cluster);
    model_release(&o->model);
}

static bool one_apply(struct one *o, struct model_event m) {
    struct event e = end_event(o->entity, CHANGE_DELETE, o->id.p, m.at);
    if (m.value != MODEL_DELETED)
        e = o->entity == ENTITY_CUSTOMER
                ? customer_event(o->id.p, m.at, names[m.value], false)
                : account_event(o->id.p, m.at, 7, m.value, ACCOUNT_SAVINGS);
    e.loaded_at_ms = e.early_after_ms = m.loaded_at;
    bool accepted = cluster_apply(&o->cluster, &e);
    assert_int_equal(accepted,
                     model_add(&o->model, o->cluster.env.order_options.late_window_ms, m));
    return accepted;
}

static int value_of(const struct one *o, struct slice attributes) {
    if (o->entity == ENTITY_ACCOUNT) {
        struct account_attributes a;
        assert_true(account_attributes_decode(attributes, &a));
        return (int)a.balance_amount;
    }
    struct customer_attributes a;
    assert_true(row_get_avro(&customer_attributes_type, &attributes, &a));
    for (int v = 0; v < (int)ARRAY_LEN(names); v++)
        if (slice_eq(a.customer_name, slice_str(names[v])))
            return v;
    fail_msg("no such name: %.*s", (int)a.customer_name.n, a.customer_name.p);
    return -1;
}

static struct model_version as_model(const struct one *o, const struct version *v) {
    return (struct model_version){v->from, v->to, v->loaded_at, value_of(o, v->attributes)};
}

static const struct timeline *one_timeline(struct one *o) {
    return task_load_timeline(&o->cluster.env, o->task, o->entity, o->id);
}

/* All versions that the state has, ascending; the caller frees. */
static struct model_version *one_versions(struct one *o, size_t *count) {
    struct task_env *env = &o->cluster.env;
    enum family f = entity_map(o->entity)->versions;
    struct buf prefix = {0};
    struct model_version *all = mem_alloc(1000 * sizeof *all);
    *count = 0;
    task_version_prefix(&prefix, o->task, o->entity, o->id);
    struct kv_cursor *c = kv_cursor(env->kv, f);
    for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c)) {
        struct slice body;
        struct version v;
        assert_true(task_body(env->kv, f, cursor_value(c), &body));
        assert_true(version_decode(body, key_time(cursor_key(c)), &v));
        assert_true(*count < 999);
        all[(*count)++] = as_model(o, &v);
    }
    cursor_free(c);
    buf_release(&prefix);
    const struct timeline *t = one_timeline(o);
    if (t->has_current)
        all[(*count)++] = as_model(o, &t->current);
    return all;
}

static void assert_versions(struct one *o, const char *expected) {
    struct buf text = {0};
    size_t n;
    struct model_version *v = one_versions(o, &n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&text, "%s%s[%lld,", i > 0 ? " " : "", names[v[i].value], (long long)v[i].from);
        if (v[i].to == TIMESTAMP_NONE)
            buf_put_str(&text, "…)");
        else
            buf_printf(&text, "%lld)", (long long)v[i].to);
        buf_printf(&text, "@%lld", (long long)v[i].loaded_at);
    }
    assert_string_equal(buf_cstr(&text), expected);
    buf_release(&text);
    free(v);
}

static int64_t outside_rows(struct one *o) {
    return count_family(o->cluster.env.kv, entity_map(o->entity)->confirmations, slice_of("", 0));
}

static int64_t confirmation_count(struct one *o) {
    const struct timeline *t = one_timeline(o);
    assert_int_equal(t->outside_count, outside_rows(o));
    return (int64_t)t->confirmation_count + t->outside_count;
}

/* --- neighbours --- */

static bool same_version(const struct model_version *a, const struct model_version *b) {
    return a->from == b->from && a->to == b->to && a->loaded_at == b->loaded_at &&
           a->value == b->value;
}

/* The last two versions that start at or before `at`, and the next one. Inside the current version
 * only that version, because an event there cannot change the one before. */
static void check_near_versions(struct one *o, int64_t at, const struct model_version *all,
                                size_t count) {
    const struct neighbours *n = &o->cluster.env.neighbours;
    size_t end = 0, i = 0;
    while (end < count && all[end].from <= at)
        end++;
    bool inside_current = end > 0 && all[end - 1].to == TIMESTAMP_NONE && all[end - 1].from < at;
    size_t wanted = inside_current ? 1 : 2, first = end < wanted ? 0 : end - wanted;
    end += end < count;
    assert_int_equal(n->version_count, end - first);
    for (; first < end; first++, i++) {
        struct model_version v = as_model(o, &n->versions[i]);
        assert_true(same_version(&v, &all[first]));
    }
}

/* The confirmation at `at`, and the next one, unless the next version starts before that. */
static void check_near_confirmations(struct one *o, int64_t at, const struct model_version *all,
                                     size_t count, const struct model_event *unchanged,
                                     size_t unchanged_count) {
    const struct neighbours *n = &o->cluster.env.neighbours;
    size_t i = 0, next = 0;
    while (next < count && all[next].from <= at)
        next++;
    for (size_t k = 0; k < unchanged_count; k++) {
        const struct model_event *e = &unchanged[k];
        if (e->at < at)
            continue;
        if (e->at > at && next < count && all[next].from < e->at)
            break;
        assert_true(i < n->confirmation_count);
        assert_true(n->confirmations[i].at == e->at);
        assert_int_equal(n->confirmations[i].deleted, e->value == MODEL_DELETED);
        assert_true(e->value == MODEL_DELETED || n->confirmations[i].loaded_at == e->loaded_at);
        i++;
        if (e->at > at)
            break;
    }
    assert_int_equal(i, n->confirmation_count);
}

static int64_t model_newest_before(const struct model *m, int64_t at) {
    int64_t newest = TIMESTAMP_NONE;
    for (size_t i = 0; i < m->count; i++)
        if (m->events[i].at < at && m->events[i].at > newest)
            newest = m->events[i].at;
    return newest;
}

static void check_near(struct one *o, int64_t at) {
    struct task_env *env = &o->cluster.env;
    size_t count, unchanged_count;
    struct model_event *unchanged;
    struct model_version *all = model_versions(&o->model, &count, &unchanged, &unchanged_count);
    const struct timeline *line = one_timeline(o);
    task_load_neighbours(env, o->task, o->entity, o->id, line, at);
    check_near_versions(o, at, all, count);
    check_near_confirmations(o, at, all, count, unchanged, unchanged_count);
    assert_true(task_newest_before(env, o->task, o->entity, o->id, line, at) ==
                model_newest_before(&o->model, at));
    free(all);
    free(unchanged);
}

/* Histories of two ids side by side in the state, of which neither sees the other's rows. */
static void test_task_history__neighbours(void **state) {
    (void)state;
    int64_t outside = 0;
    for (uint64_t seed = 0; seed < seed_count(300); seed++) {
        struct rng r = rng_seeded(seed);
        struct one o;
        int values = 1 + (int)rng_below(&r, 4), deletes = (int)rng_below(&r, 40);
        int64_t range = 20 + rng_below(&r, 200), steps = 1 + rng_below(&r, 80);
        one_init(&o, seed % 2 == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, WIDE, 1000);
        for (int64_t i = 0; i < steps; i++) {
            struct model_event e = {rng_below(&r, range) - 20, 1000 + i,
                                    (int)rng_below(&r, values)};
            if (rng_chance(&r, deletes))
                e.value = MODEL_DELETED;
            assert_true(one_apply(&o, e));
            struct event before = customer_event("6", e.at, "zoe", i % 2 == 0);
            struct event behind = account_event("A1", e.at, 7, i, ACCOUNT_SAVINGS);
            (void)cluster_apply(&o.cluster, seed % 2 == 0 ? &before : &behind);
            if (rng_chance(&r, 30))
                cluster_commit(&o.cluster);
            for (int k = 0; k < 3; k++)
                check_near(&o, rng_chance(&r, 50) ? e.at : rng_below(&r, range + 10) - 25);
        }
        outside += one_timeline(&o)->outside_count;
        one_release(&o);
    }
    if (seed_count(300) >= 300)
        assert_true(outside > 1000);
}

/* --- confirmations --- */

static void test_task_history__confirmations_max(void **state) {
    (void)state;
    struct one o;
    one_init(&o, ENTITY_CUSTOMER, 1000, 3);
    const int64_t *dropped = &o.cluster.env.counts.confirmations_dropped[ENTITY_CUSTOMER];
    for (int64_t i = 1; i <= 4; i++)
        assert_true(one_apply(&o, (struct model_event){5 * i, i, 0}));
    assert_int_equal(confirmation_count(&o), 3);
    assert_int_equal(*dropped, 0);
    assert_true(one_apply(&o, (struct model_event){25, 9, 0})); /* forgets 10 */
    assert_int_equal(*dropped, 1);
    assert_int_equal(confirmation_count(&o), 3);
    assert_true(one_apply(&o, (struct model_event){12, 10, 0})); /* older than what is kept */
    assert_int_equal(*dropped, 2);
    assert_int_equal(confirmation_count(&o), 3);
    assert_true(one_apply(&o, (struct model_event){7, 11, 1}));
    assert_versions(&o, "alice[5,7)@1 bob[7,15)@11 alice[15,…)@3");
    one_release(&o);
}

/* A lowered limit takes effect with the next events: each forgets a few confirmations. */
static void test_task_history__confirmations_max_lowered(void **state) {
    (void)state;
    struct one o;
    one_init(&o, ENTITY_ACCOUNT, WIDE, 1000);
    for (int64_t i = 0; i < 41; i++)
        assert_true(one_apply(&o, (struct model_event){10 * i, i, 0}));
    assert_int_equal(confirmation_count(&o), 40);
    assert_int_equal(outside_rows(&o), 40 - CONFIRMATIONS_INSIDE);
    o.cluster.env.confirmations_max = 8;
    int64_t before = 40;
    for (int64_t i = 0; i < 40; i++) {
        assert_true(one_apply(&o, (struct model_event){1000 + i, i, 0}));
        int64_t now = confirmation_count(&o);
        assert_true(now < before || now == 8);
        before = now;
    }
    assert_int_equal(before, 8);
    one_release(&o);
}

/* Versions never overlap, are never empty, and two that touch differ. */
static void assert_well_formed(struct one *o) {
    size_t n;
    struct model_version *v = one_versions(o, &n);
    for (size_t i = 0; i < n; i++) {
        assert_true(v[i].to != TIMESTAMP_NONE ? v[i].to > v[i].from : i + 1 == n);
        if (i > 0) {
            assert_true(v[i].from >= v[i - 1].to);
            assert_true(v[i].from > v[i - 1].to || v[i].value != v[i - 1].value);
        }
    }
    free(v);
}

/* That also holds if confirmations are missing. */
static void test_task_history__confirmations_max_random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(300); seed++) {
        struct rng r = rng_seeded(seed);
        struct one o;
        int64_t now = 0, most = 1 + rng_below(&r, 10);
        one_init(&o, seed % 2 == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, 1000, most);
        for (int i = 0; i < 60; i++) {
            now += rng_below(&r, 5);
            assert_true(one_apply(
                &o, (struct model_event){now - rng_below(&r, 40), i, (int)rng_below(&r, 4) - 1}));
            assert_well_formed(&o);
            assert_true(confirmation_count(&o) <= most);
        }
        one_release(&o);
    }
}

/* Within late.window nothing is forgotten. Older confirmations are forgotten when events come. */
static void test_task_history__old_confirmations(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(200); seed++) {
        struct rng r = rng_seeded(seed);
        struct one o;
        int64_t now = 0, window = 20 + rng_below(&r, 200);
        one_init(&o, seed % 2 == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, window, 1000);
        for (int i = 0; i < 100; i++) {
            size_t n, unchanged_count;
            struct model_event *unchanged;
            now += rng_below(&r, 8);
            (void)one_apply(
                &o, (struct model_event){now - (rng_chance(&r, 40) ? rng_below(&r, window) : 0), i,
                                         (int)rng_below(&r, 3) - 1});
            free(model_versions(&o.model, &n, &unchanged, &unchanged_count));
            int64_t needed = 0;
            for (size_t k = 0; k < unchanged_count; k++)
                needed += unchanged[k].at >= o.model.newest - window;
            /* One event adds two at most and forgets four. */
            assert_in_range(confirmation_count(&o), needed, needed + 2);
            free(unchanged);
        }
        for (int64_t i = 1; i <= 100;
             i++) /* far ahead of all; each forgets some, and is too old for the next */
            assert_true(one_apply(&o, (struct model_event){now + 10000 * i, 100 + i, 0}));
        assert_true(confirmation_count(&o) == 1 && outside_rows(&o) <= 1);
        one_release(&o);
    }
}

/* --- the confirmations that version 0.1.0 wrote --- */

#define OLD_CONFIRMATIONS 3000

/* All confirmations of an id in one message, as often as the topic has it: the format's byte,
 * blocks, their end. */
static void put_old_message(struct buf *out, int64_t count) {
    buf_clear(out);
    buf_put_byte(out, MESSAGE_FORMAT);
    avro_put_long(out, count);
    for (int64_t i = 1; i <= count; i++) {
        avro_put_long(out, 10 * i);
        avro_put_bool(out, false);
        avro_put_long(out, i);
    }
    avro_put_long(out, 0);
}

static void replay_text(struct one *o, enum topic topic, const char *key, struct slice value) {
    task_replay(&o->cluster.env, o->task, topic, slice_str(key), value,
                (struct history_headers){0});
    if (kv_failed(o->cluster.env.kv))
        fail_msg("%s", o->cluster.env.kv->err.text);
}

/* The topics of version 0.1.0: alice since 0, and confirmed every 10 since then. */
static void replay_old(struct one *o) {
    struct buf message = {0};
    replay_text(o, TOPIC_CUSTOMER_HISTORY, "7|0",
                slice_str("{\"customer_id\":7,\"customer_name\":\"alice\",\"has_loan_flag\":false,"
                          "\"loaded_at\":\"1970-01-01T00:00:00.000Z\",\"valid_from_at\":"
                          "\"1970-01-01T00:00:00.000Z\",\"valid_to_at\":null}"));
    put_old_message(&message, OLD_CONFIRMATIONS);
    replay_text(o, TOPIC_CONFIRMATIONS, "customer|7", buf_slice(&message));
    buf_release(&message);
}

static void assert_as_model(struct one *o) {
    size_t n, model_n, unchanged_n;
    struct model_event *unchanged;
    struct model_version *v = one_versions(o, &n),
                         *m = model_versions(&o->model, &model_n, &unchanged, &unchanged_n);
    assert_int_equal(n, model_n);
    for (size_t i = 0; i < n; i++)
        assert_true(same_version(&v[i], &m[i]));
    assert_int_equal(confirmation_count(o), unchanged_n);
    free(v);
    free(m);
    free(unchanged);
}

/* Replaying the old messages, and behind them the last messages of what was sent since, gives the
 * same state. */
static void check_restore(struct one *o) {
    struct one r;
    one_init(&r, o->entity, WIDE, 100000);
    replay_old(&r);
    cluster_commit(&o->cluster);
    static const enum topic topics[] = {TOPIC_CUSTOMER_HISTORY, TOPIC_CONFIRMATIONS};
    for (size_t t = 0; t < ARRAY_LEN(topics); t++) {
        const struct log *l = &o->cluster.logs[topics[t]][0];
        for (size_t i = 0; i < l->count; i++)
            replay_text(&r, topics[t], buf_cstr(&l->messages[i].key),
                        message_value(&l->messages[i]));
    }
    for (size_t i = 0; i < o->model.count; i++)
        assert_true(model_add(&r.model, WIDE, o->model.events[i]));
    assert_as_model(&r);
    assert_true(one_timeline(&r)->newest_event_at == one_timeline(o)->newest_event_at);
    one_release(&r);
}

/* They are read back, however many they are, and events of the id go on: late events find them, and
 * new confirmations get rows of their own. */
static void test_task_history__confirmations_of_0_1_0(void **state) {
    (void)state;
    struct one o;
    one_init(&o, ENTITY_CUSTOMER, WIDE, 100000);
    replay_old(&o);
    for (int64_t i = 0; i <= OLD_CONFIRMATIONS; i++)
        assert_true(model_add(&o.model, WIDE, (struct model_event){10 * i, i, 0}));
    assert_int_equal(one_timeline(&o)->confirmation_count, OLD_CONFIRMATIONS);
    assert_int_equal(outside_rows(&o), 0);
    assert_as_model(&o);
    check_restore(&o);
    assert_true(one_apply(&o, (struct model_event){30010, 5000, 0})); /* a confirmation, */
    assert_int_equal(outside_rows(&o), 1);
    assert_non_null(capture_last(&o.cluster.pending, TOPIC_CONFIRMATIONS, "customer@7|30010"));
    assert_null(capture_last(&o.cluster.pending, TOPIC_CONFIRMATIONS, "customer|7"));
    assert_true(one_apply(&o, (struct model_event){15, 5001, 1})); /* one that is late, */
    const struct message *m = capture_last(&o.cluster.pending, TOPIC_CONFIRMATIONS, "customer|7");
    assert_non_null(m);
    assert_int_equal(m->value.p[0], CONFIRMATIONS_FORMAT);
    assert_as_model(&o);
    check_restore(&o);
    assert_true(one_apply(&o, (struct model_event){20, 5002, 2})); /* at a confirmation's time, */
    assert_true(one_apply(
        &o, (struct model_event){17000, 5003, MODEL_DELETED}));       /* a delete between them, */
    assert_true(one_apply(&o, (struct model_event){40000, 5004, 3})); /* and the next version */
    assert_as_model(&o);
    check_restore(&o);
    one_release(&o);
}

/* Random events after such a list was replayed. */
static void test_task_history__confirmations_of_0_1_0_random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(30); seed++) {
        struct rng r = rng_seeded(seed);
        struct one o;
        one_init(&o, ENTITY_CUSTOMER, WIDE, 100000);
        replay_old(&o);
        for (int64_t i = 0; i <= OLD_CONFIRMATIONS; i++)
            assert_true(model_add(&o.model, WIDE, (struct model_event){10 * i, i, 0}));
        for (int i = 0; i < 8; i++) {
            int64_t at = rng_below(&r, 3010) * 10 + (rng_chance(&r, 50) ? 5 : 0);
            assert_true(
                one_apply(&o, (struct model_event){at, 5000 + i, (int)rng_below(&r, 4) - 1}));
        }
        assert_as_model(&o);
        check_restore(&o);
        one_release(&o);
    }
}

/* A list that is cut short, or in an unknown format, stops the program. */
static void test_task_history__confirmations_of_other_formats(void **state) {
    (void)state;
    struct buf message = {0};
    put_old_message(&message, 3);
    for (size_t n = 0; n <= message.n; n++) {
        for (int format = 0; format < 4; format++) {
            struct one o;
            one_init(&o, ENTITY_CUSTOMER, WIDE, 1000);
            char *copy = mem_alloc(n); /* of just that size, so that a read behind it is seen */
            if (n > 0)
                memcpy(copy, message.p, n);
            if (n > 0)
                copy[0] = (char)format;
            bool ok = n == message.n && format == MESSAGE_FORMAT;
            task_replay(&o.cluster.env, o.task, TOPIC_CONFIRMATIONS, slice_str("customer|7"),
                        slice_of(copy, n), (struct history_headers){0});
            assert_int_equal(!kv_failed(o.cluster.env.kv), ok);
            assert_true(ok || o.cluster.env.kv->err.class == ERR_STOP);
            cluster_rollback(&o.cluster);
            one_release(&o);
            free(copy);
        }
    }
    buf_release(&message);
}

/* --- the floor of a truncate --- */

static void test_task_history__floor_bytes(void **state) {
    (void)state;
    struct peer *peer = peer_new("floor");
    struct rng r = rng_seeded(33);
    struct buf position = {0};
    for (int i = 0; i < 200; i++) {
        struct one o;
        one_init(&o, i % 2 == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, WIDE, 1000);
        put_lsn(&position, rng_chance(&r, 50) ? "0" : "0/16B3748");
        struct event e = {.entity = o.entity,
                          .kind = CHANGE_TRUNCATE,
                          .event_at_ms = any_time(&r),
                          .has_own_time = rng_chance(&r, 50),
                          .is_log = rng_chance(&r, 50),
                          .position = buf_slice(&position),
                          .source_partition = (int32_t)rng_below(&r, INT32_MAX),
                          .source_offset = rng_below(&r, INT64_MAX)};
        e.loaded_at_ms = e.early_after_ms = e.event_at_ms;
        assert_true(task_apply_truncate(&o.cluster.env, o.task, &e));
        const struct message *m =
            capture_last(&o.cluster.pending, TOPIC_CONFIRMATIONS, entity_map(o.entity)->floor_key);
        assert_non_null(m);
        assert_int_equal(m->value.p[0], CONFIRMATIONS_FORMAT);
        assert_int_equal(avro_value_reset(&peer->value), 0);
        avro_value_t v = member(&peer->value, "at");
        assert_int_equal(avro_value_set_long(&v, e.event_at_ms), 0);
        v = member(&peer->value, "has_own_time");
        assert_int_equal(avro_value_set_boolean(&v, e.has_own_time), 0);
        v = member(&peer->value, "by_time_only");
        assert_int_equal(avro_value_set_boolean(&v, !e.is_log), 0);
        v = member(&peer->value, "position");
        set_bytes(&v, e.position);
        v = member(&peer->value, "source_partition");
        assert_int_equal(avro_value_set_long(&v, e.source_partition), 0);
        v = member(&peer->value, "source_offset");
        assert_int_equal(avro_value_set_long(&v, e.source_offset), 0);
        assert_bytes_equal("floor", slice_of(m->value.p + 1, m->value.n - 1), peer_encode(peer));
        const struct order_floor *floor = task_floor(&o.cluster.env, o.task, o.entity);
        assert_true(floor->exists && floor->at == e.event_at_ms &&
                    floor->has_own_time == e.has_own_time && floor->by_time_only == !e.is_log &&
                    slice_eq(floor->position, e.position) &&
                    floor->source_partition == e.source_partition &&
                    floor->source_offset == e.source_offset);
        one_release(&o);
    }
    buf_release(&position);
    peer_free(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task_history__position_header),
        cmocka_unit_test(test_task_history__position_header_text),
        cmocka_unit_test(test_task_history__position_header_revision),
        cmocka_unit_test(test_task_history__position_header_refused),
        cmocka_unit_test(test_task_history__neighbours),
        cmocka_unit_test(test_task_history__confirmations_max),
        cmocka_unit_test(test_task_history__confirmations_max_lowered),
        cmocka_unit_test(test_task_history__confirmations_max_random),
        cmocka_unit_test(test_task_history__old_confirmations),
        cmocka_unit_test(test_task_history__confirmations_of_0_1_0),
        cmocka_unit_test(test_task_history__confirmations_of_0_1_0_random),
        cmocka_unit_test(test_task_history__confirmations_of_other_formats),
        cmocka_unit_test(test_task_history__floor_bytes),
    };
    return cmocka_run_group_tests_name("task_history", tests, NULL, NULL);
}
