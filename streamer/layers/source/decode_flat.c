/* Flat records without a tree. Most records are an object of a few scalars, and are read in place.
 * Whatever is not as simple is left to json_parse, which could read all records with the same
 * results. */
#include "streamer/layers/source/decode_parts.h"

#define MEMBERS_MAX 32

/* Reads what the record says of itself in members that are not fields. False: the record needs the
 * tree. */
static bool read_others(const struct json_pair *pairs, size_t n, struct metadata *m) {
    *m = (struct metadata){0};
    for (size_t i = 0; i < n; i++)
        if (metadata_take_flat(m, pairs[i].name, pairs[i].text) == MARK_COUNT &&
            envelope_has_name(pairs[i].name))
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
