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
    PLACEHOLDER_TABLE, /* TABLE or NAME: a result */
    PLACEHOLDER_TOPIC, /* an input or a result, by the name that it has unless it is set */
};

/* What the first placeholder in `text` stands for: "FILE", "[show NAME|register|check]". NULL:
 * PLACEHOLDER_OTHER. */
enum placeholder placeholder_of(const char *text);

/* Appends what may stand there, separated by spaces; nothing for a file, a setting or another. */
void placeholder_put_words(enum placeholder p, const struct command *const *all, struct buf *out);
/* Appends the keys of all settings in the same way, those of librdkafka that may be set included.
 */
void placeholder_put_keys(struct buf *out);

#endif
