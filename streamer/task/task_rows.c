#include "streamer/task/task_rows.h"

#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <assert.h>
#include <stdlib.h>

const struct entity_map *entity_map(enum entity e) {
    static const struct entity_map maps[ENTITY_COUNT] = {
        [ENTITY_CUSTOMER] = {FAMILY_CUSTOMER_HISTORY, FAMILY_CUSTOMER_CONFIRMATIONS,
                             FAMILY_CUSTOMERS, TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "customer|",
                             "customer@", "floor-of-customers"},
        [ENTITY_ACCOUNT] = {FAMILY_ACCOUNT_HISTORY, FAMILY_ACCOUNT_CONFIRMATIONS, FAMILY_ACCOUNTS,
                            TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "account|", "account@",
                            "floor-of-accounts"},
    };
    return &maps[e];
}

void counts_clear(struct counts *c) {
    *c = (struct counts){0};
    for (int e = 0; e < ENTITY_COUNT; e++)
        c->newest_event_ms[e] = TIMESTAMP_NONE;
}

/* --- the task and its meta data --- */

static void meta_clear(struct task_meta *m) {
    *m = (struct task_meta){0};
    for (int i = 0; i < TOPIC_COUNT; i++)
        m->positions[i] = -1;
}

void task_init(struct task *t, int32_t partition) {
    *t = (struct task){.partition = partition};
    meta_clear(&t->meta);
    t->saved_meta = t->meta;
}

void task_release(struct task *t) {
    buf_release(&t->resume_after);
    for (int e = 0; e < ENTITY_COUNT; e++)
        buf_release(&t->floor_positions[e]);
}

int64_t task_orphans(const struct task *t) {
    return t->meta.current_accounts - t->meta.joined_accounts;
}

void task_rollback(struct task *t) {
    t->meta = t->saved_meta;
    t->refresh_accounts = false;
    t->floors_loaded = false;
    task_begin_anew(t);
}

void task_begin_anew(struct task *t) {
    t->resuming = false;
}

void task_env_release(struct task_env *env) {
    account_row_release(&env->account);
    customer_row_release(&env->customer);
    codec_reader_release(&env->reader);
    struct buf *bufs[] = {
        &env->origin.text,    &env->position_header, &env->floor_bytes, &env->account_bytes,
        &env->customer_bytes, &env->links_bytes,     &env->key,         &env->key2,
        &env->value,          &env->value2,          &env->encoded,     &env->attributes,
        &env->message_key,    &env->message,         &env->ids,         &env->version_bytes};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
}

static void meta_key(struct buf *out, const struct task *t) {
    key_text(out, t->partition, slice_str("task"));
}

void task_save_meta(struct task_env *env, struct task *t) {
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    for (int i = 0; i < TOPIC_COUNT; i++)
        avro_put_long(&env->encoded, t->meta.positions[i]);
    avro_put_long(&env->encoded, t->meta.committed_ms);
    for (int i = 0; i < FAMILY_COUNT; i++)
        avro_put_long(&env->encoded, t->meta.rows[i]);
    avro_put_long(&env->encoded, t->meta.current_accounts);
    avro_put_long(&env->encoded, t->meta.joined_accounts);
    avro_put_long(&env->encoded, t->meta.summaries);
    avro_put_long(&env->encoded, t->meta.rates);
    for (int e = 0; e < ENTITY_COUNT; e++)
        avro_put_long(&env->encoded, t->meta.outdated[e]);
    meta_key(&env->key, t);
    kv_put(env->kv, FAMILY_META, buf_slice(&env->key), buf_slice(&env->encoded));
}

void task_load_meta(struct task_env *env, struct task *t) {
    struct slice in;
    struct task_meta m;
    meta_clear(&t->meta);
    meta_key(&env->key, t);
    if (task_get(env, FAMILY_META, buf_slice(&env->key), &env->value, &in)) {
        bool ok = true;
        for (int i = 0; i < TOPIC_COUNT; i++)
            ok = ok && avro_get_long(&in, &m.positions[i]);
        ok = ok && avro_get_long(&in, &m.committed_ms);
        for (int i = 0; i < FAMILY_COUNT; i++)
            ok = ok && avro_get_long(&in, &m.rows[i]);
        ok = ok && avro_get_long(&in, &m.current_accounts) &&
             avro_get_long(&in, &m.joined_accounts) && avro_get_long(&in, &m.summaries) &&
             avro_get_long(&in, &m.rates);
        for (int e = 0; e < ENTITY_COUNT; e++)
            ok = ok && avro_get_long(&in, &m.outdated[e]);
        ok = ok && in.n == 0;
        if (ok)
            t->meta = m;
        else
            task_damaged(env->kv, FAMILY_META);
    }
    t->saved_meta = t->meta;
    t->resuming = false;
    t->refresh_accounts = false;
    t->floors_loaded = false;
}

/* --- rows --- */

bool task_parse_customer_id(struct slice text, int64_t *customer_id) {
    return decimal_parse_integer(text, customer_id) == DECIMAL_OK;
}

/* The id must be a number: whoever calls has checked it. */
static int64_t customer_id_of(struct slice id) {
    int64_t customer_id = 0;
    bool ok = task_parse_customer_id(id, &customer_id);
    assert(ok);
    (void)ok;
    return customer_id;
}

void task_version_prefix(struct buf *out, const struct task *t, enum entity entity,
                         struct slice id) {
    if (entity == ENTITY_ACCOUNT) {
        key_text(out, t->partition, id);
        key_add_terminator(out);
    } else {
        key_customer(out, t->partition, customer_id_of(id));
    }
}

void task_put(struct task_env *env, struct task *t, enum family f, struct slice key,
              struct slice value, bool is_new) {
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    buf_put_slice(&env->encoded, value);
    kv_put(env->kv, f, key, buf_slice(&env->encoded));
    t->meta.rows[f] += is_new;
}

void task_erase(struct task_env *env, struct task *t, enum family f, struct slice key) {
    kv_erase(env->kv, f, key);
    t->meta.rows[f]--;
}

void task_damaged(struct kv *kv, enum family f) {
    if (!kv_failed(kv))
        (void)err_set(
            &kv->err, ERR_STOP,
            "a value in state family %s cannot be read; stop, remove the state directory and "
            "start again: it is rebuilt from the topics",
            family_name(f));
}

bool task_body(struct kv *kv, enum family f, struct slice value, struct slice *body) {
    if (value.n == 0 || value.p[0] != STATE_FORMAT) {
        task_damaged(kv, f);
        return false;
    }
    *body = slice_of(value.p + 1, value.n - 1);
    return true;
}

bool task_get(struct task_env *env, enum family f, struct slice key, struct buf *value,
              struct slice *body) {
    return kv_get(env->kv, f, key, value) && task_body(env->kv, f, buf_slice(value), body);
}

bool task_message_body(struct kv *kv, enum topic topic, struct slice value, struct slice *body) {
    if (value.n == 0 || value.p[0] != MESSAGE_FORMAT) {
        if (!kv_failed(kv))
            (void)err_set(
                &kv->err, ERR_STOP,
                "a message of the internal topic number %d is not of this version's format; only "
                "streamer may write to its internal topics",
                (int)topic);
        return false;
    }
    *body = slice_of(value.p + 1, value.n - 1);
    return true;
}

/* --- the rows of accounts and customers --- */

/* Loads the timeline of the row whose key is env->key, and sets env->rest to the part behind it.
 * Returns whether there is such a row. */
static bool load_timeline(struct task_env *env, enum family f, struct buf *bytes,
                          struct timeline *line) {
    bool stored = task_get(env, f, buf_slice(&env->key), bytes, &env->rest);
    if (stored && !timeline_decode(&env->rest, line)) {
        timeline_clear(line);
        task_damaged(env->kv, f);
    }
    return stored;
}

static void load_account_timeline(struct task_env *env, const struct task *t, struct slice id) {
    account_row_clear(&env->account);
    key_text(&env->key, t->partition, id);
    env->account_is_stored =
        load_timeline(env, FAMILY_ACCOUNTS, &env->account_bytes, &env->account.timeline);
    env->account_was_outdated = timeline_is_outdated(&env->account.timeline);
    env->joined_is_stored = env->summary_is_stored = false; /* until the rest is loaded */
}

static void load_customer_timeline(struct task_env *env, const struct task *t,
                                   int64_t customer_id) {
    customer_row_clear(&env->customer);
    key_customer(&env->key, t->partition, customer_id);
    env->customer_is_stored =
        load_timeline(env, FAMILY_CUSTOMERS, &env->customer_bytes, &env->customer.timeline);
    env->customer_was_outdated = timeline_is_outdated(&env->customer.timeline);
}

static void load_account_rest(struct task_env *env, struct slice id,
                              const struct version *current) {
    struct account_row *r = &env->account;
    if (env->account_is_stored && !kv_failed(env->kv) &&
        !account_row_decode_rest(env->rest, id, current, r)) {
        account_row_clear(r);
        task_damaged(env->kv, FAMILY_ACCOUNTS);
    }
    env->joined_is_stored = r->has_joined;
    env->summary_is_stored = r->has_summary;
}

static void load_customer_rest(struct task_env *env, int64_t customer_id,
                               const struct version *current) {
    struct customer_row *r = &env->customer;
    if (env->customer_is_stored && !kv_failed(env->kv) &&
        !customer_row_decode_rest(env->rest, customer_id, current, r)) {
        customer_row_clear(r);
        task_damaged(env->kv, FAMILY_CUSTOMERS);
    }
}

void task_load_account(struct task_env *env, const struct task *t, struct slice id) {
    load_account_timeline(env, t, id);
    load_account_rest(env, id, timeline_current(&env->account.timeline));
}

void task_load_customer(struct task_env *env, const struct task *t, int64_t customer_id) {
    load_customer_timeline(env, t, customer_id);
    load_customer_rest(env, customer_id, timeline_current(&env->customer.timeline));
}

/* Updates the count of outdated current versions when a row is saved. */
static void count_outdated(struct task_env *env, struct task *t, enum entity entity) {
    bool is_account = entity == ENTITY_ACCOUNT;
    bool *was = is_account ? &env->account_was_outdated : &env->customer_was_outdated;
    bool is = timeline_is_outdated(is_account ? &env->account.timeline : &env->customer.timeline);
    t->meta.outdated[entity] += is - *was;
    *was = is;
}

/* Puts the row whose key is env->key and whose value is env->encoded, or erases it. */
static void save_row(struct task_env *env, struct task *t, enum family f, bool is_empty,
                     bool *is_stored) {
    if (!is_empty)
        kv_put(env->kv, f, buf_slice(&env->key), buf_slice(&env->encoded));
    else if (*is_stored)
        kv_erase(env->kv, f, buf_slice(&env->key));
    t->meta.rows[f] += !is_empty - *is_stored;
    *is_stored = !is_empty;
}

void task_save_account(struct task_env *env, struct task *t, struct slice id) {
    const struct account_row *r = &env->account;
    if (kv_failed(env->kv))
        return;
    key_text(&env->key, t->partition, id);
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    account_row_encode(r, &env->encoded);
    save_row(env, t, FAMILY_ACCOUNTS, account_row_is_empty(r), &env->account_is_stored);
    count_outdated(env, t, ENTITY_ACCOUNT);
    t->meta.joined_accounts += r->has_joined - env->joined_is_stored;
    t->meta.summaries += r->has_summary - env->summary_is_stored;
    env->joined_is_stored = r->has_joined;
    env->summary_is_stored = r->has_summary;
}

void task_save_customer(struct task_env *env, struct task *t, int64_t customer_id) {
    const struct customer_row *r = &env->customer;
    if (kv_failed(env->kv))
        return;
    key_customer(&env->key, t->partition, customer_id);
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    customer_row_encode(r, &env->encoded);
    save_row(env, t, FAMILY_CUSTOMERS, customer_row_is_empty(r), &env->customer_is_stored);
    count_outdated(env, t, ENTITY_CUSTOMER);
}

struct timeline *task_load_timeline(struct task_env *env, const struct task *t, enum entity entity,
                                    struct slice id) {
    if (entity == ENTITY_ACCOUNT) {
        load_account_timeline(env, t, id);
        return &env->account.timeline;
    }
    load_customer_timeline(env, t, customer_id_of(id));
    return &env->customer.timeline;
}

void task_load_rest(struct task_env *env, enum entity entity, struct slice id,
                    const struct version *current) {
    if (entity == ENTITY_ACCOUNT)
        load_account_rest(env, id, current);
    else
        load_customer_rest(env, customer_id_of(id), current);
}

struct timeline *task_load_row(struct task_env *env, const struct task *t, enum entity entity,
                               struct slice id) {
    struct timeline *line = task_load_timeline(env, t, entity, id);
    task_load_rest(env, entity, id, timeline_current(line));
    return line;
}

void task_save_row(struct task_env *env, struct task *t, enum entity entity, struct slice id) {
    if (entity == ENTITY_ACCOUNT)
        task_save_account(env, t, id);
    else
        task_save_customer(env, t, customer_id_of(id));
}

void task_save_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id) {
    bool is_account = entity == ENTITY_ACCOUNT;
    if (!(is_account ? env->account_is_stored : env->customer_is_stored)) { /* a new row: no rest */
        task_save_row(env, t, entity, id);
        return;
    }
    if (kv_failed(env->kv))
        return;
    if (is_account)
        key_text(&env->key, t->partition, id);
    else
        key_customer(&env->key, t->partition, customer_id_of(id));
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    timeline_encode(is_account ? &env->account.timeline : &env->customer.timeline, &env->encoded);
    buf_put_slice(&env->encoded, env->rest);
    kv_put(env->kv, entity_map(entity)->rows, buf_slice(&env->key), buf_slice(&env->encoded));
    count_outdated(env, t, entity);
}

struct row_origin *task_row_origin(struct task_env *env, enum entity entity) {
    return entity == ENTITY_ACCOUNT ? &env->account.origin : &env->customer.origin;
}

bool task_decode_account(struct task_env *env, struct slice in, struct account_attributes *a) {
    if (account_attributes_decode(in, a))
        return true;
    task_damaged(env->kv, FAMILY_ACCOUNTS);
    return false;
}

void task_index_account(struct task_env *env, struct task *t, struct slice account_id,
                        const struct account_attributes *before,
                        const struct account_attributes *after) {
    t->meta.current_accounts += (after != NULL) - (before != NULL);
    if (before != NULL && after != NULL && before->customer_id == after->customer_id)
        return;
    if (before != NULL) {
        key_customer_account(&env->key, t->partition, before->customer_id, account_id);
        task_erase(env, t, FAMILY_ACCOUNTS_BY_CUSTOMER, buf_slice(&env->key));
    }
    if (after != NULL) {
        key_customer_account(&env->key, t->partition, after->customer_id, account_id);
        task_put(env, t, FAMILY_ACCOUNTS_BY_CUSTOMER, buf_slice(&env->key), slice_of("", 0), true);
    }
}

/* --- links and totals --- */

bool task_parse_link_key(struct slice key, int64_t *customer_id, struct slice *account_id) {
    const char *bar = key.n > 0 ? memchr(key.p, '|', key.n) : NULL;
    if (bar == NULL)
        return false;
    size_t n = (size_t)(bar - key.p);
    *account_id = slice_of(bar + 1, key.n - n - 1);
    return task_parse_customer_id(slice_of(key.p, n), customer_id);
}

bool task_read_link(struct slice body, struct account_link *link) {
    enum account_type ignored;
    return row_get_avro(&account_link_type, &body, link) && link->partition >= 0 &&
           link->partition <= INT32_MAX && account_type_find(link->account_type, &ignored);
}

/* Where a link is: in the customer's row, in a row of its own, or nowhere. A new link goes into the
 * customer's row if there is room. */
struct link_home {
    struct customer_links_place place; /* in the customer's row */
    bool is_outside;                   /* it has a row of its own, whose key is env->key2 */
    struct account_link link;          /* as it was, if there was one */
};

/* Looks for a link of env->customer; env->key2 is the key that it has outside. False: there is
 * none. */
static bool find_link(struct task_env *env, struct slice account_id, struct link_home *home) {
    struct slice body;
    home->is_outside = false;
    if (!customer_links_find(&env->customer.links, account_id, &home->place)) {
        task_damaged(env->kv, FAMILY_CUSTOMERS);
        return false;
    }
    home->link = home->place.link;
    if (home->place.exists)
        return true;
    home->is_outside = customer_row_links_outside(&env->customer) > 0 &&
                       task_get(env, FAMILY_LINKS, buf_slice(&env->key2), &env->value, &body);
    if (home->is_outside && (!link_decode(&body, &home->link) || body.n > 0))
        task_damaged(env->kv, FAMILY_LINKS);
    return home->is_outside;
}

static bool has_room(const struct task_env *env, struct slice account_id) {
    const struct customer_links *links = &env->customer.links;
    return links->count < env->links_max && links->items.n + account_id.n < CUSTOMER_LINKS_BYTES;
}

/* Puts a link where `home` says. link == NULL: removes the one that is there. */
static void set_link(struct task_env *env, struct task *t, struct slice account_id,
                     const struct link_home *home, const struct account_link *link) {
    struct customer_links *links = &env->customer.links;
    struct slice key = buf_slice(&env->key2);
    if (home->place.exists || (!home->is_outside && has_room(env, account_id))) {
        customer_links_change(links, &home->place, account_id, link, &env->links_bytes);
    } else if (link == NULL) {
        task_erase(env, t, FAMILY_LINKS, key);
    } else {
        buf_clear(&env->value2);
        link_encode(link, &env->value2);
        task_put(env, t, FAMILY_LINKS, key, buf_slice(&env->value2), !home->is_outside);
    }
}

struct link_effect task_fold_link(struct task_env *env, struct task *t, int64_t customer_id,
                                  struct slice account_id, const struct account_link *link) {
    struct link_home home;
    struct link_effect effect = {.partition = -1};
    struct totals *totals = &env->customer.totals;
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    effect.was_there = find_link(env, account_id, &home);
    if (kv_failed(env->kv) || (!effect.was_there && link == NULL))
        return effect;
    set_link(env, t, account_id, &home, link);
    if (link != NULL)
        effect.links_of_partition = totals_add(totals, env->rates, link, 1);
    if (effect.was_there) {
        int64_t left = totals_add(totals, env->rates, &home.link, -1);
        if (left < 0)
            task_damaged(env->kv, FAMILY_CUSTOMERS);
        if (link == NULL || home.link.partition == link->partition)
            effect.links_of_partition = left;
    }
    effect.partition = link != NULL ? link->partition : home.link.partition;
    return effect;
}

/* --- prefetching --- */

static void want_customer(struct task_env *env, const struct task *t, enum family f,
                          struct slice text) {
    int64_t customer_id;
    if (!task_parse_customer_id(text, &customer_id))
        return;
    key_customer(&env->key, t->partition, customer_id);
    kv_want(env->kv, f, buf_slice(&env->key));
}

void task_want_event(struct task_env *env, const struct task *t, enum entity entity,
                     struct slice key) {
    if (key.n == 0 || key.p[0] == '{' || key.p[0] == '"')
        return;
    if (entity == ENTITY_CUSTOMER) {
        want_customer(env, t, FAMILY_CUSTOMERS, key);
        return;
    }
    key_text(&env->key, t->partition, key);
    kv_want(env->kv, FAMILY_ACCOUNTS, buf_slice(&env->key));
}

void task_fetch_accounts(struct task_env *env, const struct task *t, const char *ids,
                         int64_t count) {
    int64_t n = count < TASK_FETCH_ROWS ? count : TASK_FETCH_ROWS;
    if (n < 2)
        return; /* a prefetch of one row saves nothing */
    for (int64_t i = 0; i < n; i++) {
        struct slice id = slice_str(ids);
        key_text(&env->key, t->partition, id);
        kv_want(env->kv, FAMILY_ACCOUNTS, buf_slice(&env->key));
        ids += id.n + 1;
    }
    kv_fetch(env->kv);
}

void task_want_link(struct task_env *env, const struct task *t, struct slice key) {
    int64_t customer_id;
    struct slice account_id;
    if (!task_parse_link_key(key, &customer_id, &account_id))
        return;
    key_customer(&env->key, t->partition, customer_id);
    kv_want(env->kv, FAMILY_CUSTOMERS, buf_slice(&env->key));
}

void task_want_ref(struct task_env *env, const struct task *t, struct slice key) {
    want_customer(env, t, FAMILY_CUSTOMER_REFS, key);
}

/* --- marks --- */

static void mark(struct task_env *env, struct task *t, enum family f, struct slice key) {
    if (!kv_get(env->kv, f, key, &env->value2))
        task_put(env, t, f, key, slice_of("", 0), true);
}

/* Returns whether there was a mark. Callers look at the count of marks first, because there are
 * almost never any. */
static bool unmark(struct task_env *env, struct task *t, enum family f, struct slice key) {
    if (!kv_get(env->kv, f, key, &env->value2))
        return false;
    task_erase(env, t, f, key);
    return true;
}

/* Lists all keys of the task in a family: size_t length | key, for each. */
static void list_keys(struct task_env *env, const struct task *t, enum family f, struct buf *keys) {
    buf_clear(keys);
    key_partition(&env->key2, t->partition);
    struct kv_cursor *c = kv_cursor(env->kv, f);
    for (cursor_seek(c, buf_slice(&env->key2)); cursor_in(c, buf_slice(&env->key2));
         cursor_next(c)) {
        struct slice key = cursor_key(c);
        buf_put(keys, (const char *)&key.n, sizeof key.n);
        buf_put_slice(keys, key);
    }
    cursor_free(c);
}

static void unmark_all(struct task_env *env, struct task *t, enum family f) {
    if (t->meta.rows[f] == 0)
        return;
    list_keys(env, t, f, &env->ids);
    for (size_t at = 0, n; at < env->ids.n; at += sizeof n + n) {
        memcpy(&n, env->ids.p + at, sizeof n);
        task_erase(env, t, f, slice_of(env->ids.p + at + sizeof n, n));
    }
}

void task_forget_ahead(struct task_env *env, struct task *t) {
    unmark_all(env, t, FAMILY_LINKS_AHEAD);
    unmark_all(env, t, FAMILY_REFS_AHEAD);
}

void task_mark_link(struct task_env *env, struct task *t, int64_t customer_id,
                    struct slice account_id) {
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    mark(env, t, FAMILY_LINKS_AHEAD, buf_slice(&env->key2));
}

bool task_unmark_link(struct task_env *env, struct task *t, int64_t customer_id,
                      struct slice account_id) {
    if (t->meta.rows[FAMILY_LINKS_AHEAD] == 0)
        return false;
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    return unmark(env, t, FAMILY_LINKS_AHEAD, buf_slice(&env->key2));
}

bool task_has_marked_links(struct task_env *env, const struct task *t, int64_t customer_id) {
    if (t->meta.rows[FAMILY_LINKS_AHEAD] == 0)
        return false;
    key_customer(&env->key2, t->partition, customer_id);
    struct kv_cursor *c = kv_cursor(env->kv, FAMILY_LINKS_AHEAD);
    cursor_seek(c, buf_slice(&env->key2));
    bool found = cursor_in(c, buf_slice(&env->key2));
    cursor_free(c);
    return found;
}

void task_mark_ref(struct task_env *env, struct task *t, int64_t customer_id) {
    key_customer(&env->key2, t->partition, customer_id);
    mark(env, t, FAMILY_REFS_AHEAD, buf_slice(&env->key2));
}

void task_unmark_ref(struct task_env *env, struct task *t, int64_t customer_id) {
    if (t->meta.rows[FAMILY_REFS_AHEAD] == 0)
        return;
    key_customer(&env->key2, t->partition, customer_id);
    (void)unmark(env, t, FAMILY_REFS_AHEAD, buf_slice(&env->key2));
}

bool task_ref_is_marked(struct task_env *env, const struct task *t, int64_t customer_id) {
    if (t->meta.rows[FAMILY_REFS_AHEAD] == 0)
        return false;
    key_customer(&env->key2, t->partition, customer_id);
    return kv_get(env->kv, FAMILY_REFS_AHEAD, buf_slice(&env->key2), &env->value2);
}
