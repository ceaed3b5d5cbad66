/* task_state: what applying (task.c) and replaying (replay.c) have in common: reading and writing
 * the state of a task with its row counts. Internal to the two. */
#ifndef STREAMER_TASK_TASK_ROWS_H
#define STREAMER_TASK_TASK_ROWS_H

#include "streamer/task/task.h"

/* What differs between the two entities. */
struct entity_map {
    enum family versions, confirmations, rows;
    enum topic history_topic, input_topic;
    /* Of keys in the confirmations topic: an id's own message, one of its confirmations, the
     * entity's floor. */
    const char *memory_prefix, *confirmation_prefix, *floor_key;
};
const struct entity_map *entity_map(enum entity e);

/* The prefix of an id's closed versions (`id` is decimal text for a customer); key_add_time makes
 * it a whole key. */
void task_version_prefix(struct buf *out, const struct task *t, enum entity entity,
                         struct slice id);

/* Puts STATE_FORMAT | value. `is_new`: the key was not there. Keeps the row count. */
void task_put(struct task_env *env, struct task *t, enum family f, struct slice key,
              struct slice value, bool is_new);
void task_erase(struct task_env *env, struct task *t, enum family f, struct slice key);
/* False if there is no such key. `body` is the value without its format byte; points into `value`.
 */
bool task_get(struct task_env *env, enum family f, struct slice key, struct buf *value,
              struct slice *body);
/* Takes the format byte off a value of the state; sets the sticky error if it is another one. */
bool task_body(struct kv *kv, enum family f, struct slice value, struct slice *body);
/* A value that cannot be read: sets the sticky error. */
void task_damaged(struct kv *kv, enum family f);
/* The value of an internal topic without its format byte; sets the sticky error if it is of another
 * format. */
bool task_message_body(struct kv *kv, enum topic topic, struct slice value, struct slice *body);

/* The row of an id into env->account or env->customer; clear if there is none. Its slices point
 * into env->account_bytes or env->customer_bytes: good until the next row of that entity is loaded.
 */
void task_load_account(struct task_env *env, const struct task *t, struct slice id);
void task_load_customer(struct task_env *env, const struct task *t, int64_t customer_id);
/* Saves the row that was loaded, as it is now, or erases it if it says nothing. Does nothing after
 * an error: a row that is half changed is never encoded. */
void task_save_account(struct task_env *env, struct task *t, struct slice id);
void task_save_customer(struct task_env *env, struct task *t, int64_t customer_id);
/* The same by the entity. Returns the row's timeline. */
struct timeline *task_load_row(struct task_env *env, const struct task *t, enum entity entity,
                               struct slice id);
void task_save_row(struct task_env *env, struct task *t, enum entity entity, struct slice id);
/* The same in two steps: of the row only its timeline, then the rest, before anything else is
 * loaded; `current` is the current version that was loaded with the timeline, or NULL. Without the
 * second step only task_save_timeline may follow, while the current version is still the same. */
struct timeline *task_load_timeline(struct task_env *env, const struct task *t, enum entity entity,
                                    struct slice id);
void task_load_rest(struct task_env *env, enum entity entity, struct slice id,
                    const struct version *current);
void task_save_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id);
/* The attributes of a version of an account; sets the sticky error if they are none. */
bool task_decode_account(struct task_env *env, struct slice in, struct account_attributes *a);

/* Keeps the index by customer and the count of current accounts; NULL: there was, or is, no current
 * version.
 */
void task_index_account(struct task_env *env, struct task *t, struct slice account_id,
                        const struct account_attributes *before,
                        const struct account_attributes *after);

/* A link message's effect on env->customer, which is the customer's, and its links; link == NULL:
 * it ends. */
struct link_effect {
    bool was_there;
    int64_t partition; /* of the account's task, as it is or was; -1: there was and is no link */
    int64_t links_of_partition; /* how many links of the customer go to that partition now */
};
struct link_effect task_fold_link(struct task_env *env, struct task *t, int64_t customer_id,
                                  struct slice account_id, const struct account_link *link);

/* The marks of task_replay_ahead. */
void task_mark_link(struct task_env *env, struct task *t, int64_t customer_id,
                    struct slice account_id);
bool task_unmark_link(struct task_env *env, struct task *t, int64_t customer_id,
                      struct slice account_id);
bool task_has_marked_links(struct task_env *env, const struct task *t, int64_t customer_id);
void task_mark_ref(struct task_env *env, struct task *t, int64_t customer_id);
void task_unmark_ref(struct task_env *env, struct task *t, int64_t customer_id);
bool task_ref_is_marked(struct task_env *env, const struct task *t, int64_t customer_id);

/* Reads the value of account-links without its format byte; false if it is none. */
bool task_read_link(struct slice body, struct account_link *link);
/* Splits the key "customer_id|account_id" of account-links. */
bool task_parse_link_key(struct slice key, int64_t *customer_id, struct slice *account_id);
bool task_parse_customer_id(struct slice text, int64_t *customer_id);

/* Reads the rows of the next accounts together: of `ids`, each ended by a 0, `count` or
 * TASK_FETCH_ROWS of them. */
#define TASK_FETCH_ROWS 1000
void task_fetch_accounts(struct task_env *env, const struct task *t, const char *ids,
                         int64_t count);

#endif
