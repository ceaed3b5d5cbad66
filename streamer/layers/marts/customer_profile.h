/* customer_profile: the mart of totals over a customer's savings accounts (schemas/README.md, "Join
 * and marts"). A change adds the new values and subtracts the old ones. Pure, exact. */
#ifndef STREAMER_LAYERS_MARTS_CUSTOMER_PROFILE_H
#define STREAMER_LAYERS_MARTS_CUSTOMER_PROFILE_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"
#include "streamer/model/rates.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sums over the links of one customer. The interest is summed for customers with and without a
 * loan, because has_loan may change. */
struct customer_totals {
    int64_t accounts; /* savings accounts */
    int128 balance;
    int128 interest_without_loan, interest_with_loan;
};

/* The sums, and the partitions of the customer's accounts, to which the customer's changes are
 * sent. Zero-initialized: no links. */
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

/* The number of links. */
int64_t totals_links(const struct totals *t);

/* Adds a link (`times` is 1) or subtracts one (-1). Returns how many links the link's partition has
 * then. -1: there was none to subtract. */
int64_t totals_add(struct totals *t, const struct rates *rates, const struct account_link *link,
                   int times);

/* Avro binary: the field "totals" of schemas/internal/customer_row.avsc. totals_decode reads it
 * from the front of `in`, and moves `in` behind it. */
void totals_encode(const struct totals *t, struct buf *out);
bool totals_decode(struct slice *in, struct totals *t);

/* Fills the mart's row. False: the customer has no savings account, or is not known
 * (!customer->known). */
bool customer_profile(const struct totals *t, int64_t customer_id,
                      const struct customer_ref *customer, int64_t now_ms,
                      struct customer_profile_row *row);

#endif
