/* Formats that are recognized but not read. The reason names the format, so that whoever looks at
 * the quarantine knows what to change. */
#include "streamer/layers/source/decode_parts.h"

void foreign_refuse_value(const struct format *f, struct decoding *g) {
    refuse(g, REASON_UNKNOWN_SCHEMA,
           "Unknown schema: the value is in %s, which needs schema.registry.url", f->name);
}

void foreign_refuse_key(const struct format *f, struct decoding *g) {
    refuse(g, REASON_UNKNOWN_SCHEMA,
           "Unknown schema: a binary key, as a number's bytes or %s, which needs "
           "schema.registry.url; else give the id as text or JSON",
           f->name);
}

/* --- values that are not JSON --- */

static bool take_varint(struct slice *s, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; s->n > 0 && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)s->p[0];
        *s = slice_of(s->p + 1, s->n - 1);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool skip(struct slice *s, uint64_t n) {
    if (n > s->n)
        return false;
    *s = slice_of(s->p + n, s->n - n);
    return true;
}

/* Skips one field of a Protobuf message: its number and wire type, then a value of that type. */
static bool skip_protobuf_field(struct slice *s) {
    uint64_t tag, n;
    if (!take_varint(s, &tag) || tag < 8)
        return false;
    switch (tag & 7) {
    case 0:
        return take_varint(s, &n);
    case 1:
        return skip(s, 8);
    case 2:
        return take_varint(s, &n) && skip(s, n);
    case 5:
        return skip(s, 4);
    default:
        return false;
    }
}

static bool has_control_character(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && strchr("\t\n\r", s.p[i]) == NULL)
            return true;
    return false;
}

/* A Protobuf message has no mark of its own. It is recognized by being binary, and fields from its
 * first byte to its last. */
static bool is_protobuf(struct slice value) {
    if (!has_control_character(value))
        return false;
    while (value.n > 0)
        if (!skip_protobuf_field(&value))
            return false;
    return true;
}

void foreign_refuse_text(struct decoding *g, const char *error) {
    struct slice value = g->record->value;
    if (is_protobuf(value))
        refuse(g, REASON_MALFORMED,
               "Malformed record: the value is no JSON, but looks like Protobuf");
    else if (slice_has_prefix(value, slice_str("\xef\xbb\xbf")))
        refuse(g, REASON_MALFORMED, "Malformed JSON: a byte order mark before it");
    else
        refuse(g, REASON_MALFORMED, "Malformed JSON: %s", error);
}

/* --- values that are JSON --- */

static struct slice without_first(struct slice text) {
    return slice_trim(slice_of(text.p + 1, text.n - 1));
}

/* An id such as "{3F2504E0-…}" is not JSON. */
bool foreign_is_json(struct slice text) {
    text = slice_trim(text);
    if (text.n < 2)
        return false;
    char first = text.p[0], last = text.p[text.n - 1], second = without_first(text).p[0];
    switch (first) {
    case '"':
        return last == '"';
    case '{':
        return last == '}' && (second == '"' || second == '}');
    case '[':
        return last == ']' && second == '{';
    default:
        return false;
    }
}

void foreign_refuse_root(struct decoding *g, const cJSON *root) {
    if (foreign_is_json(json_text(root)))
        refuse(g, REASON_MALFORMED,
               "Malformed record: the value is a JSON text in a JSON text: encoded twice?");
    else
        refuse(g, REASON_MALFORMED, "Malformed record: the JSON value is not an object");
}

static bool has(const cJSON *object, const char *name) {
    return json_member(object, name) != NULL;
}

static bool is_golden_gate(const cJSON *object) {
    return has(object, "op_type") &&
           (has(object, "op_ts") ||
            (has(object, "table") && (has(object, "before") || has(object, "after"))));
}

/* Canal and Maxwell both name database, table and type of the change. */
static bool is_canal(const cJSON *object) {
    return has(object, "isDdl") || cJSON_IsArray(json_member(object, "data"));
}
static bool is_maxwell(const cJSON *object) {
    return cJSON_IsObject(json_member(object, "data"));
}

const char *foreign_format(const cJSON *object) {
    if (has(object, "specversion") && has(object, "type"))
        return "CloudEvents";
    if (is_golden_gate(object))
        return "Oracle GoldenGate";
    if (!has(object, "table") || !has(object, "type") || !has(object, "database"))
        return NULL;
    if (is_canal(object))
        return "Canal";
    return is_maxwell(object) ? "Maxwell" : NULL;
}

void foreign_refuse_format(struct decoding *g, const char *format) {
    refuse(
        g, REASON_MALFORMED,
        "Malformed record: the format is that of %s, which is not read (flat JSON and Debezium's "
        "formats are)",
        format);
}
