/* quarantine_text: quarantined records as text for people, or as JSON lines for programs. */
#ifndef STREAMER_COMMANDS_QUARANTINE_TEXT_H
#define STREAMER_COMMANDS_QUARANTINE_TEXT_H

#include "streamer/commands/paint.h"
#include "streamer/quarantine/listing.h"

/* A line of the list. */
void quarantine_text_row(struct paint *p, const struct listed *r, bool is_distinct);
void quarantine_json_row(struct buf *out, const struct listed *r, bool is_distinct);

/* All of one record. Bytes that are no text are shown as hex, in JSON as base64. */
void quarantine_text_record(struct paint *p, const struct config *c, const struct quarantined *q);
void quarantine_json_record(struct buf *out, const struct quarantined *q);

#endif
