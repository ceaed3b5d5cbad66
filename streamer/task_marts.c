/* The join and the marts of a task: bringing rows up to date, and doing so for all of them when the rates are
 * other ones than those that they were computed with. */
#include "streamer/task_marts.h"

#include "state/keys.h"
#include "streamer/account_summary.h"
#include "streamer/join.h"
#include "streamer/task_state.h"

#include <string.h>

/* --- messages --- */

void task_send(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
               struct slice value) {
    struct sink_message m = {.topic = topic, .partition = partition, .key = key, .value = value};
    env->counts.emitted[topic]++;
    env->sink->send(env->sink, &m);
}

/* A row of a mart or of the join: emitted, and remembered as emitted, where its content differs from the last
 * one. row == NULL: there is none. env->key is the state key. */
static void emit_changed(struct task_env *env, struct task *t, enum family f, enum topic topic,
                         const struct row_type *type, struct slice kafka_key, const void *row) {
    union {
        struct account_with_customer_row joined;
        struct account_summary_row summary;
        struct customer_profile_row profile;
    } old;
    struct slice body;
    bool had = task_get(env, f, buf_slice(&env->key), &env->value2, &body);
    if (had && !row_get_avro(type, &body, &old)) {
        task_damaged(env, f);
        return;
    }
    if (row == NULL) {
        if (had) {
            task_erase(env, t, f, buf_slice(&env->key));
            task_send(env, topic, t->partition, kafka_key, slice_null());
        }
        return;
    }
    if (had && row_same_content(type, &old, row))
        return;
    buf_clear(&env->message);
    row_put_avro(type, row, &env->message);
    task_put(env, t, f, buf_slice(&env->key), buf_slice(&env->message), !had);
    buf_clear(&env->message);
    row_put_json(type, row, &env->message);
    task_send(env, topic, t->partition, kafka_key, buf_slice(&env->message));
}

/* --- intermediate and marts --- */

/* The customer's row as its account tasks see it; its name points into `value`. */
bool task_load_ref(struct task_env *env, struct task *t, int64_t customer_id, struct buf *value,
                   struct customer_ref *ref) {
    struct slice body;
    key_customer(&env->key, t->partition, customer_id);
    if (!task_get(env, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), value, &body))
        return false;
    if (row_get_avro(&customer_ref_type, &body, ref))
        return true;
    task_damaged(env, FAMILY_CUSTOMER_REFS);
    return false;
}

bool task_last_customer(struct task_env *env, struct task *t, struct slice account_id, int64_t customer_id,
                        struct buf *value, struct customer_ref *ref) {
    struct account_with_customer_row last;
    struct slice body;
    key_text(&env->key, t->partition, account_id);
    if (!task_get(env, FAMILY_ACCOUNT_WITH_CUSTOMER, buf_slice(&env->key), value, &body))
        return false;
    if (!row_get_avro(&account_with_customer_type, &body, &last)) {
        task_damaged(env, FAMILY_ACCOUNT_WITH_CUSTOMER);
        return false;
    }
    *ref = (struct customer_ref){true, last.customer_name, last.has_loan_flag};
    return last.customer_id == customer_id;
}

/* Whether the ref of the account's customer may be another one than the state says. If there is a joined row with that
 * customer, then there was a ref, and it ends only when there is no such row any more: a restore has not found it because
 * the one that replaces it is under way. */
static bool ref_is_in_doubt(struct task_env *env, struct task *t, struct slice account_id,
                            int64_t customer_id, const struct customer_ref *customer) {
    struct account_with_customer_row last;
    struct slice body;
    if (task_ref_is_marked(env, t, customer_id))
        return true;
    key_text(&env->key, t->partition, account_id);
    return customer == NULL &&
           task_get(env, FAMILY_ACCOUNT_WITH_CUSTOMER, buf_slice(&env->key), &env->value2, &body) &&
           row_get_avro(&account_with_customer_type, &body, &last) && last.customer_id == customer_id;
}

/* Brings the joined row and the summary of one account up to date, unless nobody knows how they must be: then the ref
 * that comes will do it. account == NULL: it is gone. */
void task_refresh_account(struct task_env *env, struct task *t, struct slice account_id,
                          const struct account_attributes *account, int64_t valid_from_at,
                          const struct customer_ref *customer) {
    struct account_with_customer_row joined;
    struct account_summary_row summary;
    if (account != NULL && ref_is_in_doubt(env, t, account_id, account->customer_id, customer))
        return;
    bool has_joined = account != NULL && join_account(account_id, account, valid_from_at, customer, &joined);
    bool has_summary = has_joined && account_summarize(env->rates, &joined, env->now_ms, &summary);
    key_text(&env->key, t->partition, account_id);
    emit_changed(env, t, FAMILY_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNT_WITH_CUSTOMER,
                 &account_with_customer_type, account_id, has_joined ? &joined : NULL);
    emit_changed(env, t, FAMILY_ACCOUNT_SUMMARY, TOPIC_ACCOUNT_SUMMARY, &account_summary_type, account_id,
                 has_summary ? &summary : NULL);
}

/* The customer itself, from its own timeline, in the form in which its accounts get to know it. The name
 * points into env->value. */
struct customer_ref task_current_customer(struct task_env *env, struct task *t, struct slice id) {
    struct customer_ref ref = {.known = false, .customer_name = slice_of("", 0)};
    struct customer_attributes a;
    if (!task_load_timeline(env, t, ENTITY_CUSTOMER, id) || !env->timeline.has_current)
        return ref;
    struct slice in = env->timeline.current.attributes;
    if (!row_get_avro(&customer_attributes_type, &in, &a)) {
        task_damaged(env, FAMILY_CUSTOMERS);
        return ref;
    }
    return (struct customer_ref){true, a.customer_name, a.has_loan_flag};
}

/* env->totals must be the customer's. */
void task_refresh_profile(struct task_env *env, struct task *t, int64_t customer_id,
                          const struct customer_ref *customer) {
    struct customer_profile_row row;
    if (task_has_marked_links(env, t, customer_id))
        return;
    bool has = customer_profile(&env->totals, customer_id, customer, env->now_ms, &row);
    key_customer(&env->key, t->partition, customer_id);
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    emit_changed(env, t, FAMILY_CUSTOMER_PROFILE, TOPIC_CUSTOMER_PROFILE, &customer_profile_type,
                 buf_slice(&env->message_key), has ? &row : NULL);
}

bool task_decode_account(struct task_env *env, struct slice in, struct account_attributes *a) {
    if (row_get_avro(&account_attributes_type, &in, a))
        return true;
    task_damaged(env, FAMILY_ACCOUNTS);
    return false;
}

void task_refresh_account_by_id(struct task_env *env, struct task *t, struct slice id,
                                const struct customer_ref *customer) {
    struct account_attributes a;
    if (!task_load_timeline(env, t, ENTITY_ACCOUNT, id) || !env->timeline.has_current ||
        !task_decode_account(env, env->timeline.current.attributes, &a)) {
        task_damaged(env, FAMILY_ACCOUNTS_BY_CUSTOMER);
        return;
    }
    task_refresh_account(env, t, id, &a, env->timeline.current.from, customer);
}

/* --- other rates --- */

/* FNV-1a; never 0. */
static int64_t rates_digest(const struct rates *r) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < r->tier_count; i++) {
        h = (h ^ (uint64_t)r->tiers[i].below_cents) * UINT64_C(0x100000001b3);
        h = (h ^ (uint64_t)r->tiers[i].rate_milli) * UINT64_C(0x100000001b3);
    }
    h = (h ^ (uint64_t)r->loan_bonus_milli) * UINT64_C(0x100000001b3);
    return (int64_t)(h | 1);
}

bool task_needs_refresh(const struct task_env *env, const struct task *t) {
    return t->meta.rates != rates_digest(env->rates);
}

/* Recomputes env->totals from the links of the customer at the cursor, and moves behind them. */
static int64_t sum_links(struct task_env *env, struct kv_cursor *c, struct slice prefix) {
    int64_t count = 0;
    totals_clear(&env->totals);
    for (; cursor_in(c, prefix); cursor_next(c), count++) {
        struct slice body = cursor_value(c);
        struct account_link link;
        bool readable = body.n > 0 && body.p[0] == STATE_FORMAT;
        body = readable ? slice_of(body.p + 1, body.n - 1) : body;
        if (!readable || !row_get_avro(&account_link_type, &body, &link)) {
            task_damaged(env, FAMILY_LINKS);
            break;
        }
        (void)totals_add(&env->totals, env->rates, &link, 1);
    }
    return count;
}

/* The first half: totals and profiles, customer by customer. */
static void refresh_customers(struct task_env *env, struct task *t) {
    int64_t rows = 0;
    struct buf key = {0}, partition = {0}, id = {0};
    key_partition(&partition, t->partition);
    while (rows < env->fanout_max_rows && !kv_failed(env->kv)) {
        struct kv_cursor *c = kv_cursor(env->kv, FAMILY_LINKS);
        if (t->resuming)
            key_customer(&key, t->partition, t->resume_customer + 1);
        else
            key_partition(&key, t->partition);
        cursor_seek(c, buf_slice(&key));
        t->refresh_accounts = !cursor_in(c, buf_slice(&partition));
        if (!t->refresh_accounts) {
            t->resume_customer = key_customer_id(cursor_key(c));
            key_customer(&key, t->partition, t->resume_customer);
            rows += sum_links(env, c, buf_slice(&key));
        }
        cursor_free(c);
        t->resuming = !t->refresh_accounts && t->resume_customer < INT64_MAX;
        if (t->refresh_accounts)
            break;
        buf_clear(&env->value2);
        totals_encode(&env->totals, &env->value2);
        task_put(env, t, FAMILY_CUSTOMER_TOTALS, buf_slice(&key), buf_slice(&env->value2), false);
        buf_clear(&id);
        buf_put_int(&id, t->resume_customer);
        struct customer_ref customer = task_current_customer(env, t, buf_slice(&id));
        task_refresh_profile(env, t, t->resume_customer, &customer);
        if (!t->resuming) { /* behind the largest id there is nobody */
            t->refresh_accounts = true;
            break;
        }
    }
    buf_release(&key);
    buf_release(&partition);
    buf_release(&id);
}

/* The second half: joined rows and summaries, account by account. False: there are more. */
static bool refresh_accounts(struct task_env *env, struct task *t) {
    int64_t rows = 0;
    struct buf key = {0}, partition = {0};
    bool more = true;
    key_partition(&partition, t->partition);
    while (rows < env->fanout_max_rows && !kv_failed(env->kv)) {
        struct kv_cursor *c = kv_cursor(env->kv, FAMILY_ACCOUNTS);
        key_text(&key, t->partition, t->resuming ? buf_slice(&t->resume_after) : slice_of("", 0));
        if (t->resuming)
            key_add_terminator(&key); /* the first key behind that account */
        cursor_seek(c, buf_slice(&key));
        more = cursor_in(c, buf_slice(&partition));
        if (more)
            buf_set(&t->resume_after, slice_of(cursor_key(c).p + 2, cursor_key(c).n - 2));
        cursor_free(c);
        t->resuming = more;
        if (!more)
            break;
        struct account_attributes account;
        struct customer_ref customer;
        rows++;
        if (!task_load_timeline(env, t, ENTITY_ACCOUNT, buf_slice(&t->resume_after)) ||
            !env->timeline.has_current)
            continue;
        buf_set(&env->attributes, env->timeline.current.attributes);
        int64_t from = env->timeline.current.from;
        if (!task_decode_account(env, buf_slice(&env->attributes), &account))
            break;
        bool known = task_load_ref(env, t, account.customer_id, &env->value, &customer);
        task_refresh_account(env, t, buf_slice(&t->resume_after), &account, from, known ? &customer : NULL);
    }
    buf_release(&key);
    buf_release(&partition);
    return !more;
}

bool task_refresh(struct task_env *env, struct task *t) {
    t->meta.rates = 0; /* under way */
    if (!t->refresh_accounts) {
        refresh_customers(env, t);
        return false;
    }
    if (!refresh_accounts(env, t))
        return false;
    t->refresh_accounts = false;
    t->meta.rates = rates_digest(env->rates);
    return true;
}
