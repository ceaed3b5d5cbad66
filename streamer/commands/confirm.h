/* confirm: asks the user before a command changes something for good. */
#ifndef STREAMER_COMMANDS_CONFIRM_H
#define STREAMER_COMMANDS_CONFIRM_H

#include "streamer/base/err.h"

/* True if `yes`, or if the user types yes. Else false with ERR_STOP: "<command>: not confirmed,
 * nothing was changed". */
bool confirm(const char *command, bool yes, struct err *e);

#endif
