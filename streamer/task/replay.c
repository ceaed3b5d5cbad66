/* replay: task_replay, which applies committed messages to the state. The result is the state that
 * wrote the messages, even if compaction has removed some of them. */
#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/former_accounts.h"
#include "streamer/task/history_rows.h"
#include "streamer/task/task.h"
#include "streamer/task/task_floor.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_marts.h"

#include <string.h>

static void cannot_read(struct task_env *env, enum topic topic, struct slice key,
                        enum err_class class, const char *why) {
    if (!kv_failed(env->kv))
        (void)err_set(&env->kv->err, class,
                      "cannot read back the message with key %.*s of topic %s: %s",
                      (int)(key.n > 200 ? 200 : key.n), key.p, env->topics[topic], why);
}

static void unreadable(struct task_env *env, enum topic topic, struct slice key) {
    cannot_read(env, topic, key, ERR_STOP, "not written by this version of streamer");
}

/* Reads the value of a result topic. False: the error is in env->kv. It may be that the value's
 * schema is not here yet: then the restore begins anew at what it has saved (ERR_RETRY). */
static bool read_result(struct task_env *env, enum topic topic, const struct row_type *type,
                        struct slice key, struct slice value, void *row) {
    struct err e;
    if (codec_read(&env->reader, type, value, row, &e))
        return true;
    cannot_read(env, topic, key, e.class, e.text);
    return false;
}

/* Splits "<id>|<valid_from>" at the last bar, because an account_id may contain bars. */
static bool split_history_key(struct slice key, struct slice *id, int64_t *from) {
    const char *bar = key.n > 0 ? memrchr(key.p, '|', key.n) : NULL;
    if (bar == NULL)
        return false;
    size_t n = (size_t)(bar - key.p);
    *id = slice_of(key.p, n);
    return decimal_parse_integer(slice_of(bar + 1, key.n - n - 1), from) == DECIMAL_OK;
}

/* Reads a history row. Its attributes are encoded into env->attributes. */
static bool read_version(struct task_env *env, enum entity entity, struct slice key,
                         struct slice value, struct version *v) {
    union history_row row;
    return read_result(env, entity_map(entity)->history_topic, history_row_type(entity), key, value,
                       &row) &&
           history_row_to_version(entity, &row, &env->attributes, v);
}

/* Decodes the attributes, if there are any. NULL: there are none, or they cannot be read (sticky
 * error). */
static const struct account_attributes *decode(struct task_env *env, struct slice in,
                                               struct account_attributes *a) {
    return in.p != NULL && task_decode_account(env, in, a) ? a : NULL;
}

/* Updates the index by customer and the count of current accounts. `before` and `after` are the
 * attributes of the current version, `closed` those of the row that was read, all of them encoded.
 * p == NULL: there was, or is, no current version; the row is no closed version. */
static void follow_account(struct task_env *env, struct task *t, struct slice id,
                           struct slice before, struct slice after, struct slice closed) {
    struct account_attributes buffers[3];
    const struct account_attributes *b = decode(env, before, &buffers[0]),
                                    *a = decode(env, after, &buffers[1]),
                                    *c = decode(env, closed, &buffers[2]);
    if (kv_failed(env->kv))
        return;
    task_index_account(env, t, id, b, a);
    former_accounts_replay(env, t, id, b, a, c);
}

/* Whether there may be a closed version that starts at `from`. There is none if the current version
 * starts then, nor if no event is newer, because only an event behind its start closes a version.
 * Versions mostly come in their order, so this saves most lookups. */
static bool may_be_closed(const struct timeline *line, int64_t from) {
    return from < line->newest_event_at && !(line->has_current && line->current.from == from);
}

/* Puts `closed` as the closed version that starts at `from`, or removes that one (closed == NULL).
 * !may_exist: there was none. Returns the end of the one that was there; TIMESTAMP_NONE: there was
 * none. */
static int64_t set_closed(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          int64_t from, const struct version *closed, bool may_exist) {
    enum family f = entity_map(entity)->versions;
    struct version old = {.to = TIMESTAMP_NONE};
    struct slice body;
    task_version_prefix(&env->key2, t, entity, id);
    key_add_time(&env->key2, from);
    struct slice key = buf_slice(&env->key2);
    bool existed = may_exist && task_get(env, f, key, &env->value2, &body);
    if (existed && !version_decode(body, from, &old))
        task_damaged(env->kv, f);
    if (closed == NULL) {
        if (existed)
            task_erase(env, t, f, key);
        return old.to;
    }
    buf_clear(&env->value2);
    version_encode(closed, &env->value2);
    task_put(env, t, f, key, buf_slice(&env->value2), !existed);
    return old.to;
}

/* Updates the time of the id's newest event, which versions and confirmations tell: `newest` is the
 * newest time in what the message brought, `former` the newest in what it replaced. The newest
 * event can become an older one by rule O8. */
static void follow_newest(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          struct timeline *line, int64_t newest, int64_t former) {
    if (newest >= line->newest_event_at)
        line->newest_event_at = newest;
    else if (former == line->newest_event_at)
        line->newest_event_at = task_newest_before(env, t, entity, id, line, INT64_MAX);
}

static int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b; /* TIMESTAMP_NONE is the lowest */
}

static void replay_version(struct task_env *env, struct task *t, enum entity entity,
                           struct slice key, struct slice value, struct history_headers headers) {
    struct slice id;
    int64_t from, ignored;
    struct version v = {0};
    bool gone = value.p == NULL;
    if (!split_history_key(key, &id, &from) ||
        (entity == ENTITY_CUSTOMER && !task_parse_customer_id(id, &ignored)) ||
        (!gone && (!read_version(env, entity, key, value, &v) || v.from != from ||
                   (v.to != TIMESTAMP_NONE && v.to <= from)))) {
        unreadable(env, entity_map(entity)->history_topic, key);
        return;
    }
    struct timeline *line = task_load_row(env, t, entity, id);
    if (gone && timeline_is_empty(line))
        return;
    if (headers.position.p != NULL && !task_get_position_header(headers.position, &line->memory)) {
        unreadable(env, entity_map(entity)->history_topic, key);
        return;
    }
    struct slice before = line->has_current ? line->current.attributes : slice_null();
    bool may_exist = may_be_closed(line, from),
         was_current = line->has_current && line->current.from == from;
    bool is_current = !gone && v.to == TIMESTAMP_NONE;
    if (is_current) {
        line->has_current = true;
        line->current = v;
    } else if (was_current) {
        line->has_current = false;
    }
    if (is_current || was_current)
        *task_row_origin(env, entity) =
            is_current ? row_origin_read(headers) : (struct row_origin){0};
    int64_t end = set_closed(env, t, entity, id, from, gone || is_current ? NULL : &v, may_exist);
    int64_t newest = gone ? TIMESTAMP_NONE : is_current ? from : v.to;
    follow_newest(env, t, entity, id, line, newest,
                  later_of(end, was_current ? from : TIMESTAMP_NONE));
    task_save_row(env, t, entity, id);
    if (entity == ENTITY_ACCOUNT)
        follow_account(env, t, id, before,
                       line->has_current ? line->current.attributes : slice_null(),
                       gone || is_current ? slice_null() : v.attributes);
}

/* --- the confirmations topic --- */

/* What a key of the topic stands for (task_history.h). */
enum key_kind { KEY_MEMORY, KEY_CONFIRMATION, KEY_FLOOR, KEY_UNKNOWN };

/* Fills `id` and `at` as far as the key has them. */
static enum key_kind read_confirmations_key(struct slice key, enum entity *entity, struct slice *id,
                                            int64_t *at) {
    for (int e = 0; e < ENTITY_COUNT; e++) {
        const struct entity_map *map = entity_map((enum entity)e);
        struct slice memory = slice_str(map->memory_prefix),
                     confirmation = slice_str(map->confirmation_prefix);
        *entity = (enum entity)e;
        if (slice_eq(key, slice_str(map->floor_key)))
            return KEY_FLOOR;
        if (slice_has_prefix(key, memory)) {
            *id = slice_of(key.p + memory.n, key.n - memory.n);
            return KEY_MEMORY;
        }
        if (slice_has_prefix(key, confirmation) &&
            split_history_key(slice_of(key.p + confirmation.n, key.n - confirmation.n), id, at))
            return KEY_CONFIRMATION;
    }
    return KEY_UNKNOWN;
}

static int64_t last_confirmation(const struct timeline *line) {
    return line->confirmation_count > 0 ? line->confirmations[line->confirmation_count - 1].at
                                        : TIMESTAMP_NONE;
}

/* Reads what is remembered of an id. Version 0.1.0 wrote such values, too, in another format. */
static bool read_memory(struct slice value, struct timeline *line) {
    struct slice body = slice_of(value.p + 1, value.n > 0 ? value.n - 1 : 0);
    if (value.n == 0)
        return false;
    if (value.p[0] == MESSAGE_FORMAT) /* version 0.1.0 */
        return confirmations_decode(body, line);
    return value.p[0] == CONFIRMATIONS_FORMAT && id_memory_decode(body, line);
}

static void forget_memory(struct timeline *line) {
    line->confirmation_count = 0;
    line->memory.last = LAST_OTHER;
    line->memory.end = END_NONE;
    line->memory.before_end = TIMESTAMP_NONE;
    line->memory.outdated = false;
}

static bool replay_memory(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          struct slice value) {
    struct timeline *line = task_load_timeline(env, t, entity, id);
    int64_t former = last_confirmation(line);
    if (value.p == NULL)
        forget_memory(line);
    else if (!read_memory(value, line))
        return false;
    follow_newest(env, t, entity, id, line, last_confirmation(line), former);
    task_save_timeline(env, t, entity, id);
    return true;
}

/* A confirmation that has a row of its own. */
static bool replay_confirmation(struct task_env *env, struct task *t, enum entity entity,
                                struct slice id, int64_t at, struct slice value) {
    struct confirmation c = {.at = TIMESTAMP_NONE};
    if (value.p != NULL && (value.n == 0 || value.p[0] != CONFIRMATIONS_FORMAT ||
                            !confirmation_decode(slice_of(value.p + 1, value.n - 1), at, &c)))
        return false;
    struct timeline *line = task_load_timeline(env, t, entity, id);
    task_version_prefix(&env->key2, t, entity, id);
    key_add_time(&env->key2, at);
    bool existed = line->outside_count > 0 && kv_get(env->kv, entity_map(entity)->confirmations,
                                                     buf_slice(&env->key2), &env->value2);
    if (value.p != NULL)
        task_put_outside(env, t, entity, id, line, &c, !existed);
    else if (existed)
        task_erase_outside(env, t, entity, id, line, at);
    follow_newest(env, t, entity, id, line, c.at, existed ? at : TIMESTAMP_NONE);
    task_save_timeline(env, t, entity, id);
    return true;
}

static bool replay_floor(struct task_env *env, struct task *t, enum entity entity,
                         struct slice value) {
    return value.n > 1 && value.p[0] == CONFIRMATIONS_FORMAT &&
           task_replay_floor(env, t, entity, slice_of(value.p + 1, value.n - 1));
}

static void replay_confirmations(struct task_env *env, struct task *t, struct slice key,
                                 struct slice value) {
    enum entity entity;
    struct slice id;
    int64_t at = 0, ignored;
    enum key_kind kind = read_confirmations_key(key, &entity, &id, &at);
    bool ok =
        kind == KEY_FLOOR ||
        (kind != KEY_UNKNOWN && (entity == ENTITY_ACCOUNT || task_parse_customer_id(id, &ignored)));
    if (ok && kind == KEY_FLOOR)
        ok = replay_floor(env, t, entity, value);
    else if (ok && kind == KEY_MEMORY)
        ok = replay_memory(env, t, entity, id, value);
    else if (ok)
        ok = replay_confirmation(env, t, entity, id, at, value);
    if (!ok)
        unreadable(env, TOPIC_CONFIRMATIONS, key);
}

/* Reads a row that was emitted last into `*has` and `row`; value.p == NULL: there is none. False:
 * it cannot be read. */
static bool read_row(struct task_env *env, enum topic topic, const struct row_type *type,
                     struct slice key, struct slice value, bool *has, void *row) {
    *has = value.p != NULL;
    return !*has || read_result(env, topic, type, key, value, row);
}

/* A row is refused if it could not be stored (account_row.h): it names another account than its
 * key, or an account_type that this program does not know. */
static void replay_joined(struct task_env *env, struct task *t, struct slice id,
                          struct slice value) {
    struct account_row *r = &env->account;
    enum account_type ignored;
    task_load_account(env, t, id);
    if (!read_row(env, TOPIC_ACCOUNT_WITH_CUSTOMER, &account_with_customer_type, id, value,
                  &r->has_joined, &r->joined) ||
        (r->has_joined && (!slice_eq(r->joined.account_id, id) ||
                           !account_type_find(r->joined.account_type, &ignored))))
        unreadable(env, TOPIC_ACCOUNT_WITH_CUSTOMER, id);
    task_save_account(env, t, id);
}

static void replay_summary(struct task_env *env, struct task *t, struct slice id,
                           struct slice value) {
    struct account_row *r = &env->account;
    task_load_account(env, t, id);
    if (!read_row(env, TOPIC_ACCOUNT_SUMMARY, &account_summary_type, id, value, &r->has_summary,
                  &r->summary) ||
        (r->has_summary && !slice_eq(r->summary.account_id, id)))
        unreadable(env, TOPIC_ACCOUNT_SUMMARY, id);
    task_save_account(env, t, id);
}

static void replay_profile(struct task_env *env, struct task *t, struct slice key,
                           struct slice value) {
    struct customer_row *r = &env->customer;
    int64_t customer_id;
    if (!task_parse_customer_id(key, &customer_id)) {
        unreadable(env, TOPIC_CUSTOMER_PROFILE, key);
        return;
    }
    task_load_customer(env, t, customer_id);
    if (!read_row(env, TOPIC_CUSTOMER_PROFILE, &customer_profile_type, key, value, &r->has_profile,
                  &r->profile) ||
        (r->has_profile && r->profile.customer_id != customer_id))
        unreadable(env, TOPIC_CUSTOMER_PROFILE, key);
    task_save_customer(env, t, customer_id);
}

static void replay_link(struct task_env *env, struct task *t, struct slice key,
                        struct slice value) {
    int64_t customer_id;
    struct slice account_id, body;
    struct account_link link;
    if (!task_parse_link_key(key, &customer_id, &account_id) ||
        (value.p != NULL && (!task_message_body(env->kv, TOPIC_ACCOUNT_LINKS, value, &body) ||
                             !task_read_link(body, &link)))) {
        unreadable(env, TOPIC_ACCOUNT_LINKS, key);
        return;
    }
    (void)task_unmark_link(env, t, customer_id, account_id);
    task_load_customer(env, t, customer_id);
    (void)task_fold_link(env, t, customer_id, account_id, value.p != NULL ? &link : NULL);
    task_save_customer(env, t, customer_id);
}

/* A ref of a customer without accounts may stay, if compaction has removed its tombstone. That does
 * no harm: what counts is the last emitted row, and an account that comes back is answered with a
 * new ref. The opposite happens, too: a tombstone that task.c has ignored, because an account had
 * come back, erases the ref here. See task_ref_is_in_doubt. */
static void replay_ref(struct task_env *env, struct task *t, struct slice key, struct slice value) {
    int64_t customer_id;
    struct slice body;
    if (!task_parse_customer_id(key, &customer_id) ||
        (value.p != NULL && !task_message_body(env->kv, TOPIC_CUSTOMER_REFS, value, &body))) {
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
                 struct slice value, struct history_headers headers) {
    if (key.p == NULL) {
        unreadable(env, topic, slice_str("(none)"));
        return;
    }
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
        replay_version(env, t, ENTITY_CUSTOMER, key, value, headers);
        break;
    case TOPIC_ACCOUNT_HISTORY:
        replay_version(env, t, ENTITY_ACCOUNT, key, value, headers);
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
    if (topic == TOPIC_ACCOUNT_LINKS && key.p != NULL &&
        task_parse_link_key(key, &customer_id, &account_id))
        task_mark_link(env, t, customer_id, account_id);
    else if (topic == TOPIC_CUSTOMER_REFS && key.p != NULL &&
             task_parse_customer_id(key, &customer_id))
        task_mark_ref(env, t, customer_id);
    else
        unreadable(env, topic, key.p != NULL ? key : slice_str("(none)"));
}

/* --- prefetching --- */

static void want_version(struct task_env *env, const struct task *t, enum entity entity,
                         struct slice key) {
    struct slice id;
    int64_t from;
    if (key.p != NULL && split_history_key(key, &id, &from))
        task_want_event(env, t, entity, id);
}

static void want_confirmations(struct task_env *env, const struct task *t, struct slice key) {
    enum entity entity;
    struct slice id;
    int64_t ignored;
    enum key_kind kind =
        key.p != NULL ? read_confirmations_key(key, &entity, &id, &ignored) : KEY_UNKNOWN;
    if (kind == KEY_MEMORY || kind == KEY_CONFIRMATION)
        task_want_event(env, t, entity, id);
}

void task_want_replay(struct task_env *env, const struct task *t, enum topic topic,
                      struct slice key) {
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
