/* account_row: the state of one account as one value: its timeline, and its joined row and its
 * summary as they were emitted last. Avro binary by schemas/internal/account_row.avsc. Pure.
 *
 *   timeline | joined row | summary | origin       the three behind the timeline are the "tail"
 *
 * The joined row and the summary nearly always agree with the current version of the timeline.
 * Fields equal to the current version are not stored, so the tail is valid only with that version:
 * it may be copied as it is as long as that version stays. What is read back is exactly what was
 * emitted. With all fields stored, the state is a quarter larger, as much more is written, and a
 * record costs 6 % more CPU (`build/release/tests/cycle 1000000 100000 268435456`). */
#ifndef STREAMER_TASK_ACCOUNT_ROW_H
#define STREAMER_TASK_ACCOUNT_ROW_H

#include "schemas/rows.h"
#include "streamer/layers/snapshots/history.h"
#include "streamer/task/row_origin.h"

#include <stdbool.h>

struct account_row {
    struct timeline timeline;
    struct row_origin origin; /* of the current version */
    bool has_joined, has_summary;
    struct account_with_customer_row joined; /* as emitted last; only if has_joined */
    struct account_summary_row summary;      /* as emitted last; only if has_summary */
};
void account_row_clear(struct account_row *r); /* makes it empty, and keeps its memory */
void account_row_release(struct account_row *r);
/* Whether there is nothing that has to be stored. */
bool account_row_is_empty(const struct account_row *r);

/* Appends the row to `out`. */
void account_row_encode(const struct account_row *r, struct buf *out);
/* False if `in` is damaged. Slices of the decoded row point into `in`, or are account_id. */
bool account_row_decode(struct slice in, struct slice account_id, struct account_row *r);
/* Decodes the tail alone. `in` is what timeline_decode leaves of a row. `current` is the current
 * version of the timeline that it read, or NULL if there is none. */
bool account_row_decode_rest(struct slice in, struct slice account_id,
                             const struct version *current, struct account_row *r);

/* The attributes in timelines and closed versions: schemas/internal/account_attributes.avsc. The
 * account_type must be one that account_type_find knows. */
void account_attributes_encode(const struct account_attributes *a, struct buf *out);
bool account_attributes_decode(struct slice in, struct account_attributes *a);
/* Whether encoded attributes name the same customer. It compares bytes, which is cheaper than
 * decoding. */
bool account_attributes_same_customer(struct slice a, struct slice b);

/* account_type as Avro's enum, which is one byte. Decoding reads from the front of `in` and moves
 * it behind. */
void account_type_encode(struct slice account_type, struct buf *out);
bool account_type_decode(struct slice *in, struct slice *account_type);

#endif
