/* The join and the marts of a task: bringing single rows up to date, and all rows when the rates
 * have changed. */
#include "streamer/task/task_marts.h"

#include "state/keys.h"
#include "streamer/layers/intermediate/join.h"
#include "streamer/layers/marts/account_summary.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_rows.h"

#include <string.h>

/* --- messages --- */

/* Puts "<topic>/<partition>@", which stays the same over most records of a batch. */
static void put_origin_place(struct task_origin *o) {
    buf_clear(&o->text);
    buf_put_str(&o->text, o->topic);
    buf_put_byte(&o->text, '/');
    buf_put_int(&o->text, o->partition);
    buf_put_byte(&o->text, '@');
    o->place_topic = o->topic;
    o->place_partition = o->partition;
    o->place_n = o->text.n;
}

static struct slice origin_text(struct task_origin *o) {
    if (!o->is_made && o->topic != NULL) {
        if (o->topic == o->place_topic && o->partition == o->place_partition)
            o->text.n = o->place_n;
        else
            put_origin_place(o);
        o->is_made = true;
        buf_put_int(&o->text, o->offset);
    }
    return buf_slice(&o->text);
}

void task_set_origin(struct task_env *env, const char *topic, int32_t partition, int64_t offset) {
    env->origin.topic = topic;
    env->origin.partition = partition;
    env->origin.offset = offset;
    env->origin.is_made = false;
}

void task_set_origin_text(struct task_env *env, struct slice text) {
    env->origin.topic = env->origin.place_topic = NULL;
    buf_set(&env->origin.text, text);
}

/* Whether the ref in work is the answer to a link: then a record of an account is its origin. */
static bool is_answer(const struct task_env *env) {
    struct slice text = buf_slice(&env->origin.text),
                 topic = slice_str(env->topics[TOPIC_ACCOUNTS]);
    return env->origin.topic == NULL && text.n > topic.n && slice_has_prefix(text, topic) &&
           text.p[topic.n] == '/';
}

void task_send_version(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
                       struct slice value, struct slice position, bool is_split) {
    struct sink_header headers[3];
    size_t count = 0;
    if (env->origin.is_told && topic != TOPIC_CONFIRMATIONS) {
        struct slice origin = origin_text(&env->origin);
        if (origin.n > 0)
            headers[count++] = (struct sink_header){SINK_SOURCE_HEADER, origin};
    }
    if (position.n > 0)
        headers[count++] = (struct sink_header){TASK_POSITION_HEADER, position};
    if (is_split)
        headers[count++] = (struct sink_header){TASK_SPLIT_HEADER, slice_str("1")};
    struct sink_message m = {.topic = topic,
                             .partition = partition,
                             .key = key,
                             .value = value,
                             .headers = headers,
                             .header_count = count};
    env->counts.emitted[topic]++;
    env->sink->send(env->sink, &m);
}

void task_send(struct task_env *env, enum topic topic, int32_t partition, struct slice key,
               struct slice value) {
    task_send_version(env, topic, partition, key, value, slice_null(), false);
}

/* Emits a row of a mart or of the join if its content differs from that of the last one, which is
 * in `last` if `*has`, and replaces the last one. row == NULL: there is none now. Returns whether
 * it differs. */
static bool emit_changed(struct task_env *env, struct task *t, enum topic topic,
                         const struct row_type *type, struct slice kafka_key, bool *has, void *last,
                         const void *row) {
    if (row == NULL) {
        if (!*has)
            return false;
        *has = false;
        task_send(env, topic, t->partition, kafka_key, slice_null());
        return true;
    }
    if (*has && row_same_content(type, last, row))
        return false;
    *has = true;
    memcpy(last, row, type->size);
    buf_clear(&env->message);
    codec_write(env->writer, type, row, &env->message);
    task_send(env, topic, t->partition, kafka_key, buf_slice(&env->message));
    return true;
}

/* --- intermediate and marts --- */

bool task_load_ref(struct task_env *env, struct task *t, int64_t customer_id, struct buf *value,
                   struct customer_ref *ref, struct ref_origin *origin) {
    struct slice body;
    key_customer(&env->key, t->partition, customer_id);
    if (!task_get(env, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), value, &body))
        return false;
    if (customer_ref_decode(body, ref, origin))
        return true;
    task_damaged(env->kv, FAMILY_CUSTOMER_REFS);
    return false;
}

/* A ref ends only when there is no joined row with the customer any more. So where it is missing
 * although there is one, a restore has not found it, because the message that replaces it is still
 * to come. */
bool task_ref_is_in_doubt(struct task_env *env, const struct task *t, int64_t customer_id,
                          const struct customer_ref *customer) {
    const struct account_row *r = &env->account;
    return task_ref_is_marked(env, t, customer_id) ||
           (customer == NULL && r->has_joined && r->joined.customer_id == customer_id);
}

/* Does nothing while the ref is in doubt: the ref that is to come brings the rows up to date. */
bool task_refresh_account(struct task_env *env, struct task *t, struct slice account_id,
                          const struct account_attributes *account,
                          const struct customer_ref *customer) {
    struct account_row *r = &env->account;
    struct account_with_customer_row joined;
    struct account_summary_row summary;
    if (account != NULL && task_ref_is_in_doubt(env, t, account->customer_id, customer))
        return false;
    bool has_joined = account != NULL && join_account(account_id, account, r->timeline.current.from,
                                                      customer, &joined);
    bool has_summary = has_joined && account_summarize(env->rates, &joined, env->now_ms, &summary);
    bool changed =
        emit_changed(env, t, TOPIC_ACCOUNT_WITH_CUSTOMER, &account_with_customer_type, account_id,
                     &r->has_joined, &r->joined, has_joined ? &joined : NULL);
    return emit_changed(env, t, TOPIC_ACCOUNT_SUMMARY, &account_summary_type, account_id,
                        &r->has_summary, &r->summary, has_summary ? &summary : NULL) ||
           changed;
}

struct customer_ref task_current_customer(struct task_env *env) {
    struct customer_ref ref;
    if (!customer_row_ref(&env->customer, &ref))
        task_damaged(env->kv, FAMILY_CUSTOMERS);
    return ref;
}

bool task_refresh_profile(struct task_env *env, struct task *t, int64_t customer_id,
                          const struct customer_ref *customer) {
    struct customer_row *r = &env->customer;
    struct customer_profile_row row;
    if (task_has_marked_links(env, t, customer_id))
        return false;
    bool has = customer_profile(&r->totals, customer_id, customer, env->now_ms, &row);
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    return emit_changed(env, t, TOPIC_CUSTOMER_PROFILE, &customer_profile_type,
                        buf_slice(&env->message_key), &r->has_profile, &r->profile,
                        has ? &row : NULL);
}

/* If the ref is the answer to a link, it changes the rows of all accounts that were waiting for it.
 * Each of these rows names the record of its own account as its origin, and not the record of the
 * account whose link was answered. */
void task_refresh_account_by_id(struct task_env *env, struct task *t, struct slice id,
                                const struct customer_ref *customer) {
    struct account_attributes a;
    task_load_account(env, t, id);
    if (!env->account.timeline.has_current ||
        !task_decode_account(env, env->account.timeline.current.attributes, &a)) {
        task_damaged(env->kv, FAMILY_ACCOUNTS_BY_CUSTOMER);
        return;
    }
    struct task_origin whole = env->origin;
    const struct row_origin *own = &env->account.origin;
    bool is_own = own->exists && is_answer(env);
    if (is_own) {
        env->origin.text = (struct buf){0};
        task_set_origin(env, env->topics[TOPIC_ACCOUNTS], (int32_t)own->partition, own->offset);
    }
    if (task_refresh_account(env, t, id, &a, customer))
        task_save_account(env, t, id);
    if (is_own) {
        buf_release(&env->origin.text);
        env->origin = whole;
    }
}

/* --- other rates --- */

/* FNV-1a with the lowest bit set, so that it is never 0. */
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

/* Adds the links of env->customer that have rows of their own to the totals. */
static void add_links_outside(struct task_env *env, struct task *t, int64_t customer_id) {
    key_customer(&env->key2, t->partition, customer_id);
    struct slice prefix = buf_slice(&env->key2);
    struct kv_cursor *c = kv_cursor(env->kv, FAMILY_LINKS);
    for (cursor_seek(c, prefix); cursor_in(c, prefix) && !kv_failed(env->kv); cursor_next(c)) {
        struct slice body;
        struct account_link link;
        if (!task_body(env->kv, FAMILY_LINKS, cursor_value(c), &body))
            break;
        if (link_decode(&body, &link) && body.n == 0)
            (void)totals_add(&env->customer.totals, env->rates, &link, 1);
        else
            task_damaged(env->kv, FAMILY_LINKS);
    }
    cursor_free(c);
}

/* Recomputes the totals of env->customer from its links. */
static void sum_links(struct task_env *env, struct task *t, int64_t customer_id) {
    struct customer_row *r = &env->customer;
    struct slice rest = r->links.items, account_id;
    struct account_link link;
    bool outside = customer_row_links_outside(r) > 0;
    totals_clear(&r->totals);
    while (rest.n > 0 && !kv_failed(env->kv)) {
        if (customer_links_next(&rest, &account_id, &link))
            (void)totals_add(&r->totals, env->rates, &link, 1);
        else
            task_damaged(env->kv, FAMILY_CUSTOMERS);
    }
    if (outside)
        add_links_outside(env, t, customer_id);
}

/* Moves t->resume_customer to the next customer that has a row. False: there is none. */
static bool next_customer(struct task_env *env, struct task *t) {
    if (t->resuming && t->resume_customer == INT64_MAX)
        return false; /* there is no larger id */
    struct buf key = {0}, partition = {0};
    key_partition(&partition, t->partition);
    if (t->resuming)
        key_customer(&key, t->partition, t->resume_customer + 1);
    else
        key_partition(&key, t->partition);
    struct kv_cursor *c = kv_cursor(env->kv, FAMILY_CUSTOMERS);
    cursor_seek(c, buf_slice(&key));
    bool found = cursor_in(c, buf_slice(&partition));
    if (found)
        t->resume_customer = key_customer_id(cursor_key(c));
    cursor_free(c);
    buf_release(&key);
    buf_release(&partition);
    return found;
}

/* Recomputes one customer. Returns how many rows that took. */
static int64_t refresh_customer(struct task_env *env, struct task *t, int64_t customer_id) {
    task_load_customer(env, t, customer_id);
    int64_t links = totals_links(&env->customer.totals);
    if (links == 0)
        return 1;
    sum_links(env, t, customer_id);
    struct customer_ref customer = task_current_customer(env);
    (void)task_refresh_profile(env, t, customer_id, &customer);
    task_save_customer(env, t, customer_id);
    return 1 + links;
}

/* The first half of a refresh: totals and profiles, customer by customer. */
static void refresh_customers(struct task_env *env, struct task *t) {
    for (int64_t rows = 0;
         rows < env->fanout_max_rows && !t->refresh_accounts && !kv_failed(env->kv);) {
        t->resuming = next_customer(env, t);
        t->refresh_accounts = !t->resuming;
        if (t->resuming)
            rows += refresh_customer(env, t, t->resume_customer);
    }
}

static void refresh_account(struct task_env *env, struct task *t, struct slice id) {
    struct account_attributes account;
    struct customer_ref customer;
    task_load_account(env, t, id);
    if (!env->account.timeline.has_current ||
        !task_decode_account(env, env->account.timeline.current.attributes, &account))
        return;
    bool known = task_load_ref(env, t, account.customer_id, &env->value, &customer, NULL);
    if (task_refresh_account(env, t, id, &account, known ? &customer : NULL))
        task_save_account(env, t, id);
}

/* Lists the ids of the next accounts of the partition, at most `max`, in env->ids, each ended by a
 * zero byte. Returns how many. */
static int64_t list_next_accounts(struct task_env *env, const struct task *t, int64_t max) {
    struct buf key = {0}, partition = {0};
    int64_t count = 0;
    key_partition(&partition, t->partition);
    key_text(&key, t->partition, t->resuming ? buf_slice(&t->resume_after) : slice_of("", 0));
    if (t->resuming)
        key_add_terminator(&key); /* the first key behind that account */
    buf_clear(&env->ids);
    struct kv_cursor *c = kv_cursor(env->kv, FAMILY_ACCOUNTS);
    for (cursor_seek(c, buf_slice(&key)); count < max && cursor_in(c, buf_slice(&partition));
         count++) {
        buf_put_slice(&env->ids, key_account(cursor_key(c)));
        buf_put_byte(&env->ids, 0);
        cursor_next(c);
    }
    cursor_free(c);
    buf_release(&key);
    buf_release(&partition);
    return count;
}

/* The second half: joined rows and summaries, account by account. False: more accounts are left. */
static bool refresh_accounts(struct task_env *env, struct task *t) {
    for (int64_t left = env->fanout_max_rows; left > 0 && !kv_failed(env->kv);) {
        int64_t count = list_next_accounts(env, t, left < TASK_FETCH_ROWS ? left : TASK_FETCH_ROWS);
        const char *id = buf_slice(&env->ids).p;
        t->resuming = count > 0;
        if (count == 0)
            return true;
        task_fetch_accounts(env, t, id, count);
        for (int64_t i = 0; i < count && !kv_failed(env->kv); i++) {
            buf_set(&t->resume_after, slice_str(id));
            refresh_account(env, t, buf_slice(&t->resume_after));
            id += t->resume_after.n + 1;
        }
        left -= count;
    }
    return false;
}

bool task_refresh(struct task_env *env, struct task *t) {
    t->meta.rates = 0; /* under way */
    task_set_origin_text(env, slice_str("rates"));
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
