/* The id from the message key: for tombstones, and for deletes whose row does not say it. */
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"

static void read_json_key(struct decoding *g, struct slice key) {
    const cJSON *root = json_parse(&g->decoder->key, key);
    if (root == NULL) {
        refuse(g, REASON_MALFORMED, "Malformed JSON in the key: %s", g->decoder->key.error);
        return;
    }
    enum field id = row_id_field(g->entity);
    struct typed item = decode_unwrap(root);
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
        g->out->fields[row_id_field(g->entity)] = key;
}

void key_read_id(struct decoding *g) {
    struct slice key = g->record->key;
    if (key.p == NULL) {
        refuse(g, REASON_MALFORMED,
               "Malformed record: a delete without an id, for neither value nor key has one");
        return;
    }
    if (foreign_is_binary(key)) {
        foreign_refuse_binary_key(g);
        return;
    }
    struct slice text = slice_trim(key);
    if (text.n > 0 && (text.p[0] == '{' || text.p[0] == '"'))
        read_json_key(g, text);
    else
        read_bare_key(g, key);
    g->out->id_is_from_key = true;
}
