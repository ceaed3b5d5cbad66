/* replay: task_replay, the way of committed messages back into the state. The result is the state that wrote
 * them, whatever compaction has left out. */
#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/task.h"
#include "streamer/task_state.h"

#include <string.h>

static void unreadable(struct task_env *env, enum topic topic, struct slice key) {
    if (!kv_failed(env->kv))
        (void)err_set(
            &env->kv->err, ERR_STOP,
            "cannot read back the message with key %.*s of topic number %d: not written by this version "
            "of streamer",
            (int)(key.n > 200 ? 200 : key.n), key.p, (int)topic);
}

/* Splits "<id>|<valid_from>" at the last bar: an account_id may contain one. */
static bool split_history_key(struct slice key, struct slice *id, int64_t *from) {
    const char *bar = key.n > 0 ? memrchr(key.p, '|', key.n) : NULL;
    if (bar == NULL)
        return false;
    size_t n = (size_t)(bar - key.p);
    *id = slice_of(key.p, n);
    return decimal_parse_integer(slice_of(bar + 1, key.n - n - 1), from) == DECIMAL_OK;
}

/* Reads a history row; its attributes are encoded into env->attributes. */
static bool read_version(struct task_env *env, enum entity entity, struct slice value, struct version *v) {
    buf_clear(&env->attributes);
    if (entity == ENTITY_CUSTOMER) {
        struct customer_history_row row;
        if (!row_read_json(&customer_history_type, &env->json, value, &row))
            return false;
        struct customer_attributes a = {row.customer_name, row.has_loan_flag};
        row_put_avro(&customer_attributes_type, &a, &env->attributes);
        *v = (struct version){row.valid_from_at, row.valid_to_at, row.loaded_at, {0}};
    } else {
        struct account_history_row row;
        if (!row_read_json(&account_history_type, &env->json, value, &row))
            return false;
        enum account_type ignored;
        if (!account_type_find(row.account_type, &ignored))
            return false;
        struct account_attributes a = {row.customer_id, row.balance_amount, row.account_type};
        account_attributes_encode(&a, &env->attributes);
        *v = (struct version){row.valid_from_at, row.valid_to_at, row.loaded_at, {0}};
    }
    v->attributes = buf_slice(&env->attributes);
    return true;
}

/* Keeps what follows from the current account. Both sides are attribute bytes, p == NULL: none. */
static void follow_account(struct task_env *env, struct task *t, struct slice id, struct slice before,
                           struct slice after) {
    struct account_attributes b, a;
    if ((before.p != NULL && !task_decode_account(env, before, &b)) ||
        (after.p != NULL && !task_decode_account(env, after, &a)))
        return;
    task_index_account(env, t, id, before.p != NULL ? &b : NULL, after.p != NULL ? &a : NULL);
}

/* Whether there may be a closed version with that start: not if it is the current one, and not if no event is newer, for a
 * version is closed by an event behind its start. Versions come in their order, mostly, so that nothing is looked up. */
static bool may_be_closed(const struct timeline *line, int64_t from) {
    return from < line->newest_event_at && !(line->has_current && line->current.from == from);
}

/* Puts or removes the closed version with that start. closed == NULL: there is none. may_exist: else there was none. */
static void set_closed(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                       int64_t from, const struct version *closed, bool may_exist) {
    enum family f = entity_map(entity)->versions;
    task_version_prefix(&env->key2, t, entity, id);
    key_add_time(&env->key2, from);
    struct slice key = buf_slice(&env->key2);
    bool existed = may_exist && kv_get(env->kv, f, key, &env->value2);
    if (closed == NULL) {
        if (existed)
            task_erase(env, t, f, key);
        return;
    }
    buf_clear(&env->value2);
    version_encode(closed, &env->value2);
    task_put(env, t, f, key, buf_slice(&env->value2), !existed);
}

static void replay_version(struct task_env *env, struct task *t, enum entity entity, struct slice key,
                           struct slice value) {
    struct slice id;
    int64_t from, ignored;
    struct version v = {0};
    bool gone = value.p == NULL;
    if (!split_history_key(key, &id, &from) ||
        (entity == ENTITY_CUSTOMER && !task_parse_customer_id(id, &ignored)) ||
        (!gone && (!read_version(env, entity, value, &v) || v.from != from ||
                   (v.to != TIMESTAMP_NONE && v.to <= from)))) {
        unreadable(env, entity_map(entity)->history_topic, key);
        return;
    }
    struct timeline *line = task_load_row(env, t, entity, id);
    if (gone && timeline_is_empty(line))
        return;
    struct slice before = line->has_current ? line->current.attributes : slice_null();
    bool may_exist = may_be_closed(line, from);
    bool is_current = !gone && v.to == TIMESTAMP_NONE;
    if (is_current) {
        line->has_current = true;
        line->current = v;
    } else if (line->has_current && line->current.from == from) {
        line->has_current = false;
    }
    int64_t newest = gone ? TIMESTAMP_NONE : is_current ? from : v.to;
    if (newest > line->newest_event_at)
        line->newest_event_at = newest;
    set_closed(env, t, entity, id, from, gone || is_current ? NULL : &v, may_exist);
    task_save_row(env, t, entity, id);
    if (entity == ENTITY_ACCOUNT)
        follow_account(env, t, id, before, line->has_current ? line->current.attributes : slice_null());
}

static void replay_confirmations(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    enum entity entity = ENTITY_CUSTOMER;
    struct slice prefix = slice_str(entity_map(entity)->confirmations_prefix);
    if (!slice_has_prefix(key, prefix)) {
        entity = ENTITY_ACCOUNT;
        prefix = slice_str(entity_map(entity)->confirmations_prefix);
    }
    struct slice id = slice_of(key.p + prefix.n, key.n - prefix.n), body;
    int64_t ignored;
    if (!slice_has_prefix(key, prefix) ||
        (entity == ENTITY_CUSTOMER && !task_parse_customer_id(id, &ignored))) {
        unreadable(env, TOPIC_CONFIRMATIONS, key);
        return;
    }
    struct timeline *line = task_load_timeline(env, t, entity, id);
    line->confirmation_count = 0;
    if (value.p != NULL &&
        (!task_message_body(env, TOPIC_CONFIRMATIONS, value, &body) || !confirmations_decode(body, line))) {
        unreadable(env, TOPIC_CONFIRMATIONS, key);
        return;
    }
    if (line->confirmation_count > 0 &&
        line->confirmations[line->confirmation_count - 1].at > line->newest_event_at)
        line->newest_event_at = line->confirmations[line->confirmation_count - 1].at;
    task_save_timeline(env, t, entity, id);
}

/* A row that was emitted last, into `*has` and `row`; value.p == NULL: there is none. False: it cannot be read. */
static bool read_row(struct task_env *env, const struct row_type *type, struct slice value, bool *has,
                     void *row) {
    *has = value.p != NULL;
    return !*has || row_read_json(type, &env->json, value, row);
}

/* What is not written down of a row (account_row.h) must be as this program would have it. */
static void replay_joined(struct task_env *env, struct task *t, struct slice id, struct slice value) {
    struct account_row *r = &env->account;
    enum account_type ignored;
    task_load_account(env, t, id);
    if (!read_row(env, &account_with_customer_type, value, &r->has_joined, &r->joined) ||
        (r->has_joined &&
         (!slice_eq(r->joined.account_id, id) || !account_type_find(r->joined.account_type, &ignored))))
        unreadable(env, TOPIC_ACCOUNT_WITH_CUSTOMER, id);
    task_save_account(env, t, id);
}

static void replay_summary(struct task_env *env, struct task *t, struct slice id, struct slice value) {
    struct account_row *r = &env->account;
    task_load_account(env, t, id);
    if (!read_row(env, &account_summary_type, value, &r->has_summary, &r->summary) ||
        (r->has_summary && !slice_eq(r->summary.account_id, id)))
        unreadable(env, TOPIC_ACCOUNT_SUMMARY, id);
    task_save_account(env, t, id);
}

static void replay_profile(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    struct customer_row *r = &env->customer;
    int64_t customer_id;
    if (!task_parse_customer_id(key, &customer_id)) {
        unreadable(env, TOPIC_CUSTOMER_PROFILE, key);
        return;
    }
    task_load_customer(env, t, customer_id);
    if (!read_row(env, &customer_profile_type, value, &r->has_profile, &r->profile) ||
        (r->has_profile && r->profile.customer_id != customer_id))
        unreadable(env, TOPIC_CUSTOMER_PROFILE, key);
    task_save_customer(env, t, customer_id);
}

static void replay_link(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice account_id, body;
    struct account_link link;
    if (!task_parse_link_key(key, &customer_id, &account_id) ||
        (value.p != NULL &&
         (!task_message_body(env, TOPIC_ACCOUNT_LINKS, value, &body) || !task_read_link(body, &link)))) {
        unreadable(env, TOPIC_ACCOUNT_LINKS, key);
        return;
    }
    (void)task_unmark_link(env, t, customer_id, account_id);
    task_load_customer(env, t, customer_id);
    (void)task_fold_link(env, t, customer_id, account_id, value.p != NULL ? &link : NULL);
    task_save_customer(env, t, customer_id);
}

/* A ref without accounts that its tombstone would have removed may stay until the next one: it does no harm,
 * for what counts is the last emitted row, and an account that comes back is answered with a new ref. The other way
 * round, a tombstone that was passed over because an account had come back (task.c) takes the ref away here: see
 * ref_is_in_doubt. */
static void replay_ref(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice body;
    if (!task_parse_customer_id(key, &customer_id) ||
        (value.p != NULL && !task_message_body(env, TOPIC_CUSTOMER_REFS, value, &body))) {
        unreadable(env, TOPIC_CUSTOMER_REFS, key);
        return;
    }
    task_unmark_ref(env, t, customer_id);
    key_customer(&env->key, t->partition, customer_id);
    bool had = kv_get(env->kv, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), &env->value2);
    if (value.p != NULL) {
        task_put(env, t, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), body, !had);
    } else if (had) {
        task_erase(env, t, FAMILY_CUSTOMER_REFS, buf_slice(&env->key));
    }
}

void task_replay(struct task_env *env, struct task *t, enum topic topic, struct slice key,
                 struct slice value) {
    if (key.p == NULL) {
        unreadable(env, topic, slice_str("(none)"));
        return;
    }
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
        replay_version(env, t, ENTITY_CUSTOMER, key, value);
        break;
    case TOPIC_ACCOUNT_HISTORY:
        replay_version(env, t, ENTITY_ACCOUNT, key, value);
        break;
    case TOPIC_ACCOUNT_WITH_CUSTOMER:
        replay_joined(env, t, key, value);
        break;
    case TOPIC_ACCOUNT_SUMMARY:
        replay_summary(env, t, key, value);
        break;
    case TOPIC_CUSTOMER_PROFILE:
        replay_profile(env, t, key, value);
        break;
    case TOPIC_CONFIRMATIONS:
        replay_confirmations(env, t, key, value);
        break;
    case TOPIC_ACCOUNT_LINKS:
        replay_link(env, t, key, value);
        break;
    case TOPIC_CUSTOMER_REFS:
        replay_ref(env, t, key, value);
        break;
    case TOPIC_CUSTOMERS:
    case TOPIC_ACCOUNTS:
    case TOPIC_QUARANTINE:
    case TOPIC_REPARTITION_CUSTOMERS:
    case TOPIC_REPARTITION_ACCOUNTS:
    case TOPIC_COUNT:
        break;
    }
}

void task_replay_ahead(struct task_env *env, struct task *t, enum topic topic, struct slice key) {
    int64_t customer_id;
    struct slice account_id;
    if (topic == TOPIC_ACCOUNT_LINKS && key.p != NULL && task_parse_link_key(key, &customer_id, &account_id))
        task_mark_link(env, t, customer_id, account_id);
    else if (topic == TOPIC_CUSTOMER_REFS && key.p != NULL && task_parse_customer_id(key, &customer_id))
        task_mark_ref(env, t, customer_id);
    else
        unreadable(env, topic, key.p != NULL ? key : slice_str("(none)"));
}

/* --- what will be asked for --- */

static void want_version(struct task_env *env, const struct task *t, enum entity entity, struct slice key) {
    struct slice id;
    int64_t from;
    if (key.p != NULL && split_history_key(key, &id, &from))
        task_want_event(env, t, entity, id);
}

static void want_confirmations(struct task_env *env, const struct task *t, struct slice key) {
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct slice prefix = slice_str(entity_map((enum entity)e)->confirmations_prefix);
        if (slice_has_prefix(key, prefix))
            task_want_event(env, t, (enum entity)e, slice_of(key.p + prefix.n, key.n - prefix.n));
    }
}

void task_want_replay(struct task_env *env, const struct task *t, enum topic topic, struct slice key) {
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
        want_version(env, t, ENTITY_CUSTOMER, key);
        break;
    case TOPIC_ACCOUNT_HISTORY:
        want_version(env, t, ENTITY_ACCOUNT, key);
        break;
    case TOPIC_ACCOUNT_WITH_CUSTOMER:
    case TOPIC_ACCOUNT_SUMMARY:
        task_want_event(env, t, ENTITY_ACCOUNT, key);
        break;
    case TOPIC_CUSTOMER_PROFILE:
        task_want_event(env, t, ENTITY_CUSTOMER, key);
        break;
    case TOPIC_CONFIRMATIONS:
        want_confirmations(env, t, key);
        break;
    case TOPIC_ACCOUNT_LINKS:
        task_want_link(env, t, key);
        break;
    case TOPIC_CUSTOMER_REFS:
        task_want_ref(env, t, key);
        break;
    case TOPIC_CUSTOMERS:
    case TOPIC_ACCOUNTS:
    case TOPIC_QUARANTINE:
    case TOPIC_REPARTITION_CUSTOMERS:
    case TOPIC_REPARTITION_ACCOUNTS:
    case TOPIC_COUNT:
        break;
    }
}
