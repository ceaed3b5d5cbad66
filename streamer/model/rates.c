#include "streamer/model/rates.h"

#include "streamer/base/decimal.h"

#include <string.h>

#define RATE_MILLI_MAX INT64_C(1000)
#define AMOUNT_CENTS_MAX INT64_C(999999999999999999) /* decimal(18,2) */

int32_t rates_highest_milli(const struct rates *r) {
    int32_t highest = 0;
    for (int i = 0; i < r->tier_count; i++)
        if (highest < r->tiers[i].rate_milli)
            highest = r->tiers[i].rate_milli;
    return highest + r->loan_bonus_milli;
}

bool rates_equal(const struct rates *a, const struct rates *b) {
    bool equal = a->tier_count == b->tier_count && a->loan_bonus_milli == b->loan_bonus_milli;
    for (int i = 0; equal && i < a->tier_count; i++)
        equal = a->tiers[i].below_cents == b->tiers[i].below_cents &&
                a->tiers[i].rate_milli == b->tiers[i].rate_milli;
    return equal;
}

/* Reads digits[.digits] with at most `decimals` digits after the point, as an integer scaled by
 * 10^decimals. It must be at most `max`. */
static bool parse_fixed(struct slice text, int decimals, int64_t max, int64_t *value) {
    int64_t v = 0;
    int after_point = -1; /* digits after the point; -1: there was no point yet */
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && after_point < 0 && digits > 0 && i + 1 < text.n) {
            after_point = 0;
            continue;
        }
        if (c < '0' || c > '9' || after_point == decimals)
            return false;
        if (v > (max - (c - '0')) / 10)
            return false;
        v = v * 10 + (c - '0');
        digits++;
        after_point += after_point >= 0;
    }
    for (int i = after_point < 0 ? 0 : after_point; i < decimals; i++) {
        if (v > max / 10)
            return false;
        v *= 10;
    }
    *value = v;
    return digits > 0;
}

bool rates_parse_rate(struct slice text, int32_t *milli, struct err *e) {
    int64_t value;
    if (!parse_fixed(text, 3, RATE_MILLI_MAX, &value))
        return err_set(e, ERR_CONFIG,
                       "\"%.*s\" is not a rate, write 0 to 1 with up to three decimals, as 0.015",
                       (int)(text.n < 40 ? text.n : 40), text.p);
    *milli = (int32_t)value;
    return true;
}

/* Cuts the part before `separator` off the front of `rest`. False: there is no separator, and the
 * part is all of `rest`. */
static bool cut(struct slice *rest, char separator, struct slice *part) {
    const char *at = rest->n > 0 ? memchr(rest->p, separator, rest->n) : NULL;
    size_t n = at != NULL ? (size_t)(at - rest->p) : rest->n;
    *part = slice_trim(slice_of(rest->p, n));
    *rest = at != NULL ? slice_of(at + 1, rest->n - n - 1) : slice_of(rest->p + n, 0);
    return at != NULL;
}

static bool parse_tier(struct rates *r, struct slice tier, bool is_last, struct err *e) {
    struct slice bound, rate = tier;
    if (!cut(&rate, ':', &bound))
        return err_set(e, ERR_CONFIG, "tier \"%.*s\" has no ':', write BELOW:RATE, as 10000:0.01",
                       (int)tier.n, tier.p);
    rate = slice_trim(rate);
    int i = r->tier_count;
    bool unbounded = slice_eq(bound, slice_str("*"));
    if (unbounded != is_last)
        return err_set(e, ERR_CONFIG,
                       "tier \"%.*s\": the last tier, and only that, has the bound *", (int)tier.n,
                       tier.p);
    if (unbounded)
        r->tiers[i].below_cents = INT64_MAX;
    else if (!parse_fixed(bound, 2, AMOUNT_CENTS_MAX, &r->tiers[i].below_cents))
        return err_set(e, ERR_CONFIG,
                       "tier \"%.*s\": the bound is not an amount with up to two decimals",
                       (int)tier.n, tier.p);
    if (r->tiers[i].below_cents <= (i > 0 ? r->tiers[i - 1].below_cents : 0))
        return err_set(e, ERR_CONFIG, "tier \"%.*s\": its bound must be above %s", (int)tier.n,
                       tier.p, i > 0 ? "that of the tier before it" : "0");
    if (!rates_parse_rate(rate, &r->tiers[i].rate_milli, e))
        return err_prefix(e, "tier \"%.*s\"", (int)tier.n, tier.p);
    r->tier_count++;
    return true;
}

bool rates_parse_tiers(struct rates *r, struct slice text, struct err *e) {
    r->tier_count = 0;
    for (bool more = true; more;) {
        struct slice tier;
        more = cut(&text, ',', &tier);
        if (tier.n > 60)
            return err_set(e, ERR_CONFIG,
                           "tier \"%.60s...\" is too long, write BELOW:RATE, as 10000:0.01",
                           tier.p);
        if (r->tier_count == RATES_TIERS_MAX)
            return err_set(e, ERR_CONFIG, "there are more than %d tiers, use fewer",
                           RATES_TIERS_MAX);
        if (!parse_tier(r, tier, !more, e))
            return false;
    }
    return true;
}

/* A number with `decimals` decimals, without zeros at their end. */
static void put_short(int64_t value, int decimals, struct buf *out) {
    for (; decimals > 0 && value % 10 == 0; decimals--)
        value /= 10;
    decimal_put(out, value, decimals);
}

void rates_put_rate(int32_t milli, struct buf *out) {
    put_short(milli, 3, out);
}

void rates_put_tiers(const struct rates *r, struct buf *out) {
    for (int i = 0; i < r->tier_count; i++) {
        if (i > 0)
            buf_put_byte(out, ',');
        if (i + 1 < r->tier_count)
            put_short(r->tiers[i].below_cents, 2, out);
        else
            buf_put_byte(out, '*');
        buf_put_byte(out, ':');
        rates_put_rate(r->tiers[i].rate_milli, out);
    }
}
