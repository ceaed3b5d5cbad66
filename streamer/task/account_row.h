/* account_row: the state of one account as one value: its timeline, and its joined row and its
 * summary as they were emitted last. Avro binary by schemas/internal/account_row.avsc. Pure.
 *
 * What was emitted last nearly always says of the account what its current version says, so those
 * fields are written down only where they differ. What is read back is exactly what was emitted. So
 * all that follows the timeline leans on its current version, and may be copied as it is for as
 * long as that one stays. */
#ifndef STREAMER_TASK_ACCOUNT_ROW_H
#define STREAMER_TASK_ACCOUNT_ROW_H

#include "schemas/rows.h"
#include "streamer/layers/snapshots/history.h"

#include <stdbool.h>

/* The input record that the message of the current version named as its origin
 * (SINK_SOURCE_HEADER). */
struct row_origin {
    bool exists;               /* else it named none */
    int64_t partition, offset; /* in the topic of accounts */
};

struct account_row {
    struct timeline timeline;
    struct row_origin origin;
    bool has_joined, has_summary;
    struct account_with_customer_row joined; /* as emitted last */
    struct account_summary_row summary;      /* as emitted last */
};
void account_row_clear(struct account_row *r); /* says nothing; keeps memory */
void account_row_release(struct account_row *r);
/* Nothing has to be stored. */
bool account_row_is_empty(const struct account_row *r);

void account_row_encode(const struct account_row *r, struct buf *out);
/* Slices of the decoded row point into `in`, or are account_id. */
bool account_row_decode(struct slice in, struct slice account_id, struct account_row *r);
/* All but the timeline: `in` is what timeline_decode leaves of a row, `current` the version that it
 * read; NULL: none. */
bool account_row_decode_rest(struct slice in, struct slice account_id,
                             const struct version *current, struct account_row *r);

/* The attributes in timelines and closed versions: schemas/internal/account_attributes.avsc. Their
 * account_type is one of those that account_type_find knows. */
void account_attributes_encode(const struct account_attributes *a, struct buf *out);
bool account_attributes_decode(struct slice in, struct account_attributes *a);

/* account_type as Avro's enum: one byte. */
void account_type_encode(struct slice account_type, struct buf *out);
bool account_type_decode(struct slice *in, struct slice *account_type);

#endif
