/* Driven as task.c does it: the timeline goes through its bytes between two events, and
 * history_apply sees the event's neighbours only. Confirmations are kept as task_history.c keeps
 * them: a few in the timeline, the others in rows of their own, and those that no accepted event
 * can come before are forgotten. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/snapshots/history.h"

#include <stdio.h>

#define STORED_MAX 16384
#define ALL_AT_ONCE 1000000

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
    int64_t late_window_ms;
    int forgets_at_once; /* confirmations, with one event */
    bool ends_move; /* deletes that are the newest event have no time of their own (rules O6, O8) */
    struct history history;
    struct timeline timeline;
    struct buf bytes; /* of the timeline; empty: none yet */
    struct model_version closed[STORED_MAX];
    size_t closed_count;
    struct confirmation outside[STORED_MAX]; /* ascending by `at` */
    size_t outside_count;
};

static void shelf_init(struct shelf *s, int64_t window_ms) {
    s->late_window_ms = window_ms;
    s->forgets_at_once = ALL_AT_ONCE;
    s->ends_move = false;
    s->history = (struct history){0};
    s->timeline = (struct timeline){0};
    s->bytes = (struct buf){0};
    s->closed_count = s->outside_count = 0;
}

static void shelf_release(struct shelf *s) {
    timeline_release(&s->timeline);
    buf_release(&s->bytes);
}

static void shelf_load(struct shelf *s) {
    timeline_clear(&s->timeline);
    struct slice in = buf_slice(&s->bytes);
    if (in.n > 0)
        assert_true(timeline_decode(&in, &s->timeline));
    assert_int_equal(s->timeline.outside_count, s->outside_count);
    assert_true(s->timeline.outside_oldest ==
                (s->outside_count > 0 ? s->outside[0].at : TIMESTAMP_NONE));
}

static void shelf_save(struct shelf *s) {
    struct buf bytes = {0}; /* slices of the timeline point into the old ones */
    timeline_encode(&s->timeline, &bytes);
    buf_set(&s->bytes, buf_slice(&bytes));
    buf_release(&bytes);
}

/* --- versions of the shelf --- */

static struct version as_version(const struct model_version *v) {
    return (struct version){v->from, v->to, v->loaded_at, attributes_of(v->value)};
}

static struct model_version as_model(const struct version *v) {
    return (struct model_version){v->from, v->to, v->loaded_at, value_of(v->attributes)};
}

static size_t shelf_version_count(const struct shelf *s) {
    return s->closed_count + s->timeline.has_current;
}

static struct version shelf_version(const struct shelf *s, size_t i) {
    return i < s->closed_count ? as_version(&s->closed[i]) : s->timeline.current;
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

/* --- confirmations of the shelf --- */

static void note_outside(struct shelf *s) {
    s->timeline.outside_count = (int64_t)s->outside_count;
    s->timeline.outside_oldest = s->outside_count > 0 ? s->outside[0].at : TIMESTAMP_NONE;
}

static struct confirmation *find_outside(struct shelf *s, int64_t at) {
    for (size_t i = 0; i < s->outside_count; i++)
        if (s->outside[i].at == at)
            return &s->outside[i];
    return NULL;
}

static void insert_outside(struct shelf *s, struct confirmation c) {
    size_t i = s->outside_count++;
    assert_true(i < STORED_MAX);
    for (; i > 0 && s->outside[i - 1].at > c.at; i--)
        s->outside[i] = s->outside[i - 1];
    s->outside[i] = c;
    note_outside(s);
}

static const struct confirmation *find_confirmation(struct shelf *s, int64_t at) {
    const struct confirmation *inside = timeline_find(&s->timeline, at),
                              *outside = find_outside(s, at);
    assert_true(inside == NULL || outside == NULL);
    return inside != NULL ? inside : outside;
}

/* All, ascending by time; the caller frees. */
static struct confirmation *all_confirmations(const struct shelf *s, size_t *count) {
    const struct timeline *t = &s->timeline;
    struct confirmation *all =
        mem_alloc((t->confirmation_count + s->outside_count + 1) * sizeof *all);
    size_t i = 0, j = 0;
    *count = 0;
    while (i < t->confirmation_count || j < s->outside_count) {
        bool is_inside = j == s->outside_count ||
                         (i < t->confirmation_count && t->confirmations[i].at < s->outside[j].at);
        all[(*count)++] = is_inside ? t->confirmations[i++] : s->outside[j++];
    }
    return all;
}

static void forget(struct shelf *s, int64_t at) {
    struct confirmation *c = find_outside(s, at);
    if (c == NULL) {
        timeline_remove(&s->timeline, at);
        return;
    }
    size_t i = (size_t)(c - s->outside);
    memmove(c, c + 1, (--s->outside_count - i) * sizeof *c);
    note_outside(s);
}

/* The newest event that no later one can show to have been another (rule O8). */
static int64_t firm_newest(const struct timeline *t) {
    return t->memory.end == END_NONE ? t->newest_event_at : t->memory.before_end;
}

/* What a late event can still come before begins here. */
static int64_t needed_from(const struct shelf *s) {
    int64_t newest = firm_newest(&s->timeline);
    return newest == TIMESTAMP_NONE ? INT64_MIN : newest - s->late_window_ms;
}

static void forget_old(struct shelf *s) {
    for (int i = 0; i < s->forgets_at_once; i++) {
        size_t count;
        struct confirmation *all = all_confirmations(s, &count);
        bool is_old = count > 0 && all[0].at < needed_from(s);
        if (is_old)
            forget(s, all[0].at);
        free(all);
        if (!is_old)
            return;
    }
}

/* --- an event --- */

static void find_neighbours(const struct shelf *s, int64_t at, struct neighbours *n) {
    size_t first = 0, count = shelf_version_count(s), confirmation_count;
    *n = (struct neighbours){0};
    while (first < count && shelf_version(s, first).from <= at)
        first++;
    bool has_next = first < count;
    int64_t next_from = has_next ? shelf_version(s, first).from : INT64_MAX;
    for (size_t i = first < 2 ? 0 : first - 2; i < first + has_next; i++)
        n->versions[n->version_count++] = shelf_version(s, i);
    struct confirmation *all = all_confirmations(s, &confirmation_count);
    for (size_t i = 0; i < confirmation_count; i++) {
        bool is_next = all[i].at > at;
        if (all[i].at == at || (is_next && all[i].at < next_from))
            n->confirmations[n->confirmation_count++] = all[i];
        if (is_next)
            break;
    }
    free(all);
}

/* Of all versions, that of the time is the one that the neighbours name. */
static void check_version_at(const struct shelf *s, const struct history_event *e,
                             const struct neighbours *n) {
    const struct version *got = neighbours_version_at(n, e->at, &s->timeline, e->moves_end);
    for (size_t i = 0; i < shelf_version_count(s); i++) {
        struct version v = shelf_version(s, i);
        bool ends =
            v.to != TIMESTAMP_NONE && !(e->moves_end && v.to == s->timeline.newest_event_at);
        if (e->at < v.from || (ends && e->at >= v.to))
            continue;
        assert_true(got != NULL && got->from == v.from && slice_eq(got->attributes, v.attributes));
        return;
    }
    assert_null(got);
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
    assert_true(s->history.change_count <= 3);
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
            insert_closed(s, as_model(&c->version));
        else /* the timeline has it */
            assert_true(s->timeline.has_current && s->timeline.current.from == c->version.from &&
                        s->timeline.current.loaded_at == c->version.loaded_at &&
                        slice_eq(s->timeline.current.attributes, c->version.attributes));
    }
}

/* A change that adds, replaces or takes away says so. */
static void store_confirmation(struct shelf *s, const struct confirmation_change *change) {
    const struct confirmation *c = &change->confirmation, *old = find_confirmation(s, c->at);
    assert_int_equal(old != NULL, change->gone || change->replaces);
    assert_false(change->gone && change->replaces);
    bool was_inside = timeline_find(&s->timeline, c->at) != NULL;
    if (old != NULL)
        forget(s, c->at);
    if (change->gone)
        return;
    if (was_inside || (!change->replaces && s->timeline.confirmation_count < CONFIRMATIONS_INSIDE))
        timeline_add(&s->timeline, *c);
    else
        insert_outside(s, *c);
}

static void store_confirmations(struct shelf *s) {
    for (size_t i = 0; i < s->history.confirmation_count; i++)
        store_confirmation(s, &s->history.confirmations[i]);
    forget_old(s);
    const struct timeline *t = &s->timeline;
    assert_true(t->confirmation_count <= CONFIRMATIONS_INSIDE);
    for (size_t i = 1; i < t->confirmation_count; i++)
        assert_true(t->confirmations[i].at > t->confirmations[i - 1].at);
}

/* As order.c remembers it, where deletes have no time of their own. */
static void note_end(struct shelf *s, const struct history_event *e, int64_t before) {
    struct order_memory *m = &s->timeline.memory;
    if (!s->ends_move || !s->history.happened)
        return;
    if (before == TIMESTAMP_NONE || (!e->moves_end && e->at > before)) {
        m->end = e->deleted ? END_TOMBSTONE : END_NONE;
        m->before_end = e->deleted ? before : TIMESTAMP_NONE;
    } else if (e->moves_end || e->at == before) {
        m->end = END_NONE;
        m->before_end = TIMESTAMP_NONE;
    } else if (m->end != END_NONE && e->at > m->before_end) {
        m->before_end = e->at;
    }
}

static struct history_event as_history_event(struct model_event e, bool moves_end) {
    struct history_event h = {e.at, e.loaded_at, e.value == MODEL_DELETED, slice_null(), moves_end};
    if (!h.deleted)
        h.attributes = attributes_of(e.value);
    return h;
}

/* history_apply leaves what it is not to touch, and touches nothing where the event was known. */
static void apply_and_check(struct shelf *s, const struct neighbours *n,
                            const struct history_event *h) {
    struct buf whole[2] = {{0}}, memory[2] = {{0}};
    timeline_encode(&s->timeline, &whole[0]);
    id_memory_encode(&s->timeline, &memory[0]);
    history_apply(&s->history, &s->timeline, n, h);
    timeline_encode(&s->timeline, &whole[1]);
    id_memory_encode(&s->timeline, &memory[1]);
    assert_true(slice_eq(buf_slice(&memory[0]), buf_slice(&memory[1])));
    bool changes = s->history.change_count + s->history.confirmation_count > 0;
    assert_int_equal(s->history.happened, changes);
    assert_true(changes || slice_eq(buf_slice(&whole[0]), buf_slice(&whole[1])));
    for (int i = 0; i < 2; i++) {
        buf_release(&whole[i]);
        buf_release(&memory[i]);
    }
}

static void shelf_apply_placed(struct shelf *s, const struct history_event *h) {
    struct neighbours n;
    struct model_version current = {0};
    int64_t newest = s->timeline.newest_event_at;
    bool had = s->timeline.has_current;
    if (had)
        current = as_model(&s->timeline.current);
    find_neighbours(s, h->at, &n);
    check_version_at(s, h, &n);
    if (!history_needs_neighbours(&s->timeline, h)) /* then it looks at none */
        memset(&n, 0xee, sizeof n);
    apply_and_check(s, &n, h);
    store_changes(s, had, &current);
    note_end(s, h, newest);
    store_confirmations(s);
    shelf_save(s);
}

/* The window is the caller's: order.c judges it. False: too late. */
static bool shelf_apply(struct shelf *s, struct model_event e) {
    shelf_load(s);
    int64_t newest = s->timeline.newest_event_at;
    if (newest != TIMESTAMP_NONE && e.at < newest - s->late_window_ms)
        return false;
    struct history_event h = as_history_event(e, false);
    shelf_apply_placed(s, &h);
    return true;
}

/* All versions, ascending; the caller frees. */
static struct model_version *shelf_all(struct shelf *s, size_t *count) {
    shelf_load(s);
    *count = shelf_version_count(s);
    struct model_version *all = mem_alloc((*count + 1) * sizeof *all);
    for (size_t i = 0; i < *count; i++) {
        struct version v = shelf_version(s, i);
        all[i] = as_model(&v);
    }
    return all;
}

static void describe(struct buf *out, const struct model_version *v, size_t n) {
    buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        struct slice name = attributes_of(v[i].value);
        buf_printf(out, "%s%.*s[%lld,", i > 0 ? " " : "", (int)name.n, name.p,
                   (long long)v[i].from);
        if (v[i].to == TIMESTAMP_NONE)
            buf_put_str(out, "…)");
        else
            buf_printf(out, "%lld)", (long long)v[i].to);
        buf_printf(out, "@%lld", (long long)v[i].loaded_at);
    }
}

static const struct model_event *find_event(const struct model_event *events, size_t n,
                                            int64_t at) {
    for (size_t i = 0; i < n; i++)
        if (events[i].at == at)
            return &events[i];
    return NULL;
}

/* The confirmations are those events that changed nothing, of which only old ones may have been
 * forgotten. */
static void compare_confirmations(struct shelf *s, const struct model_event *unchanged, size_t n) {
    size_t count;
    struct confirmation *all = all_confirmations(s, &count);
    for (size_t i = 0; i < count; i++) {
        const struct model_event *e = find_event(unchanged, n, all[i].at);
        assert_non_null(e);
        assert_int_equal(all[i].deleted, e->value == MODEL_DELETED);
        assert_true(all[i].deleted || all[i].loaded_at == e->loaded_at);
        assert_true(s->forgets_at_once != ALL_AT_ONCE || all[i].at >= needed_from(s));
    }
    for (size_t i = 0; i < n; i++)
        assert_true(unchanged[i].at < needed_from(s) ||
                    find_confirmation(s, unchanged[i].at) != NULL);
    free(all);
}

/* The versions and the confirmations are the model's. */
static void compare(struct shelf *s, const struct model *m, const char *what, uint64_t seed) {
    size_t n, expected_count, unchanged_count;
    struct model_event *unchanged;
    struct model_version *got = shelf_all(s, &n);
    struct model_version *expected =
        model_versions(m, &expected_count, &unchanged, &unchanged_count);
    struct buf a = {0}, b = {0};
    describe(&a, got, n);
    describe(&b, expected, expected_count);
    if (!slice_eq(buf_slice(&a), buf_slice(&b)))
        fail_msg("%s %llu: %s, not %s", what, (unsigned long long)seed, buf_cstr(&a), buf_cstr(&b));
    assert_true(s->timeline.newest_event_at == m->newest);
    compare_confirmations(s, unchanged, unchanged_count);
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
        shelf_init(&shared, 1000);
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

/* The daily full re-feed reads nothing but the timeline. */
static void test_history__repeats_need_no_neighbours(void **state) {
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
        {"a5 a10 b20 b30",
         {10, 9, 1},
         true}, /* a confirmation of another version than the current */
        {"a5 a10 a15 a20 a25 a30 a35 a40", {35, 9, 0}, false},
        {"a5 a10 a15 a20 a25 a30 a35 a40",
         {40, 9, 0},
         true}, /* a confirmation with a row of its own */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        shelf_init(&shared, 1000);
        apply_text(&shared, cases[i].before);
        shelf_load(&shared);
        struct history_event h = as_history_event(cases[i].e, false);
        if (history_needs_neighbours(&shared.timeline, &h) != cases[i].needs)
            fail_msg("after %s: case %zu", cases[i].before, i);
        shelf_release(&shared);
    }
}

/* --- any order of arrival --- */

static void run_order(const struct model_event *events, const size_t *order, size_t n,
                      uint64_t seed) {
    struct model m;
    model_init(&m);
    shelf_init(&shared, 1000);
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
            events[i] = (struct model_event){at, rng_below(&r, 1000000),
                                             (int)rng_below(&r, values + 1) - 1};
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

static bool model_knows(const struct model *m, struct model_event e) {
    const struct model_event *known = find_event(m->events, m->count, e.at);
    return known != NULL && known->value == e.value;
}

struct random_counts {
    int64_t refused, late, repeated, outside, forgotten;
};

static void run_random(uint64_t seed, struct random_counts *counts) {
    struct rng r = rng_seeded(seed);
    struct model m;
    int64_t window = rng_below(&r, rng_chance(&r, 30) ? 400 : 60), now = 0;
    int values = 1 + (int)rng_below(&r, 4), deletes = (int)rng_below(&r, 50);
    int64_t steps = 1 + rng_below(&r, 60);
    model_init(&m);
    shelf_init(&shared, window);
    if (rng_chance(&r, 30))
        shared.forgets_at_once = (int)rng_below(&r, 5);
    for (int64_t i = 0; i < steps; i++) {
        now += rng_below(&r, 12);
        int64_t behind = rng_chance(&r, 50) ? rng_below(&r, window + 8) : 0;
        struct model_event e = {now - behind, 1000 + i, (int)rng_below(&r, values)};
        if (rng_chance(&r, deletes))
            e.value = MODEL_DELETED;
        bool is_known = model_knows(&m, e), is_late = m.newest != TIMESTAMP_NONE && e.at < m.newest;
        bool accepted = shelf_apply(&shared, e);
        assert_int_equal(accepted, model_add(&m, window, e));
        if (accepted)
            assert_int_equal(shared.history.happened, !is_known);
        counts->refused += !accepted;
        counts->late += accepted && is_late;
        counts->repeated += accepted && is_known;
        counts->outside += shared.outside_count > 0;
        compare(&shared, &m, "random", seed);
    }
    counts->forgotten +=
        (int64_t)(m.count - shared.timeline.confirmation_count - shared.outside_count);
    model_release(&m);
    shelf_release(&shared);
}

static void test_history__random(void **state) {
    (void)state;
    struct random_counts c = {0};
    for (uint64_t seed = 0; seed < seed_count(4000); seed++)
        run_random(seed, &c);
    if (seed_count(4000) >= 4000)
        assert_true(c.refused > 1000 && c.late > 10000 && c.repeated > 1000 && c.outside > 5000 &&
                    c.forgotten > 10000);
}

/* Another late.window than before takes effect with the next event. */
static void test_history__other_options(void **state) {
    struct model m;
    (void)state;
    model_init(&m);
    shelf_init(&shared, 1000);
    for (int64_t i = 0; i < 10; i++) {
        struct model_event e = {5 + 5 * i, i, 0};
        assert_true(shelf_apply(&shared, e));
        assert_true(model_add(&m, 1000, e));
    }
    compare(&shared, &m, "wide", 0);
    assert_int_equal(shared.timeline.confirmation_count + shared.outside_count, 9);
    shared.late_window_ms = 5;
    assert_true(shelf_apply(&shared, (struct model_event){50, 11, 0})); /* the same once more */
    compare(&shared, &m, "narrow", 0);
    assert_int_equal(shared.timeline.confirmation_count + shared.outside_count, 2);
    /* Wider again: what is forgotten stays so, and versions are well-formed. */
    shared.late_window_ms = 1000;
    assert_true(shelf_apply(&shared, (struct model_event){30, 12, 1}));
    size_t n;
    struct buf text = {0};
    struct model_version *all = shelf_all(&shared, &n);
    describe(&text, all, n);
    assert_string_equal(buf_cstr(&text), "alice[5,30)@0 bob[30,45)@12 alice[45,…)@8");
    free(all);
    buf_release(&text);
    model_release(&m);
    shelf_release(&shared);
}

/* --- an end that moves (rule O8) --- */

/* As if the newest event never was. */
static void model_drop_newest(struct model *m) {
    int64_t newest = TIMESTAMP_NONE;
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->events[i].at == m->newest)
            continue;
        if (m->events[i].at > newest)
            newest = m->events[i].at;
        m->events[n++] = m->events[i];
    }
    m->count = n;
    m->newest = newest;
}

/* An upsert behind the event before the delete, and not behind the delete, when the newest event is
 * that. */
static void move_end(struct shelf *s, struct model *m, struct rng *r, struct model_event e) {
    int64_t end = s->timeline.newest_event_at, before = s->timeline.memory.before_end;
    int64_t room = before == TIMESTAMP_NONE ? 20 : end - before;
    e.at = end - (rng_chance(r, 30) ? 0 : rng_chance(r, 30) ? room - 1 : rng_below(r, room));
    struct history_event h = as_history_event(e, true);
    assert_true(history_needs_neighbours(&s->timeline, &h));
    shelf_apply_placed(s, &h);
    assert_true(s->history.happened);
    model_drop_newest(m);
    assert_true(model_add(m, s->late_window_ms, e));
}

struct move_counts {
    int64_t moved, ties, same, outside;
};

static void run_moves(uint64_t seed, struct move_counts *counts) {
    struct rng r = rng_seeded(seed);
    struct model m;
    int64_t window = rng_below(&r, 200), now = 0;
    int values = 1 + (int)rng_below(&r, 3), deletes = 10 + (int)rng_below(&r, 40);
    model_init(&m);
    shelf_init(&shared, window);
    shared.ends_move = true;
    if (rng_chance(&r, 30))
        shared.forgets_at_once = (int)rng_below(&r, 5);
    for (int64_t i = 0; i < 60; i++) {
        struct model_event e = {0, 1000 + i, (int)rng_below(&r, values)};
        shelf_load(&shared);
        int64_t newest = shared.timeline.newest_event_at;
        if (shared.timeline.memory.end == END_TOMBSTONE && rng_chance(&r, 40)) {
            move_end(&shared, &m, &r, e);
            counts->moved++;
            counts->ties += m.newest == newest;
            counts->same +=
                shared.history.confirmation_count > 0 && !shared.history.confirmations[0].gone;
            counts->outside += shared.outside_count > 0;
        } else {
            now += rng_below(&r, 8);
            e.at = now - (rng_chance(&r, 30) ? rng_below(&r, window + 2) : 0);
            if (rng_chance(&r, deletes))
                e.value = MODEL_DELETED;
            assert_int_equal(shelf_apply(&shared, e), model_add(&m, window, e));
        }
        compare(&shared, &m, "moves", seed);
    }
    model_release(&m);
    shelf_release(&shared);
}

static void test_history__moves_end(void **state) {
    (void)state;
    struct move_counts c = {0};
    for (uint64_t seed = 0; seed < seed_count(2000); seed++)
        run_moves(seed, &c);
    if (seed_count(2000) >= 2000)
        assert_true(c.moved > 10000 && c.ties > 3000 && c.same > 3000 && c.outside > 1000);
}

/* The last event comes behind a delete without a time of its own, which the text has as its newest
 * one. */
static void test_history__moves_end_examples(void **state) {
    static const struct {
        const char *events;
        struct model_event e;
        const char *versions;
    } cases[] = {
        /* Deleted and inserted again within the connector's lag: the new row is alive from its own
           time on. */
        {"a5 -10", {8, 9, 1}, "alice[5,8)@1 bob[8,…)@9"},
        {"a5 -10", {10, 9, 1}, "alice[5,10)@1 bob[10,…)@9"},
        {"a5 -10", {6, 9, 0}, "alice[5,…)@1"},
        {"a5 -10", {10, 9, 0}, "alice[5,…)@1"},
        /* A delete that ended nothing. */
        {"-10", {8, 9, 0}, "alice[8,…)@9"},
        {"-10", {10, 9, 0}, "alice[10,…)@9"},
        {"a5 -7 -10", {8, 9, 0}, "alice[5,7)@1 alice[8,…)@9"},
        {"a5 -7 -10", {10, 9, 0}, "alice[5,7)@1 alice[10,…)@9"},
        /* The event before the delete is one that changed nothing. */
        {"a5 a8 -10", {9, 9, 1}, "alice[5,9)@1 bob[9,…)@9"},
        {"b2 a5 a8 -10", {9, 9, 0}, "bob[2,5)@1 alice[5,…)@2"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = {0};
        size_t n;
        shelf_init(&shared, 1000);
        shared.ends_move = true;
        apply_text(&shared, cases[i].events);
        shelf_load(&shared);
        struct history_event h = as_history_event(cases[i].e, true);
        shelf_apply_placed(&shared, &h);
        struct model_version *all = shelf_all(&shared, &n);
        describe(&text, all, n);
        if (strcmp(buf_cstr(&text), cases[i].versions) != 0)
            fail_msg("%s, then at %lld: %s, not %s", cases[i].events, (long long)cases[i].e.at,
                     buf_cstr(&text), cases[i].versions);
        assert_true(shared.timeline.newest_event_at == cases[i].e.at);
        free(all);
        buf_release(&text);
        shelf_release(&shared);
    }
}

/* --- far behind --- */

/* What an event changes, it finds among its neighbours, however long the history is; and the whole
 * is right. */
static void test_history__far_behind(void **state) {
    enum { VERSIONS = 5000, EVENTS = 2500 };
    struct rng r = rng_seeded(5);
    struct model m;
    (void)state;
    model_init(&m);
    shelf_init(&shared, INT64_C(1000000000));
    for (int64_t i = 0; i < VERSIONS; i++) {
        struct model_event e = {10 * i, i, (int)(i % 3)};
        assert_true(shelf_apply(&shared, e) && model_add(&m, shared.late_window_ms, e));
    }
    assert_int_equal(shared.closed_count, VERSIONS - 1);
    for (int64_t i = 0; i < EVENTS; i++) {
        struct model_event e = {rng_below(&r, INT64_C(10) * VERSIONS), 100000 + i,
                                (int)rng_below(&r, 4) - 1};
        bool is_known = model_knows(&m, e);
        assert_true(shelf_apply(&shared, e) && model_add(&m, shared.late_window_ms, e));
        assert_int_equal(shared.history.happened, !is_known);
        if (i % 50 == 0)
            compare(&shared, &m, "far behind", (uint64_t)i);
    }
    compare(&shared, &m, "far behind", EVENTS);
    assert_true(shared.outside_count > 200);
    model_release(&m);
    shelf_release(&shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__examples),
        cmocka_unit_test(test_history__repeats_need_no_neighbours),
        cmocka_unit_test(test_history__all_orders_of_five),
        cmocka_unit_test(test_history__any_order),
        cmocka_unit_test(test_history__random),
        cmocka_unit_test(test_history__other_options),
        cmocka_unit_test(test_history__moves_end),
        cmocka_unit_test(test_history__moves_end_examples),
        cmocka_unit_test(test_history__far_behind),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
