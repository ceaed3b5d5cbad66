#include "streamer/commands/arguments.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/commands/command.h"
#include "streamer/config/config_value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of one option; NULL is that of an option that takes none. */
struct arguments_given {
    const char **values;
    size_t cap, count;
};

/* --- options */

/* What is written for its value in help and advice. NULL: it takes none. */
static const char *value_of(const struct option *o) {
    return o->choices != NULL ? o->choices : o->value;
}

/* How much of `text` is the option's name: "--name", "--name=value", "-n", "-nVALUE". 0: it is
 * another option. */
static size_t name_length(const struct option *o, const char *text) {
    size_t n = strlen(o->name);
    if (strncmp(text, o->name, n) == 0 && (text[n] == '\0' || text[n] == '='))
        return n;
    bool is_letter = o->letter != '\0' && text[1] == o->letter;
    return is_letter && (text[2] == '\0' || value_of(o) != NULL) ? 2 : 0;
}

static void offer(struct nearest *nearest, const struct option *o) {
    nearest_offer(nearest, o->name);
    if (o->letter != '\0')
        nearest_offer(nearest, (const char[]){'-', o->letter, '\0'});
}

/* What follows a '=' is not shown, because it may be a secret. */
static bool unknown_option(const struct command *command, const char *text, struct err *e) {
    char name[NEAREST_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    struct nearest nearest = nearest_to(name);
    const struct option *o;
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++)
        offer(&nearest, o);
    if (nearest.best[0] != '\0')
        return err_set(e, ERR_CONFIG, "unknown option %s, did you mean %s?", name, nearest.best);
    return err_set(e, ERR_CONFIG, "unknown option %s, --help lists the valid ones", name);
}

/* Which of the command's options `text` is. False: none. */
static bool find_option(const struct command *command, const char *text, size_t *index,
                        struct err *e) {
    const struct option *o;
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        *index = i;
        if (name_length(o, text) > 0)
            return true;
    }
    return unknown_option(command, text, e);
}

/* Whether the value is one of the choices "a|b|c". Offers each of them. */
static bool is_choice(const char *choices, const char *value, struct nearest *nearest) {
    char choice[NEAREST_NAME_MAX + 1];
    for (size_t n; choices[0] != '\0'; choices += n + (choices[n] == '|')) {
        n = strcspn(choices, "|");
        (void)snprintf(choice, sizeof choice, "%.*s", (int)n, choices);
        if (strcmp(choice, value) == 0)
            return true;
        nearest_offer(nearest, choice);
    }
    return false;
}

/* "a|b|c" as "a, b or c". */
static void put_choices(const char *choices, struct buf *out) {
    const char *last = strrchr(choices, '|');
    for (; choices[0] != '\0'; choices++) {
        if (choices[0] != '|')
            buf_put_byte(out, choices[0]);
        else
            buf_put_str(out, choices == last ? " or " : ", ");
    }
}

static bool check_choice(const struct option *o, const char *value, struct err *e) {
    struct nearest nearest = nearest_to(value);
    struct buf choices = {0};
    if (o->choices == NULL || is_choice(o->choices, value, &nearest))
        return true;
    if (nearest.best[0] != '\0')
        return err_set(e, ERR_CONFIG, "%s: \"%.20s\" is not valid, did you mean %s?", o->name,
                       value, nearest.best);
    put_choices(o->choices, &choices);
    (void)err_set(e, ERR_CONFIG, "%s: \"%.20s\" is not valid, use %s", o->name, value,
                  buf_cstr(&choices));
    buf_release(&choices);
    return false;
}

static void add_value(struct arguments_given *given, const char *value) {
    given->values = mem_grow(given->values, &given->cap, given->count + 1, sizeof *given->values);
    given->values[given->count++] = value;
}

/* Parses the option at argv[*i] and its value, which may be the argument after it. */
static bool parse_option(struct arguments *a, int argc, char *const *argv, int *i, struct err *e) {
    size_t index = 0;
    if (!find_option(a->command, argv[*i], &index, e))
        return false;
    const struct option *o = command_option(a->command, index);
    int n = (int)name_length(o, argv[*i]);
    const char *name = argv[*i], *wanted = value_of(o);
    const char *value = name[n] == '\0' ? NULL : name + n + (name[n] == '=');
    if (wanted == NULL && value != NULL)
        return err_set(e, ERR_CONFIG, "%.*s takes no value, remove it", n, name);
    if (wanted != NULL && value == NULL) {
        if (*i + 1 == argc)
            return err_set(e, ERR_CONFIG, "%s needs a value, write %s %s", name, name, wanted);
        value = argv[++*i];
    }
    add_value(&a->given[index], value);
    return value == NULL || check_choice(o, value, e);
}

/* --- operands */

/* Refuses an operand, and proposes the option that people forget before a file or a setting. What
 * follows a '=' is not shown: it may be a secret. */
static bool unexpected(const struct command *command, const char *operand, struct err *e) {
    int key = (int)strcspn(operand, "=");
    if (command->run == NULL)
        return err_set(e, ERR_CONFIG, "unexpected argument %.*s, remove it", key, operand);
    if (operand[key] == '=')
        return err_set(e, ERR_CONFIG, "unexpected argument %.*s=..., did you mean --set %.*s=...?",
                       key, operand, key, operand);
    return err_set(e, ERR_CONFIG, "unexpected argument %.80s, did you mean -c %.80s?", operand,
                   operand);
}

static bool check_word(const struct command *command, const char *word, struct err *e) {
    struct nearest nearest = nearest_to(word);
    for (const char *const *known = command->words; *known != NULL; known++) {
        if (strcmp(*known, word) == 0)
            return true;
        nearest_offer(&nearest, *known);
    }
    if (nearest.best[0] != '\0')
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not valid, did you mean %s?", word,
                       nearest.best);
    return err_set(e, ERR_CONFIG, "\"%.80s\" is not valid, write streamer %s %s", word,
                   command->name, command->operands);
}

static bool check_operands(const struct arguments *a, struct err *e) {
    if (a->operand_count == 0 || arguments_has(a, "--help"))
        return true;
    const char *first = a->operands[0];
    bool has_words = a->command->words != NULL;
    if (a->command->operands == NULL || (has_words && strchr(first, '=') != NULL))
        return unexpected(a->command, first, e);
    return !has_words || check_word(a->command, first, e);
}

/* --- all of them */

static size_t option_count(const struct command *command) {
    size_t n = 0;
    while (command_option(command, n) != NULL)
        n++;
    return n;
}

static bool parse(struct arguments *a, int argc, char *const *argv, struct err *e) {
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0')
            a->operands[a->operand_count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            options_ended = true;
        else if (!parse_option(a, argc, argv, &i, e))
            return false;
    }
    return check_operands(a, e);
}

bool arguments_parse(struct arguments *a, const struct command *command, int argc,
                     char *const *argv, struct err *e) {
    *a = (struct arguments){.command = command,
                            .given = mem_calloc(option_count(command), sizeof *a->given),
                            .operands = mem_calloc((size_t)argc, sizeof *a->operands)};
    if (parse(a, argc, argv, e))
        return true;
    arguments_release(a);
    return false;
}

void arguments_release(struct arguments *a) {
    for (size_t i = 0; i < option_count(a->command); i++)
        free(a->given[i].values);
    free(a->given);
    free(a->operands);
    *a = (struct arguments){0};
}

/* --- what was given */

static const struct arguments_given *given(const struct arguments *a, const char *name) {
    size_t i = 0;
    for (const struct option *o; (o = command_option(a->command, i)) != NULL; i++)
        if (strcmp(o->name, name) == 0)
            break;
    assert(command_option(a->command, i) != NULL);
    return &a->given[i];
}

bool arguments_has(const struct arguments *a, const char *option) {
    return given(a, option)->count > 0;
}

const char *arguments_value(const struct arguments *a, const char *option) {
    const struct arguments_given *g = given(a, option);
    return g->count > 0 ? g->values[g->count - 1] : NULL;
}

size_t arguments_values(const struct arguments *a, const char *option, const char *const **values) {
    const struct arguments_given *g = given(a, option);
    *values = g->values;
    return g->count;
}

bool arguments_integer(const struct arguments *a, const char *option, int64_t min, int64_t max,
                       int64_t *value, struct err *e) {
    const char *text = arguments_value(a, option);
    if (text == NULL || parse_integer(text, min, max, value, e))
        return true;
    return err_prefix(e, "%s", option);
}

bool arguments_load_config(const struct arguments *a, struct config *c, struct err *e) {
    const char *const *sets;
    size_t set_count = arguments_values(a, "--set", &sets);
    return config_load(c, arguments_value(a, "--config"), sets, set_count, e);
}

bool arguments_wants_json(const struct arguments *a) {
    const char *format = arguments_value(a, "--format");
    return format != NULL && strcmp(format, "json") == 0;
}
