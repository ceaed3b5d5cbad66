/* The JSON formats: flat object, envelope of Debezium, flattened record, tombstone. */
#include "streamer/layers/source/decode_parts.h"

bool json_recognizes(struct slice bytes, struct slice schema_id) {
    (void)bytes;
    (void)schema_id;
    return true;
}

void json_read_object(struct decoding *g, const cJSON *root) {
    struct typed body;
    switch (envelope_kind_of(root, &body)) {
    case ENVELOPE_NULL:
        key_read_tombstone(g);
        break;
    case ENVELOPE_ENCODED_TWICE:
        foreign_refuse_root(g, body.value);
        break;
    case ENVELOPE_CHANGE:
        debezium_read_envelope(g, body);
        break;
    case ENVELOPE_ROW:
        debezium_read_flat(g, body);
        break;
    }
}

/* Most records are flat and do not come here. Inlined, this would cost them registers. */
__attribute__((noinline)) static void read_tree(struct decoding *g) {
    const cJSON *root = json_parse(&g->decoder->value, g->record->value);
    if (root == NULL)
        foreign_refuse_text(g, g->decoder->value.error);
    else if (cJSON_IsNull(root)) /* JsonConverter without schemas writes null so */
        key_read_tombstone(g);
    else if (cJSON_IsObject(root))
        json_read_object(g, root);
    else
        foreign_refuse_root(g, root);
}

void json_read_value(const struct format *f, struct decoding *g) {
    (void)f;
    if (g->decoder->tree_only || !flat_read(g))
        read_tree(g);
}
