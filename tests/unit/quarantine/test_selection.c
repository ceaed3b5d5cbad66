/* selection: what the filters of the command line keep, and what is wrong with them. */
#include "streamer/quarantine/selection.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "support.h"

#define AT INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

static const struct quarantined record = {
    .topic = {"accounts", 8},
    .input_partition = 1,
    .input_offset = 17,
    .code = {"invalid_balance", 15},
    .id = {"A1", 2},
    .at_ms = AT,
};

static void test_selection__keeps(void **state) {
    static const struct {
        struct selection_options options;
        bool keeps;
    } cases[] = {
        {{0}, true},
        {{.code = "invalid_balance", .topic = "accounts", .id = "A1", .at = "1:17"}, true},
        {{.code = "malformed"}, false},
        {{.topic = "customers"}, false},
        {{.id = "A"}, false},
        {{.id = ""}, false},
        {{.at = "1:18"}, false},
        {{.at = "0:17"}, false},
        {{.since = "2024-02-15"}, true},
        {{.since = "2024-02-15T00:00:00.001Z"}, false},
        {{.until = "2024-02-15"}, false},
        {{.until = "1707955200001"}, true},
    };
    struct config c;
    struct err e;
    (void)state;
    assert_true(config_load(&c, NULL, NULL, 0, &e));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selection s;
        if (!selection_init(&s, &c, &cases[i].options, &e))
            fail_msg("%zu: %s", i, e.text);
        if (selection_has(&s, &record) != cases[i].keeps)
            fail_msg("%zu", i);
    }
    config_release(&c);
}

static void test_selection__refuses(void **state) {
    static const struct {
        struct selection_options options;
        const char *why;
    } cases[] = {
        {{.code = "invalid_balanc"},
         "--code: \"invalid_balanc\" is no reason, did you mean "
         "invalid_balance?"},
        {{.code = "xyz"}, "--code: \"xyz\" is no reason, such as invalid_balance or malformed"},
        {{.topic = "acounts"}, "--topic: \"acounts\" is no input topic, did you mean accounts?"},
        {{.at = "1:"},
         "--at: \"1:\" is no place in the input, write PARTITION:OFFSET, as in --at "
         "0:17 for customers/0@17"},
        {{.at = "-1:5"},
         "--at: \"-1:5\" is no place in the input, write PARTITION:OFFSET, as in "
         "--at 0:17 for customers/0@17"},
        {{.since = "now"}, "--since: \"now\" is no time, write " TIMESTAMP_FORMS},
    };
    struct config c;
    struct err e;
    (void)state;
    assert_true(config_load(&c, NULL, NULL, 0, &e));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selection s;
        assert_false(selection_init(&s, &c, &cases[i].options, &e));
        assert_int_equal(e.class, ERR_CONFIG);
        assert_string_equal(e.text, cases[i].why);
    }
    config_release(&c);
}

/* The name of an input of another time is not refused. */
static void test_selection__other_topics(void **state) {
    const struct selection_options o = {.topic = "bank.before.2020"};
    struct selection s;
    struct config c;
    struct err e;
    (void)state;
    assert_true(config_load(&c, NULL, NULL, 0, &e));
    assert_true(selection_init(&s, &c, &o, &e));
    config_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection__keeps),
        cmocka_unit_test(test_selection__refuses),
        cmocka_unit_test(test_selection__other_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
