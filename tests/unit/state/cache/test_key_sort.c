/* key_sort sorts as qsort does: short keys and long ones, keys with zeros, equal keys, keys that
 * differ only at their ends. */
#include "support.h"

#include "state/cache/key_sort.h"
#include "state/cache/prefetch_set.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 500
#define KEY_BYTES 48

struct key {
    char p[KEY_BYTES];
    size_t n;
};

static struct slice key_of(const void *context, const void *item) {
    assert_string_equal(context, "context");
    const struct key *k = item;
    return slice_of(k->p, k->n);
}

/* Compares unsigned bytes. If one key is a prefix of the other, the shorter one comes first. */
static int compare(const void *a, const void *b) {
    const struct key *x = a, *y = b;
    for (size_t i = 0; i < x->n && i < y->n; i++)
        if (x->p[i] != y->p[i])
            return (unsigned char)x->p[i] < (unsigned char)y->p[i] ? -1 : 1;
    return (x->n > y->n) - (x->n < y->n);
}

/* All keys share `common` bytes. Then come few different bytes, so that many keys share more, and
 * some are equal. */
static struct key random_key(struct rng *rng, size_t common) {
    static const char kinds[] = {'\0', '\1', 'a', '\x7f', '\xff'};
    struct key k = {.n = common + (size_t)rng_below(rng, KEY_BYTES - (int64_t)common)};
    for (size_t i = 0; i < k.n; i++) {
        bool alike = i < common || rng_chance(rng, 60);
        k.p[i] = alike ? 'x' : kinds[rng_below(rng, (int64_t)sizeof kinds)];
    }
    return k;
}

static void assert_sorted(const struct key *expected, size_t n, const struct sorted_item *sorted) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(compare(&expected[i], sorted[i].item), 0);
}

static void test_key_sort__qsort(void **state) {
    (void)state;
    static struct key keys[KEYS], expected[KEYS];
    struct key_sort s = {0};
    struct rng rng = rng_seeded(1);
    for (int turn = 0; turn < 500; turn++) {
        size_t n = (size_t)rng_below(&rng, rng_chance(&rng, 30) ? 4 : KEYS),
               common = (size_t)rng_below(&rng, 30);
        struct sorted_item *items = key_sort_room(&s, n);
        for (size_t i = 0; i < n; i++) {
            keys[i] = expected[i] = random_key(&rng, common);
            items[i].item = &keys[i];
        }
        qsort(expected, n, sizeof *expected, compare);
        assert_sorted(expected, n, key_sort(&s, n, key_of, "context"));
    }
    key_sort_release(&s);
}

/* The set has each key once, with its hash. Then its memory is used for other keys. */
static void test_key_sort__wanted(void **state) {
    (void)state;
    static struct key keys[KEYS];
    struct prefetch_set w = {0};
    struct rng rng = rng_seeded(2);
    for (int turn = 0; turn < 100; turn++) {
        size_t n = (size_t)rng_below(&rng, KEYS), distinct = 0;
        prefetch_set_clear(&w);
        for (size_t i = 0; i < n; i++) {
            keys[i] = random_key(&rng, 40);
            prefetch_set_add(&w, slice_of(keys[i].p, keys[i].n), (uint32_t)keys[i].n + 7);
        }
        qsort(keys, n, sizeof *keys, compare);
        prefetch_set_sort(&w);
        for (size_t i = 0; i < n; i++) {
            if (i > 0 && compare(&keys[i - 1], &keys[i]) == 0)
                continue;
            assert_true(distinct < w.count);
            assert_true(slice_eq(prefetch_set_at(&w, distinct), slice_of(keys[i].p, keys[i].n)));
            assert_int_equal(w.keys[distinct].hash, keys[i].n + 7);
            distinct++;
        }
        assert_int_equal(w.count, distinct);
    }
    prefetch_set_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_sort__qsort),
        cmocka_unit_test(test_key_sort__wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
