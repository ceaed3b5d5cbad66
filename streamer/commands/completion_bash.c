#include "streamer/commands/completion.h"
#include "streamer/commands/placeholder.h"

static const char head[] =
    "# Completion of streamer for bash, made by `streamer completion bash`.\n\n";

/* A reply is an array of words. An empty one with `default` leaves it to bash, which completes the
 * names of files better than a script can. */
static const char replies[] =
    "# _streamer_reply WORDS: those words that begin with what is typed.\n"
    "_streamer_reply() {\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$prefix\" -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_streamer_file() {\n"
    "    compopt -o default\n"
    "}\n"
    "\n"
    "# _streamer_key KEYS: those keys that begin with what is typed, each with its '='.\n"
    "_streamer_key() {\n"
    "    [[ $current != *=* ]] || return\n"
    "    compopt -o nospace\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$prefix\" -S = -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_streamer_setting() {\n"
    "    _streamer_key \"$_streamer_settings\"\n"
    "    [[ $current == *=* ]] || return\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] || prefix+=${current%%=*}=\n"
    "    local key=${current%%=*}\n"
    "    current=${current#*=}\n"
    "    case $key in\n";

/* `line` is what was typed behind the command, with what bash splits at each '=' put together
 * again. The last of it is completed. */
static const char dispatch[] =
    "_streamer() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} prefix= option=\n"
    "    local i word glue= operands=0 line=()\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD < 2)); then\n"
    "        _streamer_reply \"$_streamer_commands --help --version\"\n"
    "        return\n"
    "    fi\n"
    "    for ((i = 2; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((${#line[@]} > 0)) && [[ $word == =* || -n $glue ]]; then\n"
    "            line[-1]+=$word\n"
    "        else\n"
    "            line+=(\"$word\")\n"
    "        fi\n"
    "        [[ $word == = ]] && glue=yes || glue=\n"
    "    done\n"
    "    current=${line[-1]}\n"
    "    for word in \"${line[@]:0:${#line[@]}-1}\"; do\n"
    "        if [[ -n $option ]]; then\n"
    "            option=\n"
    "        elif [[ $word != -?* ]]; then\n"
    "            ((operands += 1))\n"
    "        elif _streamer_takes_value \"$command $word\"; then\n"
    "            option=$word\n"
    "        fi\n"
    "    done\n"
    "    if [[ -z $option && $current == --*=* ]]; then\n"
    "        option=${current%%=*}\n"
    "        current=${current#*=}\n"
    "        [[ $COMP_WORDBREAKS == *=* ]] || prefix=$option=\n"
    "    fi\n"
    "    if [[ -n $option ]]; then\n"
    "        _streamer_value \"$command $option\"\n"
    "    elif [[ $current == -* ]]; then\n"
    "        _streamer_options \"$command\"\n"
    "    else\n"
    "        _streamer_operand \"$command\" \"$operands\"\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _streamer streamer\n";

static void put_setting_choices(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++) {
        if (s.choices == NULL)
            continue;
        buf_printf(out, "    %s) _streamer_reply '", s.key);
        for (size_t k = 0; s.choices[k] != NULL; k++)
            buf_printf(out, "%s%s", k > 0 ? " " : "", s.choices[k]);
        buf_put_str(out, "' ;;\n");
    }
}

/* The command that proposes what stands for the placeholder. */
static void put_call(enum placeholder p, const struct command *const *all, struct buf *out) {
    if (p == PLACEHOLDER_FILE) {
        buf_put_str(out, "_streamer_file");
    } else if (p == PLACEHOLDER_SETTING) {
        buf_put_str(out, "_streamer_setting");
    } else {
        struct buf words = {0};
        placeholder_put_words(p, all, &words);
        buf_printf(out, "_streamer_%s '%s'", p == PLACEHOLDER_FIELD_VALUE ? "key" : "reply",
                   buf_cstr(&words));
        buf_release(&words);
    }
}

/* "a|b" as "a b". */
static void put_choices(const char *choices, struct buf *out) {
    buf_put_str(out, "_streamer_reply '");
    for (; choices[0] != '\0'; choices++)
        buf_put_byte(out, (char)(choices[0] == '|' ? ' ' : choices[0]));
    buf_put_byte(out, '\'');
}

/* "'feed --config' | 'feed -c'", a pattern of case. */
static void put_pattern(const struct command *command, const struct option *o, struct buf *out) {
    buf_printf(out, "'%s %s'", command->name, o->name);
    if (o->letter != '\0')
        buf_printf(out, " | '%s -%c'", command->name, o->letter);
}

static void put_value(const struct command *command, const struct option *o,
                      const struct command *const *all, struct buf *out) {
    enum placeholder p = placeholder_of_value(o->value);
    if (o->choices == NULL && p == PLACEHOLDER_OTHER)
        return;
    buf_put_str(out, "    ");
    put_pattern(command, o, out);
    buf_put_str(out, ") ");
    if (o->choices != NULL)
        put_choices(o->choices, out);
    else
        put_call(p, all, out);
    buf_put_str(out, " ;;\n");
}

static void put_values(const struct command *const *all, struct buf *out) {
    const struct option *o;
    buf_put_str(out, "# _streamer_value 'COMMAND OPTION': what its value may be\n"
                     "_streamer_value() {\n    case $1 in\n");
    for (const struct command *const *c = all; *c != NULL; c++)
        for (size_t i = 0; (o = command_option(*c, i)) != NULL; i++)
            put_value(*c, o, all, out);
    buf_put_str(out, "    esac\n}\n\n");
}

static void put_valued(const struct command *const *all, struct buf *out) {
    const struct option *o;
    const char *between = "";
    buf_put_str(out, "# _streamer_takes_value 'COMMAND OPTION'\n"
                     "_streamer_takes_value() {\n    case $1 in\n    ");
    for (; *all != NULL; all++)
        for (size_t i = 0; (o = command_option(*all, i)) != NULL; i++) {
            if (o->value == NULL && o->choices == NULL)
                continue;
            buf_put_str(out, between);
            put_pattern(*all, o, out);
            between = " | ";
        }
    buf_put_str(out, ") ;;\n    *) return 1 ;;\n    esac\n}\n\n");
}

static void put_options(const struct command *const *all, struct buf *out) {
    const struct option *o;
    buf_put_str(out, "# _streamer_options COMMAND\n_streamer_options() {\n    case $1 in\n");
    for (; *all != NULL; all++) {
        buf_printf(out, "    %s) _streamer_reply '", (*all)->name);
        for (size_t i = 0; (o = command_option(*all, i)) != NULL; i++)
            buf_printf(out, "%s%s", i > 0 ? " " : "", o->name);
        buf_put_str(out, "' ;;\n");
    }
    buf_put_str(out, "    esac\n}\n\n");
}

/* What the first operand may be, then the others. */
static void put_operand(const struct command *command, const struct command *const *all,
                        struct buf *out) {
    if (command->words != NULL) {
        buf_printf(out, "    '%s 0') _streamer_reply '", command->name);
        for (size_t i = 0; command->words[i] != NULL; i++)
            buf_printf(out, "%s%s", i > 0 ? " " : "", command->words[i]);
        buf_put_str(out, "' ;;\n");
    }
    enum placeholder p = placeholder_of_operands(command->operands);
    if (p == PLACEHOLDER_OTHER)
        return;
    bool has_more = placeholder_has_more(command->operands);
    buf_printf(out, "    '%s '%s) ", command->name, has_more ? "*" : "0");
    put_call(p, all, out);
    buf_put_str(out, " ;;\n");
}

static void put_operands(const struct command *const *all, struct buf *out) {
    buf_put_str(out, "# _streamer_operand COMMAND HOW-MANY-BEFORE\n"
                     "_streamer_operand() {\n    case \"$1 $2\" in\n");
    for (const struct command *const *c = all; *c != NULL; c++)
        put_operand(*c, all, out);
    buf_put_str(out, "    esac\n}\n\n");
}

static void put_lists(const struct command *const *all, struct buf *out) {
    struct buf words = {0};
    placeholder_put_words(PLACEHOLDER_COMMAND, all, &words);
    buf_printf(out, "_streamer_commands='%s'\n", buf_cstr(&words));
    buf_clear(&words);
    placeholder_put_words(PLACEHOLDER_SETTING, all, &words);
    buf_printf(out, "_streamer_settings='%s'\n\n", buf_cstr(&words));
    buf_release(&words);
}

void completion_put_bash(const struct command *const *all, struct buf *out) {
    buf_put_str(out, head);
    put_lists(all, out);
    buf_put_str(out, replies);
    put_setting_choices(out);
    buf_put_str(out, "    esac\n}\n\n");
    put_values(all, out);
    put_valued(all, out);
    put_options(all, out);
    put_operands(all, out);
    buf_put_str(out, dispatch);
}
