#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/model/rates.h"

static void test_rates__are_written_as_they_are_read(void **state) {
    static const struct {
        const char *text, *written; /* NULL: the same */
    } cases[] = {
        {"10000:0.01,20000:0.015,*:0.02", NULL},
        {"*:0", NULL},
        {"0.01:1,0.1:0.9,10.5:0.001,999999999999999.99:0.1,*:0.999", NULL},
        {"100.00 : 0.010, 200.50 : 1.000, * : 0.100", "100:0.01,200.5:1,*:0.1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rates rates = {0};
        struct buf out = {0};
        struct err e;
        const char *expected = cases[i].written != NULL ? cases[i].written : cases[i].text;
        assert_true(rates_parse_tiers(&rates, slice_str(cases[i].text), &e));
        rates_put_tiers(&rates, &out);
        assert_string_equal(buf_cstr(&out), expected);
        buf_release(&out);
    }
}

static void test_rates__one_rate(void **state) {
    static const char *const texts[] = {"0", "0.005", "0.01", "0.5", "0.999", "1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf out = {0};
        struct err e;
        int32_t milli;
        assert_true(rates_parse_rate(slice_str(texts[i]), &milli, &e));
        rates_put_rate(milli, &out);
        assert_string_equal(buf_cstr(&out), texts[i]);
        buf_release(&out);
    }
}

static struct rates rates_of(const char *tiers, int32_t bonus_milli) {
    struct rates r;
    struct err e;
    memset(&r, 0xa5, sizeof r); /* what lies behind the last tier does not count */
    assert_true(rates_parse_tiers(&r, slice_str(tiers), &e));
    r.loan_bonus_milli = bonus_milli;
    return r;
}

static void test_rates__equal(void **state) {
    (void)state;
    const struct rates a = rates_of("100:0.01,*:0.02", 5);
    struct rates b = {0};
    struct err e;
    assert_true(rates_parse_tiers(&b, slice_str("100.00:0.010,*:0.020"), &e));
    b.loan_bonus_milli = 5;
    assert_true(rates_equal(&a, &b));
    const struct rates others[] = {
        rates_of("100:0.01,*:0.02", 6),
        rates_of("100:0.01,*:0.021", 5),
        rates_of("100.01:0.01,*:0.02", 5),
        rates_of("100:0.01,200:0.02,*:0.02", 5),
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(rates_equal(&a, &others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates__are_written_as_they_are_read),
        cmocka_unit_test(test_rates__one_rate),
        cmocka_unit_test(test_rates__equal),
    };
    return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
