#include "streamer/task/customer_links.h"

#include "streamer/task/account_row.h"

void link_encode(const struct account_link *link, struct buf *out) {
    avro_put_long(out, link->partition);
    avro_put_long(out, link->balance_amount);
    account_type_encode(link->account_type, out);
}

bool link_decode(struct slice *in, struct account_link *link) {
    return avro_get_long(in, &link->partition) && link->partition >= 0 &&
           link->partition <= INT32_MAX && avro_get_long(in, &link->balance_amount) &&
           account_type_decode(in, &link->account_type);
}

void customer_links_clear(struct customer_links *l) {
    *l = (struct customer_links){0, slice_of("", 0)};
}

void customer_links_encode(const struct customer_links *l, struct buf *out) {
    if (l->count > 0) {
        avro_put_long(out, -l->count);
        avro_put_bytes(out, l->items);
    }
    avro_put_long(out, 0);
}

bool customer_links_decode(struct slice *in, struct customer_links *l) {
    int64_t count;
    customer_links_clear(l);
    if (!avro_get_long(in, &count) || count > 0 || count < -CUSTOMER_LINKS_MAX)
        return false;
    if (count == 0)
        return true;
    l->count = -count;
    return avro_get_bytes(in, &l->items) && avro_get_long(in, &count) && count == 0;
}

bool customer_links_next(struct slice *rest, struct slice *account_id, struct account_link *link) {
    return avro_get_bytes(rest, account_id) && link_decode(rest, link);
}

bool customer_links_find(const struct customer_links *l, struct slice account_id,
                         struct customer_links_place *p) {
    struct slice rest = l->items, id;
    *p = (struct customer_links_place){0};
    while (rest.n > 0) {
        if (!customer_links_next(&rest, &id, &p->link))
            return false;
        int order = slice_compare(id, account_id);
        p->end = l->items.n - rest.n;
        p->exists = order == 0;
        if (order > 0)
            p->end = p->at;
        if (order >= 0)
            return true;
        p->at = p->end;
    }
    return true;
}

void customer_links_change(struct customer_links *l, const struct customer_links_place *p,
                           struct slice account_id, const struct account_link *link,
                           struct buf *bytes) {
    buf_clear(bytes);
    buf_put(bytes, l->items.p, p->at);
    if (link != NULL) {
        avro_put_bytes(bytes, account_id);
        link_encode(link, bytes);
    }
    buf_put(bytes, l->items.p + p->end, l->items.n - p->end);
    l->items = buf_slice(bytes);
    l->count += (link != NULL) - p->exists;
}
