/* task_state: what applying (task.c) and replaying (replay.c) have in common: reading and writing the state
 * of a task with its row counts. Internal to the two. */
#ifndef STREAMER_TASK_STATE_H
#define STREAMER_TASK_STATE_H

#include "streamer/task.h"

/* What differs between the two entities. */
struct entity_map {
    enum family timelines, versions;
    enum topic history_topic;
    const char *confirmations_prefix; /* of the key in the confirmations topic */
};
const struct entity_map *entity_map(enum entity e);

/* The state key of an id; `id` is decimal text for a customer. */
void task_id_key(struct buf *out, const struct task *t, enum entity entity, struct slice id);
/* The prefix of an id's closed versions; key_add_time makes it a whole key. */
void task_version_prefix(struct buf *out, const struct task *t, enum entity entity, struct slice id);

/* Puts STATE_FORMAT | value. `is_new`: the key was not there. Keeps the row count. */
void task_put(struct task_env *env, struct task *t, enum family f, struct slice key, struct slice value,
              bool is_new);
void task_erase(struct task_env *env, struct task *t, enum family f, struct slice key);
/* False if there is no such key. `body` is the value without its format byte; points into `value`. */
bool task_get(struct task_env *env, enum family f, struct slice key, struct buf *value, struct slice *body);
/* A value that cannot be read: sets the sticky error. */
void task_damaged(struct task_env *env, enum family f);
/* The value of an internal topic without its format byte; sets the sticky error if it is of another format.
 */
bool task_message_body(struct task_env *env, enum topic topic, struct slice value, struct slice *body);

/* The timeline of an id into env->timeline (its slices point into env->value); clear if there is none. */
bool task_load_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id);
/* Saves env->timeline, or erases it if it says nothing. `existed`: it was loaded. */
void task_save_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        bool existed);

/* Keeps the index by customer and the count of current accounts; NULL: there was, or is, no current version.
 */
void task_index_account(struct task_env *env, struct task *t, struct slice account_id,
                        const struct account_attributes *before, const struct account_attributes *after);

/* A link message's effect on the state of the customer's task; link == NULL: it ends. */
struct link_effect {
    bool was_there;
    int64_t partition;          /* of the account's task, as it is or was; -1: there was and is no link */
    int64_t links_of_partition; /* how many links of the customer go to that partition now */
};
struct link_effect task_fold_link(struct task_env *env, struct task *t, int64_t customer_id,
                                  struct slice account_id, const struct account_link *link);
/* The totals of a customer into env->totals; all zero if there are none. */
bool task_load_totals(struct task_env *env, struct task *t, int64_t customer_id);

/* The marks of task_replay_ahead. */
void task_mark_link(struct task_env *env, struct task *t, int64_t customer_id, struct slice account_id);
bool task_unmark_link(struct task_env *env, struct task *t, int64_t customer_id, struct slice account_id);
bool task_has_marked_links(struct task_env *env, const struct task *t, int64_t customer_id);
void task_mark_ref(struct task_env *env, struct task *t, int64_t customer_id);
void task_unmark_ref(struct task_env *env, struct task *t, int64_t customer_id);
bool task_ref_is_marked(struct task_env *env, const struct task *t, int64_t customer_id);

/* Splits the key "customer_id|account_id" of account-links. */
bool task_parse_link_key(struct slice key, int64_t *customer_id, struct slice *account_id);
bool task_parse_customer_id(struct slice text, int64_t *customer_id);

#endif
