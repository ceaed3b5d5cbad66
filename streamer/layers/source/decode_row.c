/* The fields of a row, by name. */
#include "streamer/base/decimal.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"

#define STRANGE_NAMES_MAX_BYTES 300
#define STRANGE_NAME_MAX_BYTES 60

/* A member of Debezium's own is a field only if the configuration spells its name exactly, as in
 * updated_at=__ts_ms. Then it is a field and metadata. */
static const struct field_name *find_underscored(struct row_choice *c, struct slice name) {
    c->others++;
    if (metadata_has_name(name))
        return field_names_find_exact(c->names, &c->next, name);
    return field_names_find(c->names, &c->next, name);
}

bool row_choose(struct row_choice *c, struct slice name, enum field *field) {
    bool underscored = slice_has_prefix(name, slice_str("__"));
    const struct field_name *k =
        underscored ? find_underscored(c, name) : field_names_find(c->names, &c->next, name);
    if (k == NULL) {
        c->unknown += !underscored;
        return false;
    }
    uint32_t bit = FIELD_BIT(k->field);
    bool better = (c->seen[k->rank] & bit) == 0;
    for (enum field_rank rank = k->rank; rank < FIELD_RANKS; rank++)
        c->seen[rank] |= bit;
    *field = k->field;
    return better;
}

struct row_choice row_choice_of(const struct decoding *g) {
    return (struct row_choice){.names = &g->decoder->names[g->entity]};
}

uint32_t row_find(const struct decoding *g, const cJSON *row, const cJSON *found[FIELD_COUNT]) {
    struct row_choice c = row_choice_of(g);
    enum field field;
    const cJSON *member;
    cJSON_ArrayForEach(member, row) {
        if (row_choose(&c, slice_str(member->string), &field))
            found[field] = member;
    }
    return c.unknown;
}

bool row_find_flat(const struct decoding *g, const struct json_pair *pairs, size_t count,
                   const struct json_pair *found[FIELD_COUNT], uint32_t *unknown) {
    struct row_choice c = row_choice_of(g);
    enum field field;
    for (size_t i = 0; i < count; i++) {
        if (row_choose(&c, pairs[i].name, &field))
            found[field] = &pairs[i];
    }
    *unknown = c.unknown;
    return c.unknown + c.others == 0;
}

static void refuse_decimal(struct decoding *g, enum field field) {
    g->refused |= FIELD_BIT(field);
    refuse(g, REASON_MALFORMED,
           "Malformed record: %s is not base64 of a decimal of at most %d bytes with its scale",
           field_label(field), DECIMAL_BYTES_MAX);
}

static bool is_unavailable(struct slice text) {
    static const char mark[] = "__debezium_unavailable_value";
    return text.n == sizeof mark - 1 && memcmp(text.p, mark, text.n) == 0;
}

/* The database did not log the value, because it did not change. The id must be there all the
 * same. */
static void set_unavailable(struct decoding *g, enum field field) {
    if (field != entity_info(g->entity)->id) {
        g->out->unavailable |= FIELD_BIT(field);
        return;
    }
    g->refused |= FIELD_BIT(field);
    refuse(g, REASON_MALFORMED,
           "Malformed record: %s is __debezium_unavailable_value (the database did not log it; "
           "set REPLICA IDENTITY FULL or its like)",
           field_label(field));
}

void row_set_text(struct decoding *g, enum field field, struct slice text) {
    if (is_unavailable(text))
        set_unavailable(g, field);
    else
        g->out->fields[field] = text;
}

void row_read_field(struct decoding *g, enum field field, struct typed item) {
    struct slice text = json_text(item.value);
    struct buf *converted = &g->decoder->converted[field];
    if (is_unavailable(text)) {
        set_unavailable(g, field);
    } else if (connect_is_decimal(item)) {
        if (connect_decimal_text(item, converted, &text))
            g->out->fields[field] = text;
        else
            refuse_decimal(g, field);
    } else if (!json_is_scalar(item.value)) {
        g->refused |= FIELD_BIT(field);
        refuse_nested(g, field_label(field), item.value);
    } else {
        if (field == FIELD_UPDATED_AT && text.p != NULL && item.schema != NULL)
            g->out->updated_at_type = connect_time_text(item.schema, converted, &text);
        g->out->fields[field] = text;
    }
}

void row_put_strange_names(struct buf *names, const cJSON *row) {
    const cJSON *member;
    cJSON_ArrayForEach(member, row) {
        struct slice name = utf8_cut(slice_str(member->string), STRANGE_NAME_MAX_BYTES);
        if (names->n > STRANGE_NAMES_MAX_BYTES) {
            buf_put_str(names, ", …");
            break;
        }
        buf_put_str(names, names->n > 0 ? ", " : "");
        buf_put_slice(names, name);
    }
}

static void set_strange_names(struct decoding *g, const cJSON *row) {
    struct buf *names = &g->decoder->strange_names;
    buf_clear(names);
    row_put_strange_names(names, row);
    if (row->child != NULL)
        g->out->strange_names = buf_slice(names);
}

void row_read(struct decoding *g, struct typed row, uint32_t wanted) {
    const cJSON *found[FIELD_COUNT] = {NULL};
    bool any = false;
    g->out->unknown_fields = row_find(g, row.value, found);
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (found[f] == NULL)
            continue;
        any = true;
        if ((wanted & FIELD_BIT(f)) != 0)
            row_read_field(
                g, f,
                (struct typed){found[f], connect_member_schema(row.schema, found[f]->string)});
    }
    if (!any)
        set_strange_names(g, row.value);
}

void row_read_flat(struct decoding *g, const struct json_pair *const found[FIELD_COUNT],
                   uint32_t wanted) {
    struct slice *fields = g->out->fields;
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (found[f] == NULL || (wanted & FIELD_BIT(f)) == 0)
            continue;
        if (is_unavailable(found[f]->text))
            set_unavailable(g, f);
        else
            fields[f] = found[f]->text;
    }
}
