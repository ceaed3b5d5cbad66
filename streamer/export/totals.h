/* totals: the control totals of an export: how many rows there are, and the exact sum of each
 * amount. Pure. */
#ifndef STREAMER_EXPORT_TOTALS_H
#define STREAMER_EXPORT_TOTALS_H

#include "schemas/rows.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define TOTALS_FIELDS_MAX 16 /* fields of a row */

/* Zero-initialized: no rows. */
struct totals_of_rows {
    int64_t rows;
    int128 sums[TOTALS_FIELDS_MAX]; /* by field of the type; of amounts and totals, in 1/100 */
};

/* False with ERR_STOP: a sum is larger than 38 digits. */
bool totals_add_row(struct totals_of_rows *t, const struct row_type *type, const void *row,
                    struct err *e);
/* Appends `{"balance_amount":"12.50"}`: the sum of each amount of the type. */
void totals_put_sums(const struct totals_of_rows *t, const struct row_type *type, struct buf *out);

#endif
