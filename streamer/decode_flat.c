/* Flat records without a tree: most are an object of a few scalars, and are read where they stand. Whatever is not as
 * simple is left to json_parse, which all records could take: the results are the same. */
#include "streamer/decode_parts.h"

#define MEMBERS_MAX 32

static bool has_member(const struct json_pair *pairs, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(pairs[i].name, name))
            return true;
    }
    return false;
}

/* As json_text(json_member()): the first one wins. */
static struct slice member_text(const struct json_pair *pairs, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(pairs[i].name, name))
            return pairs[i].text;
    }
    return slice_null();
}

/* What the record says about itself in members that are no field. False: with their like null, these members make an
 * envelope of it (see decode_unwrap and debezium_is_envelope). */
static bool read_others(const struct json_pair *pairs, size_t n, struct flattened *f) {
    if (has_member(pairs, n, slice_str("payload")) || has_member(pairs, n, slice_str("op")))
        return false;
    f->op = member_text(pairs, n, slice_str("__op"));
    f->deleted = member_text(pairs, n, slice_str("__deleted"));
    f->source_time = member_text(pairs, n, slice_str("__source_ts_ms"));
    return true;
}

bool flat_read(struct decoding *g, bool *ok) {
    struct json_pair pairs[MEMBERS_MAX];
    const struct json_pair *found[FIELD_COUNT] = {NULL};
    struct flattened f = {slice_null(), slice_null(), slice_null()};
    size_t n;
    if (!json_flat(g->record->value, pairs, MEMBERS_MAX, &n))
        return false;
    uint32_t unknown;
    if (row_find_flat(g->entity, pairs, n, found, &unknown) < n && !read_others(pairs, n, &f))
        return false;
    *ok = debezium_begin_flat(g, &f) && row_read_flat(g, found, unknown) && debezium_end_flat(g, &f);
    return true;
}
