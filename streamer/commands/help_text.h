/* help_text: the help of commands, made of their tables. Pure. */
#ifndef STREAMER_COMMANDS_HELP_TEXT_H
#define STREAMER_COMMANDS_HELP_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/commands/command.h"

/* Appends what follows the name: "[--rate N] [-c FILE] [--set KEY=VALUE]... customers|accounts
 * FILE.csv...". */
void help_text_put_usage(const struct command *command, struct buf *out);
/* Appends "--rate N" or "-c, --config FILE". */
void help_text_put_option(const struct option *o, struct buf *out);

/* Appends usage and summary: an entry of the list of commands. */
void help_text_put_entry(const struct command *command, struct buf *out);
/* Appends everything that is known of the command. */
void help_text_put_command(const struct command *command, struct buf *out);

#endif
