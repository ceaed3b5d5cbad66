#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/task/invariants.h"

/* One record of each fate for each way in. */
static struct counts fair_counts(void) {
    struct counts c;
    counts_clear(&c);
    c.consumed[TOPIC_CUSTOMERS] = 2;
    c.forwarded[ENTITY_CUSTOMER] = 1;
    c.applied[ENTITY_CUSTOMER] = 1;
    c.consumed[TOPIC_ACCOUNTS] = 1;
    c.consumed[TOPIC_REPARTITION_ACCOUNTS] = 2;
    c.unchanged[ENTITY_ACCOUNT] = 1;
    c.quarantined[ENTITY_ACCOUNT][REASON_INVALID_BALANCE] = 1;
    c.quarantined[ENTITY_ACCOUNT][REASON_TOO_LATE] = 1;
    c.consumed[TOPIC_ACCOUNT_LINKS] = 7; /* of no account in this */
    c.consumed[TOPIC_CUSTOMER_REFS] = 8;
    return c;
}

static void test_invariants__conservation(void **state) {
    (void)state;
    struct err e = {0};
    struct counts c = fair_counts();
    assert_true(invariant_conservation(&c, &e));
    int64_t *const figures[] = {
        &c.consumed[TOPIC_CUSTOMERS],       &c.consumed[TOPIC_REPARTITION_CUSTOMERS],
        &c.consumed[TOPIC_ACCOUNTS],        &c.consumed[TOPIC_REPARTITION_ACCOUNTS],
        &c.applied[ENTITY_ACCOUNT],         &c.unchanged[ENTITY_CUSTOMER],
        &c.quarantined[ENTITY_CUSTOMER][1], &c.quarantined[ENTITY_ACCOUNT][REASON_COUNT - 1],
        &c.forwarded[ENTITY_ACCOUNT]};
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        for (int by = -1; by <= 1; by += 2) {
            *figures[i] += by;
            assert_false(invariant_conservation(&c, &e));
            assert_int_equal(e.class, ERR_STOP);
            *figures[i] -= by;
        }
    }
    assert_true(invariant_conservation(&c, &e));
}

static void test_invariants__offsets(void **state) {
    (void)state;
    struct err e;
    assert_true(invariant_offset(-1, 0, 0, &e));   /* the first part of a fan-out */
    assert_true(invariant_offset(5, 5, 6, &e));    /* another part of one */
    assert_true(invariant_offset(5, 9, 9, &e));    /* a gap of markers */
    assert_false(invariant_offset(5, 4, 9, &e));   /* back */
    assert_false(invariant_offset(-1, -1, 0, &e)); /* nowhere */
    assert_false(invariant_offset(5, 10, 9, &e));  /* what was not read */
}

static void test_invariants__rows(void **state) {
    (void)state;
    struct err e;
    struct task_meta m = {.current_accounts = 3};
    m.rows[FAMILY_ACCOUNTS_BY_CUSTOMER] = 3;
    m.joined_accounts = 2; /* one is an orphan */
    m.summaries = 2;
    assert_true(invariant_rows(&m, &e));
    m.summaries = 3;
    assert_false(invariant_rows(&m, &e));
    m.summaries = -1;
    assert_false(invariant_rows(&m, &e));
    m.summaries = 0;
    m.rows[FAMILY_LINKS] = -1;
    assert_false(invariant_rows(&m, &e));
    m.rows[FAMILY_LINKS] = 0;
    m.joined_accounts = 4;
    assert_false(invariant_rows(&m, &e));
    m.joined_accounts = 3;
    m.current_accounts = 4;
    assert_false(invariant_rows(&m, &e));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariants__conservation),
        cmocka_unit_test(test_invariants__offsets),
        cmocka_unit_test(test_invariants__rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
