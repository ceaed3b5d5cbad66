/* task_marts: how a task brings its joined rows and marts up to date, and how it remembers what it emitted
 * last. Internal to the task_*.c files. */
#ifndef STREAMER_TASK_MARTS_H
#define STREAMER_TASK_MARTS_H

#include "streamer/task.h"

/* Sends a message; value.p == NULL: a tombstone. */
void task_send(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
               struct slice value);

/* The customer's row as its account tasks know it; its name points into `value`. */
bool task_load_ref(struct task_env *env, struct task *t, int64_t customer_id, struct buf *value,
                   struct customer_ref *ref);
/* The same out of the account's last joined row; for an account that was the customer's before this change, too. A ref rewrites
 * the joined rows of all accounts that are the customer's when it comes, before the partition's next message; so what such
 * a row says of the customer is what the last ref says, or another ref is under way that will rewrite it. (Of an
 * account that was another customer's in between it can be older: nothing is emitted as long as a ref is marked.) */
bool task_last_customer(struct task_env *env, struct task *t, struct slice account_id, int64_t customer_id,
                        struct buf *value, struct customer_ref *ref);
/* The customer itself, from its own timeline, in the form in which its accounts get to know it. The name
 * points into env->value. */
struct customer_ref task_current_customer(struct task_env *env, struct task *t, struct slice id);
bool task_decode_account(struct task_env *env, struct slice in, struct account_attributes *a);

/* Brings the joined row and the summary of one account up to date. account == NULL: it is gone; customer ==
 * NULL: not known. */
void task_refresh_account(struct task_env *env, struct task *t, struct slice account_id,
                          const struct account_attributes *account, int64_t valid_from_at,
                          const struct customer_ref *customer);
/* The same for an account that has a current version. */
void task_refresh_account_by_id(struct task_env *env, struct task *t, struct slice id,
                                const struct customer_ref *customer);
/* Brings the customer's profile up to date; env->totals must be the customer's. */
void task_refresh_profile(struct task_env *env, struct task *t, int64_t customer_id,
                          const struct customer_ref *customer);

#endif
