/* task_rows: reading and writing the rows of a task's state, with the counts of rows in its meta
 * data. What applies events (task*.c), replays messages (replay.c) and answers questions
 * (scan.c, http/query.c) goes through it.
 *
 * Errors are sticky in the kv: a value that cannot be read is never skipped. */
#ifndef STREAMER_TASK_TASK_ROWS_H
#define STREAMER_TASK_TASK_ROWS_H

#include "streamer/task/task.h"

/* What differs between the two entities. */
struct entity_map {
    enum family versions, confirmations, rows;
    enum topic history_topic, input_topic;
    /* Keys of the confirmations topic (task_history.h). */
    const char *memory_prefix, *confirmation_prefix, *floor_key;
};
const struct entity_map *entity_map(enum entity e);

/* The prefix of the keys of an id's closed versions and confirmations; key_add_time completes a
 * key. The `id` of a customer is its decimal text, here and below. */
void task_version_prefix(struct buf *out, const struct task *t, enum entity entity,
                         struct slice id);

/* Puts a value, with its format byte, or erases it, and updates the count of rows. `is_new`: there
 * was no such key. A key that is erased must exist. */
void task_put(struct task_env *env, struct task *t, enum family f, struct slice key,
              struct slice value, bool is_new);
void task_erase(struct task_env *env, struct task *t, enum family f, struct slice key);
/* Reads a value. False: there is no such key, or an error. `body` is the value without its format
 * byte; it points into `value`. */
bool task_get(struct task_env *env, enum family f, struct slice key, struct buf *value,
              struct slice *body);
/* Takes the format byte off a value of the state. False with the sticky error: another byte. */
bool task_body(struct kv *kv, enum family f, struct slice value, struct slice *body);
/* Sets the sticky error: a value of the family cannot be read. */
void task_damaged(struct kv *kv, enum family f);
/* Takes MESSAGE_FORMAT off a value of an internal topic. False with the sticky error: another
 * byte. */
bool task_message_body(struct kv *kv, enum topic topic, struct slice value, struct slice *body);

/* Load the row of an id into env->account or env->customer. If there is none, the row is clear. The
 * row's slices point into env->account_bytes or env->customer_bytes: they are good until the next
 * row of that entity is loaded. */
void task_load_account(struct task_env *env, const struct task *t, struct slice id);
void task_load_customer(struct task_env *env, const struct task *t, int64_t customer_id);
/* Save the row that was loaded, as it is now, or erase it if it is empty. After an error they do
 * nothing, so that a half changed row is never encoded. */
void task_save_account(struct task_env *env, struct task *t, struct slice id);
void task_save_customer(struct task_env *env, struct task *t, int64_t customer_id);
/* The same for an id of either entity. task_load_row returns the row's timeline. */
struct timeline *task_load_row(struct task_env *env, const struct task *t, enum entity entity,
                               struct slice id);
void task_save_row(struct task_env *env, struct task *t, enum entity entity, struct slice id);
/* The same in two steps, because most events need no more than the timeline: first the timeline,
 * then the rest of the row, before any other row is loaded. `current` is the current version that
 * was loaded with the timeline, or NULL. Without the second step only task_save_timeline may
 * follow, and only if the current version is still the same: it leaves the rest of the row as it is
 * stored. */
struct timeline *task_load_timeline(struct task_env *env, const struct task *t, enum entity entity,
                                    struct slice id);
void task_load_rest(struct task_env *env, enum entity entity, struct slice id,
                    const struct version *current);
void task_save_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id);
/* The origin in the row of that entity that is loaded. */
struct row_origin *task_row_origin(struct task_env *env, enum entity entity);
/* Decodes the attributes of an account's version. False with the sticky error: they are damaged. */
bool task_decode_account(struct task_env *env, struct slice in, struct account_attributes *a);

/* Updates the index by customer and the count of current accounts. `before` and `after` are the
 * attributes of the current version, NULL if there was, or is, none. */
void task_index_account(struct task_env *env, struct task *t, struct slice account_id,
                        const struct account_attributes *before,
                        const struct account_attributes *after);

/* What a link message changed. */
struct link_effect {
    bool was_there;             /* there was a link with that account before */
    int64_t partition;          /* of the account's task; -1: there was and is no link */
    int64_t links_of_partition; /* how many links of the customer go to that partition now */
};
/* Puts a link into env->customer, whose row is loaded, or into a row of its own, and into the
 * totals. link == NULL: removes it. */
struct link_effect task_fold_link(struct task_env *env, struct task *t, int64_t customer_id,
                                  struct slice account_id, const struct account_link *link);

/* The marks of task_replay_ahead (task.h). The unmark functions do nothing if there is no mark. */
void task_mark_link(struct task_env *env, struct task *t, int64_t customer_id,
                    struct slice account_id);
bool task_unmark_link(struct task_env *env, struct task *t, int64_t customer_id,
                      struct slice account_id);
bool task_has_marked_links(struct task_env *env, const struct task *t, int64_t customer_id);
void task_mark_ref(struct task_env *env, struct task *t, int64_t customer_id);
void task_unmark_ref(struct task_env *env, struct task *t, int64_t customer_id);
bool task_ref_is_marked(struct task_env *env, const struct task *t, int64_t customer_id);

/* Decodes a value of account-links without its format byte. False: it cannot be read. */
bool task_read_link(struct slice body, struct account_link *link);
/* Splits the key "<customer_id>|<account_id>" of account-links. False: it is no such key. */
bool task_parse_link_key(struct slice key, int64_t *customer_id, struct slice *account_id);
bool task_parse_customer_id(struct slice text, int64_t *customer_id);

/* Prefetches the rows of the first accounts of `ids`, of `count` or TASK_FETCH_ROWS, whichever is
 * less. Each id ends with a zero byte. */
#define TASK_FETCH_ROWS 1000
void task_fetch_accounts(struct task_env *env, const struct task *t, const char *ids,
                         int64_t count);

#endif
