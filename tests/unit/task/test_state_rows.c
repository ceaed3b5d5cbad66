/* The rows of accounts and customers, which have arrays and optional parts, against
 * schemas/<name>.avsc with avro-c. */
#include "rows_peer.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/account_row.h"
#include "streamer/task/customer_row.h"

#include <stdio.h>
#include <stdlib.h>

static void set_long(const avro_value_t *record, const char *name, int64_t x) {
    avro_value_t v = member(record, name);
    assert_int_equal(avro_value_set_long(&v, x), 0);
}

static void set_bool(const avro_value_t *record, const char *name, bool x) {
    avro_value_t v = member(record, name);
    assert_int_equal(avro_value_set_boolean(&v, x), 0);
}

static void set_total(const avro_value_t *record, const char *name, int128 x) {
    avro_value_t v = member(record, name);
    set_decimal(&v, x);
}

static void set_account_type(const avro_value_t *record, struct slice type) {
    avro_value_t v = member(record, "account_type");
    assert_int_equal(avro_value_set_enum(&v, slice_eq(type, slice_str("savings")) ? 0 : 1), 0);
}

/* Sets a union with null, and returns its branch. */
static avro_value_t set_branch(const avro_value_t *record, const char *name, bool exists) {
    avro_value_t branch, v = member(record, name);
    assert_int_equal(avro_value_set_branch(&v, exists, &branch), 0);
    if (!exists)
        assert_int_equal(avro_value_set_null(&branch), 0);
    return branch;
}

static void set_enum(const avro_value_t *record, const char *name, int x) {
    avro_value_t v = member(record, name);
    assert_int_equal(avro_value_set_enum(&v, x), 0);
}

static int64_t minus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static struct slice any_account_type(struct rng *r) {
    return slice_str(rng_chance(r, 50) ? "savings" : "checking");
}

#define CONFIRMATIONS_MAX 100

/* A position of any kind, or none; its bytes go into `out`, which it points to. */
static struct slice any_position(struct rng *r, struct buf *out) {
    static const char *const parts[] = {
        "", "0", "1", "22", "0/16B3748", "mysql-bin.000012", "00000027:00000758:0005"};
    struct position_source source = {slice_str("postgresql"), slice_str("bank"), slice_null()};
    struct slice p[POSITION_PARTS];
    for (size_t i = 0; i < POSITION_PARTS; i++)
        p[i] = slice_str(parts[rng_below(r, ARRAY_LEN(parts))]);
    buf_clear(out);
    if (rng_chance(r, 60))
        position_put(out, (enum position_kind)rng_below(r, POSITION_KINDS), &source, p);
    return buf_slice(out);
}

/* `positions` get the bytes of the id's position and of the one that was seen before it. Fields
 * that are not used have the values of a cleared timeline. */
static void fill_memory(struct order_memory *m, struct rng *r, struct buf positions[2]) {
    *m = (struct order_memory){.before_end = TIMESTAMP_NONE};
    if (rng_chance(r, 50)) {
        m->last = (enum last_record)rng_below(r, LAST_REPEAT + 1);
        m->end = (enum newest_end)rng_below(r, END_TOMBSTONE_AFTER_TRUNCATE + 1);
        m->outdated = rng_chance(r, 50);
    }
    if (m->end != END_NONE)
        m->before_end = rng_any(r);
    m->position = any_position(r, &positions[0]);
    if (m->position.n > 0) {
        m->position_is_last = rng_chance(r, 50);
        m->position_is_read = rng_chance(r, 50);
        m->seen = any_position(r, &positions[1]);
        m->revision = rng_any(r);
    }
}

/* Ascending, each time once. */
static void fill_confirmations(struct timeline *t, struct rng *r) {
    int64_t wanted = rng_below(r, rng_chance(r, 10) ? CONFIRMATIONS_MAX : 4);
    t->confirmation_count = 0;
    t->confirmation_cap = CONFIRMATIONS_MAX;
    for (; wanted > 0; wanted--) {
        struct confirmation c = {rng_any(r), rng_chance(r, 50), rng_any(r)};
        if (timeline_find(t, c.at) == NULL)
            timeline_add(t, c);
    }
}

/* `t` has room for CONFIRMATIONS_MAX; `positions` get the bytes of its positions. */
static void fill_timeline(struct timeline *t, struct rng *r, struct slice attributes,
                          struct buf positions[2]) {
    t->newest_event_at = rng_any(r);
    t->has_current = rng_chance(r, 60);
    t->current = (struct version){rng_any(r), TIMESTAMP_NONE, rng_any(r), attributes};
    fill_confirmations(t, r);
    bool has_outside = rng_chance(r, 30);
    t->outside_count = has_outside ? 1 + rng_below(r, INT64_MAX) : 0;
    t->outside_oldest = has_outside ? rng_any(r) : TIMESTAMP_NONE;
    fill_memory(&t->memory, r, positions);
}

/* `base`: what times are counted from. */
static void peer_set_confirmations(const avro_value_t *record, const struct timeline *t,
                                   int64_t base) {
    avro_value_t array = member(record, "confirmations");
    for (size_t i = 0; i < t->confirmation_count; i++) {
        avro_value_t item;
        const struct confirmation *c = &t->confirmations[i];
        assert_int_equal(avro_value_append(&array, &item, NULL), 0);
        set_long(&item, "after", minus(c->at, base));
        set_bool(&item, "deleted", c->deleted);
        set_long(&item, "loaded_after", minus(c->loaded_at, c->at));
        base = c->at;
    }
}

static void peer_set_memory(const avro_value_t *record, const struct order_memory *m,
                            const char *before_end, int64_t base) {
    avro_value_t v = member(record, "memory");
    set_enum(&v, "last", m->last);
    set_enum(&v, "end", m->end);
    set_long(&v, before_end, m->end != END_NONE ? minus(m->before_end, base) : 0);
    set_bool(&v, "outdated", m->outdated);
    avro_value_t branch = set_branch(&v, "position", m->position.n > 0);
    if (m->position.n == 0)
        return;
    avro_value_t position = member(&branch, "position"), seen = member(&branch, "seen");
    set_bytes(&position, m->position);
    set_bool(&branch, "is_last", m->position_is_last);
    set_bool(&branch, "is_read", m->position_is_read);
    set_bytes(&seen, m->seen);
    set_long(&branch, "revision", m->revision);
}

static bool remembers(const struct order_memory *m) {
    return m->last != LAST_OTHER || m->end != END_NONE || m->outdated || m->position.n > 0;
}

static void peer_set_timeline(const avro_value_t *row, const struct timeline *t) {
    avro_value_t v = member(row, "timeline"), branch = set_branch(&v, "current", t->has_current);
    int64_t base = t->has_current ? t->current.from : 0;
    if (t->has_current) {
        set_long(&branch, "valid_from_at", base);
        set_long(&branch, "loaded_after", minus(t->current.loaded_at, base));
        avro_value_t attributes = member(&branch, "attributes");
        set_bytes(&attributes, t->current.attributes);
    }
    set_long(&v, "newest_after", minus(t->newest_event_at, base));
    peer_set_confirmations(&v, t, base);
    bool has_rest = t->outside_count > 0 || remembers(&t->memory);
    avro_value_t rest = set_branch(&v, "rest", has_rest);
    if (!has_rest)
        return;
    set_long(&rest, "outside_count", t->outside_count);
    set_long(&rest, "outside_oldest_after",
             t->outside_count > 0 ? minus(t->outside_oldest, base) : 0);
    peer_set_memory(&rest, &t->memory, "before_end_after", base);
}

static void assert_same_confirmations(const struct timeline *a, const struct timeline *b) {
    assert_int_equal(a->confirmation_count, b->confirmation_count);
    for (size_t i = 0; i < a->confirmation_count; i++) {
        const struct confirmation *c = &a->confirmations[i], *d = &b->confirmations[i];
        assert_true(c->at == d->at && c->deleted == d->deleted && c->loaded_at == d->loaded_at);
    }
}

static void assert_same_timelines(const struct timeline *a, const struct timeline *b) {
    assert_true(a->newest_event_at == b->newest_event_at && a->has_current == b->has_current);
    if (a->has_current) {
        assert_true(b->current.to == TIMESTAMP_NONE);
        assert_true(a->current.from == b->current.from &&
                    a->current.loaded_at == b->current.loaded_at);
        assert_true(slice_eq(a->current.attributes, b->current.attributes));
    }
    assert_same_confirmations(a, b);
    assert_true(a->outside_count == b->outside_count && a->outside_oldest == b->outside_oldest);
    assert_same_memory(&a->memory, &b->memory);
}

static struct row_origin any_origin(struct rng *r) {
    return rng_chance(r, 60)
               ? (struct row_origin){true, rng_chance(r, 50), rng_any(r), rng_any(r) & INT64_MAX}
               : (struct row_origin){0};
}

/* Returns the branch of the union. */
static avro_value_t peer_set_origin(const avro_value_t *row, const struct row_origin *o) {
    avro_value_t v = set_branch(row, "origin", o->exists);
    if (o->exists) {
        set_long(&v, "partition", o->partition);
        set_long(&v, "offset", o->is_split ? -1 - o->offset : o->offset);
    }
    return v;
}

static void assert_same_origins(const struct row_origin *a, const struct row_origin *b) {
    assert_true(a->exists == b->exists && a->is_split == b->is_split &&
                a->partition == b->partition && a->offset == b->offset);
}

/* An account's row whose fields follow from the current version, or do not. */
struct account_case {
    struct account_row row;
    struct account_attributes current;
    struct buf positions[2]; /* for row.timeline */
    bool joined_is_own, summary_is_own;
};

static void fill_joined(struct account_case *c, struct rng *r) {
    struct account_with_customer_row *j = &c->row.joined;
    *j = (struct account_with_customer_row){slice_str("A|1"),
                                            c->current.customer_id,
                                            nasty_text(r),
                                            rng_chance(r, 50),
                                            c->current.balance_amount,
                                            c->current.account_type,
                                            c->row.timeline.current.from};
    switch (rng_below(r, 8)) {
    case 0:
        j->customer_id ^= 1;
        break;
    case 1:
        j->balance_amount ^= 1;
        break;
    case 2:
        j->account_type =
            slice_str(slice_eq(j->account_type, slice_str("savings")) ? "checking" : "savings");
        break;
    case 3:
        j->valid_from_at ^= 1;
        break;
    default:
        c->joined_is_own = !c->row.timeline.has_current;
        return;
    }
    c->joined_is_own = true;
}

static void fill_summary(struct account_case *c, struct rng *r) {
    struct account_summary_row *s = &c->row.summary;
    int64_t rate = rng_chance(r, 80) ? rng_below(r, 1000) : rng_any(r),
            balance = c->current.balance_amount;
    int128 product = (int128)balance * rate;
    int128 interest = (product < 0 ? product - 500 : product + 500) / 1000,
           sum = balance + interest;
    bool fits = (int64_t)interest == interest && (int64_t)sum == sum;
    *s = (struct account_summary_row){slice_str("A|1"),  c->current.customer_id, balance,   rate,
                                      (int64_t)interest, (int64_t)sum,           rng_any(r)};
    switch (rng_below(r, 8)) {
    case 0:
        s->customer_id ^= 1;
        break;
    case 1:
        s->original_balance_amount ^= 1;
        break;
    case 2:
        s->annual_interest_amount ^= 1;
        break;
    case 3:
        s->new_balance_amount ^= 1;
        break;
    default:
        c->summary_is_own = !c->row.timeline.has_current || !fits;
        return;
    }
    c->summary_is_own = true;
}

static void fill_account(struct account_case *c, struct rng *r, struct buf *attributes) {
    c->current = (struct account_attributes){rng_any(r), rng_any(r), any_account_type(r)};
    buf_clear(attributes);
    account_attributes_encode(&c->current, attributes);
    fill_timeline(&c->row.timeline, r, buf_slice(attributes), c->positions);
    c->row.has_joined = rng_chance(r, 70);
    c->row.has_summary = rng_chance(r, 70);
    c->row.origin = any_origin(r);
    fill_joined(c, r);
    fill_summary(c, r);
}

static void peer_set_account(struct peer *p, const struct account_case *c) {
    const struct account_row *r = &c->row;
    assert_int_equal(avro_value_reset(&p->value), 0);
    peer_set_timeline(&p->value, &r->timeline);
    avro_value_t v = set_branch(&p->value, "joined", r->has_joined);
    if (r->has_joined) {
        avro_value_t name = member(&v, "customer_name");
        set_text(&name, r->joined.customer_name);
        set_bool(&v, "has_loan_flag", r->joined.has_loan_flag);
        avro_value_t own = set_branch(&v, "own", c->joined_is_own);
        if (c->joined_is_own) {
            set_long(&own, "customer_id", r->joined.customer_id);
            set_long(&own, "balance_amount", r->joined.balance_amount);
            set_account_type(&own, r->joined.account_type);
            set_long(&own, "valid_from_at", r->joined.valid_from_at);
        }
    }
    v = set_branch(&p->value, "summary", r->has_summary);
    if (r->has_summary) {
        set_long(&v, "interest_rate_pct", r->summary.interest_rate_pct);
        set_long(&v, "calculated_after",
                 minus(r->summary.calculated_at,
                       r->timeline.has_current ? r->timeline.current.loaded_at : 0));
        avro_value_t own = set_branch(&v, "own", c->summary_is_own);
        if (c->summary_is_own) {
            set_long(&own, "customer_id", r->summary.customer_id);
            set_long(&own, "original_balance_amount", r->summary.original_balance_amount);
            set_long(&own, "annual_interest_amount", r->summary.annual_interest_amount);
            set_long(&own, "new_balance_amount", r->summary.new_balance_amount);
        }
    }
    (void)peer_set_origin(&p->value, &r->origin);
}

static void assert_same_accounts(const struct account_row *a, const struct account_row *b) {
    assert_same_timelines(&a->timeline, &b->timeline);
    assert_int_equal(a->has_joined, b->has_joined);
    assert_int_equal(a->has_summary, b->has_summary);
    if (a->has_joined)
        assert_same_rows(&account_with_customer_type, &a->joined, &b->joined);
    if (a->has_summary)
        assert_same_rows(&account_summary_type, &a->summary, &b->summary);
    assert_same_origins(&a->origin, &b->origin);
}

/* The row is encoded as avro-c encodes it, and decoded as it was, also if the current version that
 * its fields are compared with is another one. */
static void test_state_rows__account(void **state) {
    (void)state;
    struct peer *peer = peer_new("account_row");
    struct rng r = rng_seeded(11);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct account_case c = {.row = {.timeline = {.confirmations = confirmations}}};
    struct account_row back = {0}, again = {0};
    struct buf bytes = {0}, attributes = {0};
    for (int k = 0; k < 4000; k++) {
        fill_account(&c, &r, &attributes);
        buf_clear(&bytes);
        account_row_encode(&c.row, &bytes);
        peer_set_account(peer, &c);
        assert_bytes_equal("account_row", buf_slice(&bytes), peer_encode(peer));
        assert_true(account_row_decode(buf_slice(&bytes), slice_str("A|1"), &back));
        assert_same_accounts(&c.row, &back);
        struct buf changed = {0}, other = {0};
        account_attributes_encode(
            &(struct account_attributes){rng_any(&r), rng_any(&r), any_account_type(&r)}, &other);
        fill_timeline(&c.row.timeline, &r, buf_slice(&other), c.positions);
        account_row_encode(&c.row, &changed);
        assert_true(account_row_decode(buf_slice(&changed), slice_str("A|1"), &again));
        assert_same_accounts(&c.row, &again);
        buf_release(&changed);
        buf_release(&other);
    }
    account_row_release(&back);
    account_row_release(&again);
    buf_release(&c.positions[0]);
    buf_release(&c.positions[1]);
    buf_release(&bytes);
    buf_release(&attributes);
    peer_free(peer);
}

static void test_state_rows__attributes_and_links(void **state) {
    (void)state;
    struct peer *attributes = peer_new("account_attributes"), *links = peer_new("link");
    struct peer *versions = peer_new("version");
    struct rng r = rng_seeded(13);
    for (int k = 0; k < 2000; k++) {
        struct account_attributes back, a = {rng_any(&r), rng_any(&r), any_account_type(&r)};
        struct account_link link_back,
            link = {rng_below(&r, INT32_MAX), rng_any(&r), any_account_type(&r)};
        struct version v = {rng_any(&r), rng_any(&r), rng_any(&r), nasty_text(&r)};
        struct buf bytes = {0};
        account_attributes_encode(&a, &bytes);
        assert_int_equal(avro_value_reset(&attributes->value), 0);
        set_long(&attributes->value, "customer_id", a.customer_id);
        set_long(&attributes->value, "balance_amount", a.balance_amount);
        set_account_type(&attributes->value, a.account_type);
        assert_bytes_equal("account_attributes", buf_slice(&bytes), peer_encode(attributes));
        assert_true(account_attributes_decode(buf_slice(&bytes), &back));
        assert_true(back.customer_id == a.customer_id && back.balance_amount == a.balance_amount &&
                    slice_eq(back.account_type, a.account_type));
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(account_attributes_decode(slice_of(bytes.p, n), &back));
        buf_clear(&bytes);
        link_encode(&link, &bytes);
        struct slice in = buf_slice(&bytes);
        assert_int_equal(avro_value_reset(&links->value), 0);
        set_long(&links->value, "partition", link.partition);
        set_long(&links->value, "balance_amount", link.balance_amount);
        set_account_type(&links->value, link.account_type);
        assert_bytes_equal("link", buf_slice(&bytes), peer_encode(links));
        assert_true(link_decode(&in, &link_back));
        assert_int_equal(in.n, 0);
        assert_same_rows(&account_link_type, &link, &link_back);
        for (size_t n = 0; n < bytes.n; n++) {
            in = slice_of(bytes.p, n);
            assert_false(link_decode(&in, &link_back));
        }
        buf_clear(&bytes);
        version_encode(&v, &bytes);
        assert_int_equal(avro_value_reset(&versions->value), 0);
        set_long(&versions->value, "lasts", minus(v.to, v.from));
        set_long(&versions->value, "loaded_after", minus(v.loaded_at, v.from));
        avro_value_t value = member(&versions->value, "attributes");
        set_bytes(&value, v.attributes);
        assert_bytes_equal("version", buf_slice(&bytes), peer_encode(versions));
        buf_release(&bytes);
    }
    peer_free(attributes);
    peer_free(links);
    peer_free(versions);
}

/* A customer's row whose profile follows from the rest of the row, or does not. */
struct customer_case {
    struct customer_row row;
    struct customer_attributes current;
    struct account_link links[CUSTOMER_LINKS_MAX];
    size_t link_count;
    struct buf bytes[2];     /* for row.links */
    struct buf positions[2]; /* for row.timeline */
    bool profile_is_own;
};

#define CUSTOMER_PARTITIONS_MAX 80

static void fill_totals(struct totals *t, struct rng *r) {
    t->sums = (struct customer_totals){0};
    t->partition_count = (size_t)rng_below(r, rng_chance(r, 10) ? CUSTOMER_PARTITIONS_MAX : 4);
    if (t->partition_count > 0)
        t->sums = (struct customer_totals){rng_chance(r, 80) ? rng_below(r, 3) : rng_any(r),
                                           any_total(r), any_total(r), any_total(r)};
    for (size_t i = 0; i < t->partition_count; i++)
        t->partitions[i] = (struct totals_partition){(int32_t)rng_below(r, INT32_MAX),
                                                     1 + rng_below(r, INT32_MAX)};
}

/* Ids "00" … in order. */
static void fill_links(struct customer_case *c, struct rng *r) {
    c->link_count = (size_t)rng_below(r, rng_chance(r, 10) ? CUSTOMER_LINKS_MAX + 1 : 4);
    customer_links_clear(&c->row.links);
    for (size_t i = 0; i < c->link_count; i++) {
        struct customer_links_place p;
        char id[4];
        (void)snprintf(id, sizeof id, "%02d", (int)i);
        c->links[i] =
            (struct account_link){rng_below(r, INT32_MAX), rng_any(r), any_account_type(r)};
        assert_true(customer_links_find(&c->row.links, slice_str(id), &p));
        customer_links_change(&c->row.links, &p, slice_str(id), &c->links[i], &c->bytes[i % 2]);
    }
}

static void fill_profile(struct customer_case *c, struct rng *r) {
    struct customer_profile_row *p = &c->row.profile;
    const struct customer_totals *sums = &c->row.totals.sums;
    *p = (struct customer_profile_row){-7,
                                       c->current.customer_name,
                                       c->current.has_loan_flag,
                                       sums->accounts,
                                       sums->balance,
                                       c->current.has_loan_flag ? sums->interest_with_loan
                                                                : sums->interest_without_loan,
                                       rng_any(r)};
    switch (rng_below(r, 10)) {
    case 0:
        p->customer_name = slice_str("somebody else");
        break;
    case 1:
        p->has_loan_flag = !p->has_loan_flag;
        break;
    case 2:
        p->total_accounts_count ^= 1;
        break;
    case 3:
        p->total_balance_amount ^= 1;
        break;
    case 4:
        p->total_annual_interest_amount ^= 1;
        break;
    default:
        c->profile_is_own = !c->row.timeline.has_current || sums->accounts == 0;
        return;
    }
    c->profile_is_own = true;
}

static void fill_customer(struct customer_case *c, struct rng *r, struct buf *attributes) {
    c->current = (struct customer_attributes){nasty_text(r), rng_chance(r, 50)};
    buf_clear(attributes);
    row_put_avro(&customer_attributes_type, &c->current, attributes);
    fill_timeline(&c->row.timeline, r, buf_slice(attributes), c->positions);
    fill_totals(&c->row.totals, r);
    fill_links(c, r);
    c->row.has_profile = rng_chance(r, 70);
    c->row.origin = any_origin(r);
    fill_profile(c, r);
}

static void peer_set_totals(const avro_value_t *row, const struct totals *t) {
    avro_value_t v = set_branch(row, "totals", t->partition_count > 0);
    if (t->partition_count == 0)
        return;
    set_long(&v, "accounts", t->sums.accounts);
    set_total(&v, "balance", t->sums.balance);
    set_total(&v, "interest_without_loan", t->sums.interest_without_loan);
    set_total(&v, "interest_with_loan", t->sums.interest_with_loan);
    avro_value_t array = member(&v, "partitions");
    for (size_t i = 0; i < t->partition_count; i++) {
        avro_value_t item;
        assert_int_equal(avro_value_append(&array, &item, NULL), 0);
        set_long(&item, "partition", t->partitions[i].partition);
        set_long(&item, "links", t->partitions[i].links);
    }
}

static void peer_set_customer(struct peer *p, const struct customer_case *c) {
    const struct customer_row *r = &c->row;
    assert_int_equal(avro_value_reset(&p->value), 0);
    peer_set_timeline(&p->value, &r->timeline);
    peer_set_totals(&p->value, &r->totals);
    avro_value_t links = member(&p->value, "links");
    for (size_t i = 0; i < c->link_count; i++) {
        char text[4];
        avro_value_t item;
        (void)snprintf(text, sizeof text, "%02d", (int)i);
        assert_int_equal(avro_value_append(&links, &item, NULL), 0);
        avro_value_t id = member(&item, "account_id");
        set_text(&id, slice_str(text));
        set_long(&item, "partition", c->links[i].partition);
        set_long(&item, "balance_amount", c->links[i].balance_amount);
        set_account_type(&item, c->links[i].account_type);
    }
    (void)peer_set_origin(&p->value, &r->origin);
    avro_value_t v = set_branch(&p->value, "profile", r->has_profile);
    if (!r->has_profile)
        return;
    set_long(&v, "calculated_at", r->profile.calculated_at);
    avro_value_t own = set_branch(&v, "own", c->profile_is_own);
    if (!c->profile_is_own)
        return;
    avro_value_t name = member(&own, "customer_name");
    set_text(&name, r->profile.customer_name);
    set_bool(&own, "has_loan_flag", r->profile.has_loan_flag);
    set_long(&own, "total_accounts_count", r->profile.total_accounts_count);
    set_total(&own, "total_balance_amount", r->profile.total_balance_amount);
    set_total(&own, "total_annual_interest_amount", r->profile.total_annual_interest_amount);
}

static void assert_same_customers(const struct customer_row *a, const struct customer_row *b) {
    const struct customer_totals *s = &a->totals.sums, *t = &b->totals.sums;
    assert_same_timelines(&a->timeline, &b->timeline);
    assert_int_equal(a->totals.partition_count, b->totals.partition_count);
    assert_true(s->accounts == t->accounts && s->balance == t->balance &&
                s->interest_without_loan == t->interest_without_loan &&
                s->interest_with_loan == t->interest_with_loan);
    for (size_t i = 0; i < a->totals.partition_count; i++)
        assert_true(a->totals.partitions[i].partition == b->totals.partitions[i].partition &&
                    a->totals.partitions[i].links == b->totals.partitions[i].links);
    assert_int_equal(a->links.count, b->links.count);
    assert_true(slice_eq(a->links.items, b->links.items));
    assert_int_equal(a->has_profile, b->has_profile);
    if (a->has_profile)
        assert_same_rows(&customer_profile_type, &a->profile, &b->profile);
    assert_same_origins(&a->origin, &b->origin);
}

static void test_state_rows__customer(void **state) {
    (void)state;
    struct peer *peer = peer_new("customer_row");
    struct rng r = rng_seeded(12);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct totals_partition partitions[CUSTOMER_PARTITIONS_MAX];
    struct customer_case c = {.row = {.timeline = {.confirmations = confirmations},
                                      .totals = {.partitions = partitions}}};
    struct customer_row back = {0}, again = {0};
    struct buf bytes = {0}, attributes = {0}, changed = {0}, expected = {0};
    for (int k = 0; k < 4000; k++) {
        fill_customer(&c, &r, &attributes);
        buf_clear(&bytes);
        customer_row_encode(&c.row, &bytes);
        /* avro-c writes arrays without their size in bytes: it decodes ours, and encodes it
         * again. */
        peer_set_customer(peer, &c);
        buf_set(&expected, peer_encode(peer));
        peer_decode(peer, buf_slice(&bytes));
        assert_bytes_equal("customer_row", peer_encode(peer), buf_slice(&expected));
        assert_true(customer_row_decode(buf_slice(&bytes), -7, &back));
        assert_same_customers(&c.row, &back);
        fill_totals(&c.row.totals, &r);
        buf_clear(&changed);
        customer_row_encode(&c.row, &changed);
        assert_true(customer_row_decode(buf_slice(&changed), -7, &again));
        assert_same_customers(&c.row, &again);
    }
    customer_row_release(&back);
    customer_row_release(&again);
    buf_release(&bytes);
    buf_release(&attributes);
    buf_release(&changed);
    buf_release(&expected);
    buf_release(&c.bytes[0]);
    buf_release(&c.bytes[1]);
    buf_release(&c.positions[0]);
    buf_release(&c.positions[1]);
    peer_free(peer);
}

/* A row of version 0.2 ends before the origin. */
static void test_state_rows__customer_of_version_0_2(void **state) {
    (void)state;
    struct rng r = rng_seeded(15);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct totals_partition partitions[CUSTOMER_PARTITIONS_MAX];
    struct customer_case c = {.row = {.timeline = {.confirmations = confirmations},
                                      .totals = {.partitions = partitions}}};
    struct customer_row back = {0};
    struct buf bytes = {0}, attributes = {0};
    for (int k = 0; k < 500; k++) {
        fill_customer(&c, &r, &attributes);
        c.row.origin = (struct row_origin){0};
        buf_clear(&bytes);
        customer_row_encode(&c.row, &bytes);
        back.origin = (struct row_origin){true, false, 1, 1};
        assert_true(customer_row_decode(slice_of(bytes.p, bytes.n - 1), -7, &back));
        assert_same_customers(&c.row, &back);
    }
    customer_row_release(&back);
    buf_release(&bytes);
    buf_release(&attributes);
    buf_release(&c.bytes[0]);
    buf_release(&c.bytes[1]);
    buf_release(&c.positions[0]);
    buf_release(&c.positions[1]);
}

static void assert_same_refs(const struct customer_ref *a, const struct customer_ref *b) {
    assert_true(a->known == b->known && a->has_loan_flag == b->has_loan_flag);
    assert_true(slice_eq(a->customer_name, b->customer_name));
}

/* Without its origin the value is as version 0.2 wrote it. Cut anywhere else, it is no value. */
static void check_parts_of_ref(struct slice bytes, size_t without_origin,
                               const struct customer_ref *ref) {
    struct customer_ref back;
    struct ref_origin origin;
    for (size_t n = 0; n < bytes.n; n++) {
        char *part = mem_alloc(n);
        memcpy(part, bytes.p, n);
        bool ok = customer_ref_decode(slice_of(part, n), &back, &origin);
        assert_int_equal(ok, n == without_origin);
        if (ok) {
            assert_same_refs(ref, &back);
            assert_false(origin.record.exists);
        }
        free(part);
    }
}

static void test_state_rows__ref(void **state) {
    (void)state;
    struct peer *peer = peer_new("customer_ref");
    struct rng r = rng_seeded(16);
    struct buf bytes = {0};
    for (int k = 0; k < 2000; k++) {
        struct customer_ref back, ref = {rng_chance(&r, 70), nasty_text(&r), rng_chance(&r, 50)};
        struct ref_origin origin_back, origin = {.record = any_origin(&r)};
        if (origin.record.exists) {
            origin.valid_from_at = rng_any(&r);
            origin.loaded_at = rng_any(&r);
        }
        buf_clear(&bytes);
        customer_ref_encode(&ref, &origin, &bytes);
        assert_int_equal(avro_value_reset(&peer->value), 0);
        set_bool(&peer->value, "known", ref.known);
        avro_value_t name = member(&peer->value, "customer_name");
        set_text(&name, ref.customer_name);
        set_bool(&peer->value, "has_loan_flag", ref.has_loan_flag);
        avro_value_t v = peer_set_origin(&peer->value, &origin.record);
        if (origin.record.exists) {
            set_long(&v, "valid_from_at", origin.valid_from_at);
            set_long(&v, "loaded_after", minus(origin.loaded_at, origin.valid_from_at));
        }
        assert_bytes_equal("customer_ref", buf_slice(&bytes), peer_encode(peer));
        assert_true(customer_ref_decode(buf_slice(&bytes), &back, &origin_back));
        assert_same_refs(&ref, &back);
        assert_same_origins(&origin.record, &origin_back.record);
        assert_true(origin.valid_from_at == origin_back.valid_from_at &&
                    origin.loaded_at == origin_back.loaded_at);
        struct buf old = {0};
        avro_put_bytes(&old, ref.customer_name);
        if (bytes.n < 200)
            check_parts_of_ref(buf_slice(&bytes), 2 + old.n, &ref);
        buf_release(&old);
    }
    buf_release(&bytes);
    peer_free(peer);
}

/* A row that can be read can be written. The copy has exactly its size, so that sanitizers see a
 * read behind its end. */
static void decode_both(struct slice bytes, struct account_row *a, struct customer_row *c) {
    char *copy = mem_alloc(bytes.n);
    struct buf again = {0};
    memcpy(copy, bytes.p, bytes.n);
    if (account_row_decode(slice_of(copy, bytes.n), slice_str("A"), a))
        account_row_encode(a, &again);
    if (customer_row_decode(slice_of(copy, bytes.n), 7, c))
        customer_row_encode(c, &again);
    free(copy);
    buf_release(&again);
}

/* No part of a row is read as a row. Changed bytes may be. */
static void test_state_rows__damaged_rows(void **state) {
    (void)state;
    struct rng r = rng_seeded(14);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct totals_partition partitions[CUSTOMER_PARTITIONS_MAX];
    struct account_case a = {.row = {.timeline = {.confirmations = confirmations}}};
    struct customer_case c = {.row = {.timeline = {.confirmations = confirmations},
                                      .totals = {.partitions = partitions}}};
    struct account_row account = {0};
    struct customer_row customer = {0};
    struct buf bytes = {0}, attributes = {0}, origin = {0};
    for (int k = 0; k < 1000; k++) {
        buf_clear(&bytes);
        buf_clear(&origin);
        bool is_account = k % 2 == 0;
        if (is_account) {
            fill_account(&a, &r, &attributes);
            account_row_encode(&a.row, &bytes);
        } else {
            fill_customer(&c, &r, &attributes);
            customer_row_encode(&c.row, &bytes);
            row_origin_encode(&c.row.origin, &origin);
        }
        for (size_t n = 0; n < bytes.n && n < 300; n++) {
            struct slice part = slice_of(bytes.p, n);
            if (is_account)
                assert_false(account_row_decode(part, slice_str("A"), &account));
            else /* version 0.2 wrote no origin */
                assert_int_equal(customer_row_decode(part, 7, &customer), n == bytes.n - origin.n);
        }
        decode_both(buf_slice(&bytes), &account, &customer);
        for (int i = 0; i < 20 && bytes.n > 0; i++) {
            bytes.p[rng_below(&r, (int64_t)bytes.n)] =
                (char)rng_below(&r, rng_chance(&r, 50) ? 5 : 256);
            decode_both(buf_slice(&bytes), &account, &customer);
        }
    }
    for (int k = 0; k < 60000; k++) {
        char garbage[64];
        size_t n = (size_t)rng_below(&r, (int64_t)sizeof garbage);
        for (size_t i = 0; i < n; i++)
            garbage[i] = (char)(rng_chance(&r, 60) ? rng_below(&r, 6) : rng_below(&r, 256));
        decode_both(slice_of(garbage, n), &account, &customer);
    }
    account_row_release(&account);
    customer_row_release(&customer);
    buf_release(&c.bytes[0]);
    buf_release(&c.bytes[1]);
    buf_release(&a.positions[0]);
    buf_release(&a.positions[1]);
    buf_release(&c.positions[0]);
    buf_release(&c.positions[1]);
    buf_release(&bytes);
    buf_release(&attributes);
    buf_release(&origin);
}

/* What the confirmations topic remembers of an id. */
static void test_state_rows__id_memory(void **state) {
    (void)state;
    struct peer *peer = peer_new("id_memory");
    struct rng r = rng_seeded(15);
    struct timeline back = {0};
    struct buf bytes = {0}, positions[2] = {{0}};
    for (int k = 0; k < 2000; k++) {
        struct confirmation confirmations[CONFIRMATIONS_MAX];
        struct timeline t = {.confirmations = confirmations};
        fill_timeline(&t, &r, slice_str(""), positions);
        buf_clear(&bytes);
        id_memory_encode(&t, &bytes);
        assert_int_equal(avro_value_reset(&peer->value), 0);
        peer_set_confirmations(&peer->value, &t, 0);
        peer_set_memory(&peer->value, &t.memory, "before_end", 0);
        assert_bytes_equal("id_memory", buf_slice(&bytes), peer_encode(peer));
        timeline_clear(&back);
        back.memory.revision = t.memory.revision;
        assert_true(id_memory_decode(buf_slice(&bytes), &back));
        assert_same_confirmations(&t, &back);
        assert_same_memory(&t.memory, &back.memory);
        for (size_t n = 0; n < bytes.n && n < 300; n++)
            assert_false(id_memory_decode(slice_of(bytes.p, n), &back));
        buf_put_byte(&bytes, 0);
        assert_false(id_memory_decode(buf_slice(&bytes), &back));
    }
    timeline_release(&back);
    buf_release(&bytes);
    buf_release(&positions[0]);
    buf_release(&positions[1]);
    peer_free(peer);
}

/* A confirmation with a row or message of its own. */
static void test_state_rows__confirmation(void **state) {
    (void)state;
    struct peer *peer = peer_new("confirmation");
    struct rng r = rng_seeded(16);
    for (int k = 0; k < 2000; k++) {
        struct confirmation back, c = {rng_any(&r), rng_chance(&r, 50), rng_any(&r)};
        struct buf bytes = {0};
        confirmation_encode(&c, &bytes);
        assert_int_equal(avro_value_reset(&peer->value), 0);
        set_bool(&peer->value, "deleted", c.deleted);
        set_long(&peer->value, "loaded_after", minus(c.loaded_at, c.at));
        assert_bytes_equal("confirmation", buf_slice(&bytes), peer_encode(peer));
        assert_true(confirmation_decode(buf_slice(&bytes), c.at, &back));
        assert_true(back.at == c.at && back.deleted == c.deleted && back.loaded_at == c.loaded_at);
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(confirmation_decode(slice_of(bytes.p, n), c.at, &back));
        buf_put_byte(&bytes, 0);
        assert_false(confirmation_decode(buf_slice(&bytes), c.at, &back));
        buf_release(&bytes);
    }
    peer_free(peer);
}

/* The lists that version 0.1.0 wrote, encoded by avro-c. Reading one replaces the confirmations and
 * nothing else. */
static void test_state_rows__confirmations_of_0_1_0(void **state) {
    (void)state;
    struct peer *peer = peer_new("confirmations");
    struct rng r = rng_seeded(17);
    struct timeline back = {0};
    struct buf positions[2] = {{0}}, bytes = {0};
    for (int k = 0; k < 2000; k++) {
        struct confirmation confirmations[CONFIRMATIONS_MAX];
        struct timeline t = {.confirmations = confirmations};
        fill_timeline(&t, &r, slice_str(""), positions);
        back.memory = t.memory;
        assert_int_equal(avro_value_reset(&peer->value), 0);
        for (size_t i = 0; i < t.confirmation_count; i++) {
            avro_value_t item;
            assert_int_equal(avro_value_append(&peer->value, &item, NULL), 0);
            set_long(&item, "at", t.confirmations[i].at);
            set_bool(&item, "deleted", t.confirmations[i].deleted);
            set_long(&item, "loaded_at", t.confirmations[i].loaded_at);
        }
        buf_set(&bytes, peer_encode(peer));
        assert_true(confirmations_decode(buf_slice(&bytes), &back));
        assert_same_confirmations(&t, &back);
        assert_same_memory(&t.memory, &back.memory);
        for (size_t n = 0; n < bytes.n && n < 300; n++)
            assert_false(confirmations_decode(slice_of(bytes.p, n), &back));
        buf_put_byte(&bytes, 0);
        assert_false(confirmations_decode(buf_slice(&bytes), &back));
    }
    timeline_release(&back);
    buf_release(&positions[0]);
    buf_release(&positions[1]);
    buf_release(&bytes);
    peer_free(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_rows__account),
        cmocka_unit_test(test_state_rows__attributes_and_links),
        cmocka_unit_test(test_state_rows__customer),
        cmocka_unit_test(test_state_rows__customer_of_version_0_2),
        cmocka_unit_test(test_state_rows__ref),
        cmocka_unit_test(test_state_rows__damaged_rows),
        cmocka_unit_test(test_state_rows__id_memory),
        cmocka_unit_test(test_state_rows__confirmation),
        cmocka_unit_test(test_state_rows__confirmations_of_0_1_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
