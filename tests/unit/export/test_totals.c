/* Control totals are exact, whatever the amounts are. */
#include "support.h"

#include "streamer/export/totals.h"

#include <string.h>

static void assert_sums(const struct totals_of_rows *t, const struct row_type *type,
                        const char *expected) {
    struct buf out = {0};
    totals_put_sums(t, type, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
}

static void test_totals__summaries(void **state) {
    (void)state;
    struct err e = {0};
    struct totals_of_rows t = {0};
    for (int i = 0; i < 3; i++)
        assert_true(totals_add_row(
            &t, &account_summary_type,
            &(struct account_summary_row){.original_balance_amount = INT64_C(999999999999999999),
                                          .interest_rate_pct = 15,
                                          .annual_interest_amount = 5,
                                          .new_balance_amount = -1},
            &e));
    assert_int_equal(t.rows, 3);
    assert_sums(&t, &account_summary_type,
                "{\"original_balance_amount\":\"29999999999999999.97\","
                "\"annual_interest_amount\":\"0.15\",\"new_balance_amount\":\"-0.03\"}");
}

static void test_totals__without_amounts(void **state) {
    (void)state;
    struct err e = {0};
    struct totals_of_rows t = {0};
    assert_true(totals_add_row(&t, &customer_history_type, &(struct customer_history_row){0}, &e));
    assert_int_equal(t.rows, 1);
    assert_sums(&t, &customer_history_type, "{}");
}

static void test_totals__no_rows(void **state) {
    (void)state;
    assert_sums(&(struct totals_of_rows){0}, &account_history_type,
                "{\"balance_amount\":\"0.00\"}");
}

/* Totals of profiles are beyond 64 bits already. */
static void test_totals__profiles(void **state) {
    (void)state;
    struct err e = {0};
    struct totals_of_rows t = {0};
    struct customer_profile_row row = {.total_balance_amount = (int128)INT64_MAX * 10};
    for (int i = 0; i < 10; i++)
        assert_true(totals_add_row(&t, &customer_profile_type, &row, &e));
    assert_sums(&t, &customer_profile_type,
                "{\"total_balance_amount\":\"9223372036854775807.00\","
                "\"total_annual_interest_amount\":\"0.00\"}");
    row.total_balance_amount = (int128)(((unsigned __int128)1 << 127) - 1);
    assert_false(totals_add_row(&t, &customer_profile_type, &row, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "total_balance_amount"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals__summaries),
        cmocka_unit_test(test_totals__without_amounts),
        cmocka_unit_test(test_totals__no_rows),
        cmocka_unit_test(test_totals__profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
