/* quality_text: what /v1/quality of all instances says, for people. Pure. */
#ifndef STREAMER_COMMANDS_QUALITY_TEXT_H
#define STREAMER_COMMANDS_QUALITY_TEXT_H

#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"

/* Appends the text: for each instance how many checks pass, and those that do not, with what they
 * have found. True: every instance was reached, and no check fails. */
bool quality_text(const struct instances *all, struct paint *p);

#endif
