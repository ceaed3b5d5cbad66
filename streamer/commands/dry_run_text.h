/* dry_run_text: what a dry run says, as text for people or as JSON lines for programs. */
#ifndef STREAMER_COMMANDS_DRY_RUN_TEXT_H
#define STREAMER_COMMANDS_DRY_RUN_TEXT_H

#include "streamer/commands/paint.h"
#include "streamer/quarantine/dry_run.h"

/* What becomes of a record. */
void dry_run_text_record(struct paint *p, const struct dry_run_record *r);
void dry_run_json_record(struct buf *out, const struct dry_run_record *r);

/* A row that changes. */
void dry_run_text_change(struct paint *p, const struct config *c, const struct replica_row *row);
void dry_run_json_change(struct buf *out, const struct config *c, const struct replica_row *row);

/* The sums, and what the answer does not know of. */
void dry_run_text_end(struct buf *out, const struct dry_run_result *r);
void dry_run_json_end(struct buf *out, const struct dry_run_result *r);

#endif
