#include "streamer/task/why.h"

#include "streamer/base/timestamp.h"
#include "streamer/task/task_marts.h"
#include "streamer/task/task_rows.h"

struct table {
    const char *name;
    enum entity entity;
};

static const struct table tables[WHY_TABLE_COUNT] = {
    [WHY_CUSTOMERS] = {"customers", ENTITY_CUSTOMER},
    [WHY_ACCOUNTS] = {"accounts", ENTITY_ACCOUNT},
    [WHY_ACCOUNT_WITH_CUSTOMER] = {"account_with_customer", ENTITY_ACCOUNT},
    [WHY_ACCOUNT_SUMMARY] = {"account_summary", ENTITY_ACCOUNT},
    [WHY_CUSTOMER_PROFILE] = {"customer_profile", ENTITY_CUSTOMER},
};

const char *why_table_name(enum why_table table) {
    return tables[table].name;
}

enum entity why_table_entity(enum why_table table) {
    return tables[table].entity;
}

static const struct why_record unknown = {.known = WHY_UNKNOWN};

static struct why_record record_of(const struct row_origin *o, int64_t event_at,
                                   int64_t loaded_at) {
    if (!o->exists || o->is_split)
        return unknown;
    return (struct why_record){WHY_KNOWN, o->partition, o->offset, event_at, loaded_at};
}

static struct why_record record_of_current(const struct row_origin *o, const struct timeline *t) {
    return record_of(o, t->current.from, t->current.loaded_at);
}

/* `waits`: the row depends on a marked link or ref. Then it may still have the rates of before, as
 * it was left out when the task computed its rows anew. */
static enum why_known rates_known(const struct task_env *env, const struct task *t, bool waits) {
    return waits || task_needs_refresh(env, t) ? WHY_UNKNOWN : WHY_KNOWN;
}

/* --- accounts --- */

/* Whether the joined row says what the account's current version says. It does not while a ref is
 * awaited (task_ref_is_in_doubt). */
static bool joins_current(struct task_env *env) {
    const struct account_with_customer_row *j = &env->account.joined;
    const struct version *v = timeline_current(&env->account.timeline);
    struct account_attributes a;
    return v != NULL && task_decode_account(env, v->attributes, &a) &&
           j->valid_from_at == v->from && j->customer_id == a.customer_id &&
           j->balance_amount == a.balance_amount && slice_eq(j->account_type, a.account_type);
}

/* The customer's record, by the ref. The ref may be newer than the joined row, while its fan-out is
 * under way, or older, if it is marked (task_replay_ahead). */
static struct why_record record_of_ref(struct task_env *env, struct task *t) {
    const struct account_with_customer_row *j = &env->account.joined;
    struct customer_ref ref;
    struct ref_origin o;
    if (task_ref_is_marked(env, t, j->customer_id) ||
        !task_load_ref(env, t, j->customer_id, &env->value, &ref, &o) || !ref.known ||
        ref.has_loan_flag != j->has_loan_flag || !slice_eq(ref.customer_name, j->customer_name))
        return unknown;
    return record_of(&o.record, o.valid_from_at, o.loaded_at);
}

static bool read_joined(struct task_env *env, struct task *t, struct slice id, struct why *why) {
    const struct account_row *r = &env->account;
    task_load_account(env, t, id);
    if (!r->has_joined)
        return false;
    why->account = joins_current(env) ? record_of_current(&r->origin, &r->timeline) : unknown;
    why->customer = record_of_ref(env, t);
    return true;
}

static bool waits_for_ref(struct task_env *env, struct task *t) {
    const struct version *v = timeline_current(&env->account.timeline);
    struct account_attributes a;
    struct customer_ref ref;
    if (v == NULL || !task_decode_account(env, v->attributes, &a))
        return true;
    bool known = task_load_ref(env, t, a.customer_id, &env->value, &ref, NULL);
    return task_ref_is_in_doubt(env, t, a.customer_id, known ? &ref : NULL);
}

static bool read_summary(struct task_env *env, struct task *t, struct slice id, struct why *why) {
    if (!read_joined(env, t, id, why) || !env->account.has_summary)
        return false;
    why->rates = rates_known(env, t, waits_for_ref(env, t));
    why->calculated_at = env->account.summary.calculated_at;
    return true;
}

/* --- customers --- */

/* The profile does not say what the current version says while a link is awaited. */
static bool read_profile(struct task_env *env, struct task *t, struct slice id, struct why *why) {
    const struct customer_row *r = &env->customer;
    struct customer_ref current;
    (void)task_load_row(env, t, ENTITY_CUSTOMER, id);
    if (!r->has_profile)
        return false;
    why->rates = rates_known(env, t, task_has_marked_links(env, t, r->profile.customer_id));
    current = task_current_customer(env);
    bool is_current = current.known && current.has_loan_flag == r->profile.has_loan_flag &&
                      slice_eq(current.customer_name, r->profile.customer_name);
    why->customer = is_current ? record_of_current(&r->origin, &r->timeline) : unknown;
    why->calculated_at = r->profile.calculated_at;
    return true;
}

/* --- any table --- */

static bool read_current(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                         struct why_record *record) {
    const struct timeline *line = task_load_row(env, t, entity, id);
    if (!line->has_current)
        return false;
    *record = record_of_current(task_row_origin(env, entity), line);
    return true;
}

static bool read_table(struct task_env *env, struct task *t, enum why_table table, struct slice id,
                       struct why *why) {
    switch (table) {
    case WHY_CUSTOMERS:
        return read_current(env, t, ENTITY_CUSTOMER, id, &why->customer);
    case WHY_ACCOUNTS:
        return read_current(env, t, ENTITY_ACCOUNT, id, &why->account);
    case WHY_ACCOUNT_WITH_CUSTOMER:
        return read_joined(env, t, id, why);
    case WHY_ACCOUNT_SUMMARY:
        return read_summary(env, t, id, why);
    case WHY_CUSTOMER_PROFILE:
        return read_profile(env, t, id, why);
    case WHY_TABLE_COUNT:
        break;
    }
    return false;
}

bool why_read(struct task_env *env, struct task *t, enum why_table table, struct slice id,
              struct why *why) {
    *why = (struct why){.calculated_at = TIMESTAMP_NONE};
    task_load_meta(env, t);
    return read_table(env, t, table, id, why) && !kv_failed(env->kv);
}
