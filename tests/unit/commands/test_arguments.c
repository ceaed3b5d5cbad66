#include "streamer/commands/arguments.h"

#include "streamer/base/mem.h"
#include "streamer/commands/command_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static int unused(const struct config *c, const struct arguments *a) {
    (void)c;
    (void)a;
    return 0;
}

static const struct option options[] = {
    {"--once", .help = ""},
    {"--rate", .value = "N", .letter = 'r', .help = ""},
    {"--map", .value = "COLUMN=FIELD", .repeats = true, .help = ""},
    {"--format", .choices = "text|json|jsonl", .help = ""},
    {0},
};

static const char *const words[] = {"customers", "accounts", NULL};

/* Anything goes. */
static const struct command all = {
    .name = "all", .operands = "[FILE]...", .options = options, .run = unused};
/* One of two words comes first. */
static const struct command wordy = {
    .name = "wordy", .operands = "customers|accounts FILE...", .words = words, .run = unused};
/* With options of the configuration, and without. */
static const struct command plain = {.name = "plain", .run = unused};
static const struct command bare = {.name = "bare"};

/* Splits at spaces in place; the words are good as long as `line` is. */
static int split(char *line, char **parts) {
    int n = 0;
    char *rest = NULL;
    for (char *part = strtok_r(line, " ", &rest); part != NULL; part = strtok_r(NULL, " ", &rest)) {
        assert_true(n < WORDS_MAX);
        parts[n++] = part;
    }
    return n;
}

static bool parse(struct arguments *a, const struct command *command, char *line, struct err *e) {
    char *parts[WORDS_MAX];
    return arguments_parse(a, command, split(line, parts), parts, e);
}

static void test_arguments__all_forms(void **state) {
    (void)state;
    char line[] = "customers -c f.conf --set a=b=c --set=d= --rate=7 - x.csv --once";
    struct arguments a;
    struct err e;
    const char *const *sets;
    int64_t rate = 0;
    assert_true(parse(&a, &all, line, &e));
    assert_true(arguments_has(&a, "--once"));
    assert_false(arguments_has(&a, "--map"));
    assert_false(arguments_has(&a, "--help"));
    assert_string_equal(arguments_value(&a, "--config"), "f.conf");
    assert_int_equal(arguments_values(&a, "--set", &sets), 2);
    assert_string_equal(sets[0], "a=b=c");
    assert_string_equal(sets[1], "d=");
    assert_true(arguments_integer(&a, "--rate", 1, 10, &rate, &e));
    assert_int_equal(rate, 7);
    assert_int_equal(a.operand_count, 3);
    assert_string_equal(a.operands[0], "customers");
    assert_string_equal(a.operands[1], "-");
    assert_string_equal(a.operands[2], "x.csv");
    arguments_release(&a);
}

static void test_arguments__attached_values(void **state) {
    (void)state;
    static const char *const forms[] = {"-cmy.properties", "-c=my.properties", "-c my.properties",
                                        "--config=my.properties", "--config my.properties"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char line[100];
        strcpy(line, forms[i]);
        struct arguments a;
        struct err e;
        assert_true(parse(&a, &plain, line, &e));
        assert_string_equal(arguments_value(&a, "--config"), "my.properties");
        assert_int_equal(a.operand_count, 0);
        arguments_release(&a);
    }
}

static void test_arguments__the_last_value_counts(void **state) {
    (void)state;
    char line[] = "--rate 5 -r6 --format text --format=json --map a=b --map=c=d";
    struct arguments a;
    struct err e;
    const char *const *maps;
    assert_true(parse(&a, &all, line, &e));
    assert_string_equal(arguments_value(&a, "--rate"), "6");
    assert_true(arguments_wants_json(&a));
    assert_int_equal(arguments_values(&a, "--map", &maps), 2);
    assert_string_equal(maps[0], "a=b");
    assert_string_equal(maps[1], "c=d");
    arguments_release(&a);
}

static void test_arguments__options_end(void **state) {
    (void)state;
    char line[] = "--once -- --once --";
    struct arguments a;
    struct err e;
    assert_true(parse(&a, &all, line, &e));
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
    const char *const *values;
    int64_t rate = 42;
    assert_true(parse(&a, &all, line, &e));
    assert_false(arguments_has(&a, "--once"));
    assert_null(arguments_value(&a, "--rate"));
    assert_int_equal(arguments_values(&a, "--map", &values), 0);
    assert_true(arguments_integer(&a, "--rate", 1, 10, &rate, &e));
    assert_int_equal(rate, 42);
    assert_false(arguments_wants_json(&a));
    assert_int_equal(a.operand_count, 0);
    arguments_release(&a);
}

static void test_arguments__help_takes_any_operands(void **state) {
    (void)state;
    const struct command *const commands[] = {&all, &wordy, &plain, &bare};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char line[] = "what --help";
        struct arguments a;
        struct err e;
        assert_true(parse(&a, commands[i], line, &e));
        assert_true(arguments_has(&a, "--help"));
        arguments_release(&a);
    }
}

static void test_arguments__refused(void **state) {
    (void)state;
    static const struct {
        const char *line;
        const struct command *command;
        const char *error;
    } cases[] = {
        {"--onec", &all, "unknown option --onec, did you mean --once?"},
        {"--rate 5", &plain, "unknown option --rate, --help lists the valid ones"},
        {"-x", &bare, "unknown option -x, did you mean -h?"},
        {"--ratex=5", &all, "unknown option --ratex, did you mean --rate?"},
        {"--passwrd=geheim", &all, "unknown option --passwrd, --help lists the valid ones"},
        {"-cfile", &bare, "unknown option -cfile, --help lists the valid ones"},
        {"-hx", &all, "unknown option -hx, did you mean -h?"},
        {"-c", &all, "-c needs a value, write -c FILE"},
        {"--config", &all, "--config needs a value, write --config FILE"},
        {"--once --set", &all, "--set needs a value, write --set KEY=VALUE"},
        {"--format", &all, "--format needs a value, write --format text|json|jsonl"},
        {"--once=1", &all, "--once takes no value, remove it"},
        {"--format jsno", &all, "--format: \"jsno\" is not valid, did you mean json?"},
        {"--format=spreadsheet", &all,
         "--format: \"spreadsheet\" is not valid, use text, json or jsonl"},
        {"--format text|json", &all,
         "--format: \"text|json\" is not valid, use text, json or jsonl"},
        {"customer x.csv", &wordy, "\"customer\" is not valid, did you mean customers?"},
        {"x.csv", &wordy,
         "\"x.csv\" is not valid, write streamer wordy customers|accounts FILE..."},
        {"my.properties", &plain,
         "unexpected argument my.properties, did you mean -c my.properties?"},
        {"kafka.password=geheim", &plain,
         "unexpected argument kafka.password=..., did you mean --set kafka.password=...?"},
        {"what", &bare, "unexpected argument what, remove it"},
        {"kafka.password=geheim x", &wordy,
         "unexpected argument kafka.password=..., did you mean --set kafka.password=...?"},
        {"password=geheim", &bare, "unexpected argument password, remove it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[100];
        strcpy(line, cases[i].line);
        struct arguments a;
        struct err e = {0};
        if (parse(&a, cases[i].command, line, &e))
            fail_msg("accepted: %s", cases[i].line);
        assert_int_equal(e.class, ERR_CONFIG);
        assert_string_equal(e.text, cases[i].error);
    }
}

static void test_arguments__integers_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"--rate 0", "--rate: 0 is out of range, use 1 to 1000000000"},
        {"--rate=", "--rate: \"\" is not a whole number, use 1 to 1000000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[100];
        strcpy(line, cases[i].line);
        struct arguments a;
        struct err e = {0};
        int64_t rate = 42;
        assert_true(parse(&a, &all, line, &e));
        assert_false(arguments_integer(&a, "--rate", 1, 1000000000, &rate, &e));
        assert_int_equal(e.class, ERR_CONFIG);
        assert_string_equal(e.text, cases[i].error);
        arguments_release(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments__all_forms),
        cmocka_unit_test(test_arguments__attached_values),
        cmocka_unit_test(test_arguments__the_last_value_counts),
        cmocka_unit_test(test_arguments__options_end),
        cmocka_unit_test(test_arguments__none),
        cmocka_unit_test(test_arguments__help_takes_any_operands),
        cmocka_unit_test(test_arguments__refused),
        cmocka_unit_test(test_arguments__integers_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
