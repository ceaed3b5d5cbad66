/* reason_mask: the reason of a quarantined record without the value that it quotes, for places
 * where values of records must not be seen. Pure. */
#ifndef STREAMER_MODEL_REASON_MASK_H
#define STREAMER_MODEL_REASON_MASK_H

#include "streamer/base/buf.h"
#include "streamer/model/event.h"

/* Appends the text of a reason (the header quarantine.reason) with *** in place of the value:
 * "Invalid balance: negative value (***)". */
void reason_put_masked(struct buf *out, enum reason_code code, struct slice text);

#endif
