/* The source and staging layers: any record is either accepted, and then what later layers rely on
 * holds, or rejected with a reason. The short way for flat records must give the same as the tree
 * does.
 *
 * Input: one byte of flags (bit 0: accounts; bit 1: there is a key; bit 2: the value is null; bit
 * 3: more names are configured). If there is a key, its length follows as one byte, then the key.
 * The rest is the value. */
#include "fuzz.h"

#include "streamer/layers/source/decode_parts.h"

#include <assert.h>
#include <stdlib.h>

#define RECORD_MAX_BYTES 4096

static bool same(struct slice a, struct slice b) {
    return (a.p == NULL) == (b.p == NULL) && slice_eq(a, b);
}

static struct decoder *new_decoder(bool configured) {
    return decoder_new(&(struct decoder_options){
        .record_max_bytes = RECORD_MAX_BYTES,
        .field_names = {configured ? "customer_id=id,has_loan=loan,updated_at=__ts_ms" : NULL,
                        configured ? "balance=amount" : NULL}});
}

/* What came of it is what comes of it without the short way for flat records. */
static void check_tree(enum entity entity, bool configured, const struct record *r, bool ok,
                       const struct decoded *d, const struct reason *why) {
    struct decoder *decoder = new_decoder(configured);
    decoder->tree_only = true;
    struct decoded tree;
    struct reason tree_why = {0};
    assert((decode(decoder, entity, r, &tree, &tree_why) == DECODE_EVENT) == ok);
    assert(tree_why.code == why->code);
    assert(ok || slice_eq(buf_slice(&tree_why.text), buf_slice(&why->text)));
    assert(tree.kind == d->kind && tree.unknown_fields == d->unknown_fields);
    assert(tree.has_source_time == d->has_source_time && tree.source_time_ms == d->source_time_ms);
    assert(tree.has_metadata == d->has_metadata && tree.is_read == d->is_read);
    assert(tree.unavailable == d->unavailable && tree.updated_at_type == d->updated_at_type);
    assert(same(tree.position, d->position) && same(tree.strange_names, d->strange_names));
    for (int f = 0; f < FIELD_COUNT; f++)
        assert(same(tree.fields[f], d->fields[f]));
    buf_release(&tree_why.text);
    decoder_free(decoder);
}

static void run(enum entity entity, bool configured, const struct record *r) {
    struct decoder *decoder = new_decoder(configured);
    struct decoded decoded;
    struct reason why = {0};
    bool ok = check_record(decoder, entity, r, &decoded, &why);
    check_tree(entity, configured, r, ok, &decoded, &why);
    buf_release(&why.text);
    decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice input = slice_of(data, size);
    uint8_t flags = take_byte(&input);
    bool has_key = (flags & 2) != 0, has_value = (flags & 4) == 0;
    struct slice key = take(&input, has_key ? take_byte(&input) : 0);
    char *key_copy = copy(key), *value_copy = copy(input);
    struct record r = {
        .key = has_key ? slice_of(key_copy, key.n) : slice_null(),
        .value = has_value ? slice_of(value_copy, input.n) : slice_null(),
        .timestamp_ms = FUZZ_KAFKA_TIME,
    };
    run((flags & 1) != 0 ? ENTITY_ACCOUNT : ENTITY_CUSTOMER, (flags & 8) != 0, &r);
    free(key_copy);
    free(value_copy);
    return 0;
}
