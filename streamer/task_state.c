#include "streamer/task_state.h"

#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <assert.h>
#include <stdlib.h>

const struct entity_map *entity_map(enum entity e) {
    static const struct entity_map maps[ENTITY_COUNT] = {
        [ENTITY_CUSTOMER] = {FAMILY_CUSTOMERS, FAMILY_CUSTOMER_HISTORY, TOPIC_CUSTOMER_HISTORY, "customer|"},
        [ENTITY_ACCOUNT] = {FAMILY_ACCOUNTS, FAMILY_ACCOUNT_HISTORY, TOPIC_ACCOUNT_HISTORY, "account|"},
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
}

int64_t task_orphans(const struct task *t) {
    return t->meta.current_accounts - t->meta.rows[FAMILY_ACCOUNT_WITH_CUSTOMER];
}

void task_rollback(struct task *t) {
    t->meta = t->saved_meta;
    t->resuming = false;
    t->refresh_accounts = false;
}

void task_env_release(struct task_env *env) {
    history_release(&env->history);
    timeline_release(&env->timeline);
    totals_release(&env->totals);
    json_release(&env->json);
    struct buf *bufs[] = {&env->key,     &env->key2,       &env->value,          &env->value2,
                          &env->encoded, &env->attributes, &env->old_attributes, &env->message_key,
                          &env->message, &env->ids,        &env->version_bytes};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    free(env->versions);
    env->versions = NULL;
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
    avro_put_long(&env->encoded, t->meta.rates);
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
        ok = ok && avro_get_long(&in, &m.current_accounts) && avro_get_long(&in, &m.rates) && in.n == 0;
        if (ok)
            t->meta = m;
        else
            task_damaged(env, FAMILY_META);
    }
    t->saved_meta = t->meta;
    t->resuming = false;
    t->refresh_accounts = false;
}

/* --- rows --- */

bool task_parse_customer_id(struct slice text, int64_t *customer_id) {
    return decimal_parse_integer(text, customer_id) == DECIMAL_OK;
}

void task_id_key(struct buf *out, const struct task *t, enum entity entity, struct slice id) {
    if (entity == ENTITY_ACCOUNT) {
        key_text(out, t->partition, id);
        return;
    }
    int64_t customer_id = 0;
    bool ok = task_parse_customer_id(id, &customer_id);
    assert(ok);
    (void)ok;
    key_customer(out, t->partition, customer_id);
}

void task_version_prefix(struct buf *out, const struct task *t, enum entity entity, struct slice id) {
    task_id_key(out, t, entity, id);
    if (entity == ENTITY_ACCOUNT)
        key_add_terminator(out);
}

void task_put(struct task_env *env, struct task *t, enum family f, struct slice key, struct slice value,
              bool is_new) {
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

void task_damaged(struct task_env *env, enum family f) {
    if (!kv_failed(env->kv))
        (void)err_set(
            &env->kv->err, ERR_STOP,
            "a value in state family %s cannot be read; stop, remove the state directory and start again: "
            "it is rebuilt from the topics",
            family_name(f));
}

bool task_get(struct task_env *env, enum family f, struct slice key, struct buf *value, struct slice *body) {
    if (!kv_get(env->kv, f, key, value))
        return false;
    if (value->n == 0 || value->p[0] != STATE_FORMAT) {
        task_damaged(env, f);
        return false;
    }
    *body = slice_of(value->p + 1, value->n - 1);
    return true;
}

bool task_message_body(struct task_env *env, enum topic topic, struct slice value, struct slice *body) {
    if (value.n == 0 || value.p[0] != STATE_FORMAT) {
        if (!kv_failed(env->kv))
            (void)err_set(
                &env->kv->err, ERR_STOP,
                "a message of the internal topic number %d is not of this version's format; only streamer "
                "may write to its internal topics",
                (int)topic);
        return false;
    }
    *body = slice_of(value.p + 1, value.n - 1);
    return true;
}

/* --- timelines --- */

bool task_load_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id) {
    enum family f = entity_map(entity)->timelines;
    struct slice body;
    task_id_key(&env->key, t, entity, id);
    timeline_clear(&env->timeline);
    if (!task_get(env, f, buf_slice(&env->key), &env->value, &body))
        return false;
    if (!timeline_decode(body, &env->timeline)) {
        timeline_clear(&env->timeline);
        task_damaged(env, f);
        return false;
    }
    return true;
}

void task_save_timeline(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        bool existed) {
    enum family f = entity_map(entity)->timelines;
    task_id_key(&env->key, t, entity, id);
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    timeline_encode(&env->timeline, &env->encoded);
    kv_put(env->kv, f, buf_slice(&env->key), buf_slice(&env->encoded));
    t->meta.rows[f] += !existed;
}

void task_index_account(struct task_env *env, struct task *t, struct slice account_id,
                        const struct account_attributes *before, const struct account_attributes *after) {
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

bool task_load_totals(struct task_env *env, struct task *t, int64_t customer_id) {
    struct slice body;
    key_customer(&env->key, t->partition, customer_id);
    totals_clear(&env->totals);
    if (!task_get(env, FAMILY_CUSTOMER_TOTALS, buf_slice(&env->key), &env->value2, &body))
        return false;
    if (totals_decode(body, &env->totals))
        return true;
    totals_clear(&env->totals);
    task_damaged(env, FAMILY_CUSTOMER_TOTALS);
    return false;
}

static void save_totals(struct task_env *env, struct task *t, int64_t customer_id, bool existed) {
    key_customer(&env->key, t->partition, customer_id);
    if (env->totals.partition_count == 0) {
        if (existed)
            task_erase(env, t, FAMILY_CUSTOMER_TOTALS, buf_slice(&env->key));
        return;
    }
    buf_clear(&env->value2);
    totals_encode(&env->totals, &env->value2);
    task_put(env, t, FAMILY_CUSTOMER_TOTALS, buf_slice(&env->key), buf_slice(&env->value2), !existed);
}

struct link_effect task_fold_link(struct task_env *env, struct task *t, int64_t customer_id,
                                  struct slice account_id, const struct account_link *link) {
    struct account_link old;
    struct slice body;
    struct link_effect effect = {.partition = -1};
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    effect.was_there = task_get(env, FAMILY_LINKS, buf_slice(&env->key2), &env->value, &body);
    if (effect.was_there && !row_get_avro(&account_link_type, &body, &old)) {
        task_damaged(env, FAMILY_LINKS);
        return effect;
    }
    if (!effect.was_there && link == NULL)
        return effect;
    bool had_totals = task_load_totals(env, t, customer_id);
    if (kv_failed(env->kv))
        return effect;
    if (link != NULL)
        effect.links_of_partition = totals_add(&env->totals, env->rates, link, 1);
    if (effect.was_there) {
        int64_t left = totals_add(&env->totals, env->rates, &old, -1);
        if (link == NULL || old.partition == link->partition)
            effect.links_of_partition = left;
    }
    effect.partition = link != NULL ? link->partition : old.partition;
    save_totals(env, t, customer_id, had_totals);
    if (link == NULL) {
        task_erase(env, t, FAMILY_LINKS, buf_slice(&env->key2));
    } else {
        buf_clear(&env->value2);
        row_put_avro(&account_link_type, link, &env->value2);
        task_put(env, t, FAMILY_LINKS, buf_slice(&env->key2), buf_slice(&env->value2), !effect.was_there);
    }
    return effect;
}

/* --- what will be asked for --- */

static void want_customer(struct task_env *env, const struct task *t, struct slice text) {
    int64_t customer_id;
    if (!task_parse_customer_id(text, &customer_id))
        return;
    key_customer(&env->key, t->partition, customer_id);
    kv_want(env->kv, FAMILY_CUSTOMERS, buf_slice(&env->key));
}

void task_want_event(struct task_env *env, const struct task *t, enum entity entity, struct slice key) {
    if (key.n == 0 || key.p[0] == '{' || key.p[0] == '"')
        return;
    if (entity == ENTITY_CUSTOMER) {
        want_customer(env, t, key);
        return;
    }
    key_text(&env->key, t->partition, key);
    kv_want(env->kv, FAMILY_ACCOUNTS, buf_slice(&env->key));
}

void task_want_link(struct task_env *env, const struct task *t, struct slice key) {
    int64_t customer_id;
    struct slice account_id;
    if (!task_parse_link_key(key, &customer_id, &account_id))
        return;
    key_customer_account(&env->key, t->partition, customer_id, account_id);
    kv_want(env->kv, FAMILY_LINKS, buf_slice(&env->key));
    key_customer(&env->key, t->partition, customer_id);
    kv_want(env->kv, FAMILY_CUSTOMERS, buf_slice(&env->key));
}

void task_want_ref(struct task_env *env, const struct task *t, struct slice key) {
    want_customer(env, t, key);
}

/* --- what lies ahead --- */

static void mark(struct task_env *env, struct task *t, enum family f, struct slice key) {
    if (!kv_get(env->kv, f, key, &env->value2))
        task_put(env, t, f, key, slice_of("", 0), true);
}

/* Almost always there are no marks at all, and nothing is looked up. */
static bool unmark(struct task_env *env, struct task *t, enum family f, struct slice key) {
    if (!kv_get(env->kv, f, key, &env->value2))
        return false;
    task_erase(env, t, f, key);
    return true;
}

void task_mark_link(struct task_env *env, struct task *t, int64_t customer_id, struct slice account_id) {
    key_customer_account(&env->key2, t->partition, customer_id, account_id);
    mark(env, t, FAMILY_LINKS_AHEAD, buf_slice(&env->key2));
}

bool task_unmark_link(struct task_env *env, struct task *t, int64_t customer_id, struct slice account_id) {
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
