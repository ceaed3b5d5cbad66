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

bool flat_read(struct decoding *g, bool *ok) {
    struct json_pair pairs[MEMBERS_MAX];
    size_t n;
    if (!json_flat(g->record->value, pairs, MEMBERS_MAX, &n))
        return false;
    /* With their like null, these make an envelope of it: see decode_unwrap and debezium_is_envelope. */
    if (has_member(pairs, n, slice_str("payload")) || has_member(pairs, n, slice_str("op")))
        return false;
    struct flattened f = {
        .op = member_text(pairs, n, slice_str("__op")),
        .deleted = member_text(pairs, n, slice_str("__deleted")),
        .source_time = member_text(pairs, n, slice_str("__source_ts_ms")),
    };
    *ok = debezium_begin_flat(g, &f) && row_read_flat(g, pairs, n, debezium_wanted_fields(g)) &&
          debezium_end_flat(g, &f);
    return true;
}
