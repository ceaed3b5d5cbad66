/* advice: what can be done about a quarantined record. */
#ifndef STREAMER_QUARANTINE_ADVICE_H
#define STREAMER_QUARANTINE_ADVICE_H

#include "streamer/quarantine/quarantined.h"

/* Appends one line: what to do first, and the command. */
void advice_put(struct buf *out, const struct quarantined *q);

#endif
