#include "streamer/quality/look.h"

#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/customer_ref.h"
#include "streamer/task/task.h"
#include "streamer/task/task_rows.h"

#include <stdio.h>

#define UNREADABLE "the row cannot be read"
#define PAUSE_READS 100

static void find(struct judge *j, enum check_id check, const char *what, const char *expected,
                 const char *found) {
    const struct look *l = (const struct look *)j;
    l->o->found(l->o->context, &l->subject, check, what, expected, found);
}

void look_init(struct look *l, struct kv *kv, const struct look_options *o) {
    *l = (struct look){.judge = {find}, .kv = kv, .o = o};
}

void look_release(struct look *l) {
    struct buf *bufs[] = {&l->id,          &l->key,       &l->value,
                          &l->other_value, &l->ref_value, &l->link_value};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    account_row_release(&l->account);
    account_row_release(&l->other_account);
    customer_row_release(&l->customer);
    customer_row_release(&l->other_customer);
    totals_release(&l->sums);
    if (l->links != NULL)
        cursor_free(l->links);
}

bool look_goes_on(struct look *l) {
    int64_t reads = l->reads - l->paused_reads;
    l->must_end = l->must_end || kv_failed(l->kv);
    if (l->must_end || reads < PAUSE_READS)
        return !l->must_end;
    l->paused_reads = l->reads;
    l->must_end = !l->o->pause(l->o->context, reads);
    return !l->must_end;
}

/* --- values --- */

/* Takes the format byte off a value. Unlike task_body it leaves no error: a row that cannot be read
 * is a finding. */
static bool body_of(struct slice value, struct slice *body) {
    if (value.n == 0 || value.p[0] != STATE_FORMAT)
        return false;
    *body = slice_of(value.p + 1, value.n - 1);
    return true;
}

static bool read_body(struct look *l, enum family f, struct buf *value, struct slice *body) {
    l->reads += LOOK_READS_BY_KEY;
    return kv_get(l->kv, f, buf_slice(&l->key), value) && body_of(buf_slice(value), body);
}

static bool unreadable(struct look *l) {
    find(&l->judge, CHECK_ACCEPTED_VALUES, UNREADABLE, "", "");
    return false;
}

static bool is_here(const struct look *l, int64_t partition) {
    return partition >= 0 && partition < l->o->partitions && l->o->is_here[partition];
}

int32_t look_partition_of_customer(const struct look *l, int64_t customer_id) {
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)customer_id);
    return murmur2_partition(slice_of(text, (size_t)n), l->o->partitions);
}

/* Where the current version starts; 0: there is none. */
static int64_t start_of(const struct timeline *line) {
    return line->has_current ? line->current.from : 0;
}

/* --- accounts --- */

/* NULL: this partition has none. */
static const struct customer_ref *read_ref(struct look *l, int32_t partition, int64_t customer_id,
                                           struct customer_ref *ref) {
    struct slice body;
    key_customer(&l->key, partition, customer_id);
    return read_body(l, FAMILY_CUSTOMER_REFS, &l->ref_value, &body) &&
                   customer_ref_decode(body, ref, NULL)
               ? ref
               : NULL;
}

/* The link of a customer with the account. NULL: there is none. */
static const struct account_link *read_link(struct look *l, const struct customer_row *row,
                                            int32_t partition, int64_t customer_id,
                                            struct slice account_id, struct account_link *link) {
    struct customer_links_place place;
    struct slice body;
    if (customer_links_find(&row->links, account_id, &place) && place.exists) {
        *link = place.link;
        return link;
    }
    if (customer_row_links_outside(row) <= 0)
        return NULL;
    key_customer_account(&l->key, partition, customer_id, account_id);
    return read_body(l, FAMILY_LINKS, &l->link_value, &body) && link_decode(&body, link) ? link
                                                                                         : NULL;
}

/* Reads what the partition of the account's customer says of both. */
static void read_customer(struct look *l, struct account_view *v, struct account_link *link) {
    int64_t customer_id = v->current.customer_id;
    int32_t partition = look_partition_of_customer(l, customer_id);
    struct slice body;
    v->is_customer_here = is_here(l, partition);
    v->customer = (struct customer_ref){.known = false, .customer_name = slice_of("", 0)};
    key_customer(&l->key, partition, customer_id);
    if (!v->is_customer_here || !read_body(l, FAMILY_CUSTOMERS, &l->other_value, &body) ||
        !customer_row_decode(body, customer_id, &l->other_customer))
        return;
    (void)customer_row_ref(&l->other_customer, &v->customer);
    l->subject.customer_from = start_of(&l->other_customer.timeline);
    v->linked = read_link(l, &l->other_customer, partition, customer_id, v->id, link);
}

bool look_read_account(struct look *l, int32_t partition, struct slice id, struct slice value) {
    struct slice body;
    struct account_row *row = &l->account;
    l->subject = (struct subject){.entity = ENTITY_ACCOUNT, .partition = partition, .id = id};
    account_row_clear(row);
    if (body_of(value, &body) && account_row_decode(body, id, row))
        return true;
    account_row_clear(row);
    return unreadable(l);
}

void look_at_account(struct look *l, int32_t partition, struct slice id,
                     const struct history_end *history) {
    struct customer_ref ref;
    struct account_link link;
    l->subject = (struct subject){.entity = ENTITY_ACCOUNT, .partition = partition, .id = id};
    struct account_view v = {.id = id,
                             .row = &l->account,
                             .history = *history,
                             .partition = partition,
                             .rates = l->o->rates,
                             .read_until_ms = l->o->read_until_ms,
                             .orphan_after_ms = l->o->orphan_after_ms};
    if (l->account.timeline.has_current &&
        account_attributes_decode(l->account.timeline.current.attributes, &v.current)) {
        l->subject.account_from = start_of(&l->account.timeline);
        v.ref = read_ref(l, partition, v.current.customer_id, &ref);
        read_customer(l, &v, &link);
    }
    if (!kv_failed(l->kv)) /* else a row may seem to be missing */
        checks_of_account(&v, &l->judge);
}

void look_for_account(struct look *l, int32_t partition, struct slice id) {
    static const struct history_end unread = {.exists = false};
    l->reads += LOOK_READS_BY_KEY;
    key_text(&l->key, partition, id);
    if (kv_get(l->kv, FAMILY_ACCOUNTS, buf_slice(&l->key), &l->value) &&
        look_read_account(l, partition, id, buf_slice(&l->value)))
        look_at_account(l, partition, id, &unread);
}

/* --- customers --- */

/* Reads the account of a link, if its partition is here. */
static void read_account(struct look *l, struct link_view *v) {
    struct slice body;
    struct account_row *row = &l->other_account;
    v->is_account_here = is_here(l, v->link.partition);
    if (!v->is_account_here)
        return;
    key_text(&l->key, (int32_t)v->link.partition, v->account_id);
    account_row_clear(row);
    v->has_account = read_body(l, FAMILY_ACCOUNTS, &l->other_value, &body) &&
                     account_row_decode(body, v->account_id, row) && row->timeline.has_current &&
                     account_attributes_decode(row->timeline.current.attributes, &v->account);
}

static void look_at_link(struct look *l, int64_t customer_id, struct slice account_id,
                         const struct account_link *link) {
    struct link_view v = {.account_id = account_id, .link = *link, .customer_id = customer_id};
    read_account(l, &v);
    l->subject.account_id = account_id;
    l->subject.account_from = v.has_account ? start_of(&l->other_account.timeline) : 0;
    checks_of_link(&v, &l->judge);
}

static void add_link(struct look *l, int64_t customer_id, struct slice account_id,
                     const struct account_link *link) {
    (void)totals_add(&l->sums, l->o->rates, link, 1);
    look_at_link(l, customer_id, account_id, link);
}

static bool look_at_links_inside(struct look *l, int64_t customer_id) {
    struct slice rest = l->customer.links.items, account_id;
    struct account_link link;
    while (rest.n > 0) {
        if (!customer_links_next(&rest, &account_id, &link))
            return false;
        add_link(l, customer_id, account_id, &link);
    }
    return true;
}

static bool look_at_links_outside(struct look *l, int32_t partition, int64_t customer_id) {
    struct buf prefix = {0};
    bool ok = true;
    if (l->links == NULL)
        l->links = kv_cursor(l->kv, FAMILY_LINKS);
    key_customer(&prefix, partition, customer_id);
    for (cursor_seek(l->links, buf_slice(&prefix));
         ok && cursor_in(l->links, buf_slice(&prefix)) && look_goes_on(l); cursor_next(l->links)) {
        struct slice body;
        struct account_link link;
        l->reads++;
        ok = body_of(cursor_value(l->links), &body) && link_decode(&body, &link);
        if (ok)
            add_link(l, customer_id, key_account_of_customer(cursor_key(l->links)), &link);
    }
    buf_release(&prefix);
    return ok;
}

static bool has_marked_links(struct look *l, int32_t partition, int64_t customer_id) {
    key_customer(&l->key, partition, customer_id);
    struct kv_cursor *c = kv_cursor(l->kv, FAMILY_LINKS_AHEAD);
    cursor_seek(c, buf_slice(&l->key));
    bool found = cursor_in(c, buf_slice(&l->key));
    cursor_free(c);
    return found;
}

static void take_customer(struct look *l, int32_t partition, int64_t customer_id) {
    buf_clear(&l->id);
    buf_put_int(&l->id, customer_id);
    l->subject = (struct subject){
        .entity = ENTITY_CUSTOMER, .partition = partition, .id = buf_slice(&l->id)};
}

bool look_read_customer(struct look *l, int32_t partition, int64_t customer_id,
                        struct slice value) {
    struct slice body;
    struct customer_row *row = &l->customer;
    take_customer(l, partition, customer_id);
    customer_row_clear(row);
    if (body_of(value, &body) && customer_row_decode(body, customer_id, row))
        return true;
    customer_row_clear(row);
    return unreadable(l);
}

/* Adds all links up. False: one cannot be read. */
static bool look_at_links(struct look *l, int32_t partition, int64_t customer_id) {
    totals_clear(&l->sums);
    return look_at_links_inside(l, customer_id) &&
           (customer_row_links_outside(&l->customer) <= 0 ||
            look_at_links_outside(l, partition, customer_id));
}

/* With all of its links added up. */
static void look_at_whole_customer(struct look *l, int32_t partition, int64_t customer_id,
                                   const struct history_end *history) {
    struct customer_view v = {
        .id = customer_id, .row = &l->customer, .history = *history, .links = l->sums};
    (void)customer_row_ref(&l->customer, &v.current);
    v.is_in_doubt = l->has_marks && has_marked_links(l, partition, customer_id);
    take_customer(l, partition, customer_id); /* and no link any more */
    checks_of_customer(&v, &l->judge);
}

void look_at_customer(struct look *l, int32_t partition, int64_t customer_id,
                      const struct history_end *history) {
    take_customer(l, partition, customer_id);
    if (!look_at_links(l, partition, customer_id))
        (void)unreadable(l);
    else if (look_goes_on(l)) /* all links were read */
        look_at_whole_customer(l, partition, customer_id, history);
}

void look_for_link(struct look *l, int32_t partition, int64_t customer_id,
                   struct slice account_id) {
    struct account_link link;
    l->reads += LOOK_READS_BY_KEY;
    key_customer(&l->key, partition, customer_id);
    if (kv_get(l->kv, FAMILY_CUSTOMERS, buf_slice(&l->key), &l->value) &&
        look_read_customer(l, partition, customer_id, buf_slice(&l->value)) &&
        read_link(l, &l->customer, partition, customer_id, account_id, &link) != NULL)
        look_at_link(l, customer_id, account_id, &link);
}

/* --- versions --- */

static bool read_attributes(struct version_view *v) {
    struct slice in = v->version->attributes;
    if (v->entity == ENTITY_ACCOUNT)
        return account_attributes_decode(in, &v->as.account);
    return row_get_avro(&customer_attributes_type, &in, &v->as.customer) && in.n == 0;
}

void look_at_version(struct look *l, const struct subject *of, const struct version *version,
                     const struct version *before, int64_t current_from, bool has_row) {
    struct version_view v = {.entity = of->entity,
                             .version = version,
                             .before = before,
                             .current_from = current_from,
                             .has_row = has_row};
    l->subject = *of;
    if (read_attributes(&v))
        checks_of_version(&v, &l->judge);
    else
        (void)unreadable(l);
}
