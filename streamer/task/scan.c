#include "streamer/task/scan.h"

#include "state/keys.h"
#include "streamer/task/task_rows.h"

void scan_init(struct scan *s, struct kv *reader, int32_t partition, enum entity entity) {
    *s = (struct scan){.kv = reader, .entity = entity};
    key_partition(&s->partition, partition);
}

void scan_release(struct scan *s) {
    if (s->cursor != NULL)
        cursor_free(s->cursor);
    buf_release(&s->partition);
    buf_release(&s->id);
    account_row_release(&s->account);
    customer_row_release(&s->customer);
}

/* False at the end of the partition. */
static bool move(struct scan *s) {
    struct slice partition = buf_slice(&s->partition);
    if (s->cursor == NULL) {
        s->cursor = kv_cursor(s->kv, entity_map(s->entity)->rows);
        cursor_seek(s->cursor, partition);
    } else if (cursor_in(s->cursor, partition)) {
        cursor_next(s->cursor);
    }
    return cursor_in(s->cursor, partition);
}

static void read_id(struct scan *s) {
    struct slice key = cursor_key(s->cursor);
    buf_clear(&s->id);
    if (s->entity == ENTITY_ACCOUNT)
        buf_put_slice(&s->id, key_account(key));
    else
        buf_put_int(&s->id, key_customer_id(key));
}

static bool decode_row(struct scan *s, struct slice body) {
    if (s->entity == ENTITY_ACCOUNT)
        return account_row_decode(body, buf_slice(&s->id), &s->account);
    return customer_row_decode(body, key_customer_id(cursor_key(s->cursor)), &s->customer);
}

/* NULL: the id has none. */
static const struct version *current_version(const struct scan *s) {
    return timeline_current(s->entity == ENTITY_ACCOUNT ? &s->account.timeline
                                                        : &s->customer.timeline);
}

static bool read_current(struct scan *s) {
    const struct version *v = current_version(s);
    return v == NULL || history_row_of_version(s->entity, buf_slice(&s->id), v, &s->current);
}

bool scan_next(struct scan *s) {
    enum family f = entity_map(s->entity)->rows;
    struct slice body;
    if (kv_failed(s->kv) || !move(s) || !task_body(s->kv, f, cursor_value(s->cursor), &body))
        return false;
    read_id(s);
    if (decode_row(s, body) && read_current(s))
        return true;
    task_damaged(s->kv, f);
    return false;
}

static const void *row_of_account(const struct scan *s, const struct row_type *type) {
    const struct account_row *r = &s->account;
    if (type == &account_history_type && r->timeline.has_current)
        return &s->current.account;
    if (type == &account_with_customer_type && r->has_joined)
        return &r->joined;
    return type == &account_summary_type && r->has_summary ? &r->summary : NULL;
}

static const void *row_of_customer(const struct scan *s, const struct row_type *type) {
    const struct customer_row *r = &s->customer;
    if (type == &customer_history_type && r->timeline.has_current)
        return &s->current.customer;
    return type == &customer_profile_type && r->has_profile ? &r->profile : NULL;
}

const void *scan_row(const struct scan *s, const struct row_type *type) {
    return s->entity == ENTITY_ACCOUNT ? row_of_account(s, type) : row_of_customer(s, type);
}
