#include "streamer/task/history_rows.h"

#include "streamer/base/decimal.h"
#include "streamer/task/account_row.h"

const struct row_type *history_row_type(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? &customer_history_type : &account_history_type;
}

static bool customer_of_version(struct slice id, const struct version *v,
                                struct customer_history_row *row) {
    struct customer_attributes a;
    struct slice in = v->attributes;
    int64_t customer_id;
    if (decimal_parse_integer(id, &customer_id) != DECIMAL_OK ||
        !row_get_avro(&customer_attributes_type, &in, &a))
        return false;
    *row = (struct customer_history_row){customer_id,  a.customer_name, a.has_loan_flag,
                                         v->loaded_at, v->from,         v->to};
    return true;
}

static bool account_of_version(struct slice id, const struct version *v,
                               struct account_history_row *row) {
    struct account_attributes a;
    if (!account_attributes_decode(v->attributes, &a))
        return false;
    *row = (struct account_history_row){
        id, a.customer_id, a.balance_amount, a.account_type, v->loaded_at, v->from, v->to};
    return true;
}

bool history_row_of_version(enum entity entity, struct slice id, const struct version *v,
                            union history_row *row) {
    return entity == ENTITY_CUSTOMER ? customer_of_version(id, v, &row->customer)
                                     : account_of_version(id, v, &row->account);
}

static void customer_to_version(const struct customer_history_row *row, struct buf *attributes,
                                struct version *v) {
    struct customer_attributes a = {row->customer_name, row->has_loan_flag};
    row_put_avro(&customer_attributes_type, &a, attributes);
    *v = (struct version){row->valid_from_at, row->valid_to_at, row->loaded_at, {0}};
}

static bool account_to_version(const struct account_history_row *row, struct buf *attributes,
                               struct version *v) {
    struct account_attributes a = {row->customer_id, row->balance_amount, row->account_type};
    enum account_type ignored;
    if (!account_type_find(row->account_type, &ignored))
        return false;
    account_attributes_encode(&a, attributes);
    *v = (struct version){row->valid_from_at, row->valid_to_at, row->loaded_at, {0}};
    return true;
}

bool history_row_to_version(enum entity entity, const union history_row *row,
                            struct buf *attributes, struct version *v) {
    buf_clear(attributes);
    if (entity == ENTITY_CUSTOMER)
        customer_to_version(&row->customer, attributes, v);
    else if (!account_to_version(&row->account, attributes, v))
        return false;
    v->attributes = buf_slice(attributes);
    return true;
}
