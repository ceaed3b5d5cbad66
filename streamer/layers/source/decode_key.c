/* The id from the message key. It is needed for tombstones, and for deletes whose row does not say
 * the id. */
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"

static void read_json_key(struct decoding *g, struct slice key) {
    const cJSON *root = json_parse(&g->decoder->key, key);
    if (root == NULL) {
        refuse(g, REASON_MALFORMED, "Malformed JSON in the key: %s", g->decoder->key.error);
        return;
    }
    enum field id = entity_info(g->entity)->id;
    struct typed item = envelope_unwrap(root);
    if (cJSON_IsObject(item.value)) {
        const cJSON *found[FIELD_COUNT] = {NULL};
        (void)row_find(g, item.value, found);
        const char *name = found[id] != NULL ? found[id]->string : "";
        item = (struct typed){found[id], connect_member_schema(item.schema, name)};
    } else if (foreign_is_json(json_text(item.value))) {
        refuse(g, REASON_MALFORMED, "Malformed key: a JSON text in a JSON text: encoded twice?");
        return;
    }
    row_read_field(g, id, item);
}

static void read_bare_key(struct decoding *g, struct slice key) {
    if (!utf8_is_valid(key))
        refuse(g, REASON_MALFORMED, "Malformed key: invalid UTF-8");
    else if (memchr(key.p, '\0', key.n) != NULL)
        refuse(g, REASON_MALFORMED, "Malformed key: a zero byte in a text");
    else
        g->out->fields[entity_info(g->entity)->id] = key;
}

void key_read_text(const struct format *f, struct decoding *g) {
    (void)f;
    struct slice text = slice_trim(g->record->key);
    if (text.n > 0 && (text.p[0] == '{' || text.p[0] == '"'))
        read_json_key(g, text);
    else
        read_bare_key(g, g->record->key);
}

void key_read_id(struct decoding *g) {
    struct slice key = g->record->key;
    if (key.p == NULL) {
        refuse(g, REASON_MALFORMED,
               "Malformed record: a delete without an id, for neither value nor key has one");
        return;
    }
    const struct format *f = envelope_format(g->decoder, key, g->record->key_schema_id);
    f->read_key(f, g);
    g->out->id_is_from_key = true;
}

void key_read_tombstone(struct decoding *g) {
    g->out->kind = CHANGE_TOMBSTONE;
    key_read_id(g);
}
