/* status_text: what /v1/status of all instances says, for people. Pure. */
#ifndef STREAMER_COMMANDS_STATUS_TEXT_H
#define STREAMER_COMMANDS_STATUS_TEXT_H

#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"

/* Appends the text. True: every instance was reached and is ready, and no problem is an error. */
bool status_text(const struct instances *all, struct paint *p);

#endif
