/* help_text: the help of commands, made of their tables. Pure. */
#ifndef STREAMER_COMMANDS_HELP_TEXT_H
#define STREAMER_COMMANDS_HELP_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/commands/command.h"

/* Appends "streamer feed [--rate N] [-c FILE] customers|accounts FILE.csv...", and so on. */
void help_text_put_line(const struct command *command, struct buf *out);
/* Appends "--rate N" or "-c, --config FILE". */
void help_text_put_option(const struct option *o, struct buf *out);
/* Appends what the option does. */
void help_text_put_use(const struct option *o, struct buf *out);

/* Appends "late.window=3d". */
void help_text_put_setting(const struct setting_text *s, struct buf *out);
/* Appends what the setting does, and its range. */
void help_text_put_meaning(const struct setting_text *s, struct buf *out);

/* Appends how it is written, without its options, and its summary: an entry of the list. */
void help_text_put_entry(const struct command *command, struct buf *out);
/* Appends all settings, each with its default. */
void help_text_put_settings(struct buf *out);
/* Appends everything that is known of the command. */
void help_text_put_command(const struct command *command, struct buf *out);

#endif
