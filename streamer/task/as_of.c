#include "streamer/task/as_of.h"

#include "state/keys.h"
#include "streamer/layers/intermediate/join.h"
#include "streamer/layers/marts/account_summary.h"
#include "streamer/layers/marts/customer_profile.h"

/* Reads the closed version that was valid at `at`, if there is one, through a cursor of the
 * entity's closed versions. */
static bool find_closed(struct task_env *env, const struct task *t, enum entity entity,
                        struct slice id, int64_t at, struct kv_cursor *closed, struct version *v) {
    enum family f = entity_map(entity)->versions;
    struct slice body;
    task_version_prefix(&env->key2, t, entity, id);
    size_t prefix_n = env->key2.n;
    key_add_time(&env->key2, at);
    cursor_seek_for_prev(closed, buf_slice(&env->key2));
    if (!cursor_in(closed, slice_of(buf_slice(&env->key2).p, prefix_n)) ||
        !task_body(env->kv, f, cursor_value(closed), &body))
        return false;
    if (version_decode(body, key_time(cursor_key(closed)), v))
        return at < v->to;
    task_damaged(env->kv, f);
    return false;
}

/* The same for any version of the id whose timeline is `line`. */
static bool find(struct task_env *env, const struct task *t, enum entity entity, struct slice id,
                 const struct timeline *line, int64_t at, struct kv_cursor *closed,
                 struct version *v) {
    if (kv_failed(env->kv) || timeline_is_empty(line))
        return false;
    if (!line->has_current || at < line->current.from)
        return find_closed(env, t, entity, id, at, closed, v);
    *v = line->current;
    return true;
}

bool as_of_version(struct task_env *env, const struct task *t, enum entity entity, struct slice id,
                   int64_t at, struct buf *bytes, struct version *v) {
    const struct timeline *line = task_load_timeline(env, t, entity, id);
    struct kv_cursor *closed = kv_cursor(env->kv, entity_map(entity)->versions);
    bool found = find(env, t, entity, id, line, at, closed, v);
    if (found) {
        buf_set(bytes, v->attributes);
        v->attributes = buf_slice(bytes);
    }
    cursor_free(closed);
    return found && !kv_failed(env->kv);
}

/* --- the accounts of a customer --- */

struct sum {
    struct task_env *env;
    const struct task *task;
    int64_t customer_id, at;
    struct kv_cursor *closed; /* versions of accounts */
    struct totals *totals;
};

static bool is_customers(const struct sum *s, const struct version *v,
                         struct account_attributes *a) {
    return task_decode_account(s->env, v->attributes, a) && a->customer_id == s->customer_id;
}

/* `is_former`: the account is listed in FAMILY_FORMER_ACCOUNTS. If it belongs to the customer now,
 * it is listed in FAMILY_ACCOUNTS_BY_CUSTOMER, too, and counts there. */
static void add_account(const struct sum *s, struct slice id, bool is_former) {
    struct version v;
    struct account_attributes a;
    const struct timeline *line = task_load_timeline(s->env, s->task, ENTITY_ACCOUNT, id);
    if (is_former && line->has_current && is_customers(s, &line->current, &a))
        return;
    if (!find(s->env, s->task, ENTITY_ACCOUNT, id, line, s->at, s->closed, &v) ||
        !is_customers(s, &v, &a))
        return;
    struct account_link link = {s->task->partition, a.balance_amount, a.account_type};
    (void)totals_add(s->totals, s->env->rates, &link, 1);
}

static bool add_family(const struct sum *s, enum family f, bool (*goes_on)(void *context),
                       void *context) {
    struct buf prefix = {0};
    bool ok = true;
    key_customer(&prefix, s->task->partition, s->customer_id);
    struct kv_cursor *c = kv_cursor(s->env->kv, f);
    for (cursor_seek(c, buf_slice(&prefix)); ok && cursor_in(c, buf_slice(&prefix));
         cursor_next(c)) {
        ok = goes_on(context);
        if (ok)
            add_account(s, key_account_of_customer(cursor_key(c)), f == FAMILY_FORMER_ACCOUNTS);
        ok = ok && !kv_failed(s->env->kv);
    }
    cursor_free(c);
    buf_release(&prefix);
    return ok && !kv_failed(s->env->kv);
}

bool as_of_sum(struct task_env *env, const struct task *t, int64_t customer_id, int64_t at,
               bool (*goes_on)(void *context), void *context, struct totals *totals) {
    struct kv_cursor *closed = kv_cursor(env->kv, FAMILY_ACCOUNT_HISTORY);
    const struct sum s = {env, t, customer_id, at, closed, totals};
    bool ok = add_family(&s, FAMILY_ACCOUNTS_BY_CUSTOMER, goes_on, context) &&
              add_family(&s, FAMILY_FORMER_ACCOUNTS, goes_on, context);
    cursor_free(closed);
    return ok;
}

/* --- rows --- */

bool as_of_join(struct slice account_id, const struct account_attributes *account, int64_t from,
                const struct customer_ref *customer, struct account_with_customer_row *row) {
    return join_account(account_id, account, from, customer, row);
}

bool as_of_summarize(const struct rates *rates, const struct account_with_customer_row *joined,
                     struct account_summary_row *row) {
    return account_summarize(rates, joined, 0, row);
}

bool as_of_profile_of(const struct totals *totals, int64_t customer_id,
                      const struct customer_ref *customer, struct customer_profile_row *row) {
    return customer_profile(totals, customer_id, customer, 0, row);
}
