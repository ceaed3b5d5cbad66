#include "streamer/task.h"

#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/task_marts.h"
#include "streamer/task_state.h"

#include <string.h>

/* --- messages --- */

/* The value of an internal topic: MESSAGE_FORMAT | Avro binary. */
static void send_internal(struct task_env *env, enum topic topic, int32_t partition,
                          const struct row_type *type, const void *row) {
    buf_clear(&env->message);
    buf_put_byte(&env->message, MESSAGE_FORMAT);
    row_put_avro(type, row, &env->message);
    task_send(env, topic, partition, buf_slice(&env->message_key), buf_slice(&env->message));
}

/* ref == NULL: no account of that partition belongs to the customer any more. */
static void send_ref(struct task_env *env, int64_t customer_id, int32_t partition,
                     const struct customer_ref *ref) {
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    if (ref == NULL)
        task_send(env, TOPIC_CUSTOMER_REFS, partition, buf_slice(&env->message_key), slice_null());
    else
        send_internal(env, TOPIC_CUSTOMER_REFS, partition, &customer_ref_type, ref);
}

/* link == NULL: the account does not belong to the customer any more. */
static void send_link(struct task_env *env, int64_t customer_id, struct slice account_id,
                      const struct account_link *link) {
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    int32_t partition = murmur2_partition(buf_slice(&env->message_key), env->partitions);
    buf_put_byte(&env->message_key, '|');
    buf_put_slice(&env->message_key, account_id);
    if (link == NULL)
        task_send(env, TOPIC_ACCOUNT_LINKS, partition, buf_slice(&env->message_key), slice_null());
    else
        send_internal(env, TOPIC_ACCOUNT_LINKS, partition, &account_link_type, link);
}

/* The current version of the customer whose row is env->customer is another one now. */
static void customer_changed(struct task_env *env, struct task *t, int64_t customer_id) {
    const struct totals *totals = &env->customer.totals;
    struct customer_ref now = task_current_customer(env);
    if (kv_failed(env->kv) || totals->partition_count == 0)
        return;
    for (size_t i = 0; i < totals->partition_count; i++)
        send_ref(env, customer_id, totals->partitions[i].partition, &now);
    (void)task_refresh_profile(env, t, customer_id, &now);
}

/* The customer of the account whose row is env->account. False: not known.
 *
 * One that stayed with its customer has it in its joined row: a ref rewrites the joined rows of all accounts that are the
 * customer's when it comes, before the partition's next message; so what such a row says of the customer is what the last
 * ref says, or another ref is under way that will rewrite it. (If the account was another customer's in between, it can
 * be older: while a ref is marked, nothing is emitted.) */
static bool find_customer(struct task_env *env, struct task *t, int64_t customer_id, bool stayed,
                          struct customer_ref *ref) {
    const struct account_with_customer_row *joined = &env->account.joined;
    if (!stayed || !env->account.has_joined || joined->customer_id != customer_id)
        return task_load_ref(env, t, customer_id, &env->value, ref);
    *ref = (struct customer_ref){true, joined->customer_name, joined->has_loan_flag};
    return true;
}

/* The current version of the account whose row is env->account is another one now. */
static void account_changed(struct task_env *env, struct task *t, struct slice id,
                            const struct account_attributes *before, const struct account_attributes *after) {
    task_index_account(env, t, id, before, after);
    bool stayed = before != NULL && after != NULL && before->customer_id == after->customer_id;
    if (before != NULL && !stayed)
        send_link(env, before->customer_id, id, NULL);
    if (after != NULL && (!stayed || before->balance_amount != after->balance_amount ||
                          !slice_eq(before->account_type, after->account_type))) {
        struct account_link link = {t->partition, after->balance_amount, after->account_type};
        send_link(env, after->customer_id, id, &link);
    }
    struct customer_ref ref;
    bool known = after != NULL && find_customer(env, t, after->customer_id, stayed, &ref);
    (void)task_refresh_account(env, t, id, after, known ? &ref : NULL);
}

/* --- snapshots --- */

/* The Kafka key of a history row: "<id>|<valid_from in epoch ms>". */
static void history_message_key(struct task_env *env, struct slice id, int64_t from) {
    buf_set(&env->message_key, id);
    buf_put_byte(&env->message_key, '|');
    buf_put_int(&env->message_key, from);
}

static void emit_version(struct task_env *env, struct task *t, const struct event *e,
                         const struct version_change *change) {
    const struct version *v = &change->version;
    enum topic topic = entity_map(e->entity)->history_topic;
    history_message_key(env, e->id, v->from);
    if (change->after == VERSION_ABSENT) {
        task_send(env, topic, t->partition, buf_slice(&env->message_key), slice_null());
        return;
    }
    buf_clear(&env->message);
    if (e->entity == ENTITY_CUSTOMER) {
        struct customer_attributes a;
        struct slice in = v->attributes;
        if (!row_get_avro(&customer_attributes_type, &in, &a)) {
            task_damaged(env, FAMILY_CUSTOMER_HISTORY);
            return;
        }
        struct customer_history_row row = {e->customer_id, a.customer_name, a.has_loan_flag,
                                           v->loaded_at,   v->from,         v->to};
        row_put_json(&customer_history_type, &row, &env->message);
    } else {
        struct account_attributes a;
        if (!account_attributes_decode(v->attributes, &a)) {
            task_damaged(env, FAMILY_ACCOUNT_HISTORY);
            return;
        }
        struct account_history_row row = {
            e->id, a.customer_id, a.balance_amount, a.account_type, v->loaded_at, v->from, v->to};
        row_put_json(&account_history_type, &row, &env->message);
    }
    task_send(env, topic, t->partition, buf_slice(&env->message_key), buf_slice(&env->message));
}

/* Closed versions have a row of their own; the current one is part of the timeline. env->key is the prefix of
 * the id's versions with room for a time. */
static void store_version(struct task_env *env, struct task *t, enum family f,
                          const struct version_change *change) {
    key_replace_time(&env->key, change->version.from);
    if (change->after == VERSION_CLOSED) {
        buf_clear(&env->value2);
        version_encode(&change->version, &env->value2);
        task_put(env, t, f, buf_slice(&env->key), buf_slice(&env->value2), change->before != VERSION_CLOSED);
    } else if (change->before == VERSION_CLOSED) {
        task_erase(env, t, f, buf_slice(&env->key));
    }
}

static void add_version(struct task_env *env, size_t count, struct version v) {
    if (count == env->version_cap) {
        env->version_cap = env->version_cap == 0 ? 8 : env->version_cap * 2;
        env->versions = mem_realloc(env->versions, env->version_cap * sizeof *env->versions);
    }
    env->versions[count] = v;
}

/* Reads the closed versions around `at` and behind, then the current one, into env->versions, whose
 * attributes point into env->version_bytes, or where the timeline's do. */
static size_t load_versions(struct task_env *env, struct task *t, const struct event *e,
                            const struct timeline *line) {
    enum family f = entity_map(e->entity)->versions;
    size_t count = 0;
    task_version_prefix(&env->key2, t, e->entity, e->id);
    struct slice prefix = slice_of(env->key2.p, env->key2.n);
    size_t prefix_length = prefix.n;
    key_add_time(&env->key2, e->event_at_ms);
    prefix.p = env->key2.p;
    struct kv_cursor *c = kv_cursor(env->kv, f);
    cursor_seek_for_prev(c, buf_slice(&env->key2));
    if (cursor_in(c, prefix)) /* the one that covers or precedes `at`; the one before it may merge with it */
        cursor_prev(c);
    if (cursor_in(c, prefix)) {
        key_replace_time(&env->key2, key_time(cursor_key(c)));
        cursor_seek(c, buf_slice(&env->key2));
    } else {
        cursor_seek(c, prefix);
    }
    buf_clear(&env->version_bytes);
    for (; cursor_in(c, prefix); cursor_next(c)) {
        struct slice key = cursor_key(c), body;
        struct version v;
        if (!task_body(env, f, cursor_value(c), &body))
            break;
        if (key.n != prefix_length + 8 || !version_decode(body, key_time(key), &v)) {
            task_damaged(env, f);
            break;
        }
        buf_put_slice(&env->version_bytes, v.attributes);
        add_version(env, count++, v);
    }
    cursor_free(c);
    const char *bytes = buf_slice(&env->version_bytes).p;
    for (size_t i = 0; i < count; i++) {
        env->versions[i].attributes.p = bytes;
        bytes += env->versions[i].attributes.n;
    }
    if (line->has_current)
        add_version(env, count++, line->current);
    return count;
}

static void encode_attributes(const struct event *e, struct buf *out) {
    buf_clear(out);
    if (e->entity == ENTITY_CUSTOMER) {
        struct customer_attributes a = {e->customer_name, e->has_loan_flag};
        row_put_avro(&customer_attributes_type, &a, out);
    } else {
        struct account_attributes a = {e->customer_id, e->balance_cents,
                                       slice_str(account_type_name(e->account_type))};
        account_attributes_encode(&a, out);
    }
}

/* Stores closed versions and emits what history_apply found; the row in work is saved later. */
static void write_changes(struct task_env *env, struct task *t, const struct event *e) {
    const struct history *h = &env->history;
    for (size_t i = 0; i < h->change_count && !kv_failed(env->kv); i++) {
        task_version_prefix(&env->key, t, e->entity, e->id);
        key_add_time(&env->key, 0);
        store_version(env, t, entity_map(e->entity)->versions, &h->changes[i]);
        emit_version(env, t, e, &h->changes[i]);
    }
}

static void emit_confirmations(struct task_env *env, struct task *t, const struct event *e,
                               const struct timeline *line) {
    buf_clear(&env->message_key);
    buf_put_str(&env->message_key, entity_map(e->entity)->confirmations_prefix);
    buf_put_slice(&env->message_key, e->id);
    buf_clear(&env->message);
    buf_put_byte(&env->message, MESSAGE_FORMAT);
    confirmations_encode(line, &env->message);
    task_send(env, TOPIC_CONFIRMATIONS, t->partition, buf_slice(&env->message_key),
              line->confirmation_count > 0 ? buf_slice(&env->message) : slice_null());
}

static void count_event(struct task_env *env, const struct event *e) {
    struct counts *c = &env->counts;
    bool changed = env->history.change_count > 0;
    c->applied[e->entity] += changed;
    c->unchanged[e->entity] += !changed;
    c->late[e->entity] += env->history.late;
    c->confirmations_dropped[e->entity] += (int64_t)env->history.confirmations_dropped;
    if (e->event_at_ms > c->newest_event_ms[e->entity])
        c->newest_event_ms[e->entity] = e->event_at_ms;
}

/* Lets join and marts follow, if the current version is another one now than `old`; NULL: there was none. */
static void follow_current(struct task_env *env, struct task *t, const struct event *e,
                           const struct version *old, const struct version *now) {
    bool had = old != NULL, has = now != NULL;
    bool same = had == has && (!has || slice_eq(old->attributes, now->attributes));
    if (e->entity == ENTITY_CUSTOMER) {
        if (!same)
            customer_changed(env, t, e->customer_id);
        return;
    }
    struct account_attributes before, after;
    if ((same && (!has || old->from == now->from)) ||
        (had && !task_decode_account(env, old->attributes, &before)) ||
        (has && !task_decode_account(env, now->attributes, &after)))
        return;
    account_changed(env, t, e->id, had ? &before : NULL, has ? &after : NULL);
}

/* What follows from versions that have changed; `old` was the current one, or NULL. */
static void apply_changes(struct task_env *env, struct task *t, const struct event *e,
                          const struct timeline *line, const struct version *old) {
    task_load_rest(env, e->entity, e->id, old);
    write_changes(env, t, e);
    if (!kv_failed(env->kv))
        follow_current(env, t, e, old, timeline_current(line));
    task_save_row(env, t, e->entity, e->id);
}

static bool too_late(const struct timeline *line, struct reason *why, int64_t at) {
    struct buf times = {0};
    timestamp_put_iso(&times, at);
    buf_put_str(&times, " is older than late.window behind the newest event of its id, ");
    timestamp_put_iso(&times, line->newest_event_at);
    (void)reason_set(why, REASON_TOO_LATE, "Too late: %s", buf_cstr(&times));
    buf_release(&times);
    return false;
}

bool task_apply_event(struct task_env *env, struct task *t, const struct event *e, struct reason *why) {
    struct timeline *line = task_load_timeline(env, t, e->entity, e->id);
    if (kv_failed(env->kv))
        return true;
    if (e->kind == CHANGE_TOMBSTONE && !line->has_current) {
        env->counts.unchanged[e->entity]++;
        return true;
    }
    if (history_too_late(&env->history_options, line, e->event_at_ms))
        return too_late(line, why, e->event_at_ms);
    bool had = line->has_current;
    struct version old = line->current; /* its attributes stay in the bytes that the row was loaded from */
    struct history_event h = {e->event_at_ms, e->loaded_at_ms, e->kind != CHANGE_UPSERT, slice_null()};
    if (!h.deleted) {
        encode_attributes(e, &env->attributes);
        h.attributes = buf_slice(&env->attributes);
    }
    size_t versions = history_needs_versions(line, &h) ? load_versions(env, t, e, line) : 0;
    if (kv_failed(env->kv))
        return true;
    history_apply(&env->history, &env->history_options, line, env->versions, versions, &h);
    count_event(env, e);
    if (env->history.confirmations_changed)
        emit_confirmations(env, t, e, line);
    if (env->history.change_count > 0)
        apply_changes(env, t, e, line, had ? &old : NULL);
    else if (env->history.confirmations_changed)
        task_save_timeline(env, t, e->entity, e->id);
    return true;
}

/* --- what tasks tell each other --- */

void task_apply_link(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice account_id, body;
    struct account_link link;
    bool ends = value.p == NULL;
    if (!task_parse_link_key(key, &customer_id, &account_id) ||
        (!ends &&
         (!task_message_body(env, TOPIC_ACCOUNT_LINKS, value, &body) || !task_read_link(body, &link)))) {
        task_damaged(env, FAMILY_LINKS);
        return;
    }
    bool marked = task_unmark_link(env, t, customer_id, account_id);
    task_load_customer(env, t, customer_id);
    struct link_effect effect = task_fold_link(env, t, customer_id, account_id, ends ? NULL : &link);
    struct customer_ref now = task_current_customer(env);
    if (kv_failed(env->kv))
        return;
    /* The first account of a partition is answered; later ones find the ref there, or on its way to them. Nobody knows
     * whether one that was marked is the first. */
    if (!ends && (marked || (!effect.was_there && effect.links_of_partition == 1)))
        send_ref(env, customer_id, (int32_t)effect.partition, &now);
    if (ends && effect.was_there && effect.links_of_partition == 0)
        send_ref(env, customer_id, (int32_t)effect.partition, NULL);
    /* Also for the end of a link that is not there: compaction can have kept it from a restore, and the
     * profile that was emitted counts it still. */
    bool profile_changed = task_refresh_profile(env, t, customer_id, &now);
    if (!ends || effect.was_there || profile_changed)
        task_save_customer(env, t, customer_id);
}

/* The ids of at most `max` accounts of the customer, behind `after`, into env->ids, each ended by a 0. */
static int64_t list_accounts(struct task_env *env, struct task *t, int64_t customer_id,
                             const struct buf *after, int64_t max) {
    int64_t count = 0;
    key_customer(&env->key2, t->partition, customer_id);
    size_t prefix_length = env->key2.n;
    if (after != NULL) {
        buf_put_slice(&env->key2, buf_slice(after));
        key_add_terminator(&env->key2); /* the first key behind that account */
    }
    struct slice prefix = slice_of(env->key2.p, prefix_length);
    buf_clear(&env->ids);
    struct kv_cursor *c = kv_cursor(env->kv, FAMILY_ACCOUNTS_BY_CUSTOMER);
    for (cursor_seek(c, buf_slice(&env->key2)); count < max && cursor_in(c, prefix);
         cursor_next(c), count++) {
        buf_put_slice(&env->ids, key_account_of_customer(cursor_key(c)));
        buf_put_byte(&env->ids, 0);
    }
    cursor_free(c);
    return count;
}

/* Remembers what the customer's task said. A tombstone (no account here belongs to the customer any more) is
 * passed over while there is one: it has come back in the meantime, and the answer to its link is under way.
 */
static bool store_ref(struct task_env *env, struct task *t, int64_t customer_id, struct slice body) {
    struct slice old;
    key_customer(&env->key, t->partition, customer_id);
    bool had = task_get(env, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), &env->value2, &old);
    if (body.p == NULL) {
        bool needed = list_accounts(env, t, customer_id, NULL, 1) > 0;
        if (had && !needed)
            task_erase(env, t, FAMILY_CUSTOMER_REFS, buf_slice(&env->key));
        if (!needed)
            task_unmark_ref(env, t, customer_id);
        return false;
    }
    task_unmark_ref(env, t, customer_id);
    task_put(env, t, FAMILY_CUSTOMER_REFS, buf_slice(&env->key), body, !had);
    return true;
}

/* Brings the accounts in env->ids up to date; returns the last of them. */
static struct slice refresh_listed(struct task_env *env, struct task *t, int64_t count,
                                   const struct customer_ref *ref) {
    const char *id = buf_slice(&env->ids).p;
    struct slice last = slice_of("", 0);
    for (int64_t i = 0; i < count && !kv_failed(env->kv); i++) {
        if (i % TASK_FETCH_ROWS == 0)
            task_fetch_accounts(env, t, id, count - i);
        last = slice_str(id);
        task_refresh_account_by_id(env, t, last, ref);
        id += last.n + 1;
    }
    return last;
}

bool task_apply_ref(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice body = slice_null(), in;
    struct customer_ref ref;
    if (!task_parse_customer_id(key, &customer_id) ||
        (value.p != NULL && !task_message_body(env, TOPIC_CUSTOMER_REFS, value, &body))) {
        task_damaged(env, FAMILY_CUSTOMER_REFS);
        return true;
    }
    in = body;
    if (!store_ref(env, t, customer_id, body))
        return true;
    if (!row_get_avro(&customer_ref_type, &in, &ref)) {
        task_damaged(env, FAMILY_CUSTOMER_REFS);
        return true;
    }
    int64_t count =
        list_accounts(env, t, customer_id, t->resuming ? &t->resume_after : NULL, env->fanout_max_rows);
    struct slice last = refresh_listed(env, t, count, &ref);
    t->resuming = count == env->fanout_max_rows;
    if (t->resuming)
        buf_set(&t->resume_after, last);
    return !t->resuming;
}
