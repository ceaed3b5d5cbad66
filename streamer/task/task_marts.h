/* task_marts: brings a task's joined rows and marts up to date, and remembers what was emitted
 * last, so that only changes are emitted. Sends the task's messages. Internal to the task_*.c files
 * and replay.c. */
#ifndef STREAMER_TASK_TASK_MARTS_H
#define STREAMER_TASK_TASK_MARTS_H

#include "streamer/task/task.h"

/* Sends a message; value.p == NULL: a tombstone. */
void task_send(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
               struct slice value);
/* The same for a history row. It has the header TASK_POSITION_HEADER, unless `position` is empty;
 * and if `is_split`, TASK_SPLIT_HEADER. */
void task_send_version(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
                       struct slice value, struct slice position, bool is_split);

/* Loads the customer's ref: the customer as the tasks of its accounts know it. Its name points into
 * `value`. origin == NULL: it is not wanted. False: there is no ref, or it cannot be read (sticky
 * error). */
bool task_load_ref(struct task_env *env, struct task *t, int64_t customer_id, struct buf *value,
                   struct customer_ref *ref, struct ref_origin *origin);
/* Whether the ref of the customer of the account whose row is env->account may differ from what the
 * state says: it is marked, or it is missing although there is a joined row with that customer.
 * `customer`: the ref; NULL: there is none. */
bool task_ref_is_in_doubt(struct task_env *env, const struct task *t, int64_t customer_id,
                          const struct customer_ref *customer);
/* The customer whose row is env->customer, in the form of a ref. */
struct customer_ref task_current_customer(struct task_env *env);

/* Brings the joined row and the summary of the account whose row is env->account up to date.
 * account == NULL: it has no current version; customer == NULL: not known. True: env->account has
 * changed and is to be saved. */
bool task_refresh_account(struct task_env *env, struct task *t, struct slice account_id,
                          const struct account_attributes *account,
                          const struct customer_ref *customer);
/* Does so for an account that is not loaded, and saves it. It must have a current version. */
void task_refresh_account_by_id(struct task_env *env, struct task *t, struct slice id,
                                const struct customer_ref *customer);
/* Brings the profile of the customer whose row is env->customer up to date. True: env->customer has
 * changed and is to be saved. */
bool task_refresh_profile(struct task_env *env, struct task *t, int64_t customer_id,
                          const struct customer_ref *customer);

#endif
