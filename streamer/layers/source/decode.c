#include "streamer/layers/source/decode.h"

#include "streamer/base/mem.h"
#include "streamer/layers/source/decode_parts.h"

#include <assert.h>
#include <stdlib.h>

struct decoder *decoder_new(const struct decoder_options *options) {
    struct decoder *d = mem_calloc(1, sizeof *d);
    d->record_max_bytes = options->record_max_bytes;
    for (enum entity e = 0; e < ENTITY_COUNT; e++) {
        struct err error;
        bool ok = field_names_init(&d->names[e], e, options->field_names[e], &error);
        assert(ok); /* the configuration is checked */
        (void)ok;
    }
    json_init(&d->value);
    json_init(&d->key);
    return d;
}

void decoder_free(struct decoder *d) {
    if (d == NULL)
        return;
    for (enum entity e = 0; e < ENTITY_COUNT; e++)
        field_names_release(&d->names[e]);
    json_release(&d->value);
    json_release(&d->key);
    for (size_t i = 0; i < ARRAY_LEN(d->converted); i++)
        buf_release(&d->converted[i]);
    buf_release(&d->position);
    buf_release(&d->strange_names);
    free(d);
}

struct typed decode_unwrap(const cJSON *root) {
    const cJSON *schema = json_member(root, "schema");
    const cJSON *payload = json_member(root, "payload");
    if (schema != NULL && payload != NULL)
        return (struct typed){payload, schema};
    return (struct typed){root, NULL};
}

static void read_tombstone(struct decoding *g) {
    g->out->kind = CHANGE_TOMBSTONE;
    key_read_id(g);
}

/* A text within {"schema", "payload"}, and nothing beside it. */
static bool is_encoded_twice(const cJSON *root, const cJSON *payload) {
    return payload != root && cJSON_GetArraySize(root) == 2 && foreign_is_json(json_text(payload));
}

static void read_object(struct decoding *g, const cJSON *root) {
    struct typed body = decode_unwrap(root);
    if (cJSON_IsNull(body.value)) {
        read_tombstone(g);
        return;
    }
    if (is_encoded_twice(root, body.value)) {
        foreign_refuse_root(g, body.value);
        return;
    }
    if (!cJSON_IsObject(body.value))
        body = (struct typed){root, NULL}; /* a row with columns of these names, not an envelope */
    if (debezium_is_envelope(body.value))
        debezium_read_envelope(g, body);
    else
        debezium_read_flat(g, body);
}

static void read_tree(struct decoding *g) {
    const cJSON *root = json_parse(&g->decoder->value, g->record->value);
    if (root == NULL)
        foreign_refuse_text(g, g->decoder->value.error);
    else if (cJSON_IsNull(root)) /* as JsonConverter writes null without schemas */
        read_tombstone(g);
    else if (cJSON_IsObject(root))
        read_object(g, root);
    else
        foreign_refuse_root(g, root);
}

static void read_value(struct decoding *g) {
    struct slice value = g->record->value;
    if (value.p == NULL)
        read_tombstone(g);
    else if (value.n > g->decoder->record_max_bytes)
        refuse(g, REASON_TOO_LARGE, "Too large: the value has %zu bytes, more than %zu", value.n,
               g->decoder->record_max_bytes);
    else if (value.n == 0)
        refuse(g, REASON_MALFORMED, "Malformed record: the value is empty (a delete is null)");
    else if (foreign_is_binary(value))
        foreign_refuse_binary_value(g);
    else if (g->decoder->tree_only || !flat_read(g))
        read_tree(g);
}

bool decode(struct decoder *d, enum entity entity, const struct record *r, struct decoded *out,
            struct reason *why) {
    *out = (struct decoded){.kind = CHANGE_UPSERT};
    why->code = REASON_NONE;
    struct decoding g = {.decoder = d, .entity = entity, .record = r, .out = out, .why = why};
    read_value(&g);
    return why->code == REASON_NONE;
}
