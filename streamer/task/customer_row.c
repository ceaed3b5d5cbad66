#include "streamer/task/customer_row.h"

#include <assert.h>

void customer_row_clear(struct customer_row *r) {
    timeline_clear(&r->timeline);
    r->origin = (struct row_origin){0};
    totals_clear(&r->totals);
    customer_links_clear(&r->links);
    r->has_profile = false;
}

void customer_row_release(struct customer_row *r) {
    timeline_release(&r->timeline);
    totals_release(&r->totals);
}

bool customer_row_is_empty(const struct customer_row *r) {
    return timeline_is_empty(&r->timeline) && r->totals.partition_count == 0 &&
           r->links.count == 0 && !r->has_profile;
}

int64_t customer_row_links_outside(const struct customer_row *r) {
    return totals_links(&r->totals) - r->links.count;
}

static bool ref_of(const struct version *current, struct customer_ref *ref) {
    struct customer_attributes a;
    *ref = (struct customer_ref){.known = false, .customer_name = slice_of("", 0)};
    if (current == NULL)
        return true;
    struct slice in = current->attributes;
    if (!row_get_avro(&customer_attributes_type, &in, &a) || in.n > 0)
        return false;
    *ref = (struct customer_ref){true, a.customer_name, a.has_loan_flag};
    return true;
}

bool customer_row_ref(const struct customer_row *r, struct customer_ref *ref) {
    return ref_of(timeline_current(&r->timeline), ref);
}

struct ref_origin customer_row_ref_origin(const struct customer_row *r) {
    if (!r->origin.exists || r->origin.is_split)
        return (struct ref_origin){0};
    return (struct ref_origin){r->origin, r->timeline.current.from, r->timeline.current.loaded_at};
}

/* --- the profile --- */

static void put_profile(const struct customer_profile_row *p, const struct totals *t,
                        const struct customer_ref *customer, struct buf *out) {
    struct customer_profile_row expected;
    bool own = !customer_profile(t, p->customer_id, customer, 0, &expected) ||
               !row_same_content(&customer_profile_type, &expected, p);
    avro_put_long(out, p->calculated_at);
    avro_put_branch(out, own);
    if (!own)
        return;
    avro_put_bytes(out, p->customer_name);
    avro_put_bool(out, p->has_loan_flag);
    avro_put_long(out, p->total_accounts_count);
    avro_put_decimal(out, p->total_balance_amount);
    avro_put_decimal(out, p->total_annual_interest_amount);
}

static bool get_profile(struct slice *in, int64_t customer_id, const struct totals *t,
                        const struct customer_ref *customer, struct customer_profile_row *p) {
    int64_t calculated_at;
    bool own;
    if (!avro_get_long(in, &calculated_at) || !avro_get_branch(in, &own))
        return false;
    if (!own)
        return customer_profile(t, customer_id, customer, calculated_at, p);
    p->customer_id = customer_id;
    p->calculated_at = calculated_at;
    return avro_get_bytes(in, &p->customer_name) && avro_get_bool(in, &p->has_loan_flag) &&
           avro_get_long(in, &p->total_accounts_count) &&
           avro_get_decimal(in, &p->total_balance_amount) &&
           avro_get_decimal(in, &p->total_annual_interest_amount);
}

/* --- the whole --- */

void customer_row_encode(const struct customer_row *r, struct buf *out) {
    struct customer_ref customer;
    bool readable = customer_row_ref(r, &customer);
    assert(readable); /* this program encoded it, or this file decoded it */
    (void)readable;
    timeline_encode(&r->timeline, out);
    avro_put_branch(out, r->totals.partition_count > 0);
    if (r->totals.partition_count > 0)
        totals_encode(&r->totals, out);
    customer_links_encode(&r->links, out);
    avro_put_branch(out, r->has_profile);
    if (r->has_profile)
        put_profile(&r->profile, &r->totals, &customer, out);
    row_origin_encode(&r->origin, out);
}

bool customer_row_decode(struct slice in, int64_t customer_id, struct customer_row *r) {
    return timeline_decode(&in, &r->timeline) &&
           customer_row_decode_rest(in, customer_id, timeline_current(&r->timeline), r);
}

bool customer_row_decode_rest(struct slice in, int64_t customer_id, const struct version *current,
                              struct customer_row *r) {
    struct customer_ref customer;
    bool has_totals;
    totals_clear(&r->totals);
    r->origin = (struct row_origin){0};
    return ref_of(current, &customer) && avro_get_branch(&in, &has_totals) &&
           (!has_totals || totals_decode(&in, &r->totals)) &&
           customer_links_decode(&in, &r->links) && avro_get_branch(&in, &r->has_profile) &&
           (!r->has_profile || get_profile(&in, customer_id, &r->totals, &customer, &r->profile)) &&
           (in.n == 0 || row_origin_decode(&in, &r->origin)) && in.n == 0;
}
