/* whatif_text: what `whatif` shows, for people and for programs. Pure. */
#ifndef STREAMER_COMMANDS_WHATIF_TEXT_H
#define STREAMER_COMMANDS_WHATIF_TEXT_H

#include "streamer/commands/whatif_read.h"

/* `configured` are the rates of the configuration: where they differ from those that the marts are
 * computed with, it is said. */
void whatif_put_text(const struct whatif_read *r, const struct rates *configured, struct buf *out);
/* One JSON object and an end of line. Amounts and rates are texts, as in the rows. */
void whatif_put_json(const struct whatif_read *r, const struct rates *configured, struct buf *out);

#endif
