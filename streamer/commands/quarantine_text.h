/* quarantine_text: quarantined records as text for people, or as JSON lines for programs. */
#ifndef STREAMER_COMMANDS_QUARANTINE_TEXT_H
#define STREAMER_COMMANDS_QUARANTINE_TEXT_H

#include "streamer/commands/paint.h"
#include "streamer/quarantine/listing.h"
#include "streamer/quarantine/purge.h"
#include "streamer/quarantine/replay.h"

/* A line of the list. */
void quarantine_text_row(struct paint *p, const struct listed *r, bool is_distinct);
void quarantine_json_row(struct buf *out, const struct listed *r, bool is_distinct);

/* All of one record. Bytes that are no text are shown as hex, in JSON as base64. */
void quarantine_text_record(struct paint *p, const struct config *c, const struct quarantined *q);
void quarantine_json_record(struct buf *out, const struct quarantined *q);

/* What was done. */
void quarantine_json_replay(struct buf *out, uint64_t sent, const struct replay_refusals *r);
void quarantine_json_purge(struct buf *out, const struct purge_plan *p);

#endif
