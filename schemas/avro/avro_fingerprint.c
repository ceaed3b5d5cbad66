#include "schemas/avro/avro_fingerprint.h"

#include "schemas/avro/avro_names.h"
#include "streamer/base/decimal.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#define EMPTY UINT64_C(0xc15d213aa4d7a795) /* the fingerprint of no bytes */
#define DEPTH_MAX 100

uint64_t avro_crc64(struct slice bytes) {
    uint64_t crc = EMPTY;
    for (size_t i = 0; i < bytes.n; i++) {
        crc ^= (unsigned char)bytes.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (EMPTY & -(crc & 1));
    }
    return crc;
}

static bool put_schema(struct buf *out, const cJSON *schema, struct slice space, int depth);

static void put_full_name(struct buf *out, struct slice name, struct slice space) {
    struct buf full = {0};
    avro_names_put_full(&full, name, space);
    json_put_string(out, buf_slice(&full));
    buf_release(&full);
}

static void put_member(struct buf *out, const char *name) {
    if (out->p[out->n - 1] != '{')
        buf_put_byte(out, ',');
    json_put_string(out, slice_str(name));
    buf_put_byte(out, ':');
}

static bool put_fields(struct buf *out, const cJSON *fields, struct slice space, int depth) {
    const cJSON *field;
    if (!cJSON_IsArray(fields))
        return false;
    buf_put_byte(out, '[');
    cJSON_ArrayForEach(field, fields) {
        struct slice name = json_text(json_member(field, "name"));
        if (name.p == NULL)
            return false;
        buf_put_str(out, field->prev->next == NULL ? "{" : ",{");
        put_member(out, "name");
        json_put_string(out, name);
        put_member(out, "type");
        if (!put_schema(out, json_member(field, "type"), space, depth))
            return false;
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
    return true;
}

static bool put_symbols(struct buf *out, const cJSON *symbols) {
    const cJSON *symbol;
    if (!cJSON_IsArray(symbols))
        return false;
    buf_put_byte(out, '[');
    cJSON_ArrayForEach(symbol, symbols) {
        buf_put_str(out, symbol->prev->next == NULL ? "" : ",");
        json_put_string(out, json_text(symbol));
    }
    buf_put_byte(out, ']');
    return true;
}

static bool put_size(struct buf *out, const cJSON *size) {
    int64_t number;
    if (decimal_parse_integer(json_text(size), &number) != DECIMAL_OK)
        return false;
    buf_put_int(out, number);
    return true;
}

static bool put_object(struct buf *out, const cJSON *object, struct slice around, int depth) {
    struct slice type = json_text(json_member(object, "type"));
    struct slice name = json_text(json_member(object, "name"));
    struct slice space = name.p != NULL ? avro_names_space(object, around) : around;
    buf_put_byte(out, '{');
    if (name.p != NULL) {
        put_member(out, "name");
        put_full_name(out, name, space);
    }
    put_member(out, "type");
    json_put_string(out, slice_eq(type, slice_str("error")) ? slice_str("record") : type);
    bool ok = true;
    if (slice_eq(type, slice_str("record")) || slice_eq(type, slice_str("error"))) {
        put_member(out, "fields");
        ok = put_fields(out, json_member(object, "fields"), space, depth);
    } else if (slice_eq(type, slice_str("enum"))) {
        put_member(out, "symbols");
        ok = put_symbols(out, json_member(object, "symbols"));
    } else if (slice_eq(type, slice_str("array"))) {
        put_member(out, "items");
        ok = put_schema(out, json_member(object, "items"), space, depth);
    } else if (slice_eq(type, slice_str("map"))) {
        put_member(out, "values");
        ok = put_schema(out, json_member(object, "values"), space, depth);
    } else if (slice_eq(type, slice_str("fixed"))) {
        put_member(out, "size");
        ok = put_size(out, json_member(object, "size"));
    } else {
        ok = false;
    }
    buf_put_byte(out, '}');
    return ok;
}

static bool put_union(struct buf *out, const cJSON *branches, struct slice space, int depth) {
    const cJSON *branch;
    buf_put_byte(out, '[');
    cJSON_ArrayForEach(branch, branches) {
        buf_put_str(out, branch->prev->next == NULL ? "" : ",");
        if (!put_schema(out, branch, space, depth))
            return false;
    }
    buf_put_byte(out, ']');
    return true;
}

/* A type that stands there by its name, alone or as {"type": name}, or a definition. */
static bool is_definition(struct slice type) {
    return avro_names_has_name(type) || slice_eq(type, slice_str("array")) ||
           slice_eq(type, slice_str("map"));
}

static bool put_schema(struct buf *out, const cJSON *schema, struct slice space, int depth) {
    if (depth == 0 || schema == NULL)
        return false;
    if (cJSON_IsArray(schema))
        return put_union(out, schema, space, depth - 1);
    const cJSON *type = cJSON_IsObject(schema) ? json_member(schema, "type") : schema;
    if (!cJSON_IsString(type)) /* {"type": {…}} */
        return cJSON_IsObject(schema) && put_schema(out, type, space, depth - 1);
    if (cJSON_IsObject(schema) && is_definition(json_text(type)))
        return put_object(out, schema, space, depth - 1);
    put_full_name(out, json_text(type), space);
    return true;
}

bool avro_canonical_form(struct slice schema, struct buf *out) {
    struct json json;
    json_init(&json);
    bool ok = put_schema(out, json_parse(&json, schema), slice_null(), DEPTH_MAX);
    json_release(&json);
    return ok;
}

bool avro_fingerprint(struct slice schema, uint64_t *fingerprint) {
    struct buf form = {0};
    bool ok = avro_canonical_form(schema, &form);
    *fingerprint = avro_crc64(buf_slice(&form));
    buf_release(&form);
    return ok;
}
