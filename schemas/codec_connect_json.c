/* The JSON of Kafka Connect's JsonConverter with schemas.enable=true. A value carries its schema.
 */
#include "schemas/codec.h"

#define TIMESTAMP "org.apache.kafka.connect.data.Timestamp"
#define DECIMAL "org.apache.kafka.connect.data.Decimal"

/* What a Connect schema says of a kind of field. */
struct connect_type {
    const char *type, *name; /* name NULL: none */
    bool is_optional;
};

static struct connect_type connect_type_of(enum row_field_kind kind) {
    switch (kind) {
    case ROW_LONG:
        return (struct connect_type){"int64", NULL, false};
    case ROW_TEXT:
        return (struct connect_type){"string", NULL, false};
    case ROW_BYTES:
        break;
    case ROW_BOOL:
        return (struct connect_type){"boolean", NULL, false};
    case ROW_AMOUNT:
    case ROW_TOTAL:
    case ROW_RATE:
        return (struct connect_type){"bytes", DECIMAL, false};
    case ROW_TIME:
        return (struct connect_type){"int64", TIMESTAMP, false};
    case ROW_OPTIONAL_TIME:
        return (struct connect_type){"int64", TIMESTAMP, true};
    }
    return (struct connect_type){"bytes", NULL, false};
}

/* --- writing --- */

/* "connect.decimal.precision" is what sinks and Connect's Avro converter make columns of. */
static void put_field_schema(const struct row_field *f, struct buf *out) {
    struct connect_type t = connect_type_of(f->kind);
    buf_printf(out, "{\"type\":\"%s\",\"optional\":%s", t.type, t.is_optional ? "true" : "false");
    if (t.name != NULL)
        buf_printf(out, ",\"name\":\"%s\",\"version\":1", t.name);
    if (row_decimals(f->kind) > 0)
        buf_printf(out, ",\"parameters\":{\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"}",
                   row_decimals(f->kind), f->precision);
    buf_printf(out, ",\"field\":\"%s\"}", f->name);
}

static void put_head(const struct row_type *type, uint32_t schema_id, struct buf *out) {
    (void)schema_id;
    buf_put_str(out, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < type->field_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_field_schema(&type->fields[i], out);
    }
    buf_printf(out, "],\"optional\":false,\"name\":\"streamer.%s\"},\"payload\":", type->name);
}

static void put_body(const struct row_type *type, const void *row, struct buf *out) {
    row_put_json_connect(type, row, out);
    buf_put_byte(out, '}');
}

/* --- reading --- */

/* The head of values that this version writes: what has it needs no look at its schema. */
static struct slice own_head(struct codec_reader *r, const struct row_type *type) {
    struct buf *head = &r->connect_heads[type->result];
    if (head->n == 0)
        put_head(type, 0, head);
    return buf_slice(head);
}

static bool is_text(const cJSON *item, const char *expected) {
    struct slice text = json_text(item);
    return expected != NULL ? text.p != NULL && slice_eq(text, slice_str(expected))
                            : text.p == NULL;
}

static const cJSON *find_field(const cJSON *fields, const char *name) {
    const cJSON *field = fields->child;
    while (field != NULL && !is_text(json_member(field, "field"), name))
        field = field->next;
    return field;
}

/* Whether a value of the field's schema can be read as one of `f`. */
static bool fits(const struct row_field *f, const cJSON *schema) {
    struct connect_type t = connect_type_of(f->kind);
    char scale[2] = {(char)('0' + row_decimals(f->kind)), '\0'};
    const cJSON *parameters = json_member(schema, "parameters");
    return is_text(json_member(schema, "type"), t.type) &&
           is_text(json_member(schema, "name"), t.name) &&
           (row_decimals(f->kind) == 0 || is_text(json_member(parameters, "scale"), scale));
}

/* fields == NULL: the payload has the schema that this version writes. */
static bool read_payload(const struct row_type *type, const cJSON *fields, const cJSON *payload,
                         void *row) {
    if (!cJSON_IsObject(payload))
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const cJSON *schema = fields != NULL ? find_field(fields, f->name) : NULL;
        if ((schema != NULL && !fits(f, schema)) ||
            !row_get_json_connect(f->kind, json_member(payload, f->name), (char *)row + f->offset))
            return false;
    }
    return true;
}

static bool read_any(struct codec_reader *r, const struct row_type *type, struct slice bytes,
                     void *row) {
    const cJSON *value = json_parse(&r->json, bytes);
    const cJSON *fields = json_member(json_member(value, "schema"), "fields");
    return cJSON_IsArray(fields) && read_payload(type, fields, json_member(value, "payload"), row);
}

static bool read(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                 struct err *e) {
    struct slice head = own_head(r, type);
    bool ok;
    if (slice_has_prefix(bytes, head) && bytes.n > head.n && bytes.p[bytes.n - 1] == '}')
        ok = read_payload(type, NULL,
                          json_parse(&r->json, slice_of(bytes.p + head.n, bytes.n - head.n - 1)),
                          row);
    else
        ok = read_any(r, type, bytes, row);
    return ok || codec_refuse(type, e);
}

const struct codec codec_connect_json = {.name = "connect-json",
                                         .prefix = {"{\"schema\":", 10},
                                         .put_head = put_head,
                                         .put_body = put_body,
                                         .read = read};
