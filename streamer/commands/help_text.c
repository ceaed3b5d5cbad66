#include "streamer/commands/help_text.h"

#include <string.h>

/* " FILE", or nothing. */
static void put_value(const struct option *o, struct buf *out) {
    const char *value = o->choices != NULL ? o->choices : o->value;
    if (value != NULL)
        buf_printf(out, " %s", value);
}

/* " [-c FILE]" */
static void put_optional(const struct option *o, struct buf *out) {
    buf_put_str(out, " [");
    if (o->letter != '\0')
        buf_printf(out, "-%c", o->letter);
    else
        buf_put_str(out, o->name);
    put_value(o, out);
    buf_put_str(out, o->repeats ? "]..." : "]");
}

static void put_operands(const struct command *command, struct buf *out) {
    if (command->operands != NULL)
        buf_printf(out, " %s", command->operands);
}

void help_text_put_line(const struct command *command, struct buf *out) {
    const struct option *o;
    buf_printf(out, "streamer %s", command->name);
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++)
        if (strcmp(o->name, "--help") != 0)
            put_optional(o, out);
    put_operands(command, out);
}

void help_text_put_option(const struct option *o, struct buf *out) {
    if (o->letter != '\0')
        buf_printf(out, "-%c, ", o->letter);
    buf_put_str(out, o->name);
    put_value(o, out);
}

void help_text_put_entry(const struct command *command, struct buf *out) {
    bool takes_options = command_option(command, 1) != NULL; /* the last one is --help */
    buf_printf(out, "  streamer %s%s", command->name, takes_options ? " [OPTION]..." : "");
    put_operands(command, out);
    buf_printf(out, "\n      %s\n", command->summary);
}

void help_text_put_use(const struct option *o, struct buf *out) {
    buf_printf(out, "%s%s", o->help, o->repeats ? "; may be repeated" : "");
}

void help_text_put_setting(const struct setting_text *s, struct buf *out) {
    bool is_many = strchr(s->key, '*') != NULL;
    buf_printf(out, "%s%s%s", s->key, is_many ? "" : "=", s->fallback);
}

void help_text_put_meaning(const struct setting_text *s, struct buf *out) {
    buf_put_str(out, s->help);
    if (s->range[0] != '\0')
        buf_printf(out, " (%s)", s->range);
}

void help_text_put_settings(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++) {
        buf_put_str(out, "  ");
        help_text_put_setting(&s, out);
        buf_put_str(out, "\n      ");
        help_text_put_meaning(&s, out);
        buf_put_byte(out, '\n');
    }
}

static void put_options(const struct command *command, struct buf *out) {
    const struct option *o;
    buf_put_str(out, "\nOptions:\n");
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        buf_put_str(out, "  ");
        help_text_put_option(o, out);
        buf_put_str(out, "\n      ");
        help_text_put_use(o, out);
        buf_put_byte(out, '\n');
    }
}

void help_text_put_command(const struct command *command, struct buf *out) {
    help_text_put_line(command, out);
    buf_printf(out, "\n    %s\n", command->summary);
    put_options(command, out);
    buf_put_str(out, "\nExamples:\n");
    for (const char *const *example = command->examples; *example != NULL; example++)
        buf_printf(out, "  %s\n", *example);
}
