/* customer_accounts: goes over the current accounts of one customer, sorted by account_id. They are
 * the links in the customer's row and those that have rows of their own, merged. To begin anywhere
 * among them costs the same, however many there are. */
#ifndef STREAMER_TASK_CUSTOMER_ACCOUNTS_H
#define STREAMER_TASK_CUSTOMER_ACCOUNTS_H

#include "streamer/task/task_rows.h"

#include <stdbool.h>
#include <stdint.h>

/* Members up to `row` are for the functions below. */
struct customer_accounts {
    struct kv *kv;
    struct buf prefix;        /* of the keys of the links outside the customer's row */
    struct kv_cursor *cursor; /* on the next one of these */
    struct slice rest;        /* of the links in the customer's row, behind `inside` */
    bool has_inside;          /* `inside` is the next link in the row */
    struct customer_account_row inside;
    bool is_outside;                 /* `row` is what the cursor is on */
    struct customer_account_row row; /* the account; its slices are good until the next call */
};

/* Begins behind the account with the id `after`, which need not exist; "": at the first account.
 * The customer's row must be loaded in `env`, and stay there. */
void customer_accounts_init(struct customer_accounts *a, struct task_env *env, const struct task *t,
                            int64_t customer_id, struct slice after);
/* Moves to the next account. False: there is none, or the kv has failed. */
bool customer_accounts_next(struct customer_accounts *a);
void customer_accounts_release(struct customer_accounts *a);

#endif
