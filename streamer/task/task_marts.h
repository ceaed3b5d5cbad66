/* task_marts: how a task brings its joined rows and marts up to date, and how it remembers what it
 * emitted last. Internal to the task_*.c files. */
#ifndef STREAMER_TASK_TASK_MARTS_H
#define STREAMER_TASK_TASK_MARTS_H

#include "streamer/task/task.h"

/* Sends a message; value.p == NULL: a tombstone. */
void task_send(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
               struct slice value);
/* The same with the header TASK_POSITION_HEADER, unless `position` is empty. */
void task_send_with_position(struct task_env *env, enum topic topic, int32_t partition,
                             struct slice key, struct slice value, struct slice position);

/* The record that the header SINK_SOURCE_HEADER of a history row names. */
struct row_origin task_read_origin(struct slice header);

/* The customer's row as its account tasks know it; its name points into `value`. */
bool task_load_ref(struct task_env *env, struct task *t, int64_t customer_id, struct buf *value,
                   struct customer_ref *ref);
/* The customer whose row is env->customer, in the form in which its accounts get to know it. */
struct customer_ref task_current_customer(struct task_env *env);

/* Brings the joined row and the summary of the account whose row is env->account up to date.
 * account == NULL: it is gone; customer == NULL: not known. True: env->account is another one now,
 * to be saved. */
bool task_refresh_account(struct task_env *env, struct task *t, struct slice account_id,
                          const struct account_attributes *account,
                          const struct customer_ref *customer);
/* Loads, brings up to date and saves an account that has a current version. */
void task_refresh_account_by_id(struct task_env *env, struct task *t, struct slice id,
                                const struct customer_ref *customer);
/* Brings the profile of the customer whose row is env->customer up to date. True: env->customer is
 * another one now. */
bool task_refresh_profile(struct task_env *env, struct task *t, int64_t customer_id,
                          const struct customer_ref *customer);

#endif
