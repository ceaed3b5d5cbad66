/* whatif_state: reads all joined rows for `whatif` from a state directory at rest. */
#ifndef STREAMER_COMMANDS_WHATIF_STATE_H
#define STREAMER_COMMANDS_WHATIF_STATE_H

#include "streamer/commands/whatif_read.h"

/* Reads a state directory that no process uses, and changes nothing there. False with `e`; with
 * ERR_CONFIG also if its marts were not computed with the rates `now`. */
bool whatif_read_state(struct whatif_read *r, const struct rates *now, const char *dir,
                       struct err *e);

#endif
