#include "streamer/service/as_of_parts.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#include <stdlib.h>

#define FIELD(field_kind, field)                                                                   \
    {                                                                                              \
        .name = #field, .kind = (field_kind), .offset = offsetof(struct as_of_part, field),        \
        .in_json = ",\"" #field "\":", .in_json_n = sizeof(",\"" #field "\":") - 1                 \
    }
static const struct row_field part_fields[] = {
    FIELD(ROW_LONG, partition),
    FIELD(ROW_LONG, accounts),
    FIELD(ROW_TOTAL, balance),
    FIELD(ROW_TOTAL, interest_without_loan),
    FIELD(ROW_TOTAL, interest_with_loan),
};
static const struct row_type part_type = {.name = "as_of_part",
                                          .result = ROW_RESULT_COUNT,
                                          .size = sizeof(struct as_of_part),
                                          .field_count = ARRAY_LEN(part_fields),
                                          .fields = part_fields};

void as_of_parts_put(struct buf *out, const struct as_of_customer *customer,
                     const struct as_of_part *parts, size_t count) {
    buf_put_byte(out, '{');
    if (customer->is_told)
        buf_put_str(out, "\"customer\":");
    if (customer->is_told && customer->exists)
        row_put_json(&customer_history_type, &customer->row, out);
    else if (customer->is_told)
        buf_put_str(out, "null");
    buf_put_str(out, customer->is_told ? ",\"partitions\":[" : "\"partitions\":[");
    for (size_t i = 0; i < count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        row_put_json(&part_type, &parts[i], out);
    }
    buf_put_str(out, "]}\n");
}

void as_of_parts_init(struct as_of_parts *all, int32_t partitions) {
    *all = (struct as_of_parts){.partitions = partitions};
    all->tellers = mem_calloc((size_t)partitions, sizeof *all->tellers);
}

void as_of_parts_release(struct as_of_parts *all) {
    free(all->tellers);
    totals_release(&all->totals);
    buf_release(&all->name);
}

static bool add_customer(struct as_of_parts *all, const cJSON *item) {
    struct customer_history_row row;
    all->customer_tellers++;
    if (cJSON_IsNull(item))
        return true;
    if (!row_get_json(&customer_history_type, item, &row))
        return false;
    buf_set(&all->name, row.customer_name);
    all->customer = (struct customer_ref){true, buf_slice(&all->name), row.has_loan_flag};
    return true;
}

static bool add_part(struct as_of_parts *all, const cJSON *item) {
    struct as_of_part part;
    struct customer_totals *sums = &all->totals.sums;
    if (!row_get_json(&part_type, item, &part) || part.partition < 0 ||
        part.partition >= all->partitions)
        return false;
    all->tellers[part.partition]++;
    sums->accounts += part.accounts;
    sums->balance += part.balance;
    sums->interest_without_loan += part.interest_without_loan;
    sums->interest_with_loan += part.interest_with_loan;
    return true;
}

bool as_of_parts_add(struct as_of_parts *all, struct slice text) {
    struct json json;
    json_init(&json);
    const cJSON *root = json_parse(&json, text), *customer = json_member(root, "customer"),
                *parts = json_member(root, "partitions"), *item;
    bool ok = cJSON_IsArray(parts) && (customer == NULL || add_customer(all, customer));
    cJSON_ArrayForEach(item, parts) {
        ok = ok && add_part(all, item);
    }
    json_release(&json);
    return ok;
}

bool as_of_parts_are_whole(const struct as_of_parts *all) {
    for (int32_t p = 0; p < all->partitions; p++)
        if (all->tellers[p] != 1)
            return false;
    return all->customer_tellers == 1;
}
