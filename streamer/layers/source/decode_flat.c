/* Flat records without a tree: most are an object of a few scalars, and are read where they stand.
 * Whatever is not as simple is left to json_parse, which all records could take: the results are
 * the same. */
#include "streamer/layers/source/decode_parts.h"

#define MEMBERS_MAX 32

/* With their like null, these members make an envelope of a flat object (decode_unwrap,
 * debezium_is_envelope), or a record of another format (foreign_format). */
static bool is_for_tree(struct slice name) {
    return slice_eq(name, slice_str("op")) || slice_eq(name, slice_str("payload")) ||
           slice_eq(name, slice_str("op_type")) || slice_eq(name, slice_str("specversion"));
}

/* What the record says of itself in members that are no field. False: it is for the tree. */
static bool read_others(const struct json_pair *pairs, size_t n, struct metadata *m) {
    *m = (struct metadata){0};
    for (size_t i = 0; i < n; i++)
        if (metadata_take_flat(m, pairs[i].name, pairs[i].text) == MARK_COUNT &&
            is_for_tree(pairs[i].name))
            return false;
    return true;
}

static bool any(const struct json_pair *const found[FIELD_COUNT]) {
    for (enum field f = 0; f < FIELD_COUNT; f++)
        if (found[f] != NULL)
            return true;
    return false;
}

bool flat_read(struct decoding *g) {
    struct json_pair pairs[MEMBERS_MAX];
    const struct json_pair *found[FIELD_COUNT] = {NULL};
    struct metadata m;
    uint32_t unknown;
    size_t n;
    if (!json_flat(g->record->value, pairs, MEMBERS_MAX, &n))
        return false;
    if (row_find_flat(g, pairs, n, found, &unknown)) {
        row_read_flat(g, found, FIELDS_ALL);
        return true;
    }
    if (!any(found) || !read_others(pairs, n, &m))
        return false;
    g->out->unknown_fields = unknown;
    metadata_finish_flat(g, &m);
    debezium_begin_flat(g, &m);
    row_read_flat(g, found, debezium_wanted_fields(g));
    debezium_end_flat(g, &m);
    return true;
}
