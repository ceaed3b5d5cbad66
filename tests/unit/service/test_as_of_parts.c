/* as_of_parts: a whole is made only of every partition once, and nothing of the sums gets lost on
 * the way. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/service/as_of_parts.h"

#define N 3
#define MOST ((int128)INT64_MAX * INT64_MAX / 10)

#define CUSTOMER                                                                                   \
    "{\"customer_id\":7,\"customer_name\":\"ann\",\"has_loan_flag\":true,"                         \
    "\"loaded_at\":\"2024-01-01T00:00:00.000Z\",\"valid_from_at\":\"2024-01-01T00:00:00.000Z\","   \
    "\"valid_to_at\":null}"
#define PART(p)                                                                                    \
    "{\"partition\":" p ",\"accounts\":2,\"balance\":\"1.00\","                                    \
    "\"interest_without_loan\":\"0.10\",\"interest_with_loan\":\"0.15\"}"
#define PARTS(parts) "{\"partitions\":[" parts "]}"
#define WITH(customer, parts) "{\"customer\":" customer ",\"partitions\":[" parts "]}"

static void test_as_of_parts__whole_or_not(void **state) {
    static const struct {
        const char *texts[3];
        bool is_added, is_whole;
    } cases[] = {
        {{WITH(CUSTOMER, PART("0") "," PART("1") "," PART("2"))}, true, true},
        {{PARTS(PART("2")), WITH(CUSTOMER, PART("1")), PARTS(PART("0"))}, true, true},
        {{WITH("null", PART("0") "," PART("1")), PARTS(PART("2")), PARTS("")}, true, true},
        {{WITH(CUSTOMER, PART("0") "," PART("1"))}, true, false},            /* 2 is missing */
        {{WITH(CUSTOMER, PART("0") "," PART("1")), PARTS("")}, true, false}, /* and here */
        {{PARTS(PART("0") "," PART("1") "," PART("2"))}, true, false},       /* no customer */
        {{WITH("null", ""), WITH("null", PART("0") "," PART("1") "," PART("2"))}, true, false},
        {{WITH(CUSTOMER, PART("0") "," PART("1") "," PART("2")), PARTS(PART("1"))}, true, false},
        {{WITH(CUSTOMER, PART("0") "," PART("1") "," PART("3"))}, false, false},
        {{WITH(CUSTOMER, PART("0") "," PART("-1") "," PART("2"))}, false, false},
        {{WITH("{}", PART("0") "," PART("1") "," PART("2"))}, false, false},
        {{WITH(CUSTOMER, PART("0") "," PART("1") ",{}")}, false, false},
        {{"{\"customer\":null}"}, false, false},
        {{"[]"}, false, false},
        {{""}, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct as_of_parts all;
        bool is_added = true;
        as_of_parts_init(&all, N);
        for (size_t k = 0; k < 3 && cases[i].texts[k] != NULL; k++)
            is_added = as_of_parts_add(&all, slice_str(cases[i].texts[k])) && is_added;
        if (is_added != cases[i].is_added ||
            (is_added && as_of_parts_are_whole(&all) != cases[i].is_whole))
            fail_msg("case %zu", i);
        as_of_parts_release(&all);
    }
}

static void test_as_of_parts__sums_are_exact(void **state) {
    const struct as_of_part parts[] = {{0, 1, MOST, -MOST, 5}, {1, 2, MOST - 1, 3, -7}},
                            last = {2, 0, 0, 0, 0};
    const struct as_of_customer customer = {true,
                                            true,
                                            {-9, slice_str("山\"田"), true, 1, TIMESTAMP_MIN,
                                             TIMESTAMP_NONE}},
                                elsewhere = {0};
    struct as_of_parts all;
    struct buf text = {0};
    (void)state;
    as_of_parts_init(&all, N);
    as_of_parts_put(&text, &customer, parts, ARRAY_LEN(parts));
    assert_true(as_of_parts_add(&all, buf_slice(&text)));
    buf_clear(&text);
    as_of_parts_put(&text, &elsewhere, &last, 1);
    assert_true(as_of_parts_add(&all, buf_slice(&text)));
    assert_true(as_of_parts_are_whole(&all));
    assert_int_equal(all.totals.sums.accounts, 3);
    assert_true(all.totals.sums.balance == 2 * MOST - 1);
    assert_true(all.totals.sums.interest_without_loan == -MOST + 3);
    assert_true(all.totals.sums.interest_with_loan == -2);
    assert_true(all.customer.known && all.customer.has_loan_flag);
    assert_text(all.customer.customer_name, "山\"田");
    buf_release(&text);
    as_of_parts_release(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_of_parts__whole_or_not),
        cmocka_unit_test(test_as_of_parts__sums_are_exact),
    };
    return cmocka_run_group_tests_name("as_of_parts", tests, NULL, NULL);
}
