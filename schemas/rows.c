#include "schemas/rows.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <string.h>

#define FIELD(type, field_kind, field)                                                             \
    {                                                                                              \
        .name = #field, .kind = (field_kind), .offset = offsetof(struct type, field),              \
        .in_json = ",\"" #field "\":", .in_json_n = sizeof(",\"" #field "\":") - 1                 \
    }
#define ROW_TYPE(row_struct, row_name, row_fields)                                                 \
    {                                                                                              \
        .name = (row_name), .size = sizeof(struct row_struct),                                     \
        .field_count = ARRAY_LEN(row_fields), .fields = (row_fields)                               \
    }

static const struct row_field customer_history_fields[] = {
    FIELD(customer_history_row, ROW_LONG, customer_id),
    FIELD(customer_history_row, ROW_TEXT, customer_name),
    FIELD(customer_history_row, ROW_BOOL, has_loan_flag),
    FIELD(customer_history_row, ROW_TIME, loaded_at),
    FIELD(customer_history_row, ROW_TIME, valid_from_at),
    FIELD(customer_history_row, ROW_OPTIONAL_TIME, valid_to_at),
};
const struct row_type customer_history_type =
    ROW_TYPE(customer_history_row, "customer_history", customer_history_fields);

static const struct row_field account_history_fields[] = {
    FIELD(account_history_row, ROW_TEXT, account_id),
    FIELD(account_history_row, ROW_LONG, customer_id),
    FIELD(account_history_row, ROW_AMOUNT, balance_amount),
    FIELD(account_history_row, ROW_TEXT, account_type),
    FIELD(account_history_row, ROW_TIME, loaded_at),
    FIELD(account_history_row, ROW_TIME, valid_from_at),
    FIELD(account_history_row, ROW_OPTIONAL_TIME, valid_to_at),
};
const struct row_type account_history_type =
    ROW_TYPE(account_history_row, "account_history", account_history_fields);

static const struct row_field account_with_customer_fields[] = {
    FIELD(account_with_customer_row, ROW_TEXT, account_id),
    FIELD(account_with_customer_row, ROW_LONG, customer_id),
    FIELD(account_with_customer_row, ROW_TEXT, customer_name),
    FIELD(account_with_customer_row, ROW_BOOL, has_loan_flag),
    FIELD(account_with_customer_row, ROW_AMOUNT, balance_amount),
    FIELD(account_with_customer_row, ROW_TEXT, account_type),
    FIELD(account_with_customer_row, ROW_TIME, valid_from_at),
};
const struct row_type account_with_customer_type =
    ROW_TYPE(account_with_customer_row, "account_with_customer", account_with_customer_fields);

static const struct row_field account_summary_fields[] = {
    FIELD(account_summary_row, ROW_TEXT, account_id),
    FIELD(account_summary_row, ROW_LONG, customer_id),
    FIELD(account_summary_row, ROW_AMOUNT, original_balance_amount),
    FIELD(account_summary_row, ROW_RATE, interest_rate_pct),
    FIELD(account_summary_row, ROW_AMOUNT, annual_interest_amount),
    FIELD(account_summary_row, ROW_AMOUNT, new_balance_amount),
    FIELD(account_summary_row, ROW_TIME, calculated_at),
};
const struct row_type account_summary_type =
    ROW_TYPE(account_summary_row, "account_summary", account_summary_fields);

static const struct row_field customer_profile_fields[] = {
    FIELD(customer_profile_row, ROW_LONG, customer_id),
    FIELD(customer_profile_row, ROW_TEXT, customer_name),
    FIELD(customer_profile_row, ROW_BOOL, has_loan_flag),
    FIELD(customer_profile_row, ROW_LONG, total_accounts_count),
    FIELD(customer_profile_row, ROW_TOTAL, total_balance_amount),
    FIELD(customer_profile_row, ROW_TOTAL, total_annual_interest_amount),
    FIELD(customer_profile_row, ROW_TIME, calculated_at),
};
const struct row_type customer_profile_type =
    ROW_TYPE(customer_profile_row, "customer_profile", customer_profile_fields);

static const struct row_field customer_attributes_fields[] = {
    FIELD(customer_attributes, ROW_TEXT, customer_name),
    FIELD(customer_attributes, ROW_BOOL, has_loan_flag),
};
const struct row_type customer_attributes_type =
    ROW_TYPE(customer_attributes, "customer_attributes", customer_attributes_fields);

static const struct row_field account_link_fields[] = {
    FIELD(account_link, ROW_LONG, partition),
    FIELD(account_link, ROW_AMOUNT, balance_amount),
    FIELD(account_link, ROW_TEXT, account_type),
};
const struct row_type account_link_type =
    ROW_TYPE(account_link, "account_link", account_link_fields);

static const struct row_field customer_ref_fields[] = {
    FIELD(customer_ref, ROW_BOOL, known),
    FIELD(customer_ref, ROW_TEXT, customer_name),
    FIELD(customer_ref, ROW_BOOL, has_loan_flag),
};
const struct row_type customer_ref_type =
    ROW_TYPE(customer_ref, "customer_ref", customer_ref_fields);

/* --- Avro: https://avro.apache.org/docs/1.11.1/specification/#binary-encoding --- */

void avro_put_long_of_any_size(struct buf *out, int64_t v) {
    uint64_t zigzag = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    char *p = buf_reserve(out, 10);
    size_t n = 0;
    for (; zigzag >= 0x80; zigzag >>= 7)
        p[n++] = (char)(zigzag | 0x80);
    p[n++] = (char)zigzag;
    out->n += n;
}

bool avro_get_long_of_any_size(struct slice *in, int64_t *v) {
    uint64_t zigzag = 0;
    const char *p = in->p;
    size_t n = in->n < 10 ? in->n : 10;
    for (size_t i = 0; i < n; i++) {
        uint64_t byte = (unsigned char)p[i];
        zigzag |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *in = slice_of(p + i + 1, in->n - i - 1);
            *v = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return true;
        }
    }
    return false;
}

void avro_put_bytes(struct buf *out, struct slice v) {
    avro_put_long(out, (int64_t)v.n);
    buf_put_slice(out, v);
}

bool avro_get_bytes(struct slice *in, struct slice *v) {
    int64_t n;
    if (!avro_get_long(in, &n) || n < 0 || (uint64_t)n > in->n)
        return false;
    *v = slice_of(in->p, (size_t)n);
    *in = slice_of(in->p + n, in->n - (size_t)n);
    return true;
}

void avro_put_decimal(struct buf *out, int128 v) {
    size_t at = out->n;
    buf_put_byte(out, 0); /* the length: at most 16 bytes follow, so it takes one */
    decimal_put_bytes(out, v);
    out->p[at] = (char)((out->n - at - 1) << 1);
}

bool avro_get_decimal(struct slice *in, int128 *v) {
    struct slice bytes;
    return avro_get_bytes(in, &bytes) && decimal_get_bytes(bytes, v);
}

void avro_put_bool(struct buf *out, bool v) {
    buf_put_byte(out, v ? 1 : 0);
}

bool avro_get_bool(struct slice *in, bool *v) {
    if (in->n == 0)
        return false;
    *v = in->p[0] != 0;
    *in = slice_of(in->p + 1, in->n - 1);
    return true;
}

void avro_put_branch(struct buf *out, bool there) {
    avro_put_long(out, there ? 1 : 0);
}

bool avro_get_branch(struct slice *in, bool *there) {
    int64_t branch;
    if (!avro_get_long(in, &branch) || branch < 0 || branch > 1)
        return false;
    *there = branch == 1;
    return true;
}

void row_put_avro(const struct row_type *type, const void *row, struct buf *out) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const void *p = (const char *)row + f->offset;
        switch (f->kind) {
        case ROW_LONG:
        case ROW_TIME:
            avro_put_long(out, *(const int64_t *)p);
            break;
        case ROW_TEXT:
        case ROW_BYTES:
            avro_put_bytes(out, *(const struct slice *)p);
            break;
        case ROW_BOOL:
            avro_put_bool(out, *(const bool *)p);
            break;
        case ROW_AMOUNT:
        case ROW_RATE:
            avro_put_decimal(out, *(const int64_t *)p);
            break;
        case ROW_TOTAL:
            avro_put_decimal(out, *(const int128 *)p);
            break;
        case ROW_OPTIONAL_TIME:
            avro_put_branch(out, *(const int64_t *)p != TIMESTAMP_NONE);
            if (*(const int64_t *)p != TIMESTAMP_NONE)
                avro_put_long(out, *(const int64_t *)p);
            break;
        }
    }
}

static bool get_avro_field(enum row_field_kind kind, struct slice *in, void *p) {
    int128 wide;
    bool there;
    switch (kind) {
    case ROW_LONG:
    case ROW_TIME:
        return avro_get_long(in, p);
    case ROW_TEXT:
    case ROW_BYTES:
        return avro_get_bytes(in, p);
    case ROW_BOOL:
        return avro_get_bool(in, p);
    case ROW_AMOUNT:
    case ROW_RATE:
        if (!avro_get_decimal(in, &wide) || wide < INT64_MIN || wide > INT64_MAX)
            return false;
        *(int64_t *)p = (int64_t)wide;
        return true;
    case ROW_TOTAL:
        return avro_get_decimal(in, p);
    case ROW_OPTIONAL_TIME:
        if (!avro_get_branch(in, &there))
            return false;
        *(int64_t *)p = TIMESTAMP_NONE;
        return !there || avro_get_long(in, p);
    }
    return false;
}

bool row_get_avro(const struct row_type *type, struct slice *in, void *row) {
    for (size_t i = 0; i < type->field_count; i++)
        if (!get_avro_field(type->fields[i].kind, in, (char *)row + type->fields[i].offset))
            return false;
    return true;
}

/* --- JSON --- */

static void put_bool(struct buf *out, bool v) {
    if (v)
        buf_put_str(out, "true");
    else
        buf_put_str(out, "false");
}

static void put_quoted_decimal(struct buf *out, int128 v, int scale) {
    buf_put_byte(out, '"');
    decimal_put(out, v, scale);
    buf_put_byte(out, '"');
}

static void put_json_time(struct buf *out, int64_t ms) {
    if (ms == TIMESTAMP_NONE) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_byte(out, '"');
    timestamp_put_iso(out, ms);
    buf_put_byte(out, '"');
}

void row_put_json(const struct row_type *type, const void *row, struct buf *out) {
    size_t start = out->n;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const void *p = (const char *)row + f->offset;
        /* All of it, for a copy of a fixed size is no call. */
        memcpy(buf_reserve(out, sizeof f->in_json), f->in_json, sizeof f->in_json);
        out->n += f->in_json_n;
        switch (f->kind) {
        case ROW_LONG:
            buf_put_int(out, *(const int64_t *)p);
            break;
        case ROW_TEXT:
        case ROW_BYTES:
            json_put_string(out, *(const struct slice *)p);
            break;
        case ROW_BOOL:
            put_bool(out, *(const bool *)p);
            break;
        case ROW_AMOUNT:
            put_quoted_decimal(out, *(const int64_t *)p, 2);
            break;
        case ROW_RATE:
            put_quoted_decimal(out, *(const int64_t *)p, 3);
            break;
        case ROW_TOTAL:
            put_quoted_decimal(out, *(const int128 *)p, 2);
            break;
        case ROW_TIME:
        case ROW_OPTIONAL_TIME:
            put_json_time(out, *(const int64_t *)p);
            break;
        }
    }
    out->p[start] = '{'; /* instead of the first field's comma */
    buf_put_byte(out, '}');
}

/* Reads what decimal_put wrote: an optional '-', digits, a point, `scale` digits; 38 digits at
 * most, as they fit an int128. */
static bool get_decimal_text(struct slice text, int scale, int128 *v) {
    bool negative = text.n > 0 && text.p[0] == '-';
    size_t point = text.n - (size_t)scale - 1;
    *v = 0;
    if (text.n < (size_t)scale + 2 + negative || text.n > 38u + 1 + negative ||
        text.p[point] != '.')
        return false;
    for (size_t i = negative; i < text.n; i++) {
        if (i == point)
            continue;
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *v = *v * 10 + (text.p[i] - '0');
    }
    if (negative)
        *v = -*v;
    return true;
}

static bool get_json_field(enum row_field_kind kind, const cJSON *item, void *p) {
    struct slice text = json_text(item);
    int128 wide;
    switch (kind) {
    case ROW_LONG:
        return json_is_number(item) && decimal_parse_integer(text, p) == DECIMAL_OK;
    case ROW_TEXT:
        *(struct slice *)p = text;
        return cJSON_IsString(item) && !json_is_number(item);
    case ROW_BYTES:
        return false;
    case ROW_BOOL:
        *(bool *)p = cJSON_IsTrue(item);
        return cJSON_IsBool(item);
    case ROW_AMOUNT:
    case ROW_RATE:
        if (!get_decimal_text(text, kind == ROW_AMOUNT ? 2 : 3, &wide) || wide < INT64_MIN ||
            wide > INT64_MAX)
            return false;
        *(int64_t *)p = (int64_t)wide;
        return true;
    case ROW_TOTAL:
        return get_decimal_text(text, 2, p);
    case ROW_TIME:
        return text.p != NULL && timestamp_parse_iso(text, p);
    case ROW_OPTIONAL_TIME:
        *(int64_t *)p = TIMESTAMP_NONE;
        return cJSON_IsNull(item) || (text.p != NULL && timestamp_parse_iso(text, p));
    }
    return false;
}

bool row_get_json(const struct row_type *type, const cJSON *object, void *row) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (!get_json_field(f->kind, json_member(object, f->name), (char *)row + f->offset))
            return false;
    }
    return true;
}

static bool same_field(enum row_field_kind kind, const void *a, const void *b) {
    switch (kind) {
    case ROW_TEXT:
    case ROW_BYTES:
        return slice_eq(*(const struct slice *)a, *(const struct slice *)b);
    case ROW_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case ROW_TOTAL:
        return *(const int128 *)a == *(const int128 *)b;
    case ROW_LONG:
    case ROW_AMOUNT:
    case ROW_RATE:
    case ROW_TIME:
    case ROW_OPTIONAL_TIME:
        return *(const int64_t *)a == *(const int64_t *)b;
    }
    return false;
}

bool row_same_content(const struct row_type *type, const void *a, const void *b) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (!same_field(f->kind, (const char *)a + f->offset, (const char *)b + f->offset) &&
            strcmp(f->name, "calculated_at") != 0)
            return false;
    }
    return true;
}
