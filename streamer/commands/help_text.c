#include "streamer/commands/help_text.h"

#include <string.h>

/* " FILE", or nothing. */
static void put_value(const struct option *o, struct buf *out) {
    const char *value = o->choices != NULL ? o->choices : o->value;
    if (value != NULL)
        buf_printf(out, " %s", value);
}

void help_text_put_usage(const struct command *command, struct buf *out) {
    const struct option *o;
    const char *space = "";
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        if (strcmp(o->name, "--help") == 0)
            continue;
        buf_printf(out, "%s[", space);
        space = " ";
        if (o->letter != '\0')
            buf_printf(out, "-%c", o->letter);
        else
            buf_put_str(out, o->name);
        put_value(o, out);
        buf_put_str(out, o->repeats ? "]..." : "]");
    }
    if (command->operands != NULL)
        buf_printf(out, "%s%s", space, command->operands);
}

void help_text_put_option(const struct option *o, struct buf *out) {
    if (o->letter != '\0')
        buf_printf(out, "-%c, ", o->letter);
    buf_put_str(out, o->name);
    put_value(o, out);
}

static void put_line(const struct command *command, struct buf *out) {
    buf_printf(out, "streamer %s", command->name);
    size_t n = out->n;
    buf_put_byte(out, ' ');
    help_text_put_usage(command, out);
    if (out->n == n + 1)
        out->n = n;
    buf_put_byte(out, '\n');
}

void help_text_put_entry(const struct command *command, struct buf *out) {
    buf_put_str(out, "  ");
    put_line(command, out);
    buf_printf(out, "      %s\n", command->summary);
}

static void put_options(const struct command *command, struct buf *out) {
    const struct option *o;
    buf_put_str(out, "\nOptions:\n");
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        buf_put_str(out, "  ");
        help_text_put_option(o, out);
        buf_printf(out, "\n      %s%s\n", o->help, o->repeats ? "; may be repeated" : "");
    }
}

void help_text_put_command(const struct command *command, struct buf *out) {
    put_line(command, out);
    buf_printf(out, "    %s\n", command->summary);
    put_options(command, out);
    if (command->examples == NULL)
        return;
    buf_put_str(out, "\nExamples:\n");
    for (const char *const *example = command->examples; *example != NULL; example++)
        buf_printf(out, "  %s\n", *example);
}
