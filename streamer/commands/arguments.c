#include "streamer/commands/arguments.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/config/config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX INT64_C(1000000000)

static const struct known_option {
    const char *name;
    unsigned option;
    const char *value; /* the name of its value; NULL: it takes none */
} known[] = {
    {"--config", OPTION_CONFIG, "FILE"},
    {"-c", OPTION_CONFIG, "FILE"},
    {"--set", OPTION_SET, "KEY=VALUE"},
    {"--embedded", OPTION_EMBEDDED, NULL},
    {"--once", OPTION_ONCE, NULL},
    {"--rate", OPTION_RATE, "N"},
    {"--connect", OPTION_CONNECT, NULL},
    {"--markdown", OPTION_MARKDOWN, NULL},
    {"--metrics", OPTION_METRICS, NULL},
    {"--yes", OPTION_YES, NULL},
    {"--help", OPTION_HELP, NULL},
    {"-h", OPTION_HELP, NULL},
    {"--delimiter", OPTION_DELIMITER, "CHARACTER"},
    {"--map", OPTION_MAP, "COLUMN=FIELD"},
    {"--missing", OPTION_MISSING, "FIELD"},
    {"--keep-quarantine", OPTION_KEEP_QUARANTINE, NULL},
    {"--url", OPTION_URL, "URL"},
    {"--format", OPTION_FORMAT, "FORMAT"},
    {"--watch", OPTION_WATCH, NULL},
    {"--format", OPTION_DRAWING, "FORMAT"},
};

static bool is_short(const struct known_option *o) {
    return o->name[1] != '-';
}

/* Whether `text` is this option, with or without an attached value ("--name=value", "-nVALUE"). */
static bool is_option(const struct known_option *o, const char *text) {
    size_t n = strlen(o->name);
    if (strncmp(text, o->name, n) != 0)
        return false;
    return text[n] == '\0' || (is_short(o) ? o->value != NULL : text[n] == '=');
}

static const struct known_option *find_option(const char *text, unsigned allowed, struct err *e) {
    char name[NEAREST_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if ((known[i].option & allowed) == 0)
            continue;
        if (is_option(&known[i], text))
            return &known[i];
        nearest_offer(&nearest, known[i].name);
    }
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "unknown option %s, did you mean %s?", name, nearest.best);
    else
        (void)err_set(e, ERR_CONFIG, "unknown option %s, --help lists the valid ones", name);
    return NULL;
}

/* Reads one character, or "\t" for a tab. Quotes and line ends cannot delimit fields of CSV. */
static bool parse_delimiter(const char *text, char *delimiter, struct err *e) {
    const char *c = strcmp(text, "\\t") == 0 ? "\t" : text;
    if (c[0] <= '\0' || c[1] != '\0' ||
        strchr("\"\r\n", c[0]) != NULL) /* a negative char is no ASCII */
        return err_set(e, ERR_CONFIG,
                       "--delimiter: \"%.20s\" is not one character, use e.g. ';', '|' or '\\t'",
                       text);
    *delimiter = c[0];
    return true;
}

static bool parse_format(const char *text, bool *is_json, struct err *e) {
    *is_json = strcmp(text, "json") == 0;
    return *is_json || strcmp(text, "text") == 0 ||
           err_set(e, ERR_CONFIG, "--format: \"%.20s\" is not valid, use text or json", text);
}

static bool set_option(struct arguments *a, const struct known_option *o, const char *value,
                       struct err *e) {
    a->options |= o->option;
    if (value == NULL)
        return true;
    if (o->option == OPTION_CONFIG)
        a->config_path = value;
    if (o->option == OPTION_SET)
        a->sets[a->set_count++] = value;
    if (o->option == OPTION_MAP)
        a->maps[a->map_count++] = value;
    if (o->option == OPTION_MISSING)
        a->missing[a->missing_count++] = value;
    if (o->option == OPTION_URL)
        a->url = value;
    if (o->option == OPTION_FORMAT)
        return parse_format(value, &a->is_json, e);
    if (o->option == OPTION_DRAWING)
        a->drawing = value;
    if (o->option == OPTION_DELIMITER)
        return parse_delimiter(value, &a->delimiter, e);
    if (o->option == OPTION_RATE && !parse_integer(value, 1, RATE_MAX, &a->rate, e))
        return err_prefix(e, "--rate");
    return true;
}

/* Parses the option at argv[*i] and its value, which may be the argument after it. */
static bool parse_option(struct arguments *a, unsigned allowed, int argc, char *const *argv, int *i,
                         struct err *e) {
    const struct known_option *o = find_option(argv[*i], allowed | OPTION_HELP, e);
    if (o == NULL)
        return false;
    /* "=value", "value" of a short option, or "". */
    const char *attached = argv[*i] + strlen(o->name);
    if (o->value == NULL && attached[0] != '\0')
        return err_set(e, ERR_CONFIG, "%s takes no value, remove it", o->name);
    if (o->value == NULL)
        return set_option(a, o, NULL, e);
    if (attached[0] != '\0')
        return set_option(a, o, attached + (attached[0] == '='), e);
    if (*i + 1 == argc)
        return err_set(e, ERR_CONFIG, "%s needs a value, write %s %s", o->name, o->name, o->value);
    return set_option(a, o, argv[++*i], e);
}

bool arguments_parse(struct arguments *a, unsigned allowed, int argc, char *const *argv,
                     struct err *e) {
    *a = (struct arguments){.sets = mem_calloc((size_t)argc, sizeof *a->sets),
                            .maps = mem_calloc((size_t)argc, sizeof *a->maps),
                            .missing = mem_calloc((size_t)argc, sizeof *a->missing),
                            .operands = mem_calloc((size_t)argc, sizeof *a->operands)};
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            a->operands[a->operand_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_ended = true;
        } else if (!parse_option(a, allowed, argc, argv, &i, e)) {
            arguments_release(a);
            return false;
        }
    }
    return true;
}

void arguments_release(struct arguments *a) {
    free(a->sets);
    free(a->maps);
    free(a->missing);
    free(a->operands);
    *a = (struct arguments){0};
}
