/* Avro, by bytes that fastavro has written (tests/data/avro/generate.py). */
#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_avro.h"
#include "streamer/registry/schema_cache.h"
#include "support.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_MAX 100000

/* --- a source of schemas --- */

struct source {
    struct schema_source port; /* first */
    enum schema_answer answer;
    enum schema_type type;
    struct slice text;
    bool has_references;
    struct schema_key asked_for;
    int calls;
};

static enum schema_answer source_lookup(struct schema_source *s, const struct schema_key *key,
                                        struct schema_text *out) {
    struct source *source = (struct source *)s;
    source->calls++;
    source->asked_for = *key;
    out->type = source->type;
    (void)snprintf(out->type_name, sizeof out->type_name, "PROTOBUF");
    buf_set(&out->text, source->text);
    out->has_references = source->has_references;
    return source->answer;
}

struct rig {
    struct source source;
    struct decoder *decoder;
    struct decoded decoded;
    struct reason why;
    struct buf bytes;
};

static void rig_init(struct rig *g, const char *schema) {
    *g = (struct rig){.source = {.port = {.lookup = source_lookup},
                                 .answer = SCHEMA_FOUND,
                                 .type = SCHEMA_AVRO,
                                 .text = slice_str(schema)}};
    g->decoder = decoder_new(
        &(struct decoder_options){.record_max_bytes = RECORD_MAX, .schemas = &g->source.port});
}

static void rig_release(struct rig *g) {
    decoder_free(g->decoder);
    buf_release(&g->why.text);
    buf_release(&g->bytes);
}

static enum decode_outcome run(struct rig *g, enum entity entity, const struct record *r) {
    return decode(g->decoder, entity, r, &g->decoded, &g->why);
}

/* --- files --- */

static char *read_file(const char *name) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/tests/data/avro/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf text = {0};
    for (int c; (c = getc(file)) != EOF;)
        buf_put_byte(&text, (char)c);
    (void)fclose(file);
    (void)buf_cstr(&text);
    return text.p;
}

static const char *text_of(const cJSON *vector, const char *member) {
    const cJSON *item = json_member(vector, member);
    return item != NULL ? item->valuestring : NULL;
}

static void put_bytes_of_hex(struct buf *out, struct slice hex) {
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        char digits[3] = {hex.p[i], hex.p[i + 1], '\0'};
        buf_put_byte(out, (char)strtol(digits, NULL, 16));
    }
}

/* --- vectors --- */

struct vector {
    const char *name;
    const cJSON *json;
    enum entity entity;
    bool is_key;
};

static void check_text_is(const struct vector *v, const char *what, struct slice got,
                          struct slice expected) {
    if ((got.p == NULL) != (expected.p == NULL) || !slice_eq(got, expected))
        fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", v->name, what, (int)got.n, got.p,
                 (int)expected.n, expected.p);
}

static void check_fields(const struct vector *v, const struct rig *g, const cJSON *fields) {
    static const char *const types[] = {"text", "ms", "no date"};
    if (g->why.code != REASON_NONE)
        fail_msg("%s: %.*s", v->name, (int)g->why.text.n, g->why.text.p);
    for (enum field f = 0; f < FIELD_COUNT; f++)
        check_text_is(v, field_label(f), g->decoded.fields[f],
                      json_text(json_member(fields, field_label(f))));
    const char *time = text_of(v->json, "time");
    if (time != NULL)
        assert_string_equal(types[g->decoded.updated_at_type], time);
    struct slice unknown = json_text(json_member(v->json, "unknown"));
    assert_int_equal(g->decoded.unknown_fields, unknown.p != NULL ? unknown.p[0] - '0' : 0);
    check_text_is(v, "strange", g->decoded.strange_names,
                  json_text(json_member(v->json, "strange")));
    assert_int_equal(g->decoded.kind, CHANGE_UPSERT);
    assert_false(g->decoded.has_metadata);
}

static void check_refused(const struct vector *v, const struct rig *g, const char *why) {
    if (g->why.code != REASON_MALFORMED || strstr(g->why.text.p, why) == NULL)
        fail_msg("%s: %s: %.*s", v->name, reason_code_name(g->why.code), (int)g->why.text.n,
                 g->why.text.p);
}

/* That a JSON record comes to the same. */
static void check_same(const struct vector *v, const struct rig *g, const struct record *r,
                       struct slice json) {
    struct decoder *decoder =
        decoder_new(&(struct decoder_options){.record_max_bytes = RECORD_MAX});
    struct record same = {.key = r->key, .value = json};
    const struct decoded *a = &g->decoded;
    struct decoded b;
    struct reason why = {0};
    (void)decode(decoder, v->entity, &same, &b, &why);
    check_text_is(v, "the reason",
                  why.code == g->why.code ? buf_slice(&g->why.text) : slice_str("?"),
                  why.code == REASON_NONE ? buf_slice(&g->why.text) : buf_slice(&why.text));
    for (enum field f = 0; f < FIELD_COUNT; f++)
        check_text_is(v, field_label(f), a->fields[f], b.fields[f]);
    check_text_is(v, "position", a->position, b.position);
    check_text_is(v, "strange", a->strange_names, b.strange_names);
    if (a->kind != b.kind || a->unavailable != b.unavailable || a->is_read != b.is_read ||
        a->has_source_time != b.has_source_time || a->source_time_ms != b.source_time_ms ||
        a->updated_at_type != b.updated_at_type || a->has_metadata != b.has_metadata ||
        a->id_is_from_key != b.id_is_from_key)
        fail_msg("%s: it is not the same as its JSON", v->name);
    if (a->unknown_fields != b.unknown_fields)
        fail_msg("%s: %u unknown fields, not %u", v->name, a->unknown_fields, b.unknown_fields);
    buf_release(&why.text);
    decoder_free(decoder);
}

static struct slice framed(struct rig *g, const struct vector *v) {
    buf_put(&g->bytes, "\0\0\0\1\2", 5);
    put_bytes_of_hex(&g->bytes, json_text(json_member(v->json, "bytes")));
    return buf_slice(&g->bytes);
}

static void check_vector(const struct vector *v) {
    struct rig g;
    rig_init(&g, text_of(v->json, "schema"));
    struct slice bytes = framed(&g, v), key = json_text(json_member(v->json, "key"));
    struct record r = {.key = v->is_key ? bytes : key, .value = v->is_key ? slice_null() : bytes};
    const cJSON *fields = json_member(v->json, "fields");
    (void)run(&g, v->entity, &r);
    assert_int_equal(g.source.calls, 1);
    assert_int_equal(g.source.asked_for.kind, SCHEMA_BY_ID);
    assert_int_equal(g.source.asked_for.number, 258);
    if (v->is_key) {
        assert_int_equal(g.decoded.kind, CHANGE_TOMBSTONE);
        assert_true(g.decoded.id_is_from_key);
        g.decoded.kind = CHANGE_UPSERT;
    }
    if (text_of(v->json, "refused") != NULL)
        check_refused(v, &g, text_of(v->json, "refused"));
    else if (fields != NULL)
        check_fields(v, &g, fields);
    else
        check_same(v, &g, &r, json_text(json_member(v->json, "json")));
    rig_release(&g);
}

static void test_decode_avro__reads_what_others_wrote(void **state) {
    struct json json;
    char *text = read_file("vectors.json");
    const cJSON *item;
    int count = 0;
    (void)state;
    json_init(&json);
    const cJSON *vectors = json_parse(&json, slice_str(text));
    assert_non_null(vectors);
    cJSON_ArrayForEach(item, vectors) {
        struct vector v = {text_of(item, "name"), item, ENTITY_ACCOUNT,
                           json_member(item, "is_key") != NULL};
        if (strcmp(text_of(item, "entity"), "customer") == 0)
            v.entity = ENTITY_CUSTOMER;
        check_vector(&v);
        count++;
    }
    assert_true(count > 150);
    json_release(&json);
    free(text);
}

/* --- frames, and what a source of schemas says --- */

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define ROW RECORD("{\"name\":\"account_id\",\"type\":\"string\"}")

/* Asserts what becomes of a value: its code, and a part of the reason; NULL: it is accepted with id
 * A1. */
static void check_value(struct rig *g, struct record r, enum reason_code code, const char *why) {
    enum decode_outcome outcome = run(g, ENTITY_ACCOUNT, &r);
    assert_int_equal(g->why.code, code);
    assert_int_equal(outcome, code == REASON_NONE ? DECODE_EVENT : DECODE_REJECT);
    if (why == NULL)
        assert_text(g->decoded.fields[FIELD_ACCOUNT_ID], "A1");
    else if (strstr(buf_cstr(&g->why.text), why) == NULL)
        fail_msg("%s", g->why.text.p);
}

#define BYTES(s) slice_of(s, sizeof(s) - 1)

static void test_decode_avro__frames(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
        {"\0\0\0\1\2\4A1", 8, NULL},
        {"\0\0\0\1\2\4A1behind", 14, NULL},
        {"\0\0\0\1", 4, "of 4 bytes, and its beginning alone has 5"},
        {"\0", 1, "of 1 bytes"},
        {"\xc3\x01zzzzzzz", 9, "of 9 bytes, and its beginning alone has 10"},
        {"\0\0\0\1\2", 5, "the schema with id 258 says: it ends within a number, at its byte 5"},
        {"\0\0\0\1\2\6A1", 8, "id 258 says: a length goes beyond the end, at its byte 6"},
        {"\0\0\0\1\2\4\xff\xff", 8, "account_id is not valid UTF-8"},
    };
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct record r = {.value = slice_of(cases[i].bytes, cases[i].n)};
        check_value(&g, r, cases[i].why != NULL ? REASON_MALFORMED : REASON_NONE, cases[i].why);
    }
    rig_release(&g);
}

static void test_decode_avro__single_objects(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    struct record r = {.value = BYTES("\xc3\x01\1\2\3\4\5\6\7\x88\4A1")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.asked_for.kind, SCHEMA_BY_FINGERPRINT);
    assert_true(g.source.asked_for.number == UINT64_C(0x8807060504030201));
    /* An id of the same number is another schema. */
    r.value = BYTES("\xc3\x01\x9\0\0\0\0\0\0\0\4A1");
    check_value(&g, r, REASON_NONE, NULL);
    r.value = BYTES("\0\0\0\0\x9\4A1");
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.asked_for.kind, SCHEMA_BY_ID);
    assert_int_equal(g.source.calls, 3);
    rig_release(&g);
}

static void test_decode_avro__headers(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    struct record r = {.value = BYTES("\4A1"), .value_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.asked_for.kind, SCHEMA_BY_GUID);
    assert_memory_equal(g.source.asked_for.guid, "ABCDEFGHIJKLMNOP", 16);
    g.source.answer = SCHEMA_UNKNOWN;
    r.value_schema_id = BYTES("\1XBCDEFGHIJKLMNOP");
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "58424344-4546-4748-494a-4b4c4d4e4f50");
    g.source.answer = SCHEMA_FOUND;
    r.value_schema_id = BYTES("\0\0\0\0\x9");
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.asked_for.number, 9);
    r.value_schema_id = BYTES("\2\0\0\0\x9");
    check_value(&g, r, REASON_MALFORMED, "the header __value_schema_id has 5 bytes");
    r.value_schema_id = BYTES("\1ABC");
    check_value(&g, r, REASON_MALFORMED, "the header __value_schema_id has 4 bytes");
    r.value_schema_id = BYTES("");
    check_value(&g, r, REASON_MALFORMED, "the header __value_schema_id has 0 bytes");
    r = (struct record){.key = BYTES("\4A1"), .key_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.decoded.kind, CHANGE_TOMBSTONE);
    rig_release(&g);
}

/* Without a source of schemas a header matters only to what is not JSON. */
static void test_decode_avro__headers_without_a_source(void **state) {
    struct rig g = {.decoder =
                        decoder_new(&(struct decoder_options){.record_max_bytes = RECORD_MAX})};
    (void)state;
    struct record r = {.value = BYTES("\4A1"), .value_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "schema.registry.url");
    r.value = BYTES(" {\"account_id\":\"A1\"}");
    check_value(&g, r, REASON_NONE, NULL);
    r = (struct record){.key = BYTES("A1"), .key_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_NONE, NULL);
    rig_release(&g);
}

/* schemas.dir alone is a source of fingerprints; all else is as without a source. */
static void test_decode_avro__fingerprints_only(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    g.source.port.has_fingerprints_only = true;
    struct record r = {.value = BYTES("\xc3\x01\1\2\3\4\5\6\7\x88\4A1")};
    check_value(&g, r, REASON_NONE, NULL);
    r.value = BYTES("\0\0\0\1\2\4A1");
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "schema.registry.url");
    r = (struct record){.value = BYTES("{\"account_id\":\"A1\"}"),
                        .value_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_NONE, NULL);
    r = (struct record){.key = BYTES("\0\0\0\1\2\4A1")};
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "schema.registry.url");
    r = (struct record){.key = BYTES("A1"), .key_schema_id = BYTES("\1ABCDEFGHIJKLMNOP")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.calls, 1);
    rig_release(&g);
}

static void test_decode_avro__json_behind_the_id(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, "{}");
    g.source.type = SCHEMA_JSON;
    struct record r = {.value = BYTES("\0\0\0\0\1{\"account_id\":\"A1\"}")};
    check_value(&g, r, REASON_NONE, NULL);
    r.value = BYTES("\0\0\0\0\1{\"account_id\":\"A1\"");
    check_value(&g, r, REASON_MALFORMED, "Malformed JSON");
    r.value = BYTES("\0\0\0\0\1");
    check_value(&g, r, REASON_MALFORMED, "Malformed JSON");
    r = (struct record){.key = BYTES("\0\0\0\0\2\"A1\"")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.decoded.kind, CHANGE_TOMBSTONE);
    rig_release(&g);
}

static void test_decode_avro__schemas_that_cannot_be_used(void **state) {
    static const struct {
        const char *schema;
        enum schema_type type;
        const char *why;
    } cases[] = {
        {"message M {}", SCHEMA_OTHER,
         "id 7, which the value names, cannot be used: its type is PROTOBUF"},
        {"{\"type\":", SCHEMA_AVRO, "id 7, which the value names, cannot be used: "},
        {RECORD("{\"name\":\"a\",\"type\":[\"null\",\"R\"]}"), SCHEMA_AVRO,
         "the schema is recursive"},
        {"{\"type\":\"array\",\"items\":\"null\"}", SCHEMA_AVRO, "items take no byte"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, cases[i].schema);
        g.source.type = cases[i].type;
        struct record r = {.value = BYTES("\0\0\0\0\7\4A1")};
        check_value(&g, r, REASON_UNKNOWN_SCHEMA, cases[i].why);
        check_value(&g, r, REASON_UNKNOWN_SCHEMA, cases[i].why);
        assert_int_equal(g.source.calls, 1); /* a schema never changes */
        rig_release(&g);
    }
}

/* What is wrong with a schema may be longer than a reason should be. */
static void test_decode_avro__long_errors(void **state) {
    struct buf schema = {0};
    struct rig g;
    (void)state;
    for (size_t before = 0; before < 2; before++) {
        buf_clear(&schema);
        buf_put_str(&schema, before > 0 ? "\"x" : "\"");
        for (int i = 0; i < 1000; i++)
            buf_put_str(&schema, "Ω");
        buf_put_str(&schema, "\"");
        rig_init(&g, buf_cstr(&schema));
        struct record r = {.value = BYTES("\0\0\0\0\7\4A1")};
        check_value(&g, r, REASON_UNKNOWN_SCHEMA, "Unknown Avro");
        assert_true(utf8_is_valid(buf_slice(&g.why.text)));
        assert_true(g.why.text.n < 500);
        rig_release(&g);
    }
    buf_release(&schema);
}

/* What nobody knows is asked for again: it may be registered late. */
static void test_decode_avro__unknown_and_not_yet(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    g.source.answer = SCHEMA_UNKNOWN;
    struct record r = {.value = BYTES("\0\0\0\0\7\4A1")};
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "nobody knows id 7, which the value names");
    g.source.answer = SCHEMA_NOT_NOW;
    assert_int_equal(run(&g, ENTITY_ACCOUNT, &r), DECODE_WAIT);
    assert_text(buf_slice(&g.why.text), "the schema with id 7");
    struct record tombstone = {.key = BYTES("\0\0\0\0\x8\4A1")};
    assert_int_equal(run(&g, ENTITY_ACCOUNT, &tombstone), DECODE_WAIT);
    g.source.answer = SCHEMA_FOUND;
    check_value(&g, r, REASON_NONE, NULL);
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.calls, 4);
    rig_release(&g);
}

/* A delete whose row does not say the id waits for the schema of its key. */
static void test_decode_avro__a_delete_waits_for_its_key(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, ROW);
    g.source.answer = SCHEMA_NOT_NOW;
    struct record r = {.key = BYTES("\0\0\0\0\x8\4A1"),
                       .value = slice_str("{\"op\":\"d\",\"before\":null}")};
    assert_int_equal(run(&g, ENTITY_ACCOUNT, &r), DECODE_WAIT);
    g.source.answer = SCHEMA_FOUND;
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.decoded.kind, CHANGE_DELETE);
    rig_release(&g);
}

/* One schema may be that of a key, of a value, and of both entities. */
static void test_decode_avro__one_schema_for_several(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g,
             "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"customer_id\",\"type\":"
             "\"int\"},{\"name\":\"account_id\",\"type\":\"int\"}]}");
    struct record value = {.value = BYTES("\0\0\0\0\7\2\4")}, key = {.key = value.value};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(&g, ENTITY_ACCOUNT, &value), DECODE_EVENT);
        assert_text(g.decoded.fields[FIELD_ACCOUNT_ID], "2");
        assert_text(g.decoded.fields[FIELD_CUSTOMER_ID], "1");
        assert_int_equal(run(&g, ENTITY_CUSTOMER, &value), DECODE_EVENT);
        assert_null(g.decoded.fields[FIELD_ACCOUNT_ID].p);
        assert_int_equal(run(&g, ENTITY_ACCOUNT, &key), DECODE_EVENT);
        assert_text(g.decoded.fields[FIELD_ACCOUNT_ID], "2");
        assert_null(g.decoded.fields[FIELD_CUSTOMER_ID].p);
    }
    assert_int_equal(g.source.calls, 3);
    rig_release(&g);
}

static void test_decode_avro__references(void **state) {
    struct rig g;
    (void)state;
    rig_init(
        &g,
        "[{\"type\":\"fixed\",\"name\":\"bank.Money\",\"size\":1,\"logicalType\":\"decimal\","
        "\"precision\":2,\"scale\":1},{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":"
        "\"balance\",\"type\":\"bank.Money\"},{\"name\":\"account_id\",\"type\":\"string\"}]}]");
    g.source.has_references = true;
    struct record r = {.value = BYTES("\0\0\0\0\7\x21\4A1")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_text(g.decoded.fields[FIELD_BALANCE], "3.3");
    rig_release(&g);
}

/* Names of the configuration hold for Avro, too; a member of Debezium's may be a field beside. */
static void test_decode_avro__configured_names(void **state) {
    struct rig g;
    (void)state;
    rig_init(
        &g, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"no\",\"type\":\"string\"},"
            "{\"name\":\"__ts_ms\",\"type\":\"long\"},"
            "{\"name\":\"__source_ts_ms\",\"type\":\"long\"}]}");
    decoder_free(g.decoder);
    g.decoder = decoder_new(&(struct decoder_options){
        .record_max_bytes = RECORD_MAX,
        .field_names = {NULL, "account_id=no,updated_at=__ts_ms,balance=__source_ts_ms"},
        .schemas = &g.source.port});
    struct record r = {.value = BYTES("\0\0\0\0\7\4A1\x0a\x0c")};
    check_value(&g, r, REASON_NONE, NULL);
    assert_text(g.decoded.fields[FIELD_UPDATED_AT], "5");
    assert_text(g.decoded.fields[FIELD_BALANCE], "6");
    assert_true(g.decoded.has_metadata);
    assert_int_equal(g.decoded.source_time_ms, 6);
    rig_release(&g);
}

/* Schemas with so many types that their numbers do not fit. */
static void test_decode_avro__too_many_types(void **state) {
    struct buf schema = {0};
    struct rig g;
    (void)state;
    buf_put_str(&schema, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int f = 0; f < 2; f++) {
        buf_printf(&schema, "%s{\"name\":\"%s\",\"type\":[\"null\"", f > 0 ? "," : "",
                   f > 0 ? "balance" : "account_type");
        for (int i = 0; i < 200; i++)
            buf_printf(&schema, ",{\"type\":\"enum\",\"name\":\"E%d_%d\",\"symbols\":[\"A\"]}", f,
                       i);
        buf_put_str(&schema, "]}");
    }
    buf_put_str(&schema, "]}");
    rig_init(&g, buf_cstr(&schema));
    struct record r = {.value = BYTES("\0\0\0\0\7\0\0")};
    check_value(&g, r, REASON_UNKNOWN_SCHEMA, "too many types");
    rig_release(&g);
    buf_release(&schema);
}

/* --- many schemas --- */

/* A part of ten thousand schemas of Debezium, which may need 64 MiB together with the cache that
 * all workers share. */
static void test_decode_avro__ten_thousand_schemas(void **state) {
    const int part = 5, count = 10000 / part;
    struct rig g;
    char *schema = read_file("debezium.avsc");
    (void)state;
    rig_init(&g, schema);
    size_t before = avro_cache_bytes(g.decoder->avro), allocated = mallinfo2().uordblks;
    for (int i = 1; i <= count; i++) {
        char bytes[] = {0, 0, 0, (char)(i >> 8), (char)i, 0};
        struct record r = {.value = slice_of(bytes, sizeof bytes)};
        assert_int_equal(run(&g, ENTITY_ACCOUNT, &r), DECODE_REJECT);
        assert_int_equal(g.why.code, REASON_MALFORMED);
    }
    size_t counted = avro_cache_bytes(g.decoder->avro) - before;
    size_t bytes = before + (size_t)part * counted;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they have another malloc */
    assert_in_range(mallinfo2().uordblks - allocated, counted, counted + counted / 10);
#endif
    (void)allocated;
    assert_true(SCHEMA_CACHE_BYTES_MAX + bytes < ((size_t)64 << 20));
    assert_true(bytes < AVRO_CACHE_BYTES_MAX); /* so that none makes room for another */
    assert_int_equal(g.source.calls, count);
    struct record first = {.value = BYTES("\0\0\0\0\1\0")};
    (void)run(&g, ENTITY_ACCOUNT, &first);
    assert_int_equal(g.source.calls, count); /* it has kept them all */
    rig_release(&g);
    free(schema);
}

/* Schemas that need little memory are bounded by their number. Then it forgets them, and asks for
 * them again. */
static void test_decode_avro__bounded_number(void **state) {
    struct rig g;
    char bytes[] = {0, 0, 0, 0, 0, 4, 'A', '1'};
    struct record r = {.value = slice_of(bytes, sizeof bytes)};
    (void)state;
    rig_init(&g, ROW);
    for (int i = 0; i < AVRO_CACHE_MAX + 2; i++) {
        bytes[3] = (char)(i >> 8);
        bytes[4] = (char)i;
        check_value(&g, r, REASON_NONE, NULL);
    }
    bytes[3] = bytes[4] = 0;
    check_value(&g, r, REASON_NONE, NULL);
    assert_int_equal(g.source.calls, AVRO_CACHE_MAX + 3);
    rig_release(&g);
}

/* A short schema that needs much memory: a record of 100 fields, 190 times. */
static void put_large_schema(struct buf *schema) {
    buf_put_str(schema, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"account_id\","
                        "\"type\":\"string\"},{\"name\":\"s\",\"type\":{\"type\":\"record\","
                        "\"name\":\"S\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}");
    for (int i = 1; i < 100; i++)
        buf_printf(schema, ",{\"name\":\"f%d\",\"type\":\"int\"}", i);
    buf_put_str(schema, "]}}");
    for (int i = 1; i < 190; i++)
        buf_printf(schema, ",{\"name\":\"s%d\",\"type\":\"S\"}", i);
    buf_put_str(schema, "]}");
}

/* It keeps to its bound, and reads on. */
static void test_decode_avro__bounded_memory(void **state) {
    struct buf schema = {0}, value = {0};
    struct rig g;
    size_t most = 0, bytes = 0;
    (void)state;
    put_large_schema(&schema);
    rig_init(&g, buf_cstr(&schema));
    buf_put(&value, "\0\0\0\0\0\4A1", 8);
    for (int i = 0; i < 19000; i++)
        buf_put_byte(&value, 0);
    for (int i = 0; bytes >= most; i++) {
        value.p[3] = (char)(i >> 8);
        value.p[4] = (char)i;
        check_value(&g, (struct record){.value = buf_slice(&value)}, REASON_NONE, NULL);
        bytes = avro_cache_bytes(g.decoder->avro);
        most = bytes > most ? bytes : most;
        assert_true(i < 1000);
    }
    assert_true(most > AVRO_CACHE_BYTES_MAX / 2);
    assert_true(most < AVRO_CACHE_BYTES_MAX + ((size_t)1 << 20));
    rig_release(&g);
    buf_release(&schema);
    buf_release(&value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_avro__reads_what_others_wrote),
        cmocka_unit_test(test_decode_avro__frames),
        cmocka_unit_test(test_decode_avro__single_objects),
        cmocka_unit_test(test_decode_avro__headers),
        cmocka_unit_test(test_decode_avro__headers_without_a_source),
        cmocka_unit_test(test_decode_avro__fingerprints_only),
        cmocka_unit_test(test_decode_avro__json_behind_the_id),
        cmocka_unit_test(test_decode_avro__schemas_that_cannot_be_used),
        cmocka_unit_test(test_decode_avro__long_errors),
        cmocka_unit_test(test_decode_avro__unknown_and_not_yet),
        cmocka_unit_test(test_decode_avro__a_delete_waits_for_its_key),
        cmocka_unit_test(test_decode_avro__one_schema_for_several),
        cmocka_unit_test(test_decode_avro__references),
        cmocka_unit_test(test_decode_avro__configured_names),
        cmocka_unit_test(test_decode_avro__too_many_types),
        cmocka_unit_test(test_decode_avro__ten_thousand_schemas),
        cmocka_unit_test(test_decode_avro__bounded_number),
        cmocka_unit_test(test_decode_avro__bounded_memory),
    };
    return cmocka_run_group_tests_name("decode_avro", tests, NULL, NULL);
}
