/* former_accounts: finds the accounts that a customer had at a time (as_of.h). The accounts that a
 * customer has now are in FAMILY_ACCOUNTS_BY_CUSTOMER. FAMILY_FORMER_ACCOUNTS has the others: an
 * account has a row under each customer that one of its closed versions names, unless its current
 * version names that customer.
 *
 * There may be more rows than that, because a row stays when the account comes back to the
 * customer, or when its versions vanish. So whoever reads a row looks at the account's versions. A
 * change that leaves an account with its customer does not read or write these rows. */
#ifndef STREAMER_TASK_FORMER_ACCOUNTS_H
#define STREAMER_TASK_FORMER_ACCOUNTS_H

#include "streamer/task/task_rows.h"

/* Adds a row, or removes one. The row may already be there, or be missing. */
void former_accounts_add(struct task_env *env, struct task *t, int64_t customer_id,
                         struct slice account_id);
void former_accounts_remove(struct task_env *env, struct task *t, int64_t customer_id,
                            struct slice account_id);

/* To be called when the account has a closed version that is new or has changed. `current`: its
 * current version, or NULL. */
void former_accounts_note_closed(struct task_env *env, struct task *t, struct slice account_id,
                                 const struct version *closed, const struct version *current);

/* To be called when a restore has read a row of the account's history. `before` and `after` are the
 * attributes of the current version, and `closed` those of the row if it is a closed version. NULL:
 * there was, or is, none.
 *
 * A restore reads the closed versions of most accounts before the current one. The rows that this
 * adds are removed when the current version comes. */
void former_accounts_replay(struct task_env *env, struct task *t, struct slice account_id,
                            const struct account_attributes *before,
                            const struct account_attributes *after,
                            const struct account_attributes *closed);

#endif
