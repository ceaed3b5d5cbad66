/* libFuzzer entry for the source and staging layers. Any record is either accepted, and then what
 * later layers rely on holds, or rejected with a reason. The short way for flat records must give
 * the same as the tree does.
 *
 *   clang -std=c17 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined \
 *     -fno-sanitize-recover=all -I. -o fuzz_decode \
 *     tests/fuzz/fuzz_decode.c streamer/layers/source/decode*.c \
 *     streamer/layers/staging/standardize.c streamer/model/{entity,event,field_names,position}.c \
 *     streamer/base/{buf,decimal,digits,err,json,mem,nearest,slice,timestamp,utf8}.c \
 *     -lcjson -lunistring
 *
 * Input: one byte of flags (bit 0: accounts; bit 1: there is a key; bit 2: the value is null; bit
 * 3: more names are configured). If there is a key, its length follows as one byte, then the key.
 * The rest is the value. */
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"
#include "streamer/layers/staging/standardize.h"
#include "streamer/model/position.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_MAX_BYTES 4096
#define REASON_MAX_BYTES 8192
#define POSITION_MAX_BYTES 300
#define KAFKA_TIME INT64_C(1707955200000)

static struct slice take(struct slice *input, size_t n) {
    struct slice head = {input->p, n < input->n ? n : input->n};
    input->p += head.n;
    input->n -= head.n;
    return head;
}

static uint8_t take_byte(struct slice *input) {
    struct slice byte = take(input, 1);
    return byte.n == 1 ? (uint8_t)byte.p[0] : 0;
}

/* In a block of its own, so that the sanitizer sees a read past its end. */
static char *copy(struct slice s) {
    return memcpy(mem_alloc(s.n), s.p, s.n);
}

static bool is_text(struct slice s) {
    return utf8_is_valid(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL);
}

static bool is_time(int64_t ms) {
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX;
}

static void check_reason(bool ok, const struct reason *why) {
    assert(ok == (why->code == REASON_NONE));
    assert(ok || (why->text.n > 0 && is_text(buf_slice(&why->text))));
    assert(ok || why->text.n < REASON_MAX_BYTES);
}

static bool id_is_read(enum entity entity, const struct decoded *d) {
    return d->fields[entity_info(entity)->id].p != NULL;
}

/* Of an accepted record, and of a refused one. */
static void check_decoded(enum entity entity, const struct decoded *d) {
    for (int f = 0; f < FIELD_COUNT; f++)
        assert(is_text(d->fields[f]) &&
               ((d->unavailable & FIELD_BIT(f)) == 0 || d->fields[f].p == NULL));
    assert(d->unavailable >> FIELD_COUNT == 0 &&
           (d->unavailable & FIELD_BIT(entity_info(entity)->id)) == 0);
    assert(!d->has_source_time || (is_time(d->source_time_ms) && d->source_time_ms != 0));
    assert(d->has_metadata || (!d->has_source_time && d->position.n == 0));
    assert(d->kind != CHANGE_TOMBSTONE || !d->has_metadata);
    assert(d->kind != CHANGE_TRUNCATE || !id_is_read(entity, d));
    assert(d->kind == CHANGE_UPSERT || d->fields[FIELD_UPDATED_AT].p == NULL);
    assert(d->kind == CHANGE_UPSERT || (d->unavailable == 0 && !d->is_read));
    assert(!d->id_is_from_key || d->kind == CHANGE_TOMBSTONE || d->kind == CHANGE_DELETE);
    assert(d->position.n <= POSITION_MAX_BYTES && is_text(d->position) &&
           is_text(d->strange_names));
    if (d->position.n > 0)
        assert(position_comparable(d->position, d->position) &&
               position_compare(d->position, d->position) == 0);
}

/* Of any record: who it is and when. */
static void check_place(const struct decoded *d, const struct event *e) {
    assert(e->id.n <= TEXT_MAX_BYTES && is_text(e->id) && slice_eq(e->id, slice_trim(e->id)));
    assert(is_time(e->event_at_ms) && e->loaded_at_ms == KAFKA_TIME);
    assert(e->has_own_time || e->event_at_ms == KAFKA_TIME);
    assert(e->has_own_time || !d->has_source_time);
    assert(e->kind == d->kind && e->is_read == d->is_read && slice_eq(e->position, d->position));
    assert(e->kind == CHANGE_UPSERT || e->has_own_time == d->has_source_time);
    assert(e->kind != CHANGE_TRUNCATE || e->id.n == 0);
    assert((e->null_fields & e->unavailable) == 0);
}

static void check_event(const struct event *e) {
    assert(e->id.n > 0 || e->kind == CHANGE_TRUNCATE);
    assert(e->balance_cents >= 0 && e->balance_cents <= INT64_C(999999999999999999));
    if (e->kind != CHANGE_UPSERT)
        assert(e->null_fields == 0 && e->unavailable == 0);
    else if (e->entity == ENTITY_CUSTOMER && (e->unavailable & FIELD_BIT(FIELD_CUSTOMER_NAME)) == 0)
        assert(e->customer_name.n > 0 && is_text(e->customer_name));
}

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
    struct standardizer standardizer = {0};
    struct decoded decoded;
    struct event event;
    struct reason why = {0};
    bool ok = decode(decoder, entity, r, &decoded, &why) == DECODE_EVENT;
    check_reason(ok, &why);
    check_tree(entity, configured, r, ok, &decoded, &why);
    check_decoded(entity, &decoded);
    if (ok) {
        ok = standardize(&standardizer, entity, &decoded, KAFKA_TIME, &event, &why);
        check_reason(ok, &why);
        if (ok)
            check_event(&event);
    } else {
        standardize_rejected(&standardizer, entity, &decoded, KAFKA_TIME, &event);
    }
    check_place(&decoded, &event);
    buf_release(&why.text);
    standardizer_release(&standardizer);
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
        .timestamp_ms = KAFKA_TIME,
    };
    run((flags & 1) != 0 ? ENTITY_ACCOUNT : ENTITY_CUSTOMER, (flags & 8) != 0, &r);
    free(key_copy);
    free(value_copy);
    return 0;
}
