/* help: what the commands are, and how each is used. */
#ifndef STREAMER_COMMANDS_HELP_H
#define STREAMER_COMMANDS_HELP_H

#include "streamer/commands/command.h"

/* Prints how the command is used, with its options and examples. Returns the exit code. */
int help_print(const struct command *command);

#endif
