#include "streamer/quality/pass.h"

#include "state/keys.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/task_rows.h"

#include <stdio.h>

/* --- rows of a family --- */

/* The rows that the partition has in one family, in the order of their keys. */
struct rows {
    struct pass *pass;
    enum family family;
    struct kv_cursor *cursor;
    struct buf partition; /* what the keys begin with */
    bool is_there;        /* the cursor is on a row of the partition */
};

static void rows_see(struct rows *r) {
    r->is_there = cursor_in(r->cursor, buf_slice(&r->partition));
    r->pass->counts.rows[r->family] += r->is_there;
    r->pass->look->reads += r->is_there;
}

static void rows_open(struct rows *r, struct pass *p, enum family f, int32_t partition) {
    *r = (struct rows){.pass = p, .family = f, .cursor = kv_cursor(p->look->kv, f)};
    key_partition(&r->partition, partition);
    cursor_seek(r->cursor, buf_slice(&r->partition));
    rows_see(r);
}

static void rows_next(struct rows *r) {
    cursor_next(r->cursor);
    rows_see(r);
}

static void rows_close(struct rows *r) {
    cursor_free(r->cursor);
    buf_release(&r->partition);
}

/* --- versions beside ids --- */

/* The closed versions of one entity. */
struct versions {
    struct rows rows;
    enum entity entity;
    int32_t partition;
    struct buf id;       /* of the version that was read last */
    struct version last; /* closed; its attributes are in `kept` */
    struct buf kept[2];  /* attributes of the last two versions */
    int at;              /* which of them is the last one's */
    bool has_last;
};

static void versions_open(struct versions *v, struct pass *p, enum entity entity,
                          int32_t partition) {
    *v = (struct versions){.entity = entity, .partition = partition};
    rows_open(&v->rows, p, entity_map(entity)->versions, partition);
}

static void versions_close(struct versions *v) {
    rows_close(&v->rows);
    buf_release(&v->id);
    buf_release(&v->kept[0]);
    buf_release(&v->kept[1]);
}

/* The part of a version's key that is also the key of its id's row. */
static struct slice owner_of(const struct versions *v) {
    struct slice key = cursor_key(v->rows.cursor);
    size_t n = family_owner_n(v->rows.family, key);
    return slice_of(key.p, v->entity == ENTITY_ACCOUNT && n > 0 ? n - 1 : n);
}

static void put_id(struct buf *out, enum entity entity, struct slice row_key) {
    buf_clear(out);
    if (entity == ENTITY_ACCOUNT)
        buf_put_slice(out, key_account(row_key));
    else
        buf_put_int(out, key_customer_id(row_key));
}

/* Looks at a version of the id in v->id and keeps it as the last one. */
static void see_version(struct versions *v, const struct version *version, int64_t current_from,
                        bool has_row) {
    struct subject of = {.entity = v->entity, .partition = v->partition, .id = buf_slice(&v->id)};
    v->rows.pass->counts.versions++;
    look_at_version(v->rows.pass->look, &of, version, v->has_last ? &v->last : NULL, current_from,
                    has_row);
    v->at = 1 - v->at;
    buf_set(&v->kept[v->at], version->attributes);
    v->last = *version;
    v->last.attributes = buf_slice(&v->kept[v->at]);
    v->has_last = true;
}

static void see_closed(struct versions *v, int64_t current_from, bool has_row) {
    struct slice value = cursor_value(v->rows.cursor);
    struct version version;
    bool ok = value.n > 0 && value.p[0] == STATE_FORMAT &&
              version_decode(slice_of(value.p + 1, value.n - 1),
                             key_time(cursor_key(v->rows.cursor)), &version);
    if (!ok) /* a version that cannot be read: look_at_version finds it */
        version = (struct version){.attributes = slice_of("", 0)};
    see_version(v, &version, current_from, has_row);
}

/* Looks at the versions whose ids come before the row key, and which therefore have no row. */
static bool see_versions_without_row(struct versions *v, const struct slice *row_key) {
    struct buf last = {0};
    bool ok = true;
    for (; ok && v->rows.is_there; rows_next(&v->rows)) {
        struct slice owner = owner_of(v);
        if (row_key != NULL && slice_compare(owner, *row_key) >= 0)
            break;
        v->has_last = v->has_last && slice_eq(buf_slice(&last), owner);
        buf_set(&last, owner);
        put_id(&v->id, v->entity, owner);
        see_closed(v, TIMESTAMP_NONE, false);
        ok = look_goes_on(v->rows.pass->look);
    }
    buf_release(&last);
    return ok;
}

/* Looks at all versions of the id with that row key, the current one last (NULL: there is none).
 * Sets `end`. */
static bool see_versions_of(struct versions *v, struct slice row_key, const struct version *current,
                            struct history_end *end) {
    bool ok = see_versions_without_row(v, &row_key);
    int64_t current_from = current != NULL ? current->from : TIMESTAMP_NONE;
    v->has_last = false;
    put_id(&v->id, v->entity, row_key);
    for (; ok && v->rows.is_there && slice_eq(owner_of(v), row_key); rows_next(&v->rows)) {
        see_closed(v, current_from, true);
        ok = look_goes_on(v->rows.pass->look);
    }
    *end = (struct history_end){v->has_last, v->last.to};
    if (current != NULL)
        see_version(v, current, TIMESTAMP_NONE, true);
    return ok;
}

/* --- accounts and customers --- */

static uint64_t hash_of_pair(int64_t customer_id, struct slice account_id) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)customer_id;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < account_id.n; i++)
        h = (h ^ (unsigned char)account_id.p[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

static void count_account(struct pass *p, struct slice id) {
    const struct account_row *row = &p->look->account;
    struct account_attributes now;
    p->counts.joined_accounts += row->has_joined;
    p->counts.summaries += row->has_summary;
    p->counts.outdated[ENTITY_ACCOUNT] += timeline_is_outdated(&row->timeline);
    p->counts.current_accounts += row->timeline.has_current;
    if (row->timeline.has_current &&
        account_attributes_decode(row->timeline.current.attributes, &now))
        p->counts.accounts_hash += hash_of_pair(now.customer_id, id);
}

static void count_customer(struct pass *p) {
    const struct customer_row *row = &p->look->customer;
    p->counts.outdated[ENTITY_CUSTOMER] += timeline_is_outdated(&row->timeline);
    p->counts.links_outside += customer_row_links_outside(row);
}

/* Reads the row that the cursor is on, and puts its timeline there (NULL: it cannot be read). */
static const struct timeline *read_row(struct pass *p, const struct rows *r, enum entity entity,
                                       int32_t partition) {
    struct slice key = cursor_key(r->cursor), value = cursor_value(r->cursor);
    struct look *l = p->look;
    if (entity == ENTITY_ACCOUNT)
        return look_read_account(l, partition, key_account(key), value) ? &l->account.timeline
                                                                        : NULL;
    return look_read_customer(l, partition, key_customer_id(key), value) ? &l->customer.timeline
                                                                         : NULL;
}

static void see_row(struct pass *p, const struct rows *r, enum entity entity, int32_t partition,
                    const struct history_end *end) {
    struct slice key = cursor_key(r->cursor);
    if (entity == ENTITY_ACCOUNT) {
        look_at_account(p->look, partition, key_account(key), end);
        count_account(p, key_account(key));
    } else {
        look_at_customer(p->look, partition, key_customer_id(key), end);
        count_customer(p);
    }
}

static bool see_id(struct pass *p, const struct rows *r, struct versions *versions,
                   int32_t partition) {
    struct history_end end;
    const struct timeline *line = read_row(p, r, versions->entity, partition);
    if (!see_versions_of(versions, cursor_key(r->cursor),
                         line != NULL ? timeline_current(line) : NULL, &end))
        return false;
    if (line != NULL)
        see_row(p, r, versions->entity, partition, &end);
    return look_goes_on(p->look);
}

static bool see_entity(struct pass *p, enum entity entity, int32_t partition) {
    struct rows rows;
    struct versions versions;
    bool ok = true;
    rows_open(&rows, p, entity_map(entity)->rows, partition);
    versions_open(&versions, p, entity, partition);
    for (; ok && rows.is_there; rows_next(&rows))
        ok = see_id(p, &rows, &versions, partition);
    versions.has_last = false;
    ok = ok && see_versions_without_row(&versions, NULL);
    versions_close(&versions);
    rows_close(&rows);
    return ok && !kv_failed(p->look->kv);
}

/* --- the other families --- */

static bool count_family(struct pass *p, enum family f, int32_t partition) {
    struct rows rows;
    bool ok = true;
    rows_open(&rows, p, f, partition);
    for (; ok && rows.is_there; rows_next(&rows)) {
        struct slice key = cursor_key(rows.cursor);
        if (f == FAMILY_ACCOUNTS_BY_CUSTOMER && key.n >= KEY_CUSTOMER_BYTES)
            p->counts.index_hash +=
                hash_of_pair(key_customer_id(key), key_account_of_customer(key));
        ok = look_goes_on(p->look);
    }
    rows_close(&rows);
    return ok && !kv_failed(p->look->kv);
}

static bool count_families(struct pass *p, int32_t partition) {
    static const enum family others[] = {
        FAMILY_CUSTOMER_REFS,         FAMILY_ACCOUNTS_BY_CUSTOMER, FAMILY_LINKS,
        FAMILY_LINKS_AHEAD,           FAMILY_REFS_AHEAD,           FAMILY_CUSTOMER_CONFIRMATIONS,
        FAMILY_ACCOUNT_CONFIRMATIONS, FAMILY_FORMER_ACCOUNTS};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!count_family(p, others[i], partition))
            return false;
    return true;
}

/* --- the digest --- */

static void compare(struct pass *p, const char *what, int64_t digest, int64_t counted) {
    char expected[24], found[24];
    if (digest == counted)
        return;
    (void)snprintf(expected, sizeof expected, "%lld", (long long)digest);
    (void)snprintf(found, sizeof found, "%lld", (long long)counted);
    p->look->judge.find(&p->look->judge, CHECK_ROW_COUNTS, what, expected, found);
}

/* The rows of the meta family are not part of the digest. */
static void compare_counts(struct pass *p, int32_t partition, const struct task_meta *m) {
    const struct pass_counts *c = &p->counts;
    p->look->subject =
        (struct subject){.entity = ENTITY_COUNT, .partition = partition, .id = slice_of("", 0)};
    for (int f = 0; f < FAMILY_COUNT; f++)
        if (f != FAMILY_META)
            compare(p, family_name((enum family)f), m->rows[f], c->rows[f]);
    compare(p, "current accounts", m->current_accounts, c->current_accounts);
    compare(p, "joined rows", m->joined_accounts, c->joined_accounts);
    compare(p, "summaries", m->summaries, c->summaries);
    compare(p, "outdated customers", m->outdated[ENTITY_CUSTOMER], c->outdated[ENTITY_CUSTOMER]);
    compare(p, "outdated accounts", m->outdated[ENTITY_ACCOUNT], c->outdated[ENTITY_ACCOUNT]);
    compare(p, "links outside of rows", c->rows[FAMILY_LINKS], c->links_outside);
    if (c->accounts_hash != c->index_hash)
        p->look->judge.find(&p->look->judge, CHECK_ROW_COUNTS,
                            "index of accounts by customer: other accounts", "", "");
}

bool pass_partition(struct pass *p, int32_t partition, const struct task_meta *meta) {
    p->counts = (struct pass_counts){0};
    p->look->has_marks = meta->rows[FAMILY_LINKS_AHEAD] > 0;
    if (!see_entity(p, ENTITY_ACCOUNT, partition) || !see_entity(p, ENTITY_CUSTOMER, partition) ||
        !count_families(p, partition))
        return false;
    compare_counts(p, partition, meta);
    return true;
}
