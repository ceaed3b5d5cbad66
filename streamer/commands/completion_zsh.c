#include "streamer/commands/completion.h"
#include "streamer/commands/placeholder.h"

#include <string.h>

static const char head[] = "#compdef streamer\n"
                           "# Completion of streamer for zsh, made by `streamer completion zsh`.\n"
                           "\n";

/* A file that autoload has read is the body of a function; one that was read by source is not. */
static const char end[] = "    esac\n"
                          "}\n"
                          "\n"
                          "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n"
                          "    _streamer \"$@\"\n"
                          "else\n"
                          "    compdef _streamer streamer\n"
                          "fi\n";

/* Appends the text for a place within '…', where these characters stand for themselves only behind
 * a backslash. */
static void put_escaped(const char *text, const char *escaped, struct buf *out) {
    for (; text[0] != '\0'; text++) {
        if (text[0] == '\'') {
            buf_put_str(out, "'\\''");
            continue;
        }
        if (strchr(escaped, text[0]) != NULL)
            buf_put_byte(out, '\\');
        buf_put_byte(out, text[0]);
    }
}

/* --- settings */

static void put_setting_choices(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++) {
        if (s.choices == NULL)
            continue;
        buf_printf(out, "    %s) compadd", s.key);
        for (size_t k = 0; s.choices[k] != NULL; k++)
            buf_printf(out, " %s", s.choices[k]);
        buf_put_str(out, " ;;\n");
    }
}

static void put_settings(const struct command *const *all, struct buf *out) {
    struct buf keys = {0};
    placeholder_put_words(PLACEHOLDER_SETTING, all, &keys);
    buf_printf(out,
               "# _streamer_key KEY...: proposes the keys, each with its '='.\n"
               "_streamer_key() {\n"
               "    compset -P '*=' || compadd -S = -- \"$@\"\n"
               "}\n"
               "\n"
               "_streamer_setting() {\n"
               "    if ! compset -P '*='; then\n"
               "        _streamer_key %s\n"
               "        return\n"
               "    fi\n"
               "    case ${${IPREFIX%%=}##*=} in\n",
               buf_cstr(&keys));
    buf_release(&keys);
    put_setting_choices(out);
    buf_put_str(out, "    esac\n}\n\n");
}

/* --- actions of _arguments: what may stand somewhere */

/* "(text json)" of "text|json". */
static void put_choices(const char *choices, struct buf *out) {
    buf_put_byte(out, '(');
    for (; choices[0] != '\0'; choices++)
        buf_put_byte(out, (char)(choices[0] == '|' ? ' ' : choices[0]));
    buf_put_byte(out, ')');
}

static void put_action(enum placeholder p, const struct command *const *all, struct buf *out) {
    struct buf words = {0};
    placeholder_put_words(p, all, &words);
    if (p == PLACEHOLDER_FILE)
        buf_put_str(out, "_files");
    else if (p == PLACEHOLDER_SETTING)
        buf_put_str(out, "_streamer_setting");
    else if (p == PLACEHOLDER_FIELD_VALUE)
        buf_printf(out, " _streamer_key %s", buf_cstr(&words));
    else if (words.n > 0)
        buf_printf(out, "(%s)", buf_cstr(&words));
    buf_release(&words);
}

/* --- commands */

/* "'(-c --config)'{-c+,--config=}'[help]:FILE:_files'" */
static void put_option(const struct option *o, const struct command *const *all, struct buf *out) {
    const char *value = o->choices != NULL ? o->choices : o->value;
    const char *attached = value != NULL ? "=" : "";
    buf_put_str(out, " \\\n            ");
    if (o->letter == '\0')
        buf_printf(out, "'%s%s%s[", o->repeats ? "*" : "", o->name, attached);
    else if (o->repeats)
        buf_printf(out, "'*'{-%c%s,%s%s}'[", o->letter, value != NULL ? "+" : "", o->name,
                   attached);
    else
        buf_printf(out, "'(-%c %s)'{-%c%s,%s%s}'[", o->letter, o->name, o->letter,
                   value != NULL ? "+" : "", o->name, attached);
    put_escaped(o->help, "[]:\\", out);
    buf_put_byte(out, ']');
    if (value != NULL) {
        buf_put_byte(out, ':');
        put_escaped(value, ":\\", out);
        buf_put_byte(out, ':');
        if (o->choices != NULL)
            put_choices(o->choices, out);
        else
            put_action(placeholder_of_value(o->value), all, out);
    }
    buf_put_byte(out, '\'');
}

/* "'1:usage:", for the first operand, or "'*:usage:" for all others. */
static void put_place(char which, const struct command *command, struct buf *out) {
    buf_printf(out, " \\\n            '%c:", which);
    put_escaped(command->operands, ":\\", out);
    buf_put_byte(out, ':');
}

static void put_words(const struct command *command, struct buf *out) {
    put_place('1', command, out);
    for (size_t i = 0; command->words[i] != NULL; i++)
        buf_printf(out, "%c%s", i > 0 ? ' ' : '(', command->words[i]);
    buf_put_str(out, ")'");
}

static void put_operands(const struct command *command, const struct command *const *all,
                         struct buf *out) {
    if (command->operands == NULL)
        return;
    enum placeholder p = placeholder_of_operands(command->operands);
    bool has_more = placeholder_has_more(command->operands);
    if (command->words != NULL)
        put_words(command, out);
    if (p == PLACEHOLDER_OTHER || (command->words != NULL && !has_more))
        return;
    put_place(has_more ? '*' : '1', command, out);
    put_action(p, all, out);
    buf_put_byte(out, '\'');
}

static void put_command(const struct command *command, const struct command *const *all,
                        struct buf *out) {
    const struct option *o;
    buf_printf(out, "    %s)\n        _arguments", command->name);
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++)
        put_option(o, all, out);
    put_operands(command, all, out);
    buf_put_str(out, "\n        ;;\n");
}

/* The list of commands, each with what it does. */
static void put_commands(const struct command *const *all, struct buf *out) {
    buf_put_str(out, "_streamer_command() {\n    local -a commands=(\n");
    for (; *all != NULL; all++) {
        buf_printf(out, "        '%s:", (*all)->name);
        put_escaped((*all)->summary, ":\\", out);
        buf_put_str(out, "'\n");
    }
    buf_put_str(out, "    )\n    _describe command commands\n}\n\n");
}

void completion_put_zsh(const struct command *const *all, struct buf *out) {
    buf_put_str(out, head);
    put_settings(all, out);
    put_commands(all, out);
    buf_put_str(out, "_streamer() {\n"
                     "    local curcontext=$curcontext state line\n"
                     "    local -A opt_args\n"
                     "    _arguments -C '(- *)'{-h,--help}'[all commands and settings]' \\\n"
                     "        '(- *)'{-V,--version}'[the version]' \\\n"
                     "        '1:command:_streamer_command' '*::argument:->arguments' && return\n"
                     "    [[ $state == arguments ]] || return\n"
                     "    curcontext=${curcontext%:*:*}:streamer-$words[1]:\n"
                     "    case $words[1] in\n");
    for (const struct command *const *c = all; *c != NULL; c++)
        put_command(*c, all, out);
    buf_put_str(out, end);
}
