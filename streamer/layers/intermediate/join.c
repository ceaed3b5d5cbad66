#include "streamer/layers/intermediate/join.h"

bool join_account(struct slice account_id, const struct account_attributes *account,
                  int64_t valid_from_at, const struct customer_ref *customer,
                  struct account_with_customer_row *row) {
    if (customer == NULL || !customer->known)
        return false;
    *row = (struct account_with_customer_row){
        .account_id = account_id,
        .customer_id = account->customer_id,
        .customer_name = customer->customer_name,
        .has_loan_flag = customer->has_loan_flag,
        .balance_amount = account->balance_amount,
        .account_type = account->account_type,
        .valid_from_at = valid_from_at,
    };
    return true;
}
