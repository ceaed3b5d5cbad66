#include "streamer/task/table_scan.h"

#include "state/keys.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/task_rows.h"

#include <assert.h>

static enum entity entity_of(const struct row_type *type) {
    bool is_customer = type == &customer_history_type || type == &customer_profile_type;
    return is_customer ? ENTITY_CUSTOMER : ENTITY_ACCOUNT;
}

void table_scan_init(struct table_scan *s, struct kv *reader, int32_t partition,
                     const struct row_type *type, int64_t as_of) {
    enum entity entity = entity_of(type);
    bool is_history = type == history_row_type(entity);
    assert(is_history || as_of == TIMESTAMP_NONE);
    *s = (struct table_scan){.type = type, .as_of = as_of, .is_history = is_history};
    scan_init(&s->ids, reader, partition, entity);
    s->has_id = scan_next(&s->ids);
    if (!is_history)
        return;
    s->versions = kv_cursor(reader, entity_map(entity)->versions);
    cursor_seek(s->versions, buf_slice(&s->ids.partition));
}

void table_scan_release(struct table_scan *s) {
    if (s->versions != NULL)
        cursor_free(s->versions);
    scan_release(&s->ids);
    buf_release(&s->id);
}

/* --- closed versions --- */

/* The part of a version's key that is also the key of its id's row. */
static struct slice owner_of(const struct table_scan *s, struct slice key) {
    size_t n = family_owner_n(entity_map(s->ids.entity)->versions, key);
    return slice_of(key.p, s->ids.entity == ENTITY_ACCOUNT && n > 0 ? n - 1 : n);
}

/* Whether the next row is a closed version, because its id is not behind the next id. */
static bool is_version_next(const struct table_scan *s) {
    if (s->versions == NULL || !cursor_in(s->versions, buf_slice(&s->ids.partition)))
        return false;
    struct slice owner = owner_of(s, cursor_key(s->versions));
    return !s->has_id || slice_compare(owner, cursor_key(s->ids.cursor)) <= 0;
}

static void read_owner(struct table_scan *s, struct slice owner) {
    buf_clear(&s->id);
    if (s->ids.entity == ENTITY_ACCOUNT)
        buf_put_slice(&s->id, key_account(owner));
    else
        buf_put_int(&s->id, key_customer_id(owner));
}

/* Reads the version that the cursor is on. False with the sticky error: it cannot be read. */
static bool read_version(struct table_scan *s, struct version *v) {
    enum family f = entity_map(s->ids.entity)->versions;
    struct slice key = cursor_key(s->versions), body;
    if (!task_body(s->ids.kv, f, cursor_value(s->versions), &body))
        return false;
    read_owner(s, owner_of(s, key));
    if (version_decode(body, key_time(key), v) &&
        history_row_of_version(s->ids.entity, buf_slice(&s->id), v, &s->version))
        return true;
    task_damaged(s->ids.kv, f);
    return false;
}

/* --- rows --- */

static const void *wanted(const struct table_scan *s, const void *row, int64_t from, int64_t to) {
    bool is_then = s->as_of >= from && (to == TIMESTAMP_NONE || s->as_of < to);
    return s->as_of == TIMESTAMP_NONE || is_then ? row : NULL;
}

/* Sets s->row to the closed version, if it is wanted, and lets the next call move behind it: the
 * row points into what the cursor is on. */
static void take_version(struct table_scan *s) {
    struct version v;
    s->is_on_version = true;
    if (read_version(s, &v))
        s->row = wanted(s, &s->version, v.from, v.to);
}

/* Sets s->row to the row of the id, if it has one. A row of another table has no times. */
static void take_id(struct table_scan *s) {
    const struct version *v = s->ids.entity == ENTITY_ACCOUNT
                                  ? timeline_current(&s->ids.account.timeline)
                                  : timeline_current(&s->ids.customer.timeline);
    s->row = scan_row(&s->ids, s->type);
    if (s->row != NULL && s->is_history)
        s->row = wanted(s, s->row, v->from, v->to);
    s->is_on_id = true;
}

/* Moves behind what was read last. */
static void step(struct table_scan *s) {
    if (s->is_on_version)
        cursor_next(s->versions);
    if (s->is_on_id)
        s->has_id = scan_next(&s->ids);
    s->is_on_version = s->is_on_id = false;
    s->row = NULL;
}

bool table_scan_next(struct table_scan *s) {
    step(s);
    if (is_version_next(s))
        take_version(s);
    else if (s->has_id)
        take_id(s);
    else
        return false;
    return !kv_failed(s->ids.kv);
}
