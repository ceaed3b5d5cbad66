#include "streamer/base/mem.h"
#include "streamer/layers/marts/rate_change.h"
#include "support.h"

#include <string.h>

static struct rates rates_of(const char *tiers, int32_t bonus) {
    struct rates r = {0};
    struct err e;
    assert_true(rates_parse_tiers(&r, slice_str(tiers), &e));
    r.loan_bonus_milli = bonus;
    return r;
}

static void add(struct rate_change *c, const char *id, const char *type, int64_t cents, bool loan) {
    const struct account_with_customer_row row = {.account_id = slice_str(id),
                                                  .customer_id = 7,
                                                  .has_loan_flag = loan,
                                                  .balance_amount = cents,
                                                  .account_type = slice_str(type)};
    rate_change_add(c, &row);
}

static void assert_step(const struct rate_change *c, size_t i, int64_t now, int64_t then,
                        int64_t count, int64_t difference) {
    assert_true(i < c->step_count);
    const struct rate_change_step *s = &c->steps[i];
    assert_int_equal(s->rate_now, now);
    assert_int_equal(s->rate_then, then);
    assert_int_equal(s->count, count);
    assert_true(s->difference == difference);
}

/* By hand: 1 % and 2 % from 10,000.00 on, 0.5 % more with a loan; then 1.2 % and 1.9 %. */
static void test_rate_change__by_hand(void **state) {
    (void)state;
    struct rate_change c;
    struct rates now = rates_of("10000:0.01,*:0.02", 5), then = rates_of("10000:0.012,*:0.019", 5);
    rate_change_init(&c, &now, &then);
    add(&c, "A", "savings", 100000, false);   /* 10.00 -> 12.00 */
    add(&c, "B", "savings", 100000, true);    /* 15.00 -> 17.00 */
    add(&c, "C", "savings", 2000000, false);  /* 400.00 -> 380.00 */
    add(&c, "D", "savings", 0, false);        /* the rate only */
    add(&c, "E", "checking", 2000000, false); /* no summary */
    add(&c, "F", "savings", 1000000, true);   /* 250.00 -> 240.00 */
    rate_change_finish(&c);
    assert_int_equal(c.summaries, 5);
    assert_int_equal(c.changed, 5);
    assert_true(c.interest_now == 67500 && c.interest_then == 64900);
    assert_int_equal(c.rises.count, 2);
    assert_true(c.rises.sum == 400 && c.rises.largest == 200);
    assert_int_equal(c.falls.count, 2);
    assert_true(c.falls.sum == 3000 && c.falls.largest == 2000);
    assert_int_equal(c.step_count, 4);
    assert_step(&c, 0, 10, 12, 2, 200);
    assert_step(&c, 1, 15, 17, 1, 200);
    assert_step(&c, 2, 20, 19, 1, -2000);
    assert_step(&c, 3, 25, 24, 1, -1000);
    assert_int_equal(c.largest_count, 4);
    static const char *const order[] = {"C", "F", "A", "B"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_text(buf_slice(&c.largest[i].account_id), order[i]);
    assert_int_equal(c.largest[0].interest_now, 40000);
    assert_int_equal(c.largest[0].interest_then, 38000);
    assert_int_equal(c.largest[0].customer_id, 7);
    rate_change_release(&c);
}

static void test_rate_change__the_same_rates_change_nothing(void **state) {
    (void)state;
    struct rate_change c;
    struct rates now = default_rates();
    rate_change_init(&c, &now, &now);
    for (int64_t cents = 0; cents < 3000000; cents += 7777)
        add(&c, "A", "savings", cents, cents % 2 == 0);
    rate_change_finish(&c);
    assert_int_equal(c.changed, 0);
    assert_true(c.summaries > 300 && c.interest_now == c.interest_then && c.interest_now > 0);
    assert_int_equal(c.step_count + c.largest_count, 0);
    rate_change_release(&c);
}

/* Sums of more than 64 bits. */
static void test_rate_change__large_sums(void **state) {
    (void)state;
    struct rate_change c;
    struct rates now = rates_of("*:0", 0), then = rates_of("*:1", 0);
    rate_change_init(&c, &now, &then);
    for (int i = 0; i < 100; i++)
        add(&c, "A", "savings", INT64_C(999999999999999999), false);
    rate_change_finish(&c);
    assert_true(c.interest_then == (int128)INT64_C(999999999999999999) * 100);
    assert_true(c.rises.sum == c.interest_then && c.steps[0].difference == c.interest_then);
    rate_change_release(&c);
}

/* The first ten of all, however they come. */
static void test_rate_change__the_largest(void **state) {
    (void)state;
    struct rng r = rng_seeded(5);
    struct rates now = rates_of("*:0", 0), then = rates_of("*:0.01", 0);
    for (int round = 0; round < 200; round++) {
        struct rate_change c;
        int count = (int)rng_below(&r, 30);
        struct {
            char id[8];
            int64_t interest;
        } rows[30], *best;
        rate_change_init(&c, &now, &then);
        for (int i = 0; i < count; i++) {
            rows[i].interest = 1 + rng_below(&r, 6);
            (void)snprintf(rows[i].id, sizeof rows[i].id, "%c%02d", 'a' + (int)rng_below(&r, 3), i);
            add(&c, rows[i].id, "savings", rows[i].interest * 100, false);
        }
        assert_int_equal(c.largest_count, count < 10 ? count : 10);
        for (size_t place = 0; place < c.largest_count; place++) {
            best = NULL;
            for (int i = 0; i < count; i++)
                if (rows[i].interest > 0 &&
                    (best == NULL || rows[i].interest > best->interest ||
                     (rows[i].interest == best->interest && strcmp(rows[i].id, best->id) < 0)))
                    best = (void *)&rows[i];
            assert_non_null(best);
            assert_text(buf_slice(&c.largest[place].account_id), best->id);
            assert_int_equal(c.largest[place].interest_then, best->interest);
            best->interest = 0;
        }
        rate_change_release(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_change__by_hand),
        cmocka_unit_test(test_rate_change__the_same_rates_change_nothing),
        cmocka_unit_test(test_rate_change__large_sums),
        cmocka_unit_test(test_rate_change__the_largest),
    };
    return cmocka_run_group_tests_name("rate_change", tests, NULL, NULL);
}
