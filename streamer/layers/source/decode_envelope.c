/* What a record is: its format, by its first bytes; and what an object is, once it is unwrapped. */
#include "streamer/layers/source/decode_parts.h"

const struct format *envelope_format(const struct decoder *d, struct slice bytes,
                                     struct slice schema_id) {
    const struct format *f = d->formats;
    while (!f->recognizes(bytes, schema_id))
        f++;
    return f;
}

struct typed envelope_unwrap(const cJSON *root) {
    const cJSON *schema = json_member(root, "schema");
    const cJSON *payload = json_member(root, "payload");
    if (schema != NULL && payload != NULL)
        return (struct typed){payload, schema};
    return (struct typed){root, NULL};
}

/* The payload is a JSON text, and nothing is beside {"schema", "payload"}. */
static bool is_encoded_twice(const cJSON *root, const cJSON *payload) {
    return payload != root && cJSON_GetArraySize(root) == 2 && foreign_is_json(json_text(payload));
}

/* A truncate and a message (op t, m) have a source, but neither before nor after. */
bool envelope_is_change(const cJSON *object) {
    return json_member(object, "op") != NULL &&
           (json_member(object, "before") != NULL || json_member(object, "after") != NULL ||
            cJSON_IsObject(json_member(object, "source")));
}

enum envelope_kind envelope_kind_of(const cJSON *root, struct typed *body) {
    *body = envelope_unwrap(root);
    if (cJSON_IsNull(body->value))
        return ENVELOPE_NULL;
    if (is_encoded_twice(root, body->value))
        return ENVELOPE_ENCODED_TWICE;
    if (!cJSON_IsObject(body->value))
        *body = (struct typed){root, NULL}; /* a row that has columns with these names */
    return envelope_is_change(body->value) ? ENVELOPE_CHANGE : ENVELOPE_ROW;
}

bool envelope_has_name(struct slice name) {
    return slice_eq(name, slice_str("op")) || slice_eq(name, slice_str("payload")) ||
           slice_eq(name, slice_str("op_type")) || slice_eq(name, slice_str("specversion"));
}
