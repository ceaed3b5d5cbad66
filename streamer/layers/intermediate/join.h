/* join: the intermediate layer. Current account and current customer make one row. Pure. */
#ifndef STREAMER_LAYERS_INTERMEDIATE_JOIN_H
#define STREAMER_LAYERS_INTERMEDIATE_JOIN_H

#include "schemas/rows.h"

#include <stdbool.h>
#include <stdint.h>

/* The joined row, or false: an orphan, whose customer is not known (NULL or !known). The row's
 * slices are those of the arguments. */
bool join_account(struct slice account_id, const struct account_attributes *account,
                  int64_t valid_from_at, const struct customer_ref *customer,
                  struct account_with_customer_row *row);

#endif
