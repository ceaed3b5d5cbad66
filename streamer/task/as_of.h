/* as_of: what was valid at a time, by the histories as they are known now. For readers of committed
 * state; the errors are sticky in the kv. */
#ifndef STREAMER_TASK_AS_OF_H
#define STREAMER_TASK_AS_OF_H

#include "streamer/task/task_rows.h"

/* Finds the version of the id that was valid at `at`. False: there was none, or an error. The
 * attributes of the version lie in `bytes`, whose content is replaced. */
bool as_of_version(struct task_env *env, const struct task *t, enum entity entity, struct slice id,
                   int64_t at, struct buf *bytes, struct version *v);

/* Adds the accounts of the task's partition that belonged to the customer at `at` to `totals`, with
 * the rates of `env`. It takes time for each account that ever belonged to the customer. Before
 * each account it asks `goes_on`. False: `goes_on` said no, or an error; then `totals` is of no
 * use. */
bool as_of_sum(struct task_env *env, const struct task *t, int64_t customer_id, int64_t at,
               bool (*goes_on)(void *context), void *context, struct totals *totals);

/* The rows of a time from what was found. False: there is no such row. Their calculated_at is 0.
 * customer == NULL: it had no version. */
bool as_of_join(struct slice account_id, const struct account_attributes *account, int64_t from,
                const struct customer_ref *customer, struct account_with_customer_row *row);
bool as_of_summarize(const struct rates *rates, const struct account_with_customer_row *joined,
                     struct account_summary_row *row);
bool as_of_profile_of(const struct totals *totals, int64_t customer_id,
                      const struct customer_ref *customer, struct customer_profile_row *row);

#endif
