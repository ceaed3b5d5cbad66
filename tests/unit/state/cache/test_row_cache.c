/* row_cache beside a plain array: dirty rows are never missing, rows that are found are right, and
 * memory is bounded. */
#include "support.h"

#include "state/cache/row_cache.h"

#include <stdio.h>
#include <string.h>

#define KEYS 300
#define TABLES 3
#define MAX_BYTES 40000 /* far less than all rows need */

struct twin {
    int64_t stored, now; /* the numbers of values; -1: the row is absent */
    bool dirty;
};

struct rig {
    struct row_cache cache;
    struct twin twins[TABLES][KEYS];
    struct rng rng;
    struct buf key, value;
    int64_t numbers, found;
};

/* The last family is only scanned: its rows are evicted when they were written. */
static const enum family tables[TABLES] = {FAMILY_LINKS, FAMILY_ACCOUNTS, FAMILY_ACCOUNT_HISTORY};

static struct slice make_key(struct rig *g, int64_t k) {
    buf_clear(&g->key);
    for (int64_t i = 0; i <= k % 11; i++)
        buf_put_byte(&g->key, 'k');
    buf_put_int(&g->key, k);
    return buf_slice(&g->key);
}

/* Values have different lengths, so that some outgrow the room of their row. */
static struct slice make_value(struct rig *g, int64_t number) {
    buf_clear(&g->value);
    if (number < 0)
        return slice_null();
    for (int64_t i = 0; i < number % 7 * 30; i++)
        buf_put_byte(&g->value, 'v');
    buf_put_int(&g->value, number);
    return buf_slice(&g->value);
}

static void assert_row_is(struct rig *g, const struct row *r, int64_t number) {
    assert_int_equal(r->exists, number >= 0);
    if (r->exists)
        assert_true(slice_eq(row_value(r), make_value(g, number)));
}

static void look_up(struct rig *g, int f, int64_t k) {
    struct twin *t = &g->twins[f][k];
    const struct row *r = row_cache_find(&g->cache, tables[f], make_key(g, k));
    if (r == NULL) {
        assert_false(t->dirty);
        row_cache_put_clean(&g->cache, tables[f], make_key(g, k), make_value(g, t->stored), 7);
        return;
    }
    g->found++;
    assert_int_equal(r->dirty, t->dirty);
    if (!r->dirty)
        assert_int_equal(r->epoch, 7);
    assert_row_is(g, r, t->now);
}

static void change(struct rig *g, int f, int64_t k) {
    struct twin *t = &g->twins[f][k];
    t->now = rng_chance(&g->rng, 30) ? -1 : g->numbers++;
    t->dirty = true;
    row_cache_put_dirty(&g->cache, tables[f], make_key(g, k), make_value(g, t->now));
}

static uint32_t epoch_is_7(void *arg, struct slice key) {
    (void)arg, (void)key;
    return 7;
}

/* The sorted rows are all dirty rows, each once, in order. */
static void end_batch(struct rig *g, bool commit) {
    size_t dirty = 0, listed = 0;
    for (int f = 0; f < TABLES; f++) {
        const struct rows *rows = row_cache_sort_dirty(&g->cache, tables[f]);
        listed += rows->n;
        for (size_t i = 1; i < rows->n; i++)
            assert_true(slice_compare(row_key(rows->p[i - 1]), row_key(rows->p[i])) < 0);
        for (int k = 0; k < KEYS; k++) {
            struct twin *t = &g->twins[f][k];
            dirty += t->dirty;
            if (t->dirty)
                assert_row_is(g, row_cache_find(&g->cache, tables[f], make_key(g, k)), t->now);
            t->stored = commit ? t->now : t->stored;
            t->now = t->stored;
            t->dirty = false;
        }
    }
    assert_int_equal(listed, dirty);
    if (commit)
        row_cache_mark_clean(&g->cache, epoch_is_7, NULL);
    else
        row_cache_drop_dirty(&g->cache);
    if (commit)
        assert_true(g->cache.bytes <= MAX_BYTES);
}

static void test_row_cache__twin(void **state) {
    (void)state;
    static struct rig g;
    g.rng = rng_seeded(1);
    row_cache_init(&g.cache, MAX_BYTES);
    for (int f = 0; f < TABLES; f++)
        for (int k = 0; k < KEYS; k++)
            g.twins[f][k] = (struct twin){-1, -1, false};
    for (int i = 0; i < 100000; i++) {
        int64_t k = rng_chance(&g.rng, 50) ? rng_below(&g.rng, 10) : rng_below(&g.rng, KEYS);
        int f = (int)rng_below(&g.rng, TABLES);
        int64_t what = rng_below(&g.rng, 100);
        if (what < 60)
            look_up(&g, f, k);
        else if (what < 95)
            change(&g, f, k);
        else
            end_batch(&g, rng_chance(&g.rng, 70));
    }
    assert_true(g.found > 10000);
    end_batch(&g, true);
    row_cache_release(&g.cache);
    buf_release(&g.key);
    buf_release(&g.value);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_row_cache__twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
