/* completion: scripts that complete streamer's command line in a shell. They hold all that they
 * propose, made of the tables of commands and settings, so that a key press starts no program.
 * Pure. */
#ifndef STREAMER_COMMANDS_COMPLETION_H
#define STREAMER_COMMANDS_COMPLETION_H

#include "streamer/base/buf.h"
#include "streamer/commands/command.h"

/* For bash 4.3 or later, with the package bash-completion or without it. */
void completion_put_bash(const struct command *const *all, struct buf *out);
/* For zsh 5: as a file _streamer in a folder of $fpath, or read by `source`. */
void completion_put_zsh(const struct command *const *all, struct buf *out);

#endif
