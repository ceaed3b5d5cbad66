#include "streamer/complete/vanished.h"

#include "streamer/base/mem.h"
#include "support.h"

enum { IDS = 60, AT_MS = 1000 };

/* --- what was found, as text: "a b " --- */

static bool put_id(void *context, struct slice id, struct err *e) {
    (void)e;
    struct buf *out = context;
    buf_put_slice(out, id);
    buf_put_byte(out, ' ');
    return true;
}

static void assert_found(struct vanished *v, int64_t at_ms, const char *expected,
                         struct vanished_counts expected_counts) {
    struct buf found = {0};
    struct vanished_counts counts;
    struct err e;
    assert_true(vanished_walk(v, at_ms, put_id, &found, &counts, &e));
    assert_string_equal(buf_cstr(&found), expected);
    assert_int_equal(counts.current, expected_counts.current);
    assert_int_equal(counts.found, expected_counts.found);
    assert_int_equal(counts.newer, expected_counts.newer);
    assert_int_equal(counts.changed, expected_counts.changed);
    buf_release(&found);
}

static struct vanished *new_vanished(void) {
    struct err e;
    struct vanished *v = vanished_new(&e);
    assert_non_null(v);
    return v;
}

static void note_current(struct vanished *v, const char *id, int64_t at_ms) {
    struct err e;
    assert_true(vanished_note_current(v, slice_str(id), at_ms, &e));
}
static void note_ended(struct vanished *v, const char *id, int64_t at_ms) {
    struct err e;
    assert_true(vanished_note_ended(v, slice_str(id), at_ms, &e));
}
static void note_present(struct vanished *v, const char *id) {
    struct err e;
    assert_true(vanished_note_present(v, slice_str(id), &e));
}
static void note_changed(struct vanished *v, const char *id) {
    struct err e;
    assert_true(vanished_note_changed(v, slice_str(id), &e));
}

static void note_confirmed(struct vanished *v, const char *id, int64_t at_ms) {
    struct err e;
    assert_true(vanished_note_confirmed(v, slice_str(id), at_ms, &e));
}

/* --- each rule --- */

/* A delete at AT_MS would leave such a row alive, with a gap in its past. */
static void test_vanished__what_was_confirmed_later_is_newer(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    note_confirmed(v, "a", AT_MS + 1);
    note_confirmed(v, "a", 2); /* no order is needed */
    note_current(v, "a", 1);
    note_current(v, "b", 1);
    note_confirmed(v, "b", AT_MS); /* a delete at the very time wins (rule O2) */
    note_current(v, "c", AT_MS + 1);
    note_confirmed(v, "c", 2);
    note_confirmed(v, "never current", AT_MS + 1);
    note_current(v, "d", 1); /* nothing of the id before is left */
    struct vanished_counts counts = {.current = 4, .found = 2, .newer = 2};
    assert_found(v, AT_MS, "b d ", counts);
    vanished_free(v);
}

static void test_vanished__current_and_not_present(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    assert_found(v, AT_MS, "", (struct vanished_counts){0});
    note_present(v, "b");
    note_present(v, "unknown");
    note_current(v, "a", 1);
    note_current(v, "b", 1);
    note_current(v, "c", 1);
    note_present(v, "b");
    struct vanished_counts counts = {.current = 3, .found = 2};
    assert_found(v, AT_MS, "a c ", counts);
    assert_found(v, AT_MS, "a c ", counts); /* as often as one likes */
    vanished_free(v);
}

static void test_vanished__a_version_that_has_ended_is_not_current(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    note_current(v, "gone", 1);
    note_ended(v, "gone", 1);
    note_ended(v, "always gone", 1);
    note_current(v, "again", 1);
    note_ended(v, "again", 1);
    note_current(v, "again", 5);
    note_current(v, "moved", 7); /* its start has moved: the old row is a tombstone */
    note_current(v, "moved", 6);
    note_ended(v, "moved", 7);
    assert_found(v, AT_MS, "again moved ", (struct vanished_counts){.current = 2, .found = 2});
    assert_found(v, 5, "again ", (struct vanished_counts){.current = 2, .found = 1, .newer = 1});
    vanished_free(v);
}

static void test_vanished__valid_from_the_very_time_counts(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    note_current(v, "a", AT_MS);
    note_current(v, "b", AT_MS + 1);
    note_current(v, "c", -62135596800000); /* the year 1 */
    struct vanished_counts counts = {.current = 3, .found = 2, .newer = 1};
    assert_found(v, AT_MS, "a c ", counts);
    vanished_free(v);
}

static void test_vanished__what_has_changed_stays(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    note_current(v, "a", 1);
    note_changed(v, "a");
    note_changed(v, "new");
    note_current(v, "b", 1);
    struct vanished_counts counts = {.current = 2, .found = 1, .changed = 1};
    assert_found(v, AT_MS, "b ", counts);
    vanished_free(v);
}

/* Ids that begin with others, and with bytes that the facts use, do not mix. */
static void test_vanished__ids_are_any_bytes(void **state) {
    (void)state;
    static const struct slice ids[] = {{"a", 1}, {"a\0", 2}, {"a\1", 2}, {"a\2", 2}, {"a\0\0", 3}};
    struct vanished *v = new_vanished();
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_true(vanished_note_current(v, ids[i], 1, &e));
        assert_true(i % 2 == 0 || vanished_note_present(v, ids[i], &e));
    }
    struct buf found = {0};
    struct vanished_counts counts;
    assert_true(vanished_walk(v, AT_MS, put_id, &found, &counts, &e));
    assert_true(slice_eq(buf_slice(&found), slice_of("a a\1 a\0\0 ", 9)));
    buf_release(&found);
    vanished_free(v);
}

/* --- the same as sets in memory --- */

struct known {
    bool is_current, is_present, is_changed;
    int64_t from;
};

static void note_any(struct vanished *v, struct rng *rng, const char *id, struct known *k) {
    int64_t from = rng_below(rng, 2 * AT_MS);
    switch (rng_below(rng, 4)) {
    case 0: /* an older version ends when a new one begins */
        if (k->is_current)
            note_ended(v, id, k->from);
        note_current(v, id, from);
        k->is_current = true;
        k->from = from;
        break;
    case 1:
        note_ended(v, id, k->from);
        k->is_current = false;
        break;
    case 2:
        note_present(v, id);
        k->is_present = true;
        break;
    default:
        if (!rng_chance(rng, 20))
            break;
        note_changed(v, id);
        k->is_changed = true;
    }
}

static bool has_vanished(const struct known *k) {
    return k->is_current && !k->is_present && !k->is_changed && k->from <= AT_MS;
}

static void test_vanished__like_sets(void **state) {
    (void)state;
    struct rng rng = rng_seeded(17);
    struct known known[IDS] = {0};
    struct vanished *v = new_vanished();
    for (int i = 0; i < 20 * IDS; i++) {
        char id[16];
        int64_t which = rng_below(&rng, IDS);
        (void)snprintf(id, sizeof id, "%02d", (int)which);
        note_any(v, &rng, id, &known[which]);
        if (i % 300 != 299)
            continue;
        struct buf expected = {0};
        struct vanished_counts counts = {0};
        for (int k = 0; k < IDS; k++) {
            bool is_out = known[k].is_current && !known[k].is_present;
            if (has_vanished(&known[k]))
                buf_printf(&expected, "%02d ", k);
            counts.current += known[k].is_current;
            counts.found += has_vanished(&known[k]);
            counts.changed += is_out && known[k].is_changed;
            counts.newer += is_out && !known[k].is_changed && known[k].from > AT_MS;
        }
        assert_found(v, AT_MS, buf_cstr(&expected), counts);
        buf_release(&expected);
    }
    vanished_free(v);
}

static bool stop_at_once(void *context, struct slice id, struct err *e) {
    (void)context;
    (void)id;
    return err_set(e, ERR_STOP, "enough");
}

static void test_vanished__the_caller_stops_the_walk(void **state) {
    (void)state;
    struct vanished *v = new_vanished();
    struct vanished_counts counts;
    struct err e;
    note_current(v, "a", 1);
    note_current(v, "b", 1);
    assert_false(vanished_walk(v, AT_MS, stop_at_once, NULL, &counts, &e));
    assert_string_equal(e.text, "enough");
    assert_int_equal(counts.found, 1);
    vanished_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vanished__current_and_not_present),
        cmocka_unit_test(test_vanished__a_version_that_has_ended_is_not_current),
        cmocka_unit_test(test_vanished__valid_from_the_very_time_counts),
        cmocka_unit_test(test_vanished__what_was_confirmed_later_is_newer),
        cmocka_unit_test(test_vanished__what_has_changed_stays),
        cmocka_unit_test(test_vanished__ids_are_any_bytes),
        cmocka_unit_test(test_vanished__like_sets),
        cmocka_unit_test(test_vanished__the_caller_stops_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
