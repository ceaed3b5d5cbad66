/* The text of averages: as averages.h draws it, there and back, and damaged. */
#include "streamer/quality/averages.h"
#include "support.h"

#include <string.h>

static const char known[] = "averages 1\n"
                            "source.unknown_fields.accounts 1500000\n"
                            "staging.null_rate.has_loan 204000\n"
                            "end\n";

static void assert_nothing_known(const struct averages *a) {
    for (int i = 0; i < CHECK_COUNT; i++)
        assert_int_equal(a->of[i], -1);
}

static void test_averages__text(void **state) {
    (void)state;
    struct averages a;
    struct buf text = {0};
    averages_init(&a);
    averages_put(&a, &text);
    assert_text(buf_slice(&text), "averages 1\nend\n");
    a.of[CHECK_NULL_RATE_HAS_LOAN] = 204000;
    a.of[CHECK_UNKNOWN_FIELDS_ACCOUNTS] = 1500000;
    buf_clear(&text);
    averages_put(&a, &text);
    assert_text(buf_slice(&text), known);
    buf_release(&text);
}

static void test_averages__there_and_back(void **state) {
    (void)state;
    struct rng rng = rng_seeded(3);
    struct buf text = {0};
    for (int run = 0; run < 500; run++) {
        struct averages a, back;
        for (int i = 0; i < CHECK_COUNT; i++)
            a.of[i] = rng_chance(&rng, 50) ? -1 : rng_below(&rng, AVERAGE_MAX + 1);
        buf_clear(&text);
        averages_put(&a, &text);
        assert_true(averages_parse(&back, buf_slice(&text)));
        assert_true(averages_equal(&a, &back));
    }
    buf_release(&text);
}

static void test_averages__cut_anywhere(void **state) {
    (void)state;
    for (size_t n = 0; n < strlen(known); n++) {
        struct averages a;
        assert_false(averages_parse(&a, slice_of(known, n)));
        assert_nothing_known(&a);
    }
}

static void test_averages__damaged(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\n",
        "averages 2\nend\n",
        "averages 1\r\nend\r\n",
        "averages 1\nend\nend\n",
        "averages 1\n\nend\n",
        "averages 1\nstaging.null_rate.has_loan\nend\n",
        "averages 1\nstaging.null_rate.has_loan \nend\n",
        "averages 1\nstaging.null_rate.has_loan x\nend\n",
        "averages 1\nstaging.null_rate.has_loan -1\nend\n",
        "averages 1\nstaging.null_rate.has_loan 1000000000000001\nend\n",
        "averages 1\nstaging.null_rate.has_loan 99999999999999999999\nend\n",
        "averages 1\nstaging.null_rate.has_loan 1\nstaging.null_rate.has_loan 1\nend\n",
        "averages 1\nstaging.null_rate.nobody 1\nend\n",
        "averages 1\nstaging.null_rate 1\nend\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct averages a;
        if (averages_parse(&a, slice_str(texts[i])))
            fail_msg("taken: %s", texts[i]);
        assert_nothing_known(&a);
    }
}

/* Whatever a byte becomes, no average is out of range. */
static void test_averages__any_byte_changed(void **state) {
    (void)state;
    char text[sizeof known];
    for (size_t at = 0; at + 1 < sizeof known; at++)
        for (int c = 0; c < 256; c++) {
            struct averages a;
            memcpy(text, known, sizeof known);
            text[at] = (char)c;
            (void)averages_parse(&a, slice_of(text, sizeof known - 1));
            for (int i = 0; i < CHECK_COUNT; i++)
                assert_in_range(a.of[i] + 1, 0, AVERAGE_MAX + 1);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_averages__text),
        cmocka_unit_test(test_averages__there_and_back),
        cmocka_unit_test(test_averages__cut_anywhere),
        cmocka_unit_test(test_averages__damaged),
        cmocka_unit_test(test_averages__any_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
