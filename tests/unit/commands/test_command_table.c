#include "streamer/commands/command_table.h"

#include "streamer/base/mem.h"
#include "streamer/commands/help_text.h"
#include "streamer/commands/placeholder.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16, LINE_MAX_BYTES = 200 };

static bool is_line(const char *text) {
    return text != NULL && text[0] != '\0' && strpbrk(text, "\t\n") == NULL;
}

static int runs_of(const struct command *c) {
    return (c->run != NULL) + (c->run_bare != NULL) + (c->run_about != NULL);
}

static void test_command_table__commands_are_complete(void **state) {
    (void)state;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        struct err e;
        assert_ptr_equal(command_find(command_table, (*c)->name, &e), *c); /* no name twice */
        if (!is_line((*c)->summary) || runs_of(*c) != 1)
            fail_msg("%s", (*c)->name);
    }
}

/* Whether a word of the first operand is in the text of the usage, which shows all of them. */
static bool is_shown(const struct command *c, const char *word) {
    return c->operands != NULL && strstr(c->operands, word) != NULL;
}

static void test_command_table__words_are_shown(void **state) {
    (void)state;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        for (const char *const *word = (*c)->words; word != NULL && *word != NULL; word++)
            if (!is_shown(*c, *word) &&
                placeholder_of_operands((*c)->operands) != PLACEHOLDER_TABLE)
                fail_msg("%s %s", (*c)->name, *word);
}

static void check_option(const struct command *c, size_t i) {
    const struct option *o = command_option(c, i), *other;
    bool is_one_kind = o->value == NULL || o->choices == NULL;
    if (strncmp(o->name, "--", 2) != 0 || !is_line(o->help) || !is_one_kind)
        fail_msg("%s %s", c->name, o->name);
    for (size_t k = 0; k < i; k++) {
        other = command_option(c, k);
        if (strcmp(o->name, other->name) == 0 || (o->letter != '\0' && o->letter == other->letter))
            fail_msg("%s %s twice", c->name, o->name);
    }
}

static void test_command_table__options_are_complete(void **state) {
    (void)state;
    for (const struct command *const *c = command_table; *c != NULL; c++)
        for (size_t i = 0; command_option(*c, i) != NULL; i++)
            check_option(*c, i);
}

/* --- examples */

/* Cuts a line in place into words as a shell does, from `streamer` on and up to a pipe, a
 * redirection or a closing parenthesis. Of quotes it knows the single ones. */
static int split(char *line, char **words) {
    int n = 0;
    bool in_word = false, quoted = false;
    char *to = strstr(line, "streamer ");
    for (const char *from = to; from != NULL && *from != '\0'; from++) {
        if (!quoted && strchr("|>)", *from) != NULL)
            break;
        if (*from == '\'')
            quoted = !quoted;
        if (!quoted && isspace((unsigned char)*from)) {
            *to++ = '\0';
            in_word = false;
            continue;
        }
        if (!in_word) {
            assert_true(n < WORDS_MAX);
            words[n++] = to;
            in_word = true;
        }
        if (*from != '\'')
            *to++ = *from;
    }
    if (to != NULL)
        *to = '\0';
    return n;
}

static void check_example(const struct command *c, const char *example) {
    char line[LINE_MAX_BYTES + 1], *words[WORDS_MAX];
    assert_true(strlen(example) < LINE_MAX_BYTES);
    strcpy(line, example);
    int n = split(line, words);
    struct arguments a;
    struct err e;
    if (n < 2 || strcmp(words[0], "streamer") != 0 || strcmp(words[1], c->name) != 0)
        fail_msg("no example of %s: %s", c->name, example);
    if (!arguments_parse(&a, c, n - 2, words + 2, &e))
        fail_msg("%s: %s", example, e.text);
    arguments_release(&a);
}

static void test_command_table__examples_parse(void **state) {
    (void)state;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        const char *const *example = (*c)->examples;
        if (example == NULL || *example == NULL)
            fail_msg("%s has no example", (*c)->name);
        for (; *example != NULL; example++)
            check_example(*c, *example);
    }
}

static void test_command_table__a_line_is_split_as_in_a_shell(void **state) {
    (void)state;
    char line[] = "zcat x.gz | streamer feed --delimiter ';' --map 'a b=c' customers - > out";
    static const char *const expected[] = {"streamer", "feed",  "--delimiter", ";",
                                           "--map",    "a b=c", "customers",   "-"};
    char *words[WORDS_MAX];
    assert_int_equal(split(line, words), ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(words[i], expected[i]);
}

/* --- what is made of a table */

static int unused(const struct config *c, const struct arguments *a) {
    (void)c;
    (void)a;
    return 0;
}

static void test_help_text__shows_all_of_a_command(void **state) {
    (void)state;
    static const struct option options[] = {
        {"--rate", .value = "N", .letter = 'r', .help = "rows a second"},
        {"--map", .value = "A=B", .repeats = true, .help = "a is b"},
        {"--format", .choices = "text|json", .help = "of the output"},
        {0},
    };
    static const char *const examples[] = {"streamer make it", "streamer make", NULL};
    const struct command make = {.name = "make",
                                 .operands = "[it]",
                                 .summary = "makes it",
                                 .options = options,
                                 .examples = examples,
                                 .run = unused};
    struct buf text = {0};
    help_text_put_entry(&make, &text);
    assert_string_equal(buf_cstr(&text), "  streamer make [OPTION]... [it]\n      makes it\n");
    buf_clear(&text);
    help_text_put_command(&make, &text);
    assert_string_equal(buf_cstr(&text),
                        "streamer make [-r N] [--map A=B]... [--format text|json] [-c FILE] "
                        "[--set KEY=VALUE]... [it]\n"
                        "    makes it\n"
                        "\n"
                        "Options:\n"
                        "  -r, --rate N\n"
                        "      rows a second\n"
                        "  --map A=B\n"
                        "      a is b; may be repeated\n"
                        "  --format text|json\n"
                        "      of the output\n"
                        "  -c, --config FILE\n"
                        "      the settings, one key=value a line\n"
                        "  --set KEY=VALUE\n"
                        "      a setting, which wins over the file; may be repeated\n"
                        "  -h, --help\n"
                        "      this text\n"
                        "\n"
                        "Examples:\n"
                        "  streamer make it\n"
                        "  streamer make\n");
    buf_release(&text);
}

static void test_placeholder__is_found(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum placeholder of_value, of_operands;
    } cases[] = {
        {"FILE", PLACEHOLDER_FILE, PLACEHOLDER_FILE},
        {"customers|accounts FILE.csv...", PLACEHOLDER_FILE, PLACEHOLDER_FILE},
        {"KEY=VALUE", PLACEHOLDER_SETTING, PLACEHOLDER_SETTING},
        {"NAME=VALUE", PLACEHOLDER_FIELD_VALUE, PLACEHOLDER_FIELD_VALUE},
        {"[show NAME|register|check]", PLACEHOLDER_OTHER, PLACEHOLDER_TABLE},
        {"TABLE", PLACEHOLDER_TABLE, PLACEHOLDER_TABLE},
        {"[COMMAND]", PLACEHOLDER_COMMAND, PLACEHOLDER_COMMAND},
        {"TOPIC", PLACEHOLDER_TOPIC, PLACEHOLDER_TOPIC},
        {"CODE", PLACEHOLDER_CODE, PLACEHOLDER_CODE},
        {"FIELD", PLACEHOLDER_FIELD, PLACEHOLDER_FIELD},
        {"COLUMN=FIELD", PLACEHOLDER_OTHER, PLACEHOLDER_OTHER},
        {"FILES", PLACEHOLDER_OTHER, PLACEHOLDER_OTHER},
        {"PROFILE", PLACEHOLDER_OTHER, PLACEHOLDER_OTHER},
        {"bash|zsh", PLACEHOLDER_OTHER, PLACEHOLDER_OTHER},
        {NULL, PLACEHOLDER_OTHER, PLACEHOLDER_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (placeholder_of_value(cases[i].text) != cases[i].of_value ||
            placeholder_of_operands(cases[i].text) != cases[i].of_operands)
            fail_msg("%s", cases[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_table__commands_are_complete),
        cmocka_unit_test(test_command_table__words_are_shown),
        cmocka_unit_test(test_command_table__options_are_complete),
        cmocka_unit_test(test_command_table__examples_parse),
        cmocka_unit_test(test_command_table__a_line_is_split_as_in_a_shell),
        cmocka_unit_test(test_help_text__shows_all_of_a_command),
        cmocka_unit_test(test_placeholder__is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
