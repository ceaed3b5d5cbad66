#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/layers/marts/account_summary.h"
#include "streamer/layers/marts/customer_profile.h"

#define LINKS_MAX 60

static int64_t links_of(const struct totals *t, int32_t partition) {
    for (size_t i = 0; i < t->partition_count; i++)
        if (t->partitions[i].partition == partition)
            return t->partitions[i].links;
    return 0;
}

/* The sums and the counts by partition, added up anew. */
static void assert_adds_up(const struct totals *t, const struct rates *rates,
                           const struct account_link *links, size_t n) {
    struct customer_totals sums = {0};
    int64_t in_partition[4] = {0};
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        used += in_partition[links[i].partition]++ == 0;
        if (!slice_eq(links[i].account_type, slice_str("savings")))
            continue;
        sums.accounts++;
        sums.balance += links[i].balance_amount;
        sums.interest_without_loan += account_interest_cents(rates, links[i].balance_amount, false);
        sums.interest_with_loan += account_interest_cents(rates, links[i].balance_amount, true);
    }
    assert_int_equal(t->sums.accounts, sums.accounts);
    assert_true(t->sums.balance == sums.balance);
    assert_true(t->sums.interest_without_loan == sums.interest_without_loan);
    assert_true(t->sums.interest_with_loan == sums.interest_with_loan);
    assert_int_equal(t->partition_count, used);
    for (int32_t p = 0; p < 4; p++)
        assert_int_equal(links_of(t, p), in_partition[p]);
}

static void test_customer_profile__add_and_subtract(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct totals t = {0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rng r = rng_seeded(seed);
        struct account_link links[LINKS_MAX];
        size_t n = 0;
        totals_clear(&t);
        for (int i = 0; i < 150; i++) {
            int64_t left;
            if (n < LINKS_MAX && rng_chance(&r, n < 4 ? 90 : 50)) {
                links[n] = (struct account_link){
                    rng_below(&r, 4), rng_below(&r, INT64_C(1000000000000000000)),
                    slice_str(rng_chance(&r, 60) ? "savings" : "checking")};
                left = totals_add(&t, &rates, &links[n], 1);
                assert_int_equal(left, links_of(&t, (int32_t)links[n].partition));
                n++;
            } else if (n > 0) {
                size_t gone = (size_t)rng_below(&r, (int64_t)n);
                struct account_link link = links[gone];
                links[gone] = links[--n];
                left = totals_add(&t, &rates, &link, -1);
                assert_int_equal(left, links_of(&t, (int32_t)link.partition));
            }
            assert_adds_up(&t, &rates, links, n);
        }
    }
    totals_release(&t);
}

/* What is not there cannot be taken away: the state is damaged. */
static void test_customer_profile__none_to_take_away(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct totals t = {0};
    struct account_link link = {3, 100, slice_str("savings")};
    assert_int_equal(totals_add(&t, &rates, &link, -1), -1);
    assert_int_equal(totals_add(&t, &rates, &link, 1), 1);
    link.partition = 2;
    assert_int_equal(totals_add(&t, &rates, &link, -1), -1);
    totals_release(&t);
}

/* More than 64 bits of cents. */
static void test_customer_profile__large_sums(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct totals t = {0}, back = {0};
    struct account_link link = {3, INT64_C(999999999999999999), slice_str("savings")};
    struct buf bytes = {0};
    for (int i = 0; i < 1000; i++)
        (void)totals_add(&t, &rates, &link, 1);
    assert_true(t.sums.balance == (int128)INT64_C(999999999999999999) * 1000);
    totals_encode(&t, &bytes);
    struct slice in = buf_slice(&bytes);
    assert_true(totals_decode(&in, &back));
    assert_int_equal(in.n, 0);
    assert_true(back.sums.balance == t.sums.balance);
    assert_int_equal(links_of(&back, 3), 1000);
    buf_release(&bytes);
    totals_release(&t);
    totals_release(&back);
}

static void test_customer_profile__row(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct totals t = {0};
    struct customer_profile_row row;
    struct customer_ref customer = {true, slice_str("alice"), false},
                        unknown = {false, slice_str(""), false};
    struct account_link savings = {0, 1650000, slice_str("savings")},
                        checking = {1, 500, slice_str("checking")};
    assert_false(customer_profile(&t, 7, &customer, 99, &row)); /* no account at all */
    (void)totals_add(&t, &rates, &checking, 1);
    assert_false(customer_profile(&t, 7, &customer, 99, &row)); /* none that counts */
    (void)totals_add(&t, &rates, &savings, 1);
    (void)totals_add(&t, &rates, &savings, 1);
    assert_false(customer_profile(&t, 7, &unknown, 99, &row));
    assert_true(customer_profile(&t, 7, &customer, 99, &row));
    assert_int_equal(row.customer_id, 7);
    assert_text(row.customer_name, "alice");
    assert_false(row.has_loan_flag);
    assert_int_equal(row.total_accounts_count, 2);
    assert_true(row.total_balance_amount == 3300000);
    assert_true(row.total_annual_interest_amount == 49500);
    assert_int_equal(row.calculated_at, 99);
    customer.has_loan_flag = true;
    assert_true(customer_profile(&t, 7, &customer, 99, &row));
    assert_true(row.has_loan_flag);
    assert_true(row.total_annual_interest_amount == 66000);
    /* Two savings accounts of nothing are still two. */
    (void)totals_add(&t, &rates, &savings, -1);
    (void)totals_add(&t, &rates, &savings, -1);
    savings.balance_amount = 0;
    (void)totals_add(&t, &rates, &savings, 1);
    assert_true(customer_profile(&t, 7, &customer, 99, &row));
    assert_int_equal(row.total_accounts_count, 1);
    assert_true(row.total_balance_amount == 0 && row.total_annual_interest_amount == 0);
    totals_release(&t);
}

/* No part of the bytes passes for the whole. */
static void test_customer_profile__truncated_totals(void **state) {
    (void)state;
    struct rates rates = default_rates();
    struct totals t = {0}, back = {0};
    struct buf bytes = {0};
    for (int32_t p = 0; p < 100; p++)
        (void)totals_add(&t, &rates, &(struct account_link){p, 1 + p, slice_str("savings")}, 1);
    totals_encode(&t, &bytes);
    for (size_t n = 0; n < bytes.n; n++) {
        char *part = mem_alloc(n);
        memcpy(part, bytes.p, n);
        struct slice in = slice_of(part, n);
        if (totals_decode(&in, &back))
            fail_msg("%zu of %zu bytes were taken for totals", n, bytes.n);
        free(part);
    }
    buf_put_byte(&bytes, 7); /* is left */
    struct slice in = buf_slice(&bytes);
    assert_true(totals_decode(&in, &back));
    assert_int_equal(in.n, 1);
    assert_int_equal(back.partition_count, 100);
    buf_release(&bytes);
    totals_release(&t);
    totals_release(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_customer_profile__add_and_subtract),
        cmocka_unit_test(test_customer_profile__none_to_take_away),
        cmocka_unit_test(test_customer_profile__large_sums),
        cmocka_unit_test(test_customer_profile__row),
        cmocka_unit_test(test_customer_profile__truncated_totals),
    };
    return cmocka_run_group_tests_name("customer_profile", tests, NULL, NULL);
}
