#include "streamer/complete/delete_limit.h"

#include "streamer/base/mem.h"
#include "support.h"

static void test_delete_limit__rows_and_shares(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t deletes, current;
        bool allows;
    } cases[] = {
        {"0", 0, 0, true},
        {"0", 1, 100, false},
        {"20", 20, 20, true},
        {"20", 21, 1000, false},
        {"1e1", 10, 1000, true}, /* the grammar of all numbers */
        {"10%", 0, 0, true},
        {"10%", 1, 10, true},
        {"10%", 1, 9, false},
        {"10%", 2, 19, false},
        {"0.5%", 1, 200, true},
        {"0.5%", 1, 199, false},
        {"99.99%", 3, 3, false},
        {"100%", 3, 3, true},
        {"0%", 0, 3, true},
        {"0%", 1, 1000000, false},
        {"10%", UINT64_C(1) << 60, (UINT64_C(1) << 60) * 10, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct delete_limit limit;
        struct err e;
        if (!delete_limit_parse(cases[i].text, &limit, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        if (delete_limit_allows(&limit, cases[i].deletes, cases[i].current) != cases[i].allows)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
}

static void test_delete_limit__other_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "%",   "-1",  "-1%",  "101%",  "100.01%", "10 %%",
                                        "few", "1.5", "1/2", "10%%", "1e400", "1e99%",   " 10%x"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct delete_limit limit;
        struct err e;
        if (delete_limit_parse(texts[i], &limit, &e))
            fail_msg("\"%s\" is taken", texts[i]);
        assert_int_equal(e.class, ERR_CONFIG);
        assert_non_null(strstr(e.text, "--max-deletes"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete_limit__rows_and_shares),
        cmocka_unit_test(test_delete_limit__other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
