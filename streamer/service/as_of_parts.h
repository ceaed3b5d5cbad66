/* as_of_parts: the sums that a customer's profile at a time is made of, as the instances tell them
 * to each other: each of them those of its own partitions. Pure.
 *
 *   {"customer":{a row of customer_history}, null or missing,
 *    "partitions":[{"partition":0,"accounts":2,"balance":"100.00",
 *                   "interest_without_loan":"1.00","interest_with_loan":"1.50"}, …]}
 *
 * The instance that has the customer's partition tells the version of the customer that was valid
 * then; null: there was none. */
#ifndef STREAMER_SERVICE_AS_OF_PARTS_H
#define STREAMER_SERVICE_AS_OF_PARTS_H

#include "schemas/rows.h"
#include "streamer/task/as_of.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct as_of_part {
    int64_t partition;
    int64_t accounts; /* as in struct customer_totals, here and below */
    int128 balance, interest_without_loan, interest_with_loan;
};

struct as_of_customer {
    bool is_told; /* false: the instance does not have the customer's partition */
    bool exists;  /* there was a version */
    struct customer_history_row row;
};

/* Appends what one instance tells. */
void as_of_parts_put(struct buf *out, const struct as_of_customer *customer,
                     const struct as_of_part *parts, size_t count);

/* What the instances have told so far. */
struct as_of_parts {
    int32_t partitions; /* n */
    int *tellers;       /* by partition: how many instances have told its sums; owned */
    int customer_tellers;
    struct totals totals;
    struct customer_ref customer; /* known: there was a version; its name lies in `name` */
    struct buf name;
};
void as_of_parts_init(struct as_of_parts *all, int32_t partitions);
void as_of_parts_release(struct as_of_parts *all);
/* Adds what one instance tells. False: the text is something else; then `all` is of no use. */
bool as_of_parts_add(struct as_of_parts *all, struct slice text);
/* Whether each partition's sums, and the customer, were told exactly once. */
bool as_of_parts_are_whole(const struct as_of_parts *all);

#endif
