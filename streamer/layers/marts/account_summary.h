/* account_summary: the mart of savings accounts and their interest (schemas/README.md, "Join and
 * marts"). Pure, exact: amounts in cents, rates in thousandths. */
#ifndef STREAMER_LAYERS_MARTS_ACCOUNT_SUMMARY_H
#define STREAMER_LAYERS_MARTS_ACCOUNT_SUMMARY_H

#include "schemas/rows.h"
#include "streamer/model/rates.h"

#include <stdbool.h>
#include <stdint.h>

/* The yearly rate for a balance, in thousandths, with the bonus if the customer has a loan. */
int64_t account_rate_milli(const struct rates *rates, int64_t balance_cents, bool has_loan);

/* balance × rate, rounded half away from zero to cents. */
int64_t account_interest_cents(const struct rates *rates, int64_t balance_cents, bool has_loan);

bool account_is_savings(struct slice account_type);

/* Fills the mart's row for a joined row. False: it is no savings account. */
bool account_summarize(const struct rates *rates, const struct account_with_customer_row *joined,
                       int64_t now_ms, struct account_summary_row *row);

#endif
