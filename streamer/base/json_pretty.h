/* json_pretty: JSON with a line for each member, for people. Nothing else of the text changes:
 * numbers keep their digits, and strings their escapes. */
#ifndef STREAMER_BASE_JSON_PRETTY_H
#define STREAMER_BASE_JSON_PRETTY_H

#include "streamer/base/buf.h"

/* Appends `text`, which json_parse must have accepted. Each line but the first begins with `indent`
 * spaces, and two more for each level. */
void json_put_pretty(struct buf *out, struct slice text, int indent);

#endif
