#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/layers/marts/account_summary.h"

#define CENTS_MAX INT64_C(999999999999999999)

/* The tiers' edges, and halves of a cent. */
static void test_account_summary__rates_and_interest(void **state) {
    static const struct {
        int64_t balance_cents;
        bool has_loan;
        int64_t rate_milli, interest_cents;
    } cases[] = {
        {0, false, 10, 0},
        {0, true, 15, 0},
        {49, false, 10, 0},
        {50, false, 10, 1}, /* 0.50 × 0.01 = 0.005 */
        {149, false, 10, 1},
        {150, false, 10, 2},
        {33, true, 15, 0}, /* 0.00495 */
        {34, true, 15, 1}, /* 0.0051 */
        {100, true, 15, 2},
        {500000, false, 10, 5000},
        {999999, false, 10, 10000},
        {1000000, false, 15, 15000},
        {1000000, true, 20, 20000},
        {1650000, false, 15, 24750},
        {1650000, true, 20, 33000},
        {1999999, false, 15, 30000},
        {2000000, false, 20, 40000},
        {2000000, true, 25, 50000},
        {CENTS_MAX, false, 20, INT64_C(20000000000000000)},
        {CENTS_MAX, true, 25, INT64_C(25000000000000000)},
        {CENTS_MAX - 20, true, 25, INT64_C(24999999999999999)}, /* ….475 */
    };
    (void)state;
    struct rates rates = default_rates();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(account_rate_milli(&rates, cases[i].balance_cents, cases[i].has_loan),
                         cases[i].rate_milli);
        assert_int_equal(account_interest_cents(&rates, cases[i].balance_cents, cases[i].has_loan),
                         cases[i].interest_cents);
    }
}

static void test_account_summary__random_interest(void **state) {
    (void)state;
    struct rng r = rng_seeded(1);
    for (int i = 0; i < 50000; i++) {
        struct rates rates = {.tier_count = 1 + (int)rng_below(&r, RATES_TIERS_MAX),
                              .loan_bonus_milli = (int32_t)rng_below(&r, 1001)};
        int64_t bound = 0, balance = rng_below(&r, rng_chance(&r, 50) ? 100000 : CENTS_MAX + 1);
        for (int k = 0; k < rates.tier_count; k++) {
            bound += 1 + rng_below(&r, rng_chance(&r, 50) ? 20000 : CENTS_MAX / 20);
            rates.tiers[k].below_cents = k + 1 == rates.tier_count ? INT64_MAX : bound;
            rates.tiers[k].rate_milli = (int32_t)rng_below(&r, 1001);
        }
        if (rates.tier_count > 1 && rng_chance(&r, 20)) /* at an edge */
            balance =
                rates.tiers[rng_below(&r, rates.tier_count - 1)].below_cents - rng_below(&r, 2);
        bool has_loan = rng_chance(&r, 50);
        int64_t rate = -1;
        for (int k = rates.tier_count; k > 0; k--)
            if (balance < rates.tiers[k - 1].below_cents)
                rate = rates.tiers[k - 1].rate_milli;
        rate += has_loan ? rates.loan_bonus_milli : 0;
        /* What is owed in thousandths of a cent, and half a cent more, cut to cents. */
        unsigned __int128 milli = (unsigned __int128)balance * (unsigned)rate;
        int64_t interest = (int64_t)((milli + 500) / 1000);
        assert_int_equal(account_rate_milli(&rates, balance, has_loan), rate);
        assert_int_equal(account_interest_cents(&rates, balance, has_loan), interest);
    }
}

static void test_account_summary__row(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct account_summary_row row;
    struct account_with_customer_row joined = {
        slice_str("A001"), 7, slice_str("alice"), true, 1650000, slice_str("savings"), 99};
    assert_true(account_summarize(&rates, &joined, 1234, &row));
    assert_text(row.account_id, "A001");
    assert_int_equal(row.customer_id, 7);
    assert_int_equal(row.original_balance_amount, 1650000);
    assert_int_equal(row.interest_rate_pct, 20);
    assert_int_equal(row.annual_interest_amount, 33000);
    assert_int_equal(row.new_balance_amount, 1683000);
    assert_int_equal(row.calculated_at, 1234);
    joined.account_type = slice_str("checking");
    assert_false(account_summarize(&rates, &joined, 1234, &row));
}

static void test_account_summary__savings_only(void **state) {
    (void)state;
    assert_true(account_is_savings(slice_str("savings")));
    assert_false(account_is_savings(slice_str("checking")));
    assert_false(account_is_savings(slice_str("saving")));
    assert_false(account_is_savings(slice_str("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account_summary__rates_and_interest),
        cmocka_unit_test(test_account_summary__random_interest),
        cmocka_unit_test(test_account_summary__row),
        cmocka_unit_test(test_account_summary__savings_only),
    };
    return cmocka_run_group_tests_name("account_summary", tests, NULL, NULL);
}
