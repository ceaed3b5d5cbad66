/* rates: the interest tiers and the loan bonus (settings `rates.tiers`, `rates.loan.bonus`). */
#ifndef STREAMER_MODEL_RATES_H
#define STREAMER_MODEL_RATES_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdint.h>

#define RATES_TIERS_MAX 16

/* Rates in thousandths (decimal(5,3)): 15 is 0.015. The last tier has no upper bound. */
struct rates {
    int tier_count; /* 1 … RATES_TIERS_MAX */
    struct {
        /* The tier is for balances below this. Strictly rising; INT64_MAX in the last tier. */
        int64_t below_cents;
        int32_t rate_milli; /* 0 … 1000 */
    } tiers[RATES_TIERS_MAX];
    int32_t loan_bonus_milli; /* 0 … 1000 */
};

#define RATES_HIGHEST_MILLI 1000 /* a rate is at most 1, also with the bonus */
/* The highest rate that an account can have: that of the highest tier, with the bonus. */
int32_t rates_highest_milli(const struct rates *r);
bool rates_equal(const struct rates *a, const struct rates *b);

/* Reads "10000:0.01,20000:0.015,*:0.02", a list of `below:rate`. The bounds are strictly rising
 * amounts above 0 with up to two decimals, and the last one is `*`. Sets the tiers only. Exact,
 * without floating point. False: `e` says what is wrong. */
bool rates_parse_tiers(struct rates *r, struct slice text, struct err *e);
/* Reads a rate of 0 … 1 with up to three decimals, as thousandths. */
bool rates_parse_rate(struct slice text, int32_t *milli, struct err *e);

/* Append the tiers, and a rate, in the form that the functions above read, without zeros at the end
 * of decimals. */
void rates_put_tiers(const struct rates *r, struct buf *out);
void rates_put_rate(int32_t milli, struct buf *out);

#endif
