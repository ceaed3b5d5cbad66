#include "streamer/task/account_row.h"

#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/event.h"

#include <assert.h>

void account_row_clear(struct account_row *r) {
    timeline_clear(&r->timeline);
    r->has_joined = r->has_summary = false;
    r->origin = (struct row_origin){0};
}

void account_row_release(struct account_row *r) {
    timeline_release(&r->timeline);
}

bool account_row_is_empty(const struct account_row *r) {
    return timeline_is_empty(&r->timeline) && !r->has_joined && !r->has_summary;
}

/* --- attributes --- */

void account_type_encode(struct slice account_type, struct buf *out) {
    enum account_type type;
    bool known = account_type_find(account_type, &type);
    assert(known); /* whoever takes an account_type in has checked it */
    (void)known;
    avro_put_long(out, type);
}

bool account_type_decode(struct slice *in, struct slice *account_type) {
    int64_t type;
    if (!avro_get_long(in, &type) || (type != ACCOUNT_SAVINGS && type != ACCOUNT_CHECKING))
        return false;
    *account_type = slice_str(account_type_name((enum account_type)type));
    return true;
}

void account_attributes_encode(const struct account_attributes *a, struct buf *out) {
    avro_put_long(out, a->customer_id);
    avro_put_long(out, a->balance_amount);
    account_type_encode(a->account_type, out);
}

static bool get_attributes(struct slice *in, struct account_attributes *a) {
    return avro_get_long(in, &a->customer_id) && avro_get_long(in, &a->balance_amount) &&
           account_type_decode(in, &a->account_type);
}

bool account_attributes_decode(struct slice in, struct account_attributes *a) {
    return get_attributes(&in, a) && in.n == 0;
}

/* The customer_id comes first. It ends with the first byte that is below 0x80. */
bool account_attributes_same_customer(struct slice a, struct slice b) {
    size_t i = 0, n = a.n < b.n ? a.n : b.n;
    while (i < n && a.p[i] == b.p[i] && (a.p[i] & 0x80) != 0)
        i++;
    return i < n && a.p[i] == b.p[i];
}

/* --- the current version, which the tail is compared with --- */

struct current {
    bool exists;
    struct account_attributes attributes;
    int64_t from, loaded_at;
};

/* v == NULL: there is none. False if its attributes are damaged. */
static bool read_current(const struct version *v, struct current *c) {
    *c = (struct current){.exists = v != NULL};
    if (v == NULL)
        return true;
    c->from = v->from;
    c->loaded_at = v->loaded_at;
    return account_attributes_decode(v->attributes, &c->attributes);
}

/* --- the joined row --- */

static bool joined_is_current(const struct account_with_customer_row *j, const struct current *c) {
    return c->exists && j->customer_id == c->attributes.customer_id &&
           j->balance_amount == c->attributes.balance_amount && j->valid_from_at == c->from &&
           slice_eq(j->account_type, c->attributes.account_type);
}

static void put_joined(const struct account_with_customer_row *j, const struct current *c,
                       struct buf *out) {
    bool own = !joined_is_current(j, c);
    avro_put_bytes(out, j->customer_name);
    avro_put_bool(out, j->has_loan_flag);
    avro_put_branch(out, own);
    if (!own)
        return;
    struct account_attributes a = {j->customer_id, j->balance_amount, j->account_type};
    account_attributes_encode(&a, out);
    avro_put_long(out, j->valid_from_at);
}

static bool get_joined(struct slice *in, struct slice account_id, const struct current *c,
                       struct account_with_customer_row *j) {
    struct account_attributes a = c->attributes;
    int64_t from = c->from;
    bool own;
    *j = (struct account_with_customer_row){.account_id = account_id};
    if (!avro_get_bytes(in, &j->customer_name) || !avro_get_bool(in, &j->has_loan_flag) ||
        !avro_get_branch(in, &own))
        return false;
    if (own ? !get_attributes(in, &a) || !avro_get_long(in, &from) : !c->exists)
        return false;
    j->customer_id = a.customer_id;
    j->balance_amount = a.balance_amount;
    j->account_type = a.account_type;
    j->valid_from_at = from;
    return true;
}

/* --- the summary --- */

/* The summary of the current version at a rate. False if an amount does not fit. */
static bool summarize_current(const struct current *c, int64_t rate_milli,
                              struct account_summary_row *s) {
    int64_t balance = c->attributes.balance_amount;
    int128 interest = decimal_divide((int128)balance * rate_milli, 1000), sum = balance + interest;
    s->customer_id = c->attributes.customer_id;
    s->original_balance_amount = balance;
    s->interest_rate_pct = rate_milli;
    s->annual_interest_amount = (int64_t)interest;
    s->new_balance_amount = (int64_t)sum;
    return interest >= INT64_MIN && interest <= INT64_MAX && sum >= INT64_MIN && sum <= INT64_MAX;
}

static bool summary_is_current(const struct account_summary_row *s, const struct current *c) {
    struct account_summary_row expected = *s;
    return c->exists && summarize_current(c, s->interest_rate_pct, &expected) &&
           row_same_content(&account_summary_type, &expected, s);
}

static void put_summary(const struct account_summary_row *s, const struct current *c,
                        struct buf *out) {
    bool own = !summary_is_current(s, c);
    avro_put_long(out, s->interest_rate_pct);
    avro_put_long(out, time_after(s->calculated_at, c->loaded_at));
    avro_put_branch(out, own);
    if (!own)
        return;
    avro_put_long(out, s->customer_id);
    avro_put_long(out, s->original_balance_amount);
    avro_put_long(out, s->annual_interest_amount);
    avro_put_long(out, s->new_balance_amount);
}

static bool get_summary(struct slice *in, struct slice account_id, const struct current *c,
                        struct account_summary_row *s) {
    int64_t after;
    bool own;
    *s = (struct account_summary_row){.account_id = account_id};
    if (!avro_get_long(in, &s->interest_rate_pct) || !avro_get_long(in, &after) ||
        !avro_get_branch(in, &own))
        return false;
    s->calculated_at = time_plus(c->loaded_at, after);
    if (!own)
        return c->exists && summarize_current(c, s->interest_rate_pct, s);
    return avro_get_long(in, &s->customer_id) && avro_get_long(in, &s->original_balance_amount) &&
           avro_get_long(in, &s->annual_interest_amount) &&
           avro_get_long(in, &s->new_balance_amount);
}

/* --- the whole --- */

void account_row_encode(const struct account_row *r, struct buf *out) {
    struct current c;
    bool readable = read_current(timeline_current(&r->timeline), &c);
    assert(readable); /* this file encoded or decoded it */
    (void)readable;
    timeline_encode(&r->timeline, out);
    avro_put_branch(out, r->has_joined);
    if (r->has_joined)
        put_joined(&r->joined, &c, out);
    avro_put_branch(out, r->has_summary);
    if (r->has_summary)
        put_summary(&r->summary, &c, out);
    row_origin_encode(&r->origin, out);
}

bool account_row_decode(struct slice in, struct slice account_id, struct account_row *r) {
    return timeline_decode(&in, &r->timeline) &&
           account_row_decode_rest(in, account_id, timeline_current(&r->timeline), r);
}

bool account_row_decode_rest(struct slice in, struct slice account_id,
                             const struct version *current, struct account_row *r) {
    struct current c;
    return read_current(current, &c) && avro_get_branch(&in, &r->has_joined) &&
           (!r->has_joined || get_joined(&in, account_id, &c, &r->joined)) &&
           avro_get_branch(&in, &r->has_summary) &&
           (!r->has_summary || get_summary(&in, account_id, &c, &r->summary)) &&
           row_origin_decode(&in, &r->origin) && in.n == 0;
}
