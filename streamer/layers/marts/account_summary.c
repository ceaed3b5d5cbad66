#include "streamer/layers/marts/account_summary.h"

#include "streamer/model/event.h"

int64_t account_rate_milli(const struct rates *rates, int64_t balance_cents, bool has_loan) {
    int tier = 0;
    while (balance_cents >= rates->tiers[tier].below_cents && tier + 1 < rates->tier_count)
        tier++;
    return rates->tiers[tier].rate_milli + (has_loan ? rates->loan_bonus_milli : 0);
}

int64_t account_interest_cents(const struct rates *rates, int64_t balance_cents, bool has_loan) {
    int128 product = (int128)balance_cents * account_rate_milli(rates, balance_cents, has_loan);
    return (int64_t)decimal_divide(product, 1000);
}

bool account_is_savings(struct slice account_type) {
    return slice_eq(account_type, slice_str(account_type_name(ACCOUNT_SAVINGS)));
}

bool account_summarize(const struct rates *rates, const struct account_with_customer_row *joined,
                       int64_t now_ms, struct account_summary_row *row) {
    if (!account_is_savings(joined->account_type))
        return false;
    int64_t interest = account_interest_cents(rates, joined->balance_amount, joined->has_loan_flag);
    *row = (struct account_summary_row){
        .account_id = joined->account_id,
        .customer_id = joined->customer_id,
        .original_balance_amount = joined->balance_amount,
        .interest_rate_pct =
            account_rate_milli(rates, joined->balance_amount, joined->has_loan_flag),
        .annual_interest_amount = interest,
        .new_balance_amount = joined->balance_amount + interest,
        .calculated_at = now_ms,
    };
    return true;
}
