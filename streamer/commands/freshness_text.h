/* freshness_text: what /v1/freshness of all instances says, for people. Pure. */
#ifndef STREAMER_COMMANDS_FRESHNESS_TEXT_H
#define STREAMER_COMMANDS_FRESHNESS_TEXT_H

#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"

/* Appends the text. True: every instance was reached, and no input has an error. */
bool freshness_text(const struct instances *all, struct paint *p);

#endif
