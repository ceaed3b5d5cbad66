/* man_text: the manual page streamer(1) in roff, made of the tables of commands and settings. Pure.
 */
#ifndef STREAMER_COMMANDS_MAN_TEXT_H
#define STREAMER_COMMANDS_MAN_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/commands/command.h"

/* Appends the page. It names the files of an installation below /usr. */
void man_text_put(const struct command *const *all, struct buf *out);

#endif
