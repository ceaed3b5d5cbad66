/* decode: a format is a line in a table, and may have to wait for what it needs. */
#include "streamer/layers/source/decode_parts.h"

#include "streamer/base/mem.h"
#include "support.h"

/* A schema source that knows nothing at first, and answers later. */
struct source {
    struct schema_source port; /* first */
    enum schema_answer answer;
    uint32_t asked_for;
    int calls;
};

static enum schema_answer source_lookup(struct schema_source *s, const struct schema_key *key,
                                        struct schema_text *schema) {
    struct source *source = (struct source *)s;
    source->calls++;
    source->asked_for = (uint32_t)key->number;
    (void)schema;
    return source->answer;
}

/* A format of this test: '#', the schema's id as one byte, the id of a customer as text. */
static bool test_recognizes(struct slice bytes, struct slice schema_id) {
    (void)schema_id;
    return slice_has_prefix(bytes, slice_str("#"));
}

static void read_bytes(struct decoding *g, struct slice bytes) {
    struct schema_key key = {.kind = SCHEMA_BY_ID, .number = (uint8_t)bytes.p[1]};
    struct schema_text schema;
    switch (g->decoder->schemas->lookup(g->decoder->schemas, &key, &schema)) {
    case SCHEMA_FOUND:
        g->out->fields[FIELD_CUSTOMER_ID] = slice_of(bytes.p + 2, bytes.n - 2);
        break;
    case SCHEMA_UNKNOWN:
        refuse(g, REASON_UNKNOWN_SCHEMA, "Unknown schema: %d", bytes.p[1]);
        break;
    case SCHEMA_NOT_NOW:
        wait_for(g, "schema %d", bytes.p[1]);
        break;
    }
}

static void test_read_value(const struct format *f, struct decoding *g) {
    (void)f;
    read_bytes(g, g->record->value);
}

static void test_read_key(const struct format *f, struct decoding *g) {
    (void)f;
    read_bytes(g, g->record->key);
}

static const struct format formats[] = {
    {"of this test", test_recognizes, test_read_value, test_read_key},
    {"JSON", json_recognizes, json_read_value, key_read_text},
};

struct rig {
    struct source source;
    struct decoder *decoder;
    struct decoded decoded;
    struct reason why;
};

static void rig_init(struct rig *g, enum schema_answer answer) {
    *g = (struct rig){.source = {.port = {.lookup = source_lookup}, .answer = answer}};
    g->decoder = decoder_new(
        &(struct decoder_options){.record_max_bytes = 1000, .schemas = &g->source.port});
    g->decoder->formats = formats;
}

static void rig_release(struct rig *g) {
    decoder_free(g->decoder);
    buf_release(&g->why.text);
}

static enum decode_outcome run(struct rig *g, struct slice key, struct slice value) {
    struct record r = {.key = key, .value = value, .timestamp_ms = 7};
    return decode(g->decoder, ENTITY_CUSTOMER, &r, &g->decoded, &g->why);
}

static void test_decode_formats__waits_until_the_schema_is_there(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, SCHEMA_NOT_NOW);
    struct slice value = slice_str("#\x11"
                                   "1001");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(run(&g, slice_null(), value), DECODE_WAIT);
        assert_int_equal(g.why.code, REASON_NONE);
        assert_text(buf_slice(&g.why.text), "schema 17");
        assert_int_equal(g.source.calls, i);
        assert_int_equal(g.source.asked_for, 17);
    }
    g.source.answer = SCHEMA_FOUND;
    assert_int_equal(run(&g, slice_null(), value), DECODE_EVENT);
    assert_text(g.decoded.fields[FIELD_CUSTOMER_ID], "1001");
    g.source.answer = SCHEMA_UNKNOWN;
    assert_int_equal(run(&g, slice_null(), value), DECODE_REJECT);
    assert_int_equal(g.why.code, REASON_UNKNOWN_SCHEMA);
    rig_release(&g);
}

/* Formats of keys and of values are recognized one by one, so a key can wait, too. */
static void test_decode_formats__keys(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, SCHEMA_NOT_NOW);
    struct slice key = slice_str("#\x01"
                                 "7");
    assert_int_equal(run(&g, key, slice_null()), DECODE_WAIT);
    assert_int_equal(run(&g, key, slice_str("{\"op\":\"d\",\"before\":null}")), DECODE_WAIT);
    g.source.answer = SCHEMA_FOUND;
    assert_int_equal(run(&g, key, slice_str("{\"op\":\"d\",\"before\":null}")), DECODE_EVENT);
    assert_int_equal(g.decoded.kind, CHANGE_DELETE);
    assert_true(g.decoded.id_is_from_key);
    assert_text(g.decoded.fields[FIELD_CUSTOMER_ID], "7");
    /* who says the id itself needs no key */
    g.source.answer = SCHEMA_NOT_NOW;
    assert_int_equal(run(&g, key, slice_str("{\"customer_id\":8}")), DECODE_EVENT);
    assert_text(g.decoded.fields[FIELD_CUSTOMER_ID], "8");
    rig_release(&g);
}

/* The owner of the id judges a bad record, so the id is waited for even where a fault is known. */
static void test_decode_formats__a_fault_does_not_hide_that_it_waits(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, SCHEMA_NOT_NOW);
    struct slice key = slice_str("#\x01"
                                 "7");
    struct slice value = slice_str("{\"op\":\"d\",\"before\":null,\"source\":{\"ts_ms\":\"x\"}}");
    assert_int_equal(run(&g, key, value), DECODE_WAIT);
    assert_text(buf_slice(&g.why.text), "schema 1");
    g.source.answer = SCHEMA_FOUND;
    assert_int_equal(run(&g, key, value), DECODE_REJECT);
    assert_int_equal(g.why.code, REASON_MALFORMED);
    assert_text(g.decoded.fields[FIELD_CUSTOMER_ID], "7");
    rig_release(&g);
}

/* Without a source of schemas a record that names one is refused. */
static void test_decode_formats__none_without_a_source(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
    } values[] = {{"\0\0\0\0\1x", 6}, {"\0", 1}, {"\xc3\x01zzzzzzzz", 10}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct rig g = {.decoder =
                            decoder_new(&(struct decoder_options){.record_max_bytes = 1000})};
        struct slice bytes = slice_of(values[i].bytes, values[i].n);
        assert_int_equal(run(&g, slice_null(), bytes), DECODE_REJECT);
        assert_int_equal(g.why.code, REASON_UNKNOWN_SCHEMA);
        assert_int_equal(run(&g, bytes, slice_null()), DECODE_REJECT);
        assert_int_equal(g.why.code, REASON_UNKNOWN_SCHEMA);
        rig_release(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_formats__waits_until_the_schema_is_there),
        cmocka_unit_test(test_decode_formats__keys),
        cmocka_unit_test(test_decode_formats__a_fault_does_not_hide_that_it_waits),
        cmocka_unit_test(test_decode_formats__none_without_a_source),
    };
    return cmocka_run_group_tests_name("decode_formats", tests, NULL, NULL);
}
