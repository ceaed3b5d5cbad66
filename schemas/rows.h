/* rows: every record that leaves the process or rests in it, as a C struct with a descriptor. The
 * descriptor drives all encodings: Avro binary for the state and the internal topics, JSON for
 * HTTP, and those of the result topics (codec.h). A test checks each descriptor against
 * schemas/<name>.avsc with avro-c.
 *
 * The slices of a decoded row point into the bytes that it was decoded from. */
#ifndef STREAMER_SCHEMAS_ROWS_H
#define STREAMER_SCHEMAS_ROWS_H

#include "streamer/base/buf.h"
#include "streamer/base/decimal.h"
#include "streamer/base/slice.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* What a field is: C type | Avro type | JSON value. */
enum row_field_kind {
    ROW_LONG,          /* int64_t | long | number */
    ROW_TEXT,          /* struct slice | string | string */
    ROW_BYTES,         /* struct slice | bytes | never in JSON */
    ROW_BOOL,          /* bool | boolean | true, false */
    ROW_AMOUNT,        /* int64_t, 1/100 | bytes, decimal of scale 2 | "16500.00" */
    ROW_TOTAL,         /* int128, 1/100 | bytes, decimal of scale 2 | "16500.00" */
    ROW_RATE,          /* int64_t, 1/1000 | bytes, decimal of scale 3 | "0.015" */
    ROW_TIME,          /* int64_t, epoch ms | long, timestamp-millis | "2024-02-15T00:00:00.000Z" */
    ROW_OPTIONAL_TIME, /* ROW_TIME or TIMESTAMP_NONE | union of null and long | text or null */
};

struct row_field {
    const char *name;
    enum row_field_kind kind;
    int precision;    /* of a decimal: how many digits the .avsc promises to readers; else 0 */
    size_t offset;    /* in the struct */
    char in_json[32]; /* the JSON text before its value: ,"name": */
    size_t in_json_n;
};

/* The types of the rows of the result topics, for arrays by type. */
enum row_result {
    ROW_CUSTOMER_HISTORY,
    ROW_ACCOUNT_HISTORY,
    ROW_ACCOUNT_WITH_CUSTOMER,
    ROW_ACCOUNT_SUMMARY,
    ROW_CUSTOMER_PROFILE,
    ROW_RESULT_COUNT, /* a type of the state or of the internal topics */
};

struct row_type {
    const char *name; /* of the Avro record and of its .avsc */
    enum row_result result;
    size_t size; /* of the struct */
    size_t field_count;
    const struct row_field *fields;
};

/* --- result topics --- */
struct customer_history_row {
    int64_t customer_id;
    struct slice customer_name;
    bool has_loan_flag;
    int64_t loaded_at, valid_from_at, valid_to_at;
};
struct account_history_row {
    struct slice account_id;
    int64_t customer_id;
    int64_t balance_amount;
    struct slice account_type;
    int64_t loaded_at, valid_from_at, valid_to_at;
};
struct account_with_customer_row {
    struct slice account_id;
    int64_t customer_id;
    struct slice customer_name;
    bool has_loan_flag;
    int64_t balance_amount;
    struct slice account_type;
    int64_t valid_from_at; /* of the account's current version */
};
struct account_summary_row {
    struct slice account_id;
    int64_t customer_id;
    int64_t original_balance_amount;
    int64_t interest_rate_pct;
    int64_t annual_interest_amount;
    int64_t new_balance_amount;
    int64_t calculated_at;
};
struct customer_profile_row {
    int64_t customer_id;
    struct slice customer_name;
    bool has_loan_flag;
    int64_t total_accounts_count;
    int128 total_balance_amount;
    int128 total_annual_interest_amount;
    int64_t calculated_at;
};
extern const struct row_type customer_history_type, account_history_type,
    account_with_customer_type, account_summary_type, customer_profile_type;
/* All of them, by enum row_result. */
extern const struct row_type *const row_result_types[ROW_RESULT_COUNT];

/* --- internal topics and state --- */
/* The attributes of a version. Two versions of one id differ when these do. */
struct customer_attributes {
    struct slice customer_name;
    bool has_loan_flag;
};
struct account_attributes {
    int64_t customer_id;
    int64_t balance_amount;
    struct slice account_type; /* encoded by account_row.h */
};
/* Value of account-links: the partition of the account's task, and what the customer's totals need
 * to know of the account. */
struct account_link {
    int64_t partition;
    int64_t balance_amount;
    struct slice account_type;
};
/* Value of customer-refs: the customer's current version, or that there is none. It is encoded by
 * customer_ref.h. */
struct customer_ref {
    bool known;
    struct slice customer_name; /* "" if not known */
    bool has_loan_flag;
};
extern const struct row_type customer_attributes_type, account_link_type;

/* --- answers of HTTP: only in JSON --- */
/* A current account of a customer. */
struct customer_account_row {
    struct slice account_id;
    int64_t partition; /* of the account's task */
    int64_t balance_amount;
    struct slice account_type;
};
extern const struct row_type customer_account_type;

/* --- encodings --- */
/* Appends the Avro binary of `row` (a struct of `type`). */
void row_put_avro(const struct row_type *type, const void *row, struct buf *out);
/* Reads one row from the front of `*in` and moves `in` behind it. False: the bytes are not such a
 * row. */
bool row_get_avro(const struct row_type *type, struct slice *in, void *row);

/* How many decimals a field has: 2 or 3; 0: it is no decimal. */
int row_decimals(enum row_field_kind kind);

/* Appends the JSON object of `row`, as HTTP answers it. Values of result topics are written and
 * read through codec.h. */
void row_put_json(const struct row_type *type, const void *row, struct buf *out);
/* The same with amounts and rates as numbers: 16500.00, 0.015. */
void row_put_json_numbers(const struct row_type *type, const void *row, struct buf *out);
/* The same as Kafka Connect has a struct in JSON: decimals are the base64 of their bytes, times are
 * milliseconds. */
void row_put_json_connect(const struct row_type *type, const void *row, struct buf *out);
/* Reads what row_put_json or row_put_json_numbers wrote. Unknown members are ignored. The slices
 * point into the cJSON tree. */
bool row_get_json(const struct row_type *type, const cJSON *object, void *row);
/* Reads what row_put_json_connect wrote, one field. item == NULL: it is missing. */
bool row_get_json_connect(enum row_field_kind kind, const cJSON *item, void *p);
/* Does what row_get_json does from the text, and several times faster: a text in exactly the form
 * that common values are given is read without a tree. The slices point into `text`, or into what
 * `json` has parsed last. */
bool row_read_json(const struct row_type *type, struct json *json, struct slice text, void *row);
/* Reads only that form. False does not mean that the text is no such row. For row_read_json and
 * tests. */
bool row_scan_json(const struct row_type *type, struct slice text, void *row);

/* Each puts a value that was read into a field of the row, at `p`. False: a field of this kind does
 * not have such values.
 *
 * `value` is scaled as the field is. */
bool row_set_decimal(enum row_field_kind kind, int128 value, void *p);
bool row_set_time(int64_t ms, void *p);
/* The value is null or missing. */
bool row_set_nothing(enum row_field_kind kind, void *p);

/* Whether two rows are equal in every field except calculated_at. */
bool row_same_content(const struct row_type *type, const void *a, const void *b);

/* Avro primitives, for the records of the state, which have optional parts and arrays (history.h,
 * account_row.h, customer_row.h). Each put appends; each get reads from the front of `*in`, moves
 * `in` behind, and returns false if the bytes are no such value. A branch is the one of a union of
 * null (false) and something else (true). */
void avro_put_long_of_any_size(struct buf *out, int64_t v);
bool avro_get_long_of_any_size(struct slice *in, int64_t *v);
/* Most longs take one byte. Writing or reading it is cheaper than a call, so the two functions are
 * always inlined. */
#define AVRO_INLINE static inline __attribute__((always_inline))
AVRO_INLINE void avro_put_long(struct buf *out, int64_t v) {
    if (v >= -64 && v < 64)
        buf_put_byte(out, (char)(v >= 0 ? 2 * v : -2 * v - 1));
    else
        avro_put_long_of_any_size(out, v);
}
AVRO_INLINE bool avro_get_long(struct slice *in, int64_t *v) {
    int64_t zigzag = in->n > 0 ? (unsigned char)in->p[0] : 0x80;
    if (zigzag >= 0x80)
        return avro_get_long_of_any_size(in, v);
    *in = slice_of(in->p + 1, in->n - 1);
    *v = (zigzag >> 1) ^ -(zigzag & 1);
    return true;
}
void avro_put_bytes(struct buf *out, struct slice v);
bool avro_get_bytes(struct slice *in, struct slice *v);
void avro_put_decimal(struct buf *out, int128 v);
bool avro_get_decimal(struct slice *in, int128 *v);
void avro_put_bool(struct buf *out, bool v);
bool avro_get_bool(struct slice *in, bool *v);
void avro_put_branch(struct buf *out, bool there);
bool avro_get_branch(struct slice *in, bool *there);

#endif
