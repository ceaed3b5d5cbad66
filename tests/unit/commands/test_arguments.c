#include "streamer/commands/arguments.h"

#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ALL = 0xff, WORDS_MAX = 16 };

/* Splits at spaces in place; the words are good as long as `line` is. */
static int split(char *line, char **words) {
    int n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(n < WORDS_MAX);
        words[n++] = word;
    }
    return n;
}

static bool parse(struct arguments *a, unsigned allowed, char *line, struct err *e) {
    char *words[WORDS_MAX];
    return arguments_parse(a, allowed, split(line, words), words, e);
}

static void test_arguments__all_forms(void **state) {
    (void)state;
    char line[] = "customers -c f.conf --set a=b=c --set=d= --rate=7 - x.csv --once";
    struct arguments a;
    struct err e;
    assert_true(parse(&a, ALL, line, &e));
    assert_int_equal(a.options, OPTION_CONFIG | OPTION_SET | OPTION_RATE | OPTION_ONCE);
    assert_string_equal(a.config_path, "f.conf");
    assert_int_equal(a.set_count, 2);
    assert_string_equal(a.sets[0], "a=b=c");
    assert_string_equal(a.sets[1], "d=");
    assert_int_equal(a.rate, 7);
    assert_int_equal(a.operand_count, 3);
    assert_string_equal(a.operands[0], "customers");
    assert_string_equal(a.operands[1], "-");
    assert_string_equal(a.operands[2], "x.csv");
    arguments_release(&a);
}

static void test_arguments__attached_values(void **state) {
    (void)state;
    static const char *const forms[] = {"-cmy.properties", "-c=my.properties", "-c my.properties"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char line[100];
        strcpy(line, forms[i]);
        struct arguments a;
        struct err e;
        assert_true(parse(&a, OPTION_CONFIG, line, &e));
        assert_string_equal(a.config_path, "my.properties");
        assert_int_equal(a.operand_count, 0);
        arguments_release(&a);
    }
}

static void test_arguments__of_csv(void **state) {
    (void)state;
    char line[] = "--delimiter ; --map a=b --missing x --map=c=d --delimiter=\\t";
    struct arguments a;
    struct err e;
    assert_true(parse(&a, OPTION_DELIMITER | OPTION_MAP | OPTION_MISSING, line, &e));
    assert_int_equal(a.delimiter, '\t');
    assert_int_equal(a.map_count, 2);
    assert_string_equal(a.maps[0], "a=b");
    assert_string_equal(a.maps[1], "c=d");
    assert_int_equal(a.missing_count, 1);
    assert_string_equal(a.missing[0], "x");
    arguments_release(&a);
}

static void test_arguments__options_end(void **state) {
    (void)state;
    char line[] = "--once -- --once --";
    struct arguments a;
    struct err e;
    assert_true(parse(&a, OPTION_ONCE, line, &e));
    assert_int_equal(a.operand_count, 2);
    assert_string_equal(a.operands[0], "--once");
    assert_string_equal(a.operands[1], "--");
    arguments_release(&a);
}

static void test_arguments__none(void **state) {
    (void)state;
    char line[] = "";
    struct arguments a;
    struct err e;
    assert_true(parse(&a, 0, line, &e));
    assert_int_equal(a.options, 0);
    assert_int_equal(a.operand_count, 0);
    arguments_release(&a);
}

static void test_arguments__refused(void **state) {
    (void)state;
    static const struct {
        const char *line;
        unsigned allowed;
        const char *error;
    } cases[] = {
        {"--onec", ALL, "unknown option --onec, did you mean --once?"},
        {"--rate 5", OPTION_ONCE, "unknown option --rate, --help lists the valid ones"},
        {"-x", OPTION_ONCE, "unknown option -x, did you mean -h?"},
        {"--ratex=5", OPTION_RATE, "unknown option --ratex, did you mean --rate?"},
        {"-cfile", OPTION_ONCE, "unknown option -cfile, --help lists the valid ones"},
        {"-hx", ALL, "unknown option -hx, did you mean -h?"},
        {"--delimiter ;;", OPTION_DELIMITER,
         "--delimiter: \";;\" is not one character, use e.g. ';', '|' or '\\t'"},
        {"--delimiter \"", OPTION_DELIMITER,
         "--delimiter: \"\"\" is not one character, use e.g. ';', '|' or '\\t'"},
        {"--delimiter \xA7", OPTION_DELIMITER,
         "--delimiter: \"\xA7\" is not one character, use e.g. ';', '|' or '\\t'"},
        {"--delimiter=", OPTION_DELIMITER,
         "--delimiter: \"\" is not one character, use e.g. ';', '|' or '\\t'"},
        {"-c", ALL, "-c needs a value, write -c FILE"},
        {"--once --set", ALL, "--set needs a value, write --set KEY=VALUE"},
        {"--once=1", ALL, "--once takes no value, remove it"},
        {"--rate 0", ALL, "--rate: 0 is out of range, use 1 to 1000000000"},
        {"--rate=", ALL, "--rate: \"\" is not a whole number, use 1 to 1000000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[100];
        strcpy(line, cases[i].line);
        struct arguments a;
        struct err e = {0};
        if (parse(&a, cases[i].allowed, line, &e))
            fail_msg("accepted: %s", cases[i].line);
        assert_int_equal(e.class, ERR_CONFIG);
        assert_string_equal(e.text, cases[i].error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments__all_forms),
        cmocka_unit_test(test_arguments__attached_values),
        cmocka_unit_test(test_arguments__of_csv),
        cmocka_unit_test(test_arguments__options_end),
        cmocka_unit_test(test_arguments__none),
        cmocka_unit_test(test_arguments__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
