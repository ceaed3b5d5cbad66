/* history_rows: a version as a row of its history topic, and back. The only place that knows which
 * column comes from where. Pure. */
#ifndef STREAMER_TASK_HISTORY_ROWS_H
#define STREAMER_TASK_HISTORY_ROWS_H

#include "schemas/rows.h"
#include "streamer/layers/snapshots/history.h"
#include "streamer/model/event.h"

#include <stdbool.h>

/* One row of either history. The entity, which the caller knows, says which. */
union history_row {
    struct customer_history_row customer;
    struct account_history_row account;
};
const struct row_type *history_row_type(enum entity entity);

/* Fills `row` with a version of the id (the id of a customer is its decimal text). The slices of
 * the row point to where those of `id` and of the version do. False: the version's attributes, or a
 * customer's id, cannot be read. */
bool history_row_of_version(enum entity entity, struct slice id, const struct version *v,
                            union history_row *row);

/* Fills `v` from a row. Its attributes are encoded into `attributes`, which is cleared first, and
 * are good until that changes. False: the row has an account_type that this program does not
 * know. */
bool history_row_to_version(enum entity entity, const union history_row *row,
                            struct buf *attributes, struct version *v);

#endif
