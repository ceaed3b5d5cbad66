/* command_table: all commands, in the order in which help shows them. */
#ifndef STREAMER_COMMANDS_COMMAND_TABLE_H
#define STREAMER_COMMANDS_COMMAND_TABLE_H

#include "streamer/commands/command.h"

extern const struct command *const command_table[]; /* ends with NULL */

#endif
