#include "streamer/decode.h"

#include "streamer/base/mem.h"
#include "streamer/decode_parts.h"

#include <stdlib.h>

struct decoder *decoder_new(size_t record_max_bytes) {
    struct decoder *d = mem_calloc(1, sizeof *d);
    d->record_max_bytes = record_max_bytes;
    json_init(&d->value);
    json_init(&d->key);
    return d;
}

void decoder_free(struct decoder *d) {
    if (d == NULL)
        return;
    json_release(&d->value);
    json_release(&d->key);
    for (size_t i = 0; i < ARRAY_LEN(d->converted); i++)
        buf_release(&d->converted[i]);
    free(d);
}

bool decode_is_avro(struct slice bytes) {
    if (bytes.n == 0)
        return false;
    return bytes.p[0] == '\0' || (bytes.n >= 2 && memcmp(bytes.p, "\xc3\x01", 2) == 0);
}

bool decode_refuse_avro(struct reason *why, const char *part) {
    return reason_set(
        why, REASON_UNKNOWN_SCHEMA,
        "Unknown schema: the %s is Avro, which needs schema.registry.url; this version does not "
        "support that yet",
        part);
}

struct typed decode_unwrap(const cJSON *root) {
    const cJSON *schema = json_member(root, "schema");
    const cJSON *payload = json_member(root, "payload");
    if (schema != NULL && payload != NULL)
        return (struct typed){payload, schema};
    return (struct typed){root, NULL};
}

static bool read_tombstone(struct decoding *g) {
    g->out->kind = CHANGE_TOMBSTONE;
    return key_read_id(g);
}

static bool read_tree(struct decoding *g) {
    const cJSON *root = json_parse(&g->decoder->value, g->record->value);
    if (root == NULL)
        return reason_set(g->why, REASON_MALFORMED, "Malformed JSON: %s", g->decoder->value.error);
    if (!cJSON_IsObject(root))
        return reason_set(g->why, REASON_MALFORMED, "Malformed record: the JSON value is not an object");
    struct typed body = decode_unwrap(root);
    if (cJSON_IsNull(body.value))
        return read_tombstone(g);
    if (!cJSON_IsObject(body.value))
        body = (struct typed){root, NULL}; /* a row with columns of these names, not an envelope */
    if (debezium_is_envelope(body.value))
        return debezium_read_envelope(g, body);
    return debezium_read_flat(g, body);
}

static bool read_json(struct decoding *g) {
    bool ok;
    if (!g->decoder->tree_only && flat_read(g, &ok))
        return ok;
    return read_tree(g);
}

static bool read_value(struct decoding *g) {
    struct slice value = g->record->value;
    if (value.p == NULL)
        return read_tombstone(g);
    if (value.n > g->decoder->record_max_bytes)
        return reason_set(g->why, REASON_TOO_LARGE, "Too large: the value has %zu bytes, more than %zu",
                          value.n, g->decoder->record_max_bytes);
    if (value.n == 0)
        return reason_set(g->why, REASON_MALFORMED,
                          "Malformed record: the value is empty (a delete is null)");
    if (decode_is_avro(value))
        return decode_refuse_avro(g->why, "value");
    return read_json(g);
}

bool decode(struct decoder *d, enum entity entity, const struct record *r, struct decoded *out,
            struct reason *why) {
    *out = (struct decoded){.kind = CHANGE_UPSERT};
    why->code = REASON_NONE;
    struct decoding g = {.decoder = d, .entity = entity, .record = r, .out = out, .why = why};
    return read_value(&g);
}
