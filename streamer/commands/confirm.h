/* confirm: asks the user before a command changes something for good. */
#ifndef STREAMER_COMMANDS_CONFIRM_H
#define STREAMER_COMMANDS_CONFIRM_H

#include "streamer/base/err.h"

#include <stdio.h>

/* Asks on `out`. True if the user types yes, false for all else and after an interruption. */
bool confirm_yes(FILE *out, const char *question);
/* True if `yes`, or if the user types yes. Else false with ERR_STOP: "<command>: not confirmed,
 * nothing was changed", or interrupted. False, too, if what was said so far cannot be written. */
bool confirm(const char *command, bool yes, struct err *e);

#endif
