/* The id from the message key: for tombstones, and for deletes whose row does not say it. */
#include "streamer/base/utf8.h"
#include "streamer/decode_parts.h"

static bool read_json_key(struct decoding *g, struct slice key) {
    const cJSON *root = json_parse(&g->decoder->key, key);
    if (root == NULL)
        return reason_set(g->why, REASON_MALFORMED, "Malformed JSON in the key: %s", g->decoder->key.error);
    enum field id = row_id_field(g->entity);
    struct typed item = decode_unwrap(root);
    if (cJSON_IsObject(item.value)) {
        const cJSON *found[FIELD_COUNT] = {NULL};
        (void)row_find(g->entity, item.value, found);
        const char *name = found[id] != NULL ? found[id]->string : "";
        item = (struct typed){found[id], connect_member_schema(item.schema, name)};
    }
    return row_read_field(g, id, item);
}

static bool read_bare_key(struct decoding *g, struct slice key) {
    if (!utf8_is_valid(key))
        return reason_set(g->why, REASON_MALFORMED, "Malformed key: invalid UTF-8");
    if (memchr(key.p, '\0', key.n) != NULL)
        return reason_set(g->why, REASON_MALFORMED, "Malformed key: a zero byte in a text");
    g->out->fields[row_id_field(g->entity)] = key;
    return true;
}

bool key_read_id(struct decoding *g) {
    struct slice key = g->record->key;
    if (key.p == NULL)
        return reason_set(g->why, REASON_MALFORMED,
                          "Malformed record: a delete without an id, for neither value nor key has one");
    if (decode_is_avro(key))
        return decode_refuse_avro(g->why, "key");
    struct slice text = slice_trim(key);
    bool is_json = text.n > 0 && (text.p[0] == '{' || text.p[0] == '"');
    return is_json ? read_json_key(g, text) : read_bare_key(g, key);
}
