#include "streamer/task.h"

#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/task_marts.h"
#include "streamer/task_state.h"

#include <string.h>

/* --- messages --- */

/* The value of an internal topic: STATE_FORMAT | Avro binary. */
static void send_internal(struct task_env *env, enum topic topic, int32_t partition,
                          const struct row_type *type, const void *row) {
    buf_clear(&env->message);
    buf_put_byte(&env->message, STATE_FORMAT);
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

/* The current version of a customer is another one now. */
static void customer_changed(struct task_env *env, struct task *t, int64_t customer_id,
                             const struct customer_ref *now) {
    if (!task_load_totals(env, t, customer_id))
        return;
    for (size_t i = 0; i < env->totals.partition_count; i++)
        send_ref(env, customer_id, env->totals.partitions[i].partition, now);
    task_refresh_profile(env, t, customer_id, now);
}

/* The current version of an account is another one now. */
static void account_changed(struct task_env *env, struct task *t, struct slice id,
                            const struct account_attributes *before, const struct account_attributes *after,
                            int64_t valid_from_at) {
    task_index_account(env, t, id, before, after);
    bool moved = before != NULL && after != NULL && before->customer_id != after->customer_id;
    if (before != NULL && (after == NULL || moved))
        send_link(env, before->customer_id, id, NULL);
    if (after != NULL && (before == NULL || moved || before->balance_amount != after->balance_amount ||
                          !slice_eq(before->account_type, after->account_type))) {
        struct account_link link = {t->partition, after->balance_amount, after->account_type};
        send_link(env, after->customer_id, id, &link);
    }
    struct customer_ref ref;
    bool stayed = before != NULL && after != NULL && !moved;
    bool known = (stayed && task_last_customer(env, t, id, after->customer_id, &env->value, &ref)) ||
                 (after != NULL && task_load_ref(env, t, after->customer_id, &env->value, &ref));
    task_refresh_account(env, t, id, after, valid_from_at, known ? &ref : NULL);
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
    struct slice in = v->attributes;
    buf_clear(&env->message);
    if (e->entity == ENTITY_CUSTOMER) {
        struct customer_attributes a;
        if (!row_get_avro(&customer_attributes_type, &in, &a)) {
            task_damaged(env, FAMILY_CUSTOMER_HISTORY);
            return;
        }
        struct customer_history_row row = {e->customer_id, a.customer_name, a.has_loan_flag,
                                           v->loaded_at,   v->from,         v->to};
        row_put_json(&customer_history_type, &row, &env->message);
    } else {
        struct account_attributes a;
        if (!row_get_avro(&account_attributes_type, &in, &a)) {
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
        struct version_row row = {change->version.to, change->version.loaded_at, change->version.attributes};
        buf_clear(&env->value2);
        row_put_avro(&version_type, &row, &env->value2);
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
 * attributes point into env->version_bytes. */
static size_t load_versions(struct task_env *env, struct task *t, const struct event *e) {
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
    if (!cursor_in(c, prefix))
        cursor_seek(c, prefix);
    buf_clear(&env->version_bytes);
    for (; cursor_in(c, prefix); cursor_next(c)) {
        struct slice key = cursor_key(c);
        struct slice value = cursor_value(c);
        struct version_row row;
        struct slice body = slice_of(value.p + 1, value.n - 1);
        if (key.n != prefix_length + 8 || value.n == 0 || value.p[0] != STATE_FORMAT ||
            !row_get_avro(&version_type, &body, &row)) {
            task_damaged(env, f);
            break;
        }
        struct version v = {key_time(key), row.valid_to_at, row.loaded_at, {NULL, row.attributes.n}};
        buf_put_slice(&env->version_bytes, row.attributes);
        add_version(env, count++, v);
    }
    cursor_free(c);
    const char *bytes = buf_slice(&env->version_bytes).p;
    for (size_t i = 0; i < count; i++) {
        env->versions[i].attributes.p = bytes;
        bytes += env->versions[i].attributes.n;
    }
    if (env->timeline.has_current)
        add_version(env, count++, env->timeline.current);
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
        row_put_avro(&account_attributes_type, &a, out);
    }
}

/* Stores and emits what history_apply found. */
static void write_changes(struct task_env *env, struct task *t, const struct event *e, bool existed) {
    const struct entity_map *map = entity_map(e->entity);
    const struct history *h = &env->history;
    for (size_t i = 0; i < h->change_count && !kv_failed(env->kv); i++) {
        task_version_prefix(&env->key, t, e->entity, e->id);
        key_add_time(&env->key, 0);
        store_version(env, t, map->versions, &h->changes[i]);
        emit_version(env, t, e, &h->changes[i]);
    }
    task_save_timeline(env, t, e->entity, e->id, existed);
    if (!h->confirmations_changed)
        return;
    buf_clear(&env->message_key);
    buf_put_str(&env->message_key, map->confirmations_prefix);
    buf_put_slice(&env->message_key, e->id);
    buf_clear(&env->message);
    buf_put_byte(&env->message, STATE_FORMAT);
    confirmations_encode(&env->timeline, &env->message);
    task_send(env, TOPIC_CONFIRMATIONS, t->partition, buf_slice(&env->message_key),
              env->timeline.confirmation_count > 0 ? buf_slice(&env->message) : slice_null());
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

/* Lets join and marts follow, if the current version is another one now. env->old_attributes are those of the
 * one before, if there was one. */
static void follow_current(struct task_env *env, struct task *t, const struct event *e, bool had,
                           int64_t old_from) {
    bool has = env->timeline.has_current;
    int64_t from = has ? env->timeline.current.from : 0;
    bool same =
        had == has && (!has || slice_eq(buf_slice(&env->old_attributes), env->timeline.current.attributes));
    if (e->entity == ENTITY_CUSTOMER) {
        if (same)
            return;
        struct customer_ref now = task_current_customer(env, t, e->id);
        if (!kv_failed(env->kv))
            customer_changed(env, t, e->customer_id, &now);
        return;
    }
    if (same && (!has || old_from == from))
        return;
    struct account_attributes before, after;
    if (had && !task_decode_account(env, buf_slice(&env->old_attributes), &before))
        return;
    /* The timeline's slices may point into scratch memory that the next steps reuse. */
    if (has && env->timeline.current.attributes.p != env->attributes.p)
        buf_set(&env->attributes, env->timeline.current.attributes);
    if (has && !task_decode_account(env, buf_slice(&env->attributes), &after))
        return;
    account_changed(env, t, e->id, had ? &before : NULL, has ? &after : NULL, from);
}

bool task_apply_event(struct task_env *env, struct task *t, const struct event *e, struct reason *why) {
    bool existed = task_load_timeline(env, t, e->entity, e->id);
    if (kv_failed(env->kv))
        return true;
    if (e->kind == CHANGE_TOMBSTONE && !env->timeline.has_current) {
        env->counts.unchanged[e->entity]++;
        return true;
    }
    if (history_too_late(&env->history_options, &env->timeline, e->event_at_ms)) {
        struct buf times = {0};
        timestamp_put_iso(&times, e->event_at_ms);
        buf_put_str(&times, " is older than late.window behind the newest event of its id, ");
        timestamp_put_iso(&times, env->timeline.newest_event_at);
        (void)reason_set(why, REASON_TOO_LATE, "Too late: %s", buf_cstr(&times));
        buf_release(&times);
        return false;
    }
    bool had = env->timeline.has_current;
    int64_t old_from = env->timeline.current.from;
    buf_set(&env->old_attributes, had ? env->timeline.current.attributes : slice_null());
    struct history_event h = {e->event_at_ms, e->loaded_at_ms, e->kind != CHANGE_UPSERT, slice_null()};
    if (!h.deleted) {
        encode_attributes(e, &env->attributes);
        h.attributes = buf_slice(&env->attributes);
    }
    size_t versions = history_needs_versions(&env->timeline, &h) ? load_versions(env, t, e) : 0;
    if (kv_failed(env->kv))
        return true;
    history_apply(&env->history, &env->history_options, &env->timeline, env->versions, versions, &h);
    count_event(env, e);
    if (env->history.change_count == 0 && !env->history.confirmations_changed)
        return true; /* the same event once more */
    write_changes(env, t, e, existed);
    if (!kv_failed(env->kv))
        follow_current(env, t, e, had, old_from);
    return true;
}

/* --- what tasks tell each other --- */

void task_apply_link(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice account_id, body;
    struct account_link link;
    bool ends = value.p == NULL;
    if (!task_parse_link_key(key, &customer_id, &account_id) ||
        (!ends && (!task_message_body(env, TOPIC_ACCOUNT_LINKS, value, &body) ||
                   !row_get_avro(&account_link_type, &body, &link)))) {
        task_damaged(env, FAMILY_LINKS);
        return;
    }
    bool marked = task_unmark_link(env, t, customer_id, account_id);
    struct link_effect effect = task_fold_link(env, t, customer_id, account_id, ends ? NULL : &link);
    if (kv_failed(env->kv))
        return;
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    buf_set(&env->ids, buf_slice(&env->message_key));
    struct customer_ref now = task_current_customer(env, t, buf_slice(&env->ids));
    /* The first account of a partition is answered; later ones find the ref there, or on its way to them. Nobody knows
     * whether one that was marked is the first. */
    if (!ends && (marked || (!effect.was_there && effect.links_of_partition == 1)))
        send_ref(env, customer_id, (int32_t)effect.partition, &now);
    if (ends && effect.was_there && effect.links_of_partition == 0)
        send_ref(env, customer_id, (int32_t)effect.partition, NULL);
    /* Also for the end of a link that is not there: compaction can have kept it from a restore, and the
     * profile that was emitted counts it still. */
    (void)task_load_totals(env, t, customer_id);
    task_refresh_profile(env, t, customer_id, &now);
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
    const char *id = buf_slice(&env->ids).p;
    struct slice last = slice_of("", 0);
    for (int64_t i = 0; i < count && !kv_failed(env->kv); i++) {
        last = slice_str(id);
        task_refresh_account_by_id(env, t, last, &ref);
        id += last.n + 1;
    }
    t->resuming = count == env->fanout_max_rows;
    if (t->resuming)
        buf_set(&t->resume_after, last);
    return !t->resuming;
}
