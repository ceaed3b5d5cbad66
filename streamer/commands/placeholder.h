/* placeholder: what a shell may propose where the tables of commands have a placeholder, as FILE in
 * "--config FILE" or TABLE in "export TABLE". Pure. */
#ifndef STREAMER_COMMANDS_PLACEHOLDER_H
#define STREAMER_COMMANDS_PLACEHOLDER_H

#include "streamer/base/buf.h"
#include "streamer/commands/command.h"

enum placeholder {
    PLACEHOLDER_OTHER, /* nothing is known of it: a number, a time, a URL */
    PLACEHOLDER_FILE,
    PLACEHOLDER_SETTING, /* KEY=VALUE */
    PLACEHOLDER_COMMAND,
    PLACEHOLDER_TABLE, /* a result, or its schema */
    PLACEHOLDER_TOPIC, /* an input, by the name that its topic has unless it is set */
    PLACEHOLDER_CODE,  /* why a record is rejected */
    PLACEHOLDER_FIELD,
    PLACEHOLDER_FIELD_VALUE, /* NAME=VALUE, the name of a field */
};

/* What the first placeholder of a text stands for: that of an option's value ("FILE"), or of a
 * command's operands ("[show NAME|register|check]"). NULL: PLACEHOLDER_OTHER. */
enum placeholder placeholder_of_value(const char *text);
enum placeholder placeholder_of_operands(const char *text);
/* Whether the operands are, or may be, more than one: "show NAME", "FILE...". */
bool placeholder_has_more(const char *operands);

/* Appends what may stand there, separated by spaces; before the '=' if there is one. Nothing for a
 * file or another. Of librdkafka's settings only those that may be set. */
void placeholder_put_words(enum placeholder p, const struct command *const *all, struct buf *out);

#endif
