#include "streamer/task/customer_ref.h"

#include "streamer/layers/snapshots/timeline.h"

void customer_ref_encode(const struct customer_ref *ref, const struct ref_origin *origin,
                         struct buf *out) {
    avro_put_bool(out, ref->known);
    avro_put_bytes(out, ref->customer_name);
    avro_put_bool(out, ref->has_loan_flag);
    row_origin_encode(&origin->record, out);
    if (!origin->record.exists)
        return;
    avro_put_long(out, origin->valid_from_at);
    avro_put_long(out, time_after(origin->loaded_at, origin->valid_from_at));
}

/* Version 0.2 wrote nothing here. */
static bool get_origin(struct slice in, struct ref_origin *o) {
    int64_t loaded_after;
    *o = (struct ref_origin){0};
    if (in.n == 0)
        return true;
    if (!row_origin_decode(&in, &o->record))
        return false;
    if (!o->record.exists)
        return in.n == 0;
    if (!avro_get_long(&in, &o->valid_from_at) || !avro_get_long(&in, &loaded_after))
        return false;
    o->loaded_at = time_plus(o->valid_from_at, loaded_after);
    return in.n == 0;
}

bool customer_ref_decode(struct slice in, struct customer_ref *ref, struct ref_origin *origin) {
    return avro_get_bool(&in, &ref->known) && avro_get_bytes(&in, &ref->customer_name) &&
           avro_get_bool(&in, &ref->has_loan_flag) && (origin == NULL || get_origin(in, origin));
}
