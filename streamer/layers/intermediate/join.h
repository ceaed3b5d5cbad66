/* join: the intermediate layer. It joins a current account with its current customer. Pure. */
#ifndef STREAMER_LAYERS_INTERMEDIATE_JOIN_H
#define STREAMER_LAYERS_INTERMEDIATE_JOIN_H

#include "schemas/rows.h"

#include <stdbool.h>
#include <stdint.h>

/* Fills the joined row, whose slices are those of the arguments. False: the account is an orphan,
 * because its customer is not known (NULL or !known). */
bool join_account(struct slice account_id, const struct account_attributes *account,
                  int64_t valid_from_at, const struct customer_ref *customer,
                  struct account_with_customer_row *row);

#endif
