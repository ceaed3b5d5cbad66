/* customer_profile: the mart of totals over a customer's savings accounts (schemas/README.md, "Join
 * and marts"), kept by adding what is new and subtracting what was. Pure, exact. */
#ifndef STREAMER_LAYERS_MARTS_CUSTOMER_PROFILE_H
#define STREAMER_LAYERS_MARTS_CUSTOMER_PROFILE_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"
#include "streamer/model/rates.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the links of one customer add up to. The interest is kept for both answers to "has a loan".
 */
struct customer_totals {
    int64_t accounts; /* savings accounts */
    int128 balance;
    int128 interest_without_loan, interest_with_loan;
};

/* The sums, and in which partitions its accounts live (the customer's changes
 * go there). Zero-initialized: no links. */
struct totals {
    struct customer_totals sums;
    struct totals_partition {
        int32_t partition;
        int64_t links; /* more than 0 */
    } * partitions;    /* owned */
    size_t partition_count, partition_cap;
};
void totals_clear(struct totals *t);
void totals_release(struct totals *t);

/* How many links there are. */
int64_t totals_links(const struct totals *t);

/* `times` is 1 or -1. Returns how many links there are in the link's partition now; -1: there was
 * none to take away. */
int64_t totals_add(struct totals *t, const struct rates *rates, const struct account_link *link,
                   int times);

/* Avro binary: the field "totals" of schemas/internal/customer_row.avsc. Reads from the front of
 * `in` and moves it behind. */
void totals_encode(const struct totals *t, struct buf *out);
bool totals_decode(struct slice *in, struct totals *t);

/* The mart's row, or false: no savings account, or no such customer (!customer->known). */
bool customer_profile(const struct totals *t, int64_t customer_id,
                      const struct customer_ref *customer, int64_t now_ms,
                      struct customer_profile_row *row);

#endif
