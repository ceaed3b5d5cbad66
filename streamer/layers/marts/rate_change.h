/* rate_change: what other rates would change in account_summary: how many rows, by how much in
 * total and at most, which ones the most. Rows are computed by the functions that compute the mart.
 * Pure, exact: amounts in cents, rates in thousandths. */
#ifndef STREAMER_LAYERS_MARTS_RATE_CHANGE_H
#define STREAMER_LAYERS_MARTS_RATE_CHANGE_H

#include "schemas/rows.h"
#include "streamer/model/rates.h"

#include <stddef.h>
#include <stdint.h>

#define RATE_CHANGE_LARGEST 10
#define RATE_CHANGE_STEPS ((size_t)4 * RATES_TIERS_MAX * RATES_TIERS_MAX)

/* An account's yearly interest with today's rates and with the others. */
struct rate_change_account {
    struct buf account_id; /* owned by the struct rate_change */
    int64_t customer_id;
    int64_t interest_now, interest_then;
};

/* The rows whose rate goes from one to the other. */
struct rate_change_step {
    int64_t rate_now, rate_then;
    int64_t count;
    int128 difference; /* of their interest: then minus now */
};

/* The rows whose interest goes up, or down. */
struct rate_change_side {
    int64_t count;
    int128 sum;      /* of the differences, >= 0 */
    int64_t largest; /* of the differences, >= 0 */
};

struct rate_change {
    struct rates now, then;
    int64_t summaries, changed;         /* all rows; those that differ in anything */
    int128 interest_now, interest_then; /* of all rows */
    struct rate_change_side rises, falls;
    /* Of the rows that differ: by rates, in their order (after rate_change_finish). */
    struct rate_change_step steps[RATE_CHANGE_STEPS];
    size_t step_count;
    /* Those whose interest differs the most, the largest difference first; of equal ones the one
     * whose id comes first in the order of bytes. */
    struct rate_change_account largest[RATE_CHANGE_LARGEST];
    size_t largest_count;
};

void rate_change_init(struct rate_change *c, const struct rates *now, const struct rates *then);
void rate_change_release(struct rate_change *c);
/* Adds a joined row. One that is no savings account has no summary and changes nothing. */
void rate_change_add(struct rate_change *c, const struct account_with_customer_row *joined);
/* To be called once, after all rows. */
void rate_change_finish(struct rate_change *c);

#endif
