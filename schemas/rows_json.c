/* Rows as JSON objects: printing them, and reading them back. */
#include "schemas/rows.h"
#include "streamer/base/base64.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"

#include <string.h>

static void put_bool(struct buf *out, bool v) {
    if (v)
        buf_put_str(out, "true");
    else
        buf_put_str(out, "false");
}

static void put_base64_decimal(struct buf *out, int128 v) {
    char bytes[16];
    size_t at = out->n;
    decimal_put_bytes(out, v);
    size_t n = out->n - at;
    memcpy(bytes, out->p + at, n);
    out->n = at;
    base64_put(out, slice_of(bytes, n));
}

/* The ways in which rows are written as JSON. They differ in decimals and times. */
enum style { STYLE_TEXT, STYLE_NUMBERS, STYLE_CONNECT };

#define INLINE static inline __attribute__((always_inline))

INLINE void put_decimal(enum style style, struct buf *out, int128 v, int scale) {
    if (style == STYLE_NUMBERS) {
        decimal_put(out, v, scale);
        return;
    }
    buf_put_byte(out, '"');
    if (style == STYLE_CONNECT)
        put_base64_decimal(out, v);
    else
        decimal_put(out, v, scale);
    buf_put_byte(out, '"');
}

INLINE void put_time(enum style style, struct buf *out, int64_t ms) {
    if (ms == TIMESTAMP_NONE) {
        buf_put_str(out, "null");
        return;
    }
    if (style == STYLE_CONNECT) {
        buf_put_int(out, ms);
        return;
    }
    buf_put_byte(out, '"');
    timestamp_put_iso(out, ms);
    buf_put_byte(out, '"');
}

/* It is a part of each of its callers, so that none asks for the style in each field. */
INLINE void put_object(enum style style, const struct row_type *type, const void *row,
                       struct buf *out) {
    size_t start = out->n;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const void *p = (const char *)row + f->offset;
        /* The whole array is copied: a copy of a fixed size needs no call. */
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
            put_decimal(style, out, *(const int64_t *)p, 2);
            break;
        case ROW_RATE:
            put_decimal(style, out, *(const int64_t *)p, 3);
            break;
        case ROW_TOTAL:
            put_decimal(style, out, *(const int128 *)p, 2);
            break;
        case ROW_TIME:
        case ROW_OPTIONAL_TIME:
            put_time(style, out, *(const int64_t *)p);
            break;
        }
    }
    out->p[start] = '{'; /* instead of the first field's comma */
    buf_put_byte(out, '}');
}

void row_put_json(const struct row_type *type, const void *row, struct buf *out) {
    put_object(STYLE_TEXT, type, row, out);
}

void row_put_json_numbers(const struct row_type *type, const void *row, struct buf *out) {
    put_object(STYLE_NUMBERS, type, row, out);
}

void row_put_json_connect(const struct row_type *type, const void *row, struct buf *out) {
    put_object(STYLE_CONNECT, type, row, out);
}

/* Reads what decimal_put wrote: an optional '-', digits, a point, and `scale` digits. There are at
 * most 38 digits, so that the number fits an int128. */
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
        return get_decimal_text(text, row_decimals(kind), &wide) && row_set_decimal(kind, wide, p);
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

bool row_read_json(const struct row_type *type, struct json *json, struct slice text, void *row) {
    if (row_scan_json(type, text, row))
        return true;
    const cJSON *object = json_parse(json, text);
    return object != NULL && row_get_json(type, object, row);
}

bool row_get_json_connect(enum row_field_kind kind, const cJSON *item, void *p) {
    char bytes[DECIMAL_BYTES_MAX];
    int128 wide;
    if (row_decimals(kind) > 0) {
        size_t n = base64_get(json_text(item), bytes, sizeof bytes);
        return cJSON_IsString(item) && !json_is_number(item) &&
               decimal_get_bytes(slice_of(bytes, n), &wide) && row_set_decimal(kind, wide, p);
    }
    if (kind != ROW_TIME && kind != ROW_OPTIONAL_TIME)
        return get_json_field(kind, item, p);
    if (item == NULL || cJSON_IsNull(item))
        return row_set_nothing(kind, p);
    int64_t ms;
    return get_json_field(ROW_LONG, item, &ms) && row_set_time(ms, p);
}
