#include "streamer/task/task.h"

#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/former_accounts.h"
#include "streamer/task/intake.h"
#include "streamer/task/task_floor.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_marts.h"
#include "streamer/task/task_rows.h"

#include <string.h>

/* --- messages --- */

/* Tells the account tasks of a partition about the customer whose row is env->customer. ref ==
 * NULL: no account of that partition belongs to the customer any more. */
static void send_ref(struct task_env *env, int64_t customer_id, int32_t partition,
                     const struct customer_ref *ref) {
    struct ref_origin origin = customer_row_ref_origin(&env->customer);
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    buf_clear(&env->message);
    buf_put_byte(&env->message, MESSAGE_FORMAT);
    if (ref != NULL)
        customer_ref_encode(ref, &origin, &env->message);
    task_send(env, TOPIC_CUSTOMER_REFS, partition, buf_slice(&env->message_key),
              ref != NULL ? buf_slice(&env->message) : slice_null());
}

/* Tells the customer's task about an account. link == NULL: the account does not belong to the
 * customer any more. */
static void send_link(struct task_env *env, int64_t customer_id, struct slice account_id,
                      const struct account_link *link) {
    buf_clear(&env->message_key);
    buf_put_int(&env->message_key, customer_id);
    int32_t partition = murmur2_partition(buf_slice(&env->message_key), env->partitions);
    buf_put_byte(&env->message_key, '|');
    buf_put_slice(&env->message_key, account_id);
    buf_clear(&env->message);
    buf_put_byte(&env->message, MESSAGE_FORMAT);
    if (link != NULL)
        row_put_avro(&account_link_type, link, &env->message);
    task_send(env, TOPIC_ACCOUNT_LINKS, partition, buf_slice(&env->message_key),
              link != NULL ? buf_slice(&env->message) : slice_null());
}

/* To be called when the customer whose row is env->customer has another current version. If it says
 * the same as before, and a late record has moved its start, the refs still have to name the record
 * that opened it. */
static void customer_changed(struct task_env *env, struct task *t, int64_t customer_id) {
    const struct totals *totals = &env->customer.totals;
    struct customer_ref now = task_current_customer(env);
    if (kv_failed(env->kv) || totals->partition_count == 0)
        return;
    for (size_t i = 0; i < totals->partition_count; i++)
        send_ref(env, customer_id, totals->partitions[i].partition, &now);
    (void)task_refresh_profile(env, t, customer_id, &now);
}

/* Finds the customer of the account whose row is env->account. False: it is not known.
 *
 * If the account stays with the same customer, its joined row has what is needed, and no ref is
 * read. A ref rewrites the joined rows of all accounts of its customer before the next message of
 * the partition is processed. So a joined row says what the last ref says, or another ref is under
 * way and will rewrite it. (If the account belonged to another customer in between, the joined row
 * can be older. Then the ref is marked, and while it is, nothing is emitted.) */
static bool find_customer(struct task_env *env, struct task *t, int64_t customer_id,
                          bool same_customer, struct customer_ref *ref) {
    const struct account_with_customer_row *joined = &env->account.joined;
    if (!same_customer || !env->account.has_joined || joined->customer_id != customer_id)
        return task_load_ref(env, t, customer_id, &env->value, ref, NULL);
    *ref = (struct customer_ref){true, joined->customer_name, joined->has_loan_flag};
    return true;
}

/* To be called when the account whose row is env->account has another current version. NULL: there
 * was, or is, none. */
static void account_changed(struct task_env *env, struct task *t, struct slice id,
                            const struct account_attributes *before,
                            const struct account_attributes *after) {
    task_index_account(env, t, id, before, after);
    bool same_customer =
        before != NULL && after != NULL && before->customer_id == after->customer_id;
    if (before != NULL && !same_customer) {
        send_link(env, before->customer_id, id, NULL);
        former_accounts_add(env, t, before->customer_id, id);
    }
    if (after != NULL && (!same_customer || before->balance_amount != after->balance_amount ||
                          !slice_eq(before->account_type, after->account_type))) {
        struct account_link link = {t->partition, after->balance_amount, after->account_type};
        send_link(env, after->customer_id, id, &link);
    }
    struct customer_ref ref;
    bool known = after != NULL && find_customer(env, t, after->customer_id, same_customer, &ref);
    (void)task_refresh_account(env, t, id, after, known ? &ref : NULL);
}

/* --- snapshots --- */

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

/* Brings join and marts up to date if the current version is no longer `old`. NULL: there was, or
 * is, none. */
static void follow_current(struct task_env *env, struct task *t, const struct event *e,
                           const struct version *old, const struct version *now) {
    bool had = old != NULL, has = now != NULL;
    if (had == has &&
        (!has || (old->from == now->from && slice_eq(old->attributes, now->attributes))))
        return;
    if (e->entity == ENTITY_CUSTOMER) {
        customer_changed(env, t, e->customer_id);
        return;
    }
    struct account_attributes before, after;
    if ((had && !task_decode_account(env, old->attributes, &before)) ||
        (has && !task_decode_account(env, now->attributes, &after)))
        return;
    account_changed(env, t, e->id, had ? &before : NULL, has ? &after : NULL);
}

/* What the timeline in work was before an event. */
struct former {
    bool had;               /* a current version */
    struct version current; /* its attributes point into the bytes that the row was loaded from */
    int64_t newest;
    struct order_memory memory;
};

static struct former remember_former(const struct timeline *line) {
    return (struct former){line->has_current, line->current, line->newest_event_at, line->memory};
}

static bool same_memory(const struct order_memory *a, const struct order_memory *b) {
    return a->last == b->last && a->end == b->end && a->before_end == b->before_end &&
           a->outdated == b->outdated;
}

/* Stores and emits what an event changed: env->history, and the timeline's memory. */
static void keep_event(struct task_env *env, struct task *t, const struct event *e,
                       struct timeline *line, const struct former *was) {
    const struct version *old = was->had ? &was->current : NULL;
    bool changed = env->history.change_count > 0,
         moved = line->memory.revision != was->memory.revision;
    bool confirmed = env->history.confirmation_count > 0;
    int64_t outside = line->outside_count;
    bool inside = task_write_confirmations(env, t, e, line);
    bool carried = task_versions_carry_position(env, line);
    bool remembers = inside || !same_memory(&line->memory, &was->memory) || (moved && !carried);
    if (changed) {
        task_load_rest(env, e->entity, e->id, old);
        task_write_versions(env, t, e, line);
    }
    if (remembers)
        task_emit_memory(env, t, e->entity, e->id, line, carried);
    if (changed && !kv_failed(env->kv))
        follow_current(env, t, e, old, timeline_current(line));
    if (changed)
        task_save_row(env, t, e->entity, e->id);
    else if (remembers || confirmed || line->outside_count != outside)
        task_save_timeline(env, t, e->entity, e->id);
}

/* Stores and emits what an event that was not applied changed in the timeline's memory. */
static void keep_memory(struct task_env *env, struct task *t, const struct event *e,
                        struct timeline *line, const struct former *was) {
    if (same_memory(&line->memory, &was->memory))
        return;
    task_emit_memory(env, t, e->entity, e->id, line, false);
    task_save_timeline(env, t, e->entity, e->id);
}

static void count_event(struct task_env *env, const struct event *e, const struct placement *p,
                        int64_t newest_before, bool changed) {
    struct counts *c = &env->counts;
    c->applied[e->entity] += changed;
    c->unchanged[e->entity] += !changed;
    c->late[e->entity] += !e->is_log && p->at < newest_before;
    c->reordered[e->entity] += p->is_reordered;
    if (p->at > c->newest_event_ms[e->entity])
        c->newest_event_ms[e->entity] = p->at;
}

static bool refuse_late(const struct timeline *line, int64_t at, struct reason *why) {
    struct buf times = {0};
    timestamp_put_iso(&times, at);
    buf_put_str(&times, " is older than late.window behind the newest event of its id, ");
    timestamp_put_iso(&times, line->newest_event_at);
    (void)reason_set(why, REASON_TOO_LATE, "Too late: %s", buf_cstr(&times));
    buf_release(&times);
    return false;
}

/* --- columns that the database did not log --- */

/* The version that holds at the event's place before the event is applied; NULL: there is none. */
static const struct version *version_at(struct task_env *env, struct task *t, const struct event *e,
                                        const struct timeline *line, const struct placement *p) {
    if (!placement_takes_end_away(p) && p->at > line->newest_event_at)
        return timeline_current(line);
    struct timeline seen = *line;
    if (p->drops_delete)
        seen.newest_event_at = line->memory.before_end;
    task_load_neighbours(env, t, e->entity, e->id, &seen, p->at);
    return neighbours_version_at(&env->neighbours, p->at, &seen, placement_takes_end_away(p));
}

static bool lacks(const struct event *e, enum field f) {
    return (e->unavailable & FIELD_BIT(f)) != 0;
}

static bool fill_customer(struct task_env *env, const struct version *v, struct event *e) {
    struct customer_attributes a;
    struct slice in = v->attributes;
    if (!row_get_avro(&customer_attributes_type, &in, &a)) {
        task_damaged(env->kv, FAMILY_CUSTOMER_HISTORY);
        return false;
    }
    if (lacks(e, FIELD_CUSTOMER_NAME))
        e->customer_name = a.customer_name;
    if (lacks(e, FIELD_HAS_LOAN))
        e->has_loan_flag = a.has_loan_flag;
    return true;
}

static bool fill_account(struct task_env *env, const struct version *v, struct event *e) {
    struct account_attributes a;
    if (!task_decode_account(env, v->attributes, &a))
        return false;
    if (lacks(e, FIELD_CUSTOMER_ID))
        e->customer_id = a.customer_id;
    if (lacks(e, FIELD_BALANCE))
        e->balance_cents = a.balance_amount;
    if (lacks(e, FIELD_ACCOUNT_TYPE))
        (void)account_type_find(a.account_type, &e->account_type);
    return true;
}

/* Fills the fields that the record lacks from the version that holds at its place. False: there is
 * no such version. */
static bool fill_unavailable(struct task_env *env, struct task *t, const struct timeline *line,
                             const struct placement *p, struct event *e, struct reason *why) {
    const struct version *v = version_at(env, t, e, line, p);
    if (v != NULL)
        return (e->entity == ENTITY_CUSTOMER ? fill_customer : fill_account)(env, v, e) ||
               kv_failed(env->kv);
    return reason_set(
        why, REASON_MALFORMED,
        "Malformed record: a field is __debezium_unavailable_value (the database did not log "
        "it), and no version says what it was; set REPLICA IDENTITY FULL or its like");
}

/* --- events --- */

/* The time of the newest event before the end that a truncate makes at `at`. */
static int64_t newest_before_end(struct task_env *env, struct task *t, const struct event *id,
                                 const struct timeline *line, int64_t at) {
    return at > line->newest_event_at ? line->newest_event_at
                                      : task_newest_before(env, t, id->entity, id->id, line, at);
}

void task_end_by_truncate(struct task_env *env, struct task *t, const struct event *id,
                          const struct order_floor *truncate) {
    struct timeline *line = task_load_timeline(env, t, id->entity, id->id);
    if (kv_failed(env->kv))
        return;
    struct former was = remember_former(line);
    struct history_event end = {
        .at = order_end_of(line, truncate), .loaded_at = id->loaded_at_ms, .deleted = true};
    int64_t before_end = newest_before_end(env, t, id, line, end.at);
    if (history_needs_neighbours(line, &end))
        task_load_neighbours(env, t, id->entity, id->id, line, end.at);
    history_apply(&env->history, line, &env->neighbours, &end);
    order_note_truncated(line, before_end);
    keep_event(env, t, id, line, &was);
}

/* Drops the delete of order_drops_delete from the history. No version changes by that. */
static void drop_delete(struct task_env *env, struct task *t, const struct event *e,
                        struct timeline *line) {
    struct former was = remember_former(line);
    struct history_event end = {.at = line->memory.before_end,
                                .loaded_at = e->loaded_at_ms,
                                .deleted = true,
                                .moves_end = true};
    int64_t before_end = task_newest_before(env, t, e->entity, e->id, line, end.at);
    task_load_neighbours(env, t, e->entity, e->id, line, end.at);
    if (kv_failed(env->kv))
        return;
    history_apply(&env->history, line, &env->neighbours, &end);
    order_note_delete_dropped(line, before_end);
    keep_event(env, t, e, line, &was);
}

static struct history_event event_at(struct task_env *env, const struct event *e,
                                     const struct placement *p) {
    struct history_event h = {
        .at = p->at,
        .loaded_at = e->loaded_at_ms,
        .deleted = e->kind != CHANGE_UPSERT || p->side == SIDE_BELOW_AT_ONCE ||
                   p->side == SIDE_BELOW_ITS_END,
        .moves_end = placement_takes_end_away(p),
    };
    if (!h.deleted) {
        encode_attributes(e, &env->attributes);
        h.attributes = buf_slice(&env->attributes);
    }
    return h;
}

static void apply_at(struct task_env *env, struct task *t, const struct event *e,
                     struct timeline *line, const struct placement *p) {
    struct history_event h = event_at(env, e, p);
    if (p->drops_delete) {
        drop_delete(env, t, e, line);
        line = task_load_timeline(env, t, e->entity, e->id);
    }
    struct former was = remember_former(line);
    int64_t before_end = was.memory.before_end;
    if (p->side == SIDE_BELOW_AT_ONCE)
        before_end = newest_before_end(env, t, e, line, p->at);
    else if (p->side == SIDE_BELOW_ITS_END &&
             before_end == p->at) /* this event replaces the one before the end, too */
        before_end = task_newest_before(env, t, e->entity, e->id, line, p->at);
    if (history_needs_neighbours(line, &h))
        task_load_neighbours(env, t, e->entity, e->id, line, p->at);
    if (kv_failed(env->kv))
        return;
    history_apply(&env->history, line, &env->neighbours, &h);
    order_note_applied(line, e, p, was.newest, env->history.happened);
    bool is_ended_here = p->side == SIDE_BELOW_AT_ONCE || p->side == SIDE_BELOW_ITS_END;
    if (is_ended_here && e->kind == CHANGE_UPSERT) /* a delete is already an end */
        order_note_truncated(line, before_end);
    bool changed = env->history.change_count > 0;
    keep_event(env, t, e, line, &was);
    bool lives_on = p->side == SIDE_BELOW && line->has_current && line->memory.end != END_TRUNCATE;
    if (lives_on || p->side == SIDE_BELOW_AND_ON) {
        task_end_by_truncate(env, t, e, task_floor(env, t, e->entity));
        changed = changed || env->history.change_count > 0;
    }
    count_event(env, e, p, was.newest, changed);
}

static bool apply_placed(struct task_env *env, struct task *t, const struct event *e,
                         struct timeline *line, const struct placement *p, struct reason *why) {
    if (e->unavailable == 0) {
        apply_at(env, t, e, line, p);
        return true;
    }
    struct event whole = *e;
    if (!fill_unavailable(env, t, line, p, &whole, why))
        return false;
    apply_at(env, t, &whole, line, p);
    return true;
}

static void ignore(struct task_env *env, struct task *t, const struct event *e,
                   struct timeline *line, enum verdict verdict) {
    struct former was = remember_former(line);
    env->counts.unchanged[e->entity]++;
    env->counts.repeated[e->entity] += verdict == VERDICT_REPEAT;
    env->counts.tombstones_unknown[e->entity] += verdict == VERDICT_UNKNOWN_TOMBSTONE;
    order_note_ignored(line, e, verdict);
    keep_memory(env, t, e, line, &was);
}

/* False: the event must be quarantined. */
static bool apply_verdict(struct task_env *env, struct task *t, const struct event *e,
                          struct timeline *line, const struct placement *p, struct reason *why) {
    switch (p->verdict) {
    case VERDICT_APPLY:
        return apply_placed(env, t, e, line, p, why);
    case VERDICT_TOO_LATE:
        return refuse_late(line, p->at, why);
    case VERDICT_TOO_EARLY:
        return intake_refuse_early(e, why);
    case VERDICT_UNKNOWN_TOMBSTONE:
    case VERDICT_IGNORE:
    case VERDICT_REPEAT:
        ignore(env, t, e, line, p->verdict);
        return true;
    }
    return true;
}

static void note_rejected(struct task_env *env, struct task *t, const struct event *e,
                          struct timeline *line, enum reason_code code) {
    struct former was = remember_former(line);
    order_note_rejected(line, e, code);
    keep_memory(env, t, e, line, &was);
}

/* The place of an event. If order_drops_delete holds, it is the place without that delete, which
 * apply_at drops. */
static struct placement place(struct task_env *env, struct task *t, const struct event *e,
                              const struct timeline *line, const struct order_floor *floor) {
    const struct order_options *o = &env->order_options;
    if (!order_drops_delete(o, line, e))
        return order_place(o, line, e, floor);
    struct timeline without = *line;
    int64_t end = line->memory.before_end;
    order_note_delete_dropped(&without, task_newest_before(env, t, e->entity, e->id, line, end));
    struct placement p = order_place(o, &without, e, floor);
    p.drops_delete = true;
    return p;
}

bool task_apply_event(struct task_env *env, struct task *t, const struct event *e,
                      struct reason *why) {
    struct timeline *line = task_load_timeline(env, t, e->entity, e->id);
    const struct order_floor *floor = task_floor(env, t, e->entity);
    if (kv_failed(env->kv))
        return true;
    struct placement p = place(env, t, e, line, floor);
    env->counts.behind_tombstone[e->entity] += p.is_behind_tombstone;
    if (apply_verdict(env, t, e, line, &p, why))
        return true;
    note_rejected(env, t, e, line, why->code);
    return false;
}

bool task_reject_event(struct task_env *env, struct task *t, const struct event *e,
                       const struct reason *why) {
    struct timeline *line = task_load_timeline(env, t, e->entity, e->id);
    if (kv_failed(env->kv))
        return true;
    if (order_is_repeat(&env->order_options, line, e)) { /* a repeat is no fault */
        ignore(env, t, e, line, VERDICT_REPEAT);
        return true;
    }
    note_rejected(env, t, e, line, why->code);
    return false;
}

/* --- what tasks tell each other --- */

void task_apply_link(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice account_id, body;
    struct account_link link;
    bool ends = value.p == NULL;
    if (!task_parse_link_key(key, &customer_id, &account_id) ||
        (!ends && (!task_message_body(env->kv, TOPIC_ACCOUNT_LINKS, value, &body) ||
                   !task_read_link(body, &link)))) {
        task_damaged(env->kv, FAMILY_LINKS);
        return;
    }
    bool marked = task_unmark_link(env, t, customer_id, account_id);
    task_load_customer(env, t, customer_id);
    struct link_effect effect =
        task_fold_link(env, t, customer_id, account_id, ends ? NULL : &link);
    struct customer_ref now = task_current_customer(env);
    if (kv_failed(env->kv))
        return;
    /* The first link from a partition is answered with a ref. Later ones find the ref there, or on
     * its way. A link that was marked is answered, too, because it may be the first one. */
    if (!ends && (marked || (!effect.was_there && effect.links_of_partition == 1)))
        send_ref(env, customer_id, (int32_t)effect.partition, &now);
    if (ends && effect.was_there && effect.links_of_partition == 0)
        send_ref(env, customer_id, (int32_t)effect.partition, NULL);
    /* The profile may change even if the link that ends is not there: compaction may have hidden
     * the link from a restore, while the profile that was emitted last still counts it. */
    bool profile_changed = task_refresh_profile(env, t, customer_id, &now);
    if (!ends || effect.was_there || profile_changed)
        task_save_customer(env, t, customer_id);
}

/* Lists the ids of at most `max` accounts of the customer, behind the account `after` (NULL: from
 * the first one), in env->ids, each ended by a zero byte. Returns how many. */
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

/* Stores a ref, or erases it if `body` is null (a tombstone: no account here belongs to the
 * customer any more). A tombstone is ignored if such an account exists: it has come back in the
 * meantime, and the answer to its link is under way. True: accounts must be brought up to date. */
static bool store_ref(struct task_env *env, struct task *t, int64_t customer_id,
                      struct slice body) {
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

/* Brings the `count` accounts of env->ids up to date. Returns the last id. */
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
    struct slice body = slice_null();
    struct customer_ref ref;
    if (!task_parse_customer_id(key, &customer_id) ||
        (value.p != NULL && !task_message_body(env->kv, TOPIC_CUSTOMER_REFS, value, &body))) {
        task_damaged(env->kv, FAMILY_CUSTOMER_REFS);
        return true;
    }
    if (!store_ref(env, t, customer_id, body))
        return true;
    if (!customer_ref_decode(body, &ref, NULL)) {
        task_damaged(env->kv, FAMILY_CUSTOMER_REFS);
        return true;
    }
    int64_t count = list_accounts(env, t, customer_id, t->resuming ? &t->resume_after : NULL,
                                  env->fanout_max_rows);
    struct slice last = refresh_listed(env, t, count, &ref);
    t->resuming = count == env->fanout_max_rows;
    if (t->resuming)
        buf_set(&t->resume_after, last);
    return !t->resuming;
}
