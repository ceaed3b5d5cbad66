#include "schemas/rows.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <string.h>

#define TEN_TO_19 ((int128)10000000000000000000u)
#define TOTAL_LIMIT (TEN_TO_19 * TEN_TO_19) /* totals have at most 38 digits */

#define FIELD(type, field_kind, field)                                                             \
    {                                                                                              \
        .name = #field, .kind = (field_kind), .offset = offsetof(struct type, field),              \
        .in_json = ",\"" #field "\":", .in_json_n = sizeof(",\"" #field "\":") - 1                 \
    }
#define DECIMAL(type, field_kind, field, digits)                                                   \
    {                                                                                              \
        .name = #field, .kind = (field_kind), .precision = (digits),                               \
        .offset = offsetof(struct type, field),                                                    \
        .in_json = ",\"" #field "\":", .in_json_n = sizeof(",\"" #field "\":") - 1                 \
    }
#define ROW_TYPE(row_struct, row_name, of_result, row_fields)                                      \
    {                                                                                              \
        .name = (row_name), .result = (of_result), .size = sizeof(struct row_struct),              \
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
const struct row_type customer_history_type = ROW_TYPE(
    customer_history_row, "customer_history", ROW_CUSTOMER_HISTORY, customer_history_fields);

static const struct row_field account_history_fields[] = {
    FIELD(account_history_row, ROW_TEXT, account_id),
    FIELD(account_history_row, ROW_LONG, customer_id),
    DECIMAL(account_history_row, ROW_AMOUNT, balance_amount, 18),
    FIELD(account_history_row, ROW_TEXT, account_type),
    FIELD(account_history_row, ROW_TIME, loaded_at),
    FIELD(account_history_row, ROW_TIME, valid_from_at),
    FIELD(account_history_row, ROW_OPTIONAL_TIME, valid_to_at),
};
const struct row_type account_history_type =
    ROW_TYPE(account_history_row, "account_history", ROW_ACCOUNT_HISTORY, account_history_fields);

static const struct row_field account_with_customer_fields[] = {
    FIELD(account_with_customer_row, ROW_TEXT, account_id),
    FIELD(account_with_customer_row, ROW_LONG, customer_id),
    FIELD(account_with_customer_row, ROW_TEXT, customer_name),
    FIELD(account_with_customer_row, ROW_BOOL, has_loan_flag),
    DECIMAL(account_with_customer_row, ROW_AMOUNT, balance_amount, 18),
    FIELD(account_with_customer_row, ROW_TEXT, account_type),
    FIELD(account_with_customer_row, ROW_TIME, valid_from_at),
};
const struct row_type account_with_customer_type =
    ROW_TYPE(account_with_customer_row, "account_with_customer", ROW_ACCOUNT_WITH_CUSTOMER,
             account_with_customer_fields);

static const struct row_field account_summary_fields[] = {
    FIELD(account_summary_row, ROW_TEXT, account_id),
    FIELD(account_summary_row, ROW_LONG, customer_id),
    DECIMAL(account_summary_row, ROW_AMOUNT, original_balance_amount, 18),
    DECIMAL(account_summary_row, ROW_RATE, interest_rate_pct, 5),
    DECIMAL(account_summary_row, ROW_AMOUNT, annual_interest_amount, 18),
    DECIMAL(account_summary_row, ROW_AMOUNT, new_balance_amount, 20),
    FIELD(account_summary_row, ROW_TIME, calculated_at),
};
const struct row_type account_summary_type =
    ROW_TYPE(account_summary_row, "account_summary", ROW_ACCOUNT_SUMMARY, account_summary_fields);

static const struct row_field customer_profile_fields[] = {
    FIELD(customer_profile_row, ROW_LONG, customer_id),
    FIELD(customer_profile_row, ROW_TEXT, customer_name),
    FIELD(customer_profile_row, ROW_BOOL, has_loan_flag),
    FIELD(customer_profile_row, ROW_LONG, total_accounts_count),
    DECIMAL(customer_profile_row, ROW_TOTAL, total_balance_amount, 38),
    DECIMAL(customer_profile_row, ROW_TOTAL, total_annual_interest_amount, 38),
    FIELD(customer_profile_row, ROW_TIME, calculated_at),
};
const struct row_type customer_profile_type = ROW_TYPE(
    customer_profile_row, "customer_profile", ROW_CUSTOMER_PROFILE, customer_profile_fields);

const struct row_type *const row_result_types[ROW_RESULT_COUNT] = {
    [ROW_CUSTOMER_HISTORY] = &customer_history_type,
    [ROW_ACCOUNT_HISTORY] = &account_history_type,
    [ROW_ACCOUNT_WITH_CUSTOMER] = &account_with_customer_type,
    [ROW_ACCOUNT_SUMMARY] = &account_summary_type,
    [ROW_CUSTOMER_PROFILE] = &customer_profile_type,
};

static const struct row_field customer_attributes_fields[] = {
    FIELD(customer_attributes, ROW_TEXT, customer_name),
    FIELD(customer_attributes, ROW_BOOL, has_loan_flag),
};
const struct row_type customer_attributes_type = ROW_TYPE(
    customer_attributes, "customer_attributes", ROW_RESULT_COUNT, customer_attributes_fields);

static const struct row_field account_link_fields[] = {
    FIELD(account_link, ROW_LONG, partition),
    DECIMAL(account_link, ROW_AMOUNT, balance_amount, 18),
    FIELD(account_link, ROW_TEXT, account_type),
};
const struct row_type account_link_type =
    ROW_TYPE(account_link, "account_link", ROW_RESULT_COUNT, account_link_fields);

static const struct row_field customer_account_fields[] = {
    FIELD(customer_account_row, ROW_TEXT, account_id),
    FIELD(customer_account_row, ROW_LONG, partition),
    DECIMAL(customer_account_row, ROW_AMOUNT, balance_amount, 18),
    FIELD(customer_account_row, ROW_TEXT, account_type),
};
const struct row_type customer_account_type =
    ROW_TYPE(customer_account_row, "customer_account", ROW_RESULT_COUNT, customer_account_fields);

int row_decimals(enum row_field_kind kind) {
    if (kind == ROW_RATE)
        return 3;
    return kind == ROW_AMOUNT || kind == ROW_TOTAL ? 2 : 0;
}

bool row_set_decimal(enum row_field_kind kind, int128 value, void *p) {
    if (kind == ROW_TOTAL) {
        *(int128 *)p = value;
        return value < TOTAL_LIMIT && value > -TOTAL_LIMIT;
    }
    *(int64_t *)p = (int64_t)value;
    return value >= INT64_MIN && value <= INT64_MAX;
}

bool row_set_time(int64_t ms, void *p) {
    *(int64_t *)p = ms;
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX;
}

bool row_set_nothing(enum row_field_kind kind, void *p) {
    if (kind != ROW_OPTIONAL_TIME)
        return false;
    *(int64_t *)p = TIMESTAMP_NONE;
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
