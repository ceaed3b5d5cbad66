/* The JSON encoding: printing rows, reading them back, and the codec that does both. */
#include "schemas/codec.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"

#include <string.h>

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

bool row_read_json(const struct row_type *type, struct json *json, struct slice text, void *row) {
    if (row_scan_json(type, text, row))
        return true;
    const cJSON *object = json_parse(json, text);
    return object != NULL && row_get_json(type, object, row);
}

const struct codec codec_json = {"json", {"{", 1}, row_put_json, row_read_json};
