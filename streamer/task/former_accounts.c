#include "streamer/task/former_accounts.h"

#include "state/keys.h"

static bool exists(struct task_env *env) {
    return kv_get(env->kv, FAMILY_FORMER_ACCOUNTS, buf_slice(&env->key2), &env->value2);
}

void former_accounts_add(struct task_env *env, struct task *t, int64_t customer_id,
                         struct slice account_id) {
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    if (!exists(env))
        task_put(env, t, FAMILY_FORMER_ACCOUNTS, buf_slice(&env->key2), slice_of("", 0), true);
}

void former_accounts_remove(struct task_env *env, struct task *t, int64_t customer_id,
                            struct slice account_id) {
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    if (exists(env))
        task_erase(env, t, FAMILY_FORMER_ACCOUNTS, buf_slice(&env->key2));
}

void former_accounts_note_closed(struct task_env *env, struct task *t, struct slice account_id,
                                 const struct version *closed, const struct version *current) {
    struct account_attributes was;
    bool stays = current != NULL &&
                 account_attributes_same_customer(closed->attributes, current->attributes);
    if (!stays && task_decode_account(env, closed->attributes, &was))
        former_accounts_add(env, t, was.customer_id, account_id);
}

static bool same_customer(const struct account_attributes *a, const struct account_attributes *b) {
    return a != NULL && b != NULL && a->customer_id == b->customer_id;
}

void former_accounts_replay(struct task_env *env, struct task *t, struct slice account_id,
                            const struct account_attributes *before,
                            const struct account_attributes *after,
                            const struct account_attributes *closed) {
    if (closed != NULL && !same_customer(closed, after))
        former_accounts_add(env, t, closed->customer_id, account_id);
    if (before != NULL && !same_customer(before, after) && !same_customer(before, closed))
        former_accounts_add(env, t, before->customer_id, account_id);
    if (after != NULL && !same_customer(before, after))
        former_accounts_remove(env, t, after->customer_id, account_id);
}
