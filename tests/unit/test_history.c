/* Driven as task.c does it: the timeline goes through its bytes between two events, and history_apply sees of the
 * closed versions only the last two that start at or before the event and all that start after. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/history.h"

#include <stdio.h>

#define STORED_MAX 4096
#define UNBOUNDED 1000000

/* Attributes by value; the text is all that history sees. */
static struct slice attributes_of(int value) {
    static const char *const texts[] = {"alice", "bob", "charlie", "dora", ""};
    return slice_str(texts[value]);
}

static int value_of(struct slice attributes) {
    for (int v = 0; v < 5; v++)
        if (slice_eq(attributes_of(v), attributes))
            return v;
    fail_msg("no such attributes: %.*s", (int)attributes.n, attributes.p);
    return -1;
}

/* One id: what a task keeps of it. */
struct shelf {
    struct history_options options;
    struct history history;
    struct timeline timeline;
    struct buf bytes; /* of the timeline; empty: none yet */
    struct model_version closed[STORED_MAX];
    size_t closed_count;
};

static void shelf_init(struct shelf *s, int64_t window_ms, size_t confirmations_max) {
    s->options = (struct history_options){window_ms, confirmations_max};
    s->history = (struct history){0};
    s->timeline = (struct timeline){0};
    s->bytes = (struct buf){0};
    s->closed_count = 0;
}

static void shelf_release(struct shelf *s) {
    history_release(&s->history);
    timeline_release(&s->timeline);
    buf_release(&s->bytes);
}

static void shelf_load(struct shelf *s) {
    timeline_clear(&s->timeline);
    struct slice in = buf_slice(&s->bytes);
    if (in.n > 0)
        assert_true(timeline_decode(&in, &s->timeline));
}

static struct version as_version(const struct model_version *v) {
    return (struct version){v->from, v->to, v->loaded_at, attributes_of(v->value)};
}

/* As task.c's load_versions. The caller frees. */
static struct version *shelf_versions(const struct shelf *s, int64_t at, size_t *count) {
    struct version *versions = mem_alloc((s->closed_count + 1) * sizeof *versions);
    size_t first = 0;
    while (first < s->closed_count && s->closed[first].from <= at)
        first++;
    first = first < 2 ? 0 : first - 2;
    *count = 0;
    for (size_t i = first; i < s->closed_count; i++)
        versions[(*count)++] = as_version(&s->closed[i]);
    if (s->timeline.has_current)
        versions[(*count)++] = s->timeline.current;
    return versions;
}

static struct model_version *find_closed(struct shelf *s, int64_t from) {
    for (size_t i = 0; i < s->closed_count; i++)
        if (s->closed[i].from == from)
            return &s->closed[i];
    return NULL;
}

static void remove_closed(struct shelf *s, struct model_version *v) {
    size_t i = (size_t)(v - s->closed);
    memmove(v, v + 1, (--s->closed_count - i) * sizeof *v);
}

static void insert_closed(struct shelf *s, struct model_version v) {
    size_t i = s->closed_count++;
    assert_true(i < STORED_MAX);
    for (; i > 0 && s->closed[i - 1].from > v.from; i--)
        s->closed[i] = s->closed[i - 1];
    s->closed[i] = v;
}

/* What a change says was there, was there; and it changes something. */
static void check_before(struct shelf *s, const struct version_change *c, bool had,
                         const struct model_version *current) {
    const struct model_version *closed = find_closed(s, c->version.from);
    bool was_current = had && current->from == c->version.from;
    enum version_state state = was_current      ? VERSION_CURRENT
                               : closed != NULL ? VERSION_CLOSED
                                                : VERSION_ABSENT;
    assert_int_equal(c->before, state);
    assert_true(c->before != VERSION_ABSENT || c->after != VERSION_ABSENT);
    if (c->before == VERSION_ABSENT || c->after == VERSION_ABSENT)
        return;
    const struct model_version *old = was_current ? current : closed;
    assert_false(old->to == c->version.to && old->loaded_at == c->version.loaded_at &&
                 old->value == value_of(c->version.attributes));
}

static void store_changes(struct shelf *s, bool had, const struct model_version *current) {
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < s->history.change_count; i++) {
        const struct version_change *c = &s->history.changes[i];
        assert_true(i == 0 || c->version.from > last);
        last = c->version.from;
        check_before(s, c, had, current);
    }
    for (size_t i = 0; i < s->history.change_count; i++) {
        const struct version_change *c = &s->history.changes[i];
        struct model_version *closed = find_closed(s, c->version.from);
        if (closed != NULL)
            remove_closed(s, closed);
        if (c->after == VERSION_ABSENT)
            continue;
        assert_int_equal(c->after == VERSION_CURRENT, c->version.to == TIMESTAMP_NONE);
        if (c->after == VERSION_CLOSED)
            insert_closed(s, (struct model_version){c->version.from, c->version.to, c->version.loaded_at,
                                                    value_of(c->version.attributes)});
        else /* the timeline has it */
            assert_true(s->timeline.has_current && s->timeline.current.from == c->version.from &&
                        s->timeline.current.loaded_at == c->version.loaded_at &&
                        slice_eq(s->timeline.current.attributes, c->version.attributes));
    }
}

static void check_confirmations(const struct shelf *s) {
    const struct timeline *t = &s->timeline;
    assert_true(t->confirmation_count <= s->options.confirmations_max);
    for (size_t i = 0; i < t->confirmation_count; i++) {
        assert_true(t->confirmations[i].at >= t->newest_event_at - s->options.late_window_ms);
        assert_true(t->confirmations[i].at <= t->newest_event_at);
        assert_true(i == 0 || t->confirmations[i].at > t->confirmations[i - 1].at);
    }
}

/* False: too late. */
static bool shelf_apply(struct shelf *s, struct model_event e) {
    struct buf before = {0}, after = {0};
    shelf_load(s);
    if (history_too_late(&s->options, &s->timeline, e.at))
        return false;
    struct history_event h = {e.at, e.loaded_at, e.value == MODEL_DELETED, slice_null()};
    if (!h.deleted)
        h.attributes = attributes_of(e.value);
    struct version *versions = NULL;
    size_t count = 0;
    if (history_needs_versions(&s->timeline, &h))
        versions = shelf_versions(s, e.at, &count);
    bool had = s->timeline.has_current, late = s->bytes.n > 0 && e.at < s->timeline.newest_event_at;
    struct model_version current = {0};
    if (had)
        current =
            (struct model_version){s->timeline.current.from, TIMESTAMP_NONE, s->timeline.current.loaded_at,
                                   value_of(s->timeline.current.attributes)};
    confirmations_encode(&s->timeline, &before);
    history_apply(&s->history, &s->options, &s->timeline, versions, count, &h);
    confirmations_encode(&s->timeline, &after);
    assert_int_equal(s->history.late, late);
    bool changed = !slice_eq(buf_slice(&before), buf_slice(&after));
    if (s->history.confirmations_dropped == 0) /* one that is added may be the one that is dropped */
        assert_int_equal(s->history.confirmations_changed, changed);
    else
        assert_true(s->history.confirmations_changed);
    store_changes(s, had, &current);
    check_confirmations(s);
    /* What changed nothing at all is not saved. */
    if (s->history.change_count > 0 || s->history.confirmations_changed) {
        buf_clear(&before);
        timeline_encode(&s->timeline, &before);
        buf_set(&s->bytes, buf_slice(&before));
    }
    free(versions);
    buf_release(&before);
    buf_release(&after);
    return true;
}

/* All versions, ascending; the caller frees. */
static struct model_version *shelf_all(struct shelf *s, size_t *count) {
    struct model_version *all = mem_alloc((s->closed_count + 1) * sizeof *all);
    shelf_load(s);
    memcpy(all, s->closed, s->closed_count * sizeof *all);
    *count = s->closed_count;
    if (s->timeline.has_current)
        all[(*count)++] =
            (struct model_version){s->timeline.current.from, TIMESTAMP_NONE, s->timeline.current.loaded_at,
                                   value_of(s->timeline.current.attributes)};
    return all;
}

static void describe(struct buf *out, const struct model_version *v, size_t n) {
    buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        struct slice name = attributes_of(v[i].value);
        buf_printf(out, "%s%.*s[%lld,", i > 0 ? " " : "", (int)name.n, name.p, (long long)v[i].from);
        if (v[i].to == TIMESTAMP_NONE)
            buf_put_str(out, "…)");
        else
            buf_printf(out, "%lld)", (long long)v[i].to);
        buf_printf(out, "@%lld", (long long)v[i].loaded_at);
    }
}

/* The versions are the model's, and so are the confirmations inside the window, if none was dropped. */
static void compare(struct shelf *s, const struct model *m, const char *what, uint64_t seed) {
    size_t n, expected_count, unchanged_count, i = 0;
    struct model_event *unchanged;
    struct model_version *got = shelf_all(s, &n);
    struct model_version *expected = model_versions(m, &expected_count, &unchanged, &unchanged_count);
    struct buf a = {0}, b = {0};
    describe(&a, got, n);
    describe(&b, expected, expected_count);
    if (!slice_eq(buf_slice(&a), buf_slice(&b)))
        fail_msg("%s %llu: %s, not %s", what, (unsigned long long)seed, buf_cstr(&a), buf_cstr(&b));
    assert_true(s->timeline.newest_event_at == m->newest);
    for (size_t k = 0; k < unchanged_count; k++) {
        if (unchanged[k].at < m->newest - s->options.late_window_ms)
            continue;
        assert_true(i < s->timeline.confirmation_count);
        const struct confirmation *c = &s->timeline.confirmations[i++];
        assert_true(c->at == unchanged[k].at);
        assert_int_equal(c->deleted, unchanged[k].value == MODEL_DELETED);
        assert_true(c->deleted || c->loaded_at == unchanged[k].loaded_at);
    }
    assert_int_equal(i, s->timeline.confirmation_count);
    buf_release(&a);
    buf_release(&b);
    free(got);
    free(expected);
    free(unchanged);
}

/* --- examples --- */

static struct shelf shared; /* too large for the stack */

/* "a5 b12 -7": alice at 5, bob at 12, a delete at 7; loaded_at counts 1, 2, 3. */
static void apply_text(struct shelf *s, const char *text) {
    int64_t loaded = 0;
    for (const char *p = text; *p != '\0';) {
        char *end;
        struct model_event e = {.value = *p == '-' ? MODEL_DELETED : *p - 'a'};
        e.at = strtoll(p + 1, &end, 10);
        e.loaded_at = ++loaded;
        assert_true(shelf_apply(s, e));
        p = *end == ' ' ? end + 1 : end;
    }
}

static void test_history__examples(void **state) {
    static const struct {
        const char *events, *versions;
    } cases[] = {
        {"a5", "alice[5,…)@1"},
        {"a5 b12", "alice[5,12)@1 bob[12,…)@2"},
        /* An event that changes nothing says that the value still held then. */
        {"a5 a10 a15 b12", "alice[5,12)@1 bob[12,15)@4 alice[15,…)@3"},
        {"a5 a10 a15 b7", "alice[5,7)@1 bob[7,10)@4 alice[10,…)@2"},
        {"a5 a10 a15", "alice[5,…)@1"},
        /* A late event splits the version that covers it … */
        {"a5 b20 c12", "alice[5,12)@1 charlie[12,20)@3 bob[20,…)@2"},
        /* … or moves the start of the one that follows, … */
        {"a5 c20 c12", "alice[5,12)@1 charlie[12,…)@3"},
        {"c20 c12", "charlie[12,…)@2"},
        {"a5 c20 d30 c12", "alice[5,12)@1 charlie[12,30)@4 dora[30,…)@3"},
        /* … or changes nothing. */
        {"a5 c20 a12", "alice[5,20)@1 charlie[20,…)@2"},
        /* A delete closes and adds none; what comes after starts anew. */
        {"a5 -10", "alice[5,10)@1"},
        {"a5 -10 a20", "alice[5,10)@1 alice[20,…)@3"},
        {"a5 a20 -10", "alice[5,10)@1 alice[20,…)@2"},
        {"a5 b20 -10", "alice[5,10)@1 bob[20,…)@2"},
        {"-10 a5", "alice[5,10)@2"},
        {"-10", ""},
        {"-10 a20 a5", "alice[5,10)@3 alice[20,…)@2"},
        {"a5 -10 -12 a11", "alice[5,10)@1 alice[11,12)@4"},
        /* A late event never revives a deleted id. */
        {"a5 -10 b7", "alice[5,7)@1 bob[7,10)@3"},
        {"a5 -10 a7", "alice[5,10)@1"},
        {"a5 b8 -10 c3", "charlie[3,5)@4 alice[5,8)@1 bob[8,10)@2"},
        /* At equal times the later one wins, alone; the same once more changes nothing. */
        {"a5 b5", "bob[5,…)@2"},
        {"a5 a5", "alice[5,…)@1"},
        {"a5 -5", ""},
        {"-5 a5", "alice[5,…)@2"},
        {"a5 b10 a10", "alice[5,…)@1"},
        {"a5 b10 -10", "alice[5,10)@1"},
        {"a5 -10 a10", "alice[5,…)@1"},
        {"a5 b10 b10 a10 b10", "alice[5,10)@1 bob[10,…)@5"},
        {"a5 b10 c15 c20 a10", "alice[5,15)@1 charlie[15,…)@3"},
        {"a5 b10 b12 c15 a10", "alice[5,12)@1 bob[12,15)@3 charlie[15,…)@4"},
        /* Both neighbours become one. */
        {"a5 b10 a20 a10", "alice[5,…)@1"},
        {"a5 -10 a20 a10", "alice[5,…)@1"},
        {"a5 b10 a20 b30 a10", "alice[5,30)@1 bob[30,…)@4"},
        /* Times before 1970. */
        {"a-5 b0 c-3", "alice[-5,-3)@1 charlie[-3,0)@3 bob[0,…)@2"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = {0};
        size_t n;
        shelf_init(&shared, 1000, UNBOUNDED);
        apply_text(&shared, cases[i].events);
        struct model_version *all = shelf_all(&shared, &n);
        describe(&text, all, n);
        if (strcmp(buf_cstr(&text), cases[i].versions) != 0)
            fail_msg("%s: %s, not %s", cases[i].events, buf_cstr(&text), cases[i].versions);
        free(all);
        buf_release(&text);
        shelf_release(&shared);
    }
}

static void test_history__too_late(void **state) {
    (void)state;
    shelf_init(&shared, 10, UNBOUNDED);
    assert_true(shelf_apply(&shared, (struct model_event){5, 1, 0})); /* no event yet: nothing is late */
    assert_true(shelf_apply(&shared, (struct model_event){20, 2, 0}));
    assert_false(shelf_apply(&shared, (struct model_event){9, 3, 1}));
    assert_true(shelf_apply(&shared, (struct model_event){10, 4, 1}));
    assert_false(shelf_apply(&shared, (struct model_event){9, 5, MODEL_DELETED}));
    shelf_release(&shared);
}

/* The daily full re-feed reads nothing but the timeline. */
static void test_history__repeats_need_no_versions(void **state) {
    static const struct {
        const char *before;
        struct model_event e;
        bool needs;
    } cases[] = {
        {"", {5, 9, 0}, false},
        {"a5", {6, 9, 1}, false},
        {"a5", {5, 9, 0}, false},
        {"a5 a10 a15", {10, 9, 0}, false},
        {"a5 b10", {10, 9, 1}, false},
        {"a5 b10", {5, 9, 0}, true},
        {"a5", {5, 9, 1}, true},
        {"a5 a10", {7, 9, 0}, true},
        {"a5 -10", {10, 9, MODEL_DELETED}, true},
        {"-5 -10", {5, 9, MODEL_DELETED}, false},
        {"-5 a10", {5, 9, 0}, true},
        {"a5 a10 b20 b30", {10, 9, 1}, true}, /* a confirmation of another version than the current */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        shelf_init(&shared, 1000, UNBOUNDED);
        apply_text(&shared, cases[i].before);
        shelf_load(&shared);
        const struct model_event *e = &cases[i].e;
        struct history_event h = {e->at, e->loaded_at, e->value == MODEL_DELETED,
                                  e->value == MODEL_DELETED ? slice_null() : attributes_of(e->value)};
        if (history_needs_versions(&shared.timeline, &h) != cases[i].needs)
            fail_msg("after %s: case %zu", cases[i].before, i);
        shelf_release(&shared);
    }
}

/* --- any order of arrival --- */

static void run_order(const struct model_event *events, const size_t *order, size_t n, uint64_t seed) {
    struct model m;
    model_init(&m);
    shelf_init(&shared, 1000, UNBOUNDED);
    for (size_t i = 0; i < n; i++) {
        assert_true(shelf_apply(&shared, events[order[i]]));
        assert_true(model_add(&m, 1000, events[order[i]]));
    }
    compare(&shared, &m, "order", seed);
    shelf_release(&shared);
    model_release(&m);
}

static void swap(size_t *a, size_t *b) {
    size_t t = *a;
    *a = *b;
    *b = t;
}

/* Every order of the first `n` elements (Heap's algorithm). */
static void run_all_orders(const struct model_event *events, size_t *order, size_t n, size_t total,
                           uint64_t seed) {
    if (n == 1) {
        run_order(events, order, total, seed);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        run_all_orders(events, order, n - 1, total, seed);
        swap(&order[n % 2 == 0 ? i : 0], &order[n - 1]);
    }
}

/* Every order of every sequence of five events over two values and the delete. */
static void test_history__all_orders_of_five(void **state) {
    enum { N = 5, SETS = 3 * 3 * 3 * 3 * 3 };
    (void)state;
    for (int set = 0; set < SETS; set++) {
        struct model_event events[N];
        size_t order[N];
        int rest = set;
        for (size_t i = 0; i < N; i++, rest /= 3) {
            events[i] = (struct model_event){10 * (int64_t)i, 100 + (int64_t)i, rest % 3 - 1};
            order[i] = i;
        }
        run_all_orders(events, order, N, N, (uint64_t)set);
    }
}

static void test_history__any_order(void **state) {
    enum { N = 24 };
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(1500); seed++) {
        struct rng r = rng_seeded(seed);
        struct model_event events[N];
        size_t order[N], n = 2 + (size_t)rng_below(&r, N - 1);
        int values = 1 + (int)rng_below(&r, 4);
        int64_t at = rng_below(&r, 100) - 50;
        for (size_t i = 0; i < n; i++) {
            at += 1 + rng_below(&r, 20);
            events[i] = (struct model_event){at, rng_below(&r, 1000000), (int)rng_below(&r, values + 1) - 1};
            order[i] = i;
        }
        for (int times = 0; times < 6; times++) {
            for (size_t i = n - 1; i > 0; i--)
                swap(&order[i], &order[rng_below(&r, (int64_t)i + 1)]);
            run_order(events, order, n, seed);
        }
    }
}

/* --- ties, deletes, late and too late events, confirmations that are forgotten --- */

static void test_history__random(void **state) {
    (void)state;
    int64_t refused = 0, late = 0, dropped = 0;
    for (uint64_t seed = 0; seed < seed_count(4000); seed++) {
        struct rng r = rng_seeded(seed);
        struct model m;
        int64_t window = rng_below(&r, 60), now = 0;
        int values = 1 + (int)rng_below(&r, 4), deletes = (int)rng_below(&r, 50);
        int64_t steps = 1 + rng_below(&r, 60);
        model_init(&m);
        shelf_init(&shared, window, UNBOUNDED);
        for (int64_t i = 0; i < steps; i++) {
            now += rng_below(&r, 12);
            int64_t behind = rng_chance(&r, 50) ? rng_below(&r, window + 8) : 0;
            struct model_event e = {now - behind, 1000 + i, (int)rng_below(&r, values)};
            if (rng_chance(&r, deletes))
                e.value = MODEL_DELETED;
            bool accepted = shelf_apply(&shared, e);
            assert_int_equal(accepted, model_add(&m, window, e));
            refused += !accepted;
            late += accepted && shared.history.late;
            compare(&shared, &m, "random", seed);
        }
        dropped += (int64_t)(m.count - shared.timeline.confirmation_count);
        model_release(&m);
        shelf_release(&shared);
    }
    if (seed_count(4000) >= 4000)
        assert_true(refused > 1000 && late > 10000 && dropped > 10000);
}

/* --- bounded confirmations --- */

static void test_history__confirmations_max(void **state) {
    (void)state;
    shelf_init(&shared, 1000, 3);
    apply_text(&shared, "a5 a10 a15 a20");
    assert_int_equal(shared.timeline.confirmation_count, 3);
    assert_int_equal(shared.history.confirmations_dropped, 0);
    assert_true(shelf_apply(&shared, (struct model_event){25, 9, 0})); /* forgets 10 */
    assert_int_equal(shared.history.confirmations_dropped, 1);
    assert_int_equal(shared.history.change_count, 0);
    assert_true(shelf_apply(&shared, (struct model_event){12, 10, 0})); /* older than what is kept */
    assert_int_equal(shared.history.confirmations_dropped, 1);
    assert_true(shelf_apply(&shared, (struct model_event){7, 11, 1}));
    size_t n;
    struct model_version *all = shelf_all(&shared, &n);
    struct buf text = {0};
    describe(&text, all, n);
    assert_string_equal(buf_cstr(&text), "alice[5,7)@1 bob[7,15)@11 alice[15,…)@3");
    buf_release(&text);
    free(all);
    shelf_release(&shared);
}

/* Versions never overlap, are never empty and are maximal, even where confirmations are missing. */
static void assert_well_formed(struct shelf *s) {
    size_t n;
    struct model_version *v = shelf_all(s, &n);
    for (size_t i = 0; i < n; i++) {
        assert_true(v[i].to != TIMESTAMP_NONE ? v[i].to > v[i].from : i + 1 == n);
        if (i > 0) {
            assert_true(v[i].from >= v[i - 1].to);
            assert_true(v[i].from > v[i - 1].to || v[i].value != v[i - 1].value);
        }
    }
    free(v);
}

static void test_history__confirmations_max_random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(1500); seed++) {
        struct rng r = rng_seeded(seed);
        int64_t now = 0;
        shelf_init(&shared, 1000, 1 + (size_t)rng_below(&r, 4));
        for (int i = 0; i < 60; i++) {
            now += rng_below(&r, 5);
            struct model_event e = {now - rng_below(&r, 40), i, (int)rng_below(&r, 4) - 1};
            assert_true(shelf_apply(&shared, e));
            assert_well_formed(&shared);
        }
        shelf_release(&shared);
    }
}

/* Another late.window or confirmations.max than before takes effect with the next event. */
static void test_history__other_options(void **state) {
    (void)state;
    shelf_init(&shared, 1000, UNBOUNDED);
    apply_text(&shared, "a5 a10 a15 a20");
    shared.options = (struct history_options){5, UNBOUNDED};
    assert_true(shelf_apply(&shared, (struct model_event){20, 9, 0})); /* the same once more */
    assert_true(shared.history.confirmations_changed);
    shelf_load(&shared);
    assert_int_equal(shared.timeline.confirmation_count, 2);
    assert_int_equal(shared.timeline.confirmations[0].at, 15);
    shared.options.confirmations_max = 1;
    assert_true(shelf_apply(&shared, (struct model_event){20, 9, 0}));
    shelf_load(&shared);
    assert_int_equal(shared.timeline.confirmation_count, 1);
    assert_int_equal(shared.timeline.confirmations[0].at, 20);
    shelf_release(&shared);
}

/* --- bytes --- */

static void assert_same_timeline(const struct timeline *a, const struct timeline *b) {
    assert_true(a->newest_event_at == b->newest_event_at);
    assert_int_equal(a->has_current, b->has_current);
    if (a->has_current) {
        assert_true(b->current.to == TIMESTAMP_NONE);
        assert_true(a->current.from == b->current.from && a->current.loaded_at == b->current.loaded_at);
        assert_true(slice_eq(a->current.attributes, b->current.attributes));
    }
    assert_int_equal(a->confirmation_count, b->confirmation_count);
    for (size_t i = 0; i < a->confirmation_count; i++) {
        assert_true(a->confirmations[i].at == b->confirmations[i].at);
        assert_true(a->confirmations[i].loaded_at == b->confirmations[i].loaded_at);
        assert_int_equal(a->confirmations[i].deleted, b->confirmations[i].deleted);
    }
}

/* There and back; and no part of the bytes passes for the whole. */
static void test_history__timeline_bytes(void **state) {
    (void)state;
    struct timeline got = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng r = rng_seeded(seed);
        struct confirmation confirmations[4];
        struct timeline t = {
            .newest_event_at = rng_any(&r),
            .has_current = rng_chance(&r, 50),
            .current = {rng_any(&r), TIMESTAMP_NONE, rng_any(&r), attributes_of((int)rng_below(&r, 5))},
            .confirmations = confirmations,
            .confirmation_count = (size_t)rng_below(&r, 5)};
        for (size_t i = 0; i < t.confirmation_count; i++)
            confirmations[i] = (struct confirmation){rng_any(&r), rng_chance(&r, 50), rng_any(&r)};
        struct buf bytes = {0};
        timeline_encode(&t, &bytes);
        struct slice in = buf_slice(&bytes);
        assert_true(timeline_decode(&in, &got));
        assert_int_equal(in.n, 0);
        assert_same_timeline(&t, &got);
        for (size_t n = 0; n < bytes.n; n++) {
            char *part = mem_alloc(n); /* of just that size, so that a read behind it is seen */
            memcpy(part, bytes.p, n);
            in = slice_of(part, n);
            if (timeline_decode(&in, &got))
                fail_msg("seed %llu: %zu of %zu bytes were taken for a timeline", (unsigned long long)seed, n,
                         bytes.n);
            free(part);
        }
        buf_clear(&bytes);
        confirmations_encode(&t, &bytes);
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(confirmations_decode(slice_of(bytes.p, n), &got));
        assert_true(confirmations_decode(buf_slice(&bytes), &got));
        assert_int_equal(got.confirmation_count, t.confirmation_count);
        buf_release(&bytes);
    }
    timeline_release(&got);
}

static void test_history__version_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct rng r = rng_seeded(seed);
        struct version got, v = {rng_any(&r), rng_any(&r), rng_any(&r), attributes_of((int)rng_below(&r, 5))};
        struct buf bytes = {0};
        version_encode(&v, &bytes);
        assert_true(version_decode(buf_slice(&bytes), v.from, &got));
        assert_true(got.from == v.from && got.to == v.to && got.loaded_at == v.loaded_at);
        assert_true(slice_eq(got.attributes, v.attributes));
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(version_decode(slice_of(bytes.p, n), v.from, &got));
        buf_put_byte(&bytes, 0);
        assert_false(version_decode(buf_slice(&bytes), v.from, &got));
        buf_release(&bytes);
    }
}

static void test_history__garbage_bytes(void **state) {
    (void)state;
    struct timeline t = {0};
    struct rng r = rng_seeded(7);
    for (int i = 0; i < 60000; i++) {
        size_t n = (size_t)rng_below(&r, 40);
        char *bytes = mem_alloc(n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(rng_chance(&r, 40) ? rng_below(&r, 6) : rng_below(&r, 256));
        struct slice in = slice_of(bytes, n);
        (void)timeline_decode(&in, &t);
        (void)confirmations_decode(slice_of(bytes, n), &t);
        free(bytes);
    }
    timeline_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__examples),
        cmocka_unit_test(test_history__too_late),
        cmocka_unit_test(test_history__repeats_need_no_versions),
        cmocka_unit_test(test_history__all_orders_of_five),
        cmocka_unit_test(test_history__any_order),
        cmocka_unit_test(test_history__random),
        cmocka_unit_test(test_history__confirmations_max),
        cmocka_unit_test(test_history__confirmations_max_random),
        cmocka_unit_test(test_history__other_options),
        cmocka_unit_test(test_history__timeline_bytes),
        cmocka_unit_test(test_history__version_bytes),
        cmocka_unit_test(test_history__garbage_bytes),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
