/* Rows of shared tables: sections come and go, and what is no row is refused. */
#include "support.h"

#include "state/layout.h"
#include "streamer/base/mem.h"

#include <string.h>

static struct slice section(struct slice row, int s) {
    struct slice value;
    assert_true(layout_get(row, s, &value));
    return value;
}

/* Against an array of values: random sections set and taken out, of lengths that need one, two and three bytes. */
static void test_layout__sections(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 127, 128, 300, 16383, 16384, 20000};
    static char bytes[20000];
    struct rng r = rng_seeded(1);
    struct slice twin[8] = {{NULL, 0}};
    struct buf row = {0}, next = {0};
    memset(bytes, 'v', sizeof bytes);
    for (int i = 0; i < 5000; i++) {
        int s = (int)rng_below(&r, 8);
        struct slice value = slice_null();
        if (rng_chance(&r, 60))
            value = slice_of(bytes, lengths[rng_below(&r, ARRAY_LEN(lengths))]);
        assert_true(layout_set(row.n > 0 ? buf_slice(&row) : slice_null(), s, value, &next));
        twin[s] = value;
        buf_set(&row, buf_slice(&next));
        bool any = false;
        for (int k = 0; k < 8; k++)
            any = any || twin[k].p != NULL;
        assert_int_equal(row.n > 0, any);
        for (int k = 0; any && k < 8; k++) {
            struct slice found = section(buf_slice(&row), k);
            assert_int_equal(found.p != NULL, twin[k].p != NULL);
            assert_true(slice_eq(found, twin[k]));
        }
    }
    assert_null(section(slice_null(), 0).p);
    buf_release(&row);
    buf_release(&next);
}

static void test_layout__damaged(void **state) {
    (void)state;
    static const struct slice damaged[] = {
        {"", 0},                              /* no mask */
        {"\1", 1},                            /* no length */
        {"\1\2a", 3},                         /* too short */
        {"\1\xff\xff\xff\xff\xff\xff\1a", 8}, /* a length without end */
    };
    static const struct slice damaged_behind[] = {
        {"\1\1ab", 4}, /* too long */
        {"\3\1a", 3},  /* the second one is not there */
    };
    struct buf out = {0};
    struct slice value;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        assert_false(layout_get(damaged[i], 0, &value));
        assert_false(layout_set(damaged[i], 0, slice_str("x"), &out));
    }
    for (size_t i = 0; i < ARRAY_LEN(damaged_behind); i++)
        assert_false(layout_set(damaged_behind[i], 0, slice_str("x"), &out));
    assert_false(layout_get(damaged_behind[1], 1, &value));
    buf_release(&out);
}

/* No two families have the same place, and those alone in a table are the only ones there. */
static void test_layout__places(void **state) {
    (void)state;
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct place a = layout_place((enum family)f);
        assert_true((int)a.table < TABLE_COUNT);
        assert_non_null(table_name(a.table));
        assert_non_null(family_name((enum family)f));
        for (int g = 0; g < f; g++) {
            struct place b = layout_place((enum family)g);
            if (a.table == b.table)
                assert_true(a.section != SECTION_ALONE && b.section != SECTION_ALONE &&
                            a.section != b.section);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout__sections),
                                       cmocka_unit_test(test_layout__damaged),
                                       cmocka_unit_test(test_layout__places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
