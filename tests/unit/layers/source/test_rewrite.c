/* rewrite: one field is another one afterwards, and all else is as it was. */
#include "streamer/layers/source/rewrite.h"

#include "streamer/base/decimal.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/field_names.h"
#include "support.h"

#include <string.h>

#define FRAME "\0\0\0\1\2"
#define FRAME_BYTES 5

/* --- a source of one schema --- */

struct source {
    struct schema_source port; /* first */
    enum schema_answer answer;
    enum schema_type type;
    const char *text;
};

static enum schema_answer lookup(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out) {
    const struct source *source = (const struct source *)s;
    (void)key;
    out->type = source->type;
    out->has_references = false;
    buf_set(&out->text, slice_str(source->text));
    return source->answer;
}

struct rig {
    struct source source;
    struct decoder *decoder;
    struct buf out;
    struct err e;
};

static void rig_init(struct rig *g, enum schema_type type, const char *schema) {
    *g = (struct rig){.source = {{.lookup = lookup}, SCHEMA_FOUND, type, schema}};
    g->decoder =
        decoder_new(&(struct decoder_options){.record_max_bytes = 100000,
                                              .field_names = {"has_loan=flag", NULL},
                                              .schemas = schema != NULL ? &g->source.port : NULL});
}

static void rig_release(struct rig *g) {
    decoder_free(g->decoder);
    buf_release(&g->out);
}

static bool run(struct rig *g, enum entity entity, struct slice value, enum field field,
                const char *text) {
    const struct record r = {.key = slice_str("7"), .value = value};
    const struct rewrite_field f = {field, slice_str(text)};
    return rewrite_value(g->decoder, entity, &r, &f, 1, &g->out, &g->e);
}

/* --- JSON --- */

#define DECIMAL                                                                                    \
    "{\"field\":\"balance\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data."          \
    "Decimal\",\"parameters\":{\"scale\":\"2\"}}"
#define MICROS                                                                                     \
    "{\"field\":\"updated_at\",\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTimestamp\"}"
#define TYPED(fields, payload)                                                                     \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[" fields "]},\"payload\":" payload "}"
#define IN_AFTER(fields) "{\"field\":\"after\",\"type\":\"struct\",\"fields\":[" fields "]}"

static const struct json_case {
    const char *name, *before;
    enum field field;
    const char *text, *after; /* after NULL: it is refused */
    const char *why;          /* a part of the error */
} accounts[] = {
    {"a text stays a text", "{\"account_id\":\"A\",\"balance\":\"abc\"}", FIELD_BALANCE, "50.50",
     "{\"account_id\":\"A\",\"balance\":\"50.50\"}", NULL},
    {"a number stays a number", "{\"balance\": -5 ,\"x\":1}", FIELD_BALANCE, "50.50",
     "{\"balance\": 50.50 ,\"x\":1}", NULL},
    {"what is no number becomes a text", "{\"balance\":-5}", FIELD_BALANCE, "n/a",
     "{\"balance\":\"n/a\"}", NULL},
    {"null becomes a text", "{\"balance\":null}", FIELD_BALANCE, "1", "{\"balance\":\"1\"}", NULL},
    {"an object becomes a text", "{\"balance\":{\"a\":[1,\"}\"]},\"z\":0}", FIELD_BALANCE, "1",
     "{\"balance\":\"1\",\"z\":0}", NULL},
    {"escapes around it", "{\"a\\\"{\":\"\\\\\",\"balance\":\"x\\\"y\",\"b\":\"}\"}", FIELD_BALANCE,
     "1\"2", "{\"a\\\"{\":\"\\\\\",\"balance\":\"1\\\"2\",\"b\":\"}\"}", NULL},
    {"white space stays", "  { \"Balance Amount\" : \"x\" }\n", FIELD_BALANCE, "1",
     "  { \"Balance Amount\" : \"1\" }\n", NULL},
    {"the name that counts", "{\"balance_amount\":\"7\",\"BALANCE\":\"x\"}", FIELD_BALANCE, "1",
     "{\"balance_amount\":\"7\",\"BALANCE\":\"1\"}", NULL},
    {"a missing field is added", "{\"account_id\":\"A\" }", FIELD_BALANCE, "1",
     "{\"account_id\":\"A\" ,\"balance\":\"1\"}", NULL},
    {"to an empty object", "{}", FIELD_BALANCE, "1", "{\"balance\":\"1\"}", NULL},
    {"flattened", "{\"balance\":\"x\",\"__op\":\"u\"}", FIELD_BALANCE, "1",
     "{\"balance\":\"1\",\"__op\":\"u\"}", NULL},
    {"envelope",
     "{\"before\":{\"balance\":1},\"after\":{\"balance\":2},\"op\":\"u\",\"source\":{}}",
     FIELD_BALANCE, "3",
     "{\"before\":{\"balance\":1},\"after\":{\"balance\":3},\"op\":\"u\",\"source\":{}}", NULL},
    {"envelope of a delete", "{\"before\":{\"account_id\":\"\"},\"after\":null,\"op\":\"d\"}",
     FIELD_ACCOUNT_ID, "A", "{\"before\":{\"account_id\":\"A\"},\"after\":null,\"op\":\"d\"}",
     NULL},
    {"a schema's text", TYPED("{\"field\":\"balance\",\"type\":\"string\"}", "{\"balance\":7}"),
     FIELD_BALANCE, "1",
     TYPED("{\"field\":\"balance\",\"type\":\"string\"}", "{\"balance\":\"1\"}"), NULL},
    {"a schema's number",
     TYPED("{\"field\":\"balance\",\"type\":\"double\"}", "{\"balance\":null}"), FIELD_BALANCE,
     "1.5", TYPED("{\"field\":\"balance\",\"type\":\"double\"}", "{\"balance\":1.5}"), NULL},
    {"a schema's decimal", TYPED(DECIMAL, "{\"balance\":\"\"}"), FIELD_BALANCE, "50.5",
     TYPED(DECIMAL, "{\"balance\":\"E7o=\"}"), NULL}, /* 5050 = 0x13ba */
    {"below zero", TYPED(DECIMAL, "{\"balance\":\"\"}"), FIELD_BALANCE, "-0.01",
     TYPED(DECIMAL, "{\"balance\":\"/w==\"}"), NULL},
    {"a decimal as a number", TYPED(DECIMAL, "{\"balance\":-1.50}"), FIELD_BALANCE, "50.5",
     TYPED(DECIMAL, "{\"balance\":50.5}"), NULL},
    {"a decimal of any scale", "{\"balance\":{\"scale\":1,\"value\":\"eA==\"}}", FIELD_BALANCE,
     "50.50", "{\"balance\":{\"scale\":2,\"value\":\"E7o=\"}}", NULL},
    {"a schema's time", TYPED(MICROS, "{\"updated_at\":0}"), FIELD_UPDATED_AT,
     "2024-02-15T00:00:00Z", TYPED(MICROS, "{\"updated_at\":1707955200000000}"), NULL},
    {"envelope with a schema",
     TYPED(IN_AFTER(DECIMAL), "{\"op\":\"c\",\"after\":{\"balance\":\"\"}}"), FIELD_BALANCE, "0.01",
     TYPED(IN_AFTER(DECIMAL), "{\"op\":\"c\",\"after\":{\"balance\":\"AQ==\"}}"), NULL},
    {"too many digits", TYPED(DECIMAL, "{\"balance\":\"\"}"), FIELD_BALANCE, "0.001", NULL,
     "balance: \"0.001\" does not fit the record's schema, which says a decimal with 2 digits"},
    {"no whole number", TYPED("{\"field\":\"balance\",\"type\":\"int64\"}", "{\"balance\":1}"),
     FIELD_BALANCE, "1.5", NULL, "which says int64"},
    {"no number", TYPED("{\"field\":\"balance\",\"type\":\"double\"}", "{\"balance\":1}"),
     FIELD_BALANCE, "abc", NULL, "which says double"},
    {"no row", "{\"before\":null,\"after\":null,\"op\":\"u\"}", FIELD_BALANCE, "1", NULL,
     "no row in `after`"},
    {"no JSON", "{\"balance\":", FIELD_BALANCE, "1", NULL, "the value is no JSON"},
    {"no object", "[1]", FIELD_BALANCE, "1", NULL, "no object"},
    {"a tombstone", "null", FIELD_BALANCE, "1", NULL, "a tombstone has no fields"},
    {"a truncate", "{\"op\":\"t\",\"source\":{\"ts_ms\":1}}", FIELD_BALANCE, "1", NULL,
     "a truncate has no fields"},
    {"twice encoded", "\"{\\\"balance\\\":1}\"", FIELD_BALANCE, "1", NULL, "no object"},
    {"Avro without a registry", "\xc3\x01", FIELD_BALANCE, "1", NULL, "schema.registry.url"},
};

static void check_json(struct rig *g, enum entity entity, const struct json_case *c) {
    bool ok = run(g, entity, slice_str(c->before), c->field, c->text);
    if (ok != (c->after != NULL))
        fail_msg("%s: %s", c->name, ok ? buf_cstr(&g->out) : g->e.text);
    if (ok && !slice_eq(buf_slice(&g->out), slice_str(c->after)))
        fail_msg("%s: %s", c->name, buf_cstr(&g->out));
    if (!ok && strstr(g->e.text, c->why) == NULL)
        fail_msg("%s: %s", c->name, g->e.text);
}

static void test_rewrite__json(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, SCHEMA_AVRO, NULL);
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
        check_json(&g, ENTITY_ACCOUNT, &accounts[i]);
    const struct json_case configured = {
        "a configured name", "{\"flag\":true}", FIELD_HAS_LOAN, "false", "{\"flag\":false}", NULL};
    check_json(&g, ENTITY_CUSTOMER, &configured);
    rig_release(&g);
}

static void test_rewrite__json_behind_an_id(void **state) {
    static const char before[] = FRAME "{\"balance\":\"x\"}", after[] = FRAME "{\"balance\":\"1\"}";
    struct rig g;
    (void)state;
    rig_init(&g, SCHEMA_JSON, "{}");
    assert_true(run(&g, ENTITY_ACCOUNT, slice_of(before, sizeof before - 1), FIELD_BALANCE, "1"));
    assert_true(slice_eq(buf_slice(&g.out), slice_of(after, sizeof after - 1)));
    g.source.answer = SCHEMA_NOT_NOW;
    rig_release(&g);
    rig_init(&g, SCHEMA_JSON, "{}");
    g.source.answer = SCHEMA_NOT_NOW;
    assert_false(run(&g, ENTITY_ACCOUNT, slice_of(before, sizeof before - 1), FIELD_BALANCE, "1"));
    assert_int_equal(g.e.class, ERR_RETRY);
    rig_release(&g);
}

/* --- Avro, by the bytes that fastavro has written --- */

static char *read_vectors(void) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/tests/data/avro/vectors.json", SOURCE_DIR);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf text = {0};
    for (int c; (c = getc(file)) != EOF;)
        buf_put_byte(&text, (char)c);
    (void)fclose(file);
    (void)buf_cstr(&text);
    return text.p;
}

/* The fields of a record, which outlive the decoder's. */
struct fields {
    enum decode_outcome outcome;
    enum change_kind kind;
    struct buf texts[FIELD_COUNT];
    bool has[FIELD_COUNT];
};

static void read_fields(struct rig *g, enum entity entity, struct slice value, struct fields *f) {
    const struct record r = {.key = slice_str("7"), .value = value};
    struct decoded decoded;
    struct reason why = {0};
    f->outcome = decode(g->decoder, entity, &r, &decoded, &why);
    f->kind = decoded.kind;
    for (enum field i = 0; i < FIELD_COUNT; i++) {
        f->has[i] = decoded.fields[i].p != NULL;
        buf_set(&f->texts[i], f->has[i] ? decoded.fields[i] : slice_str(""));
    }
    buf_release(&why.text);
}

static void fields_release(struct fields *f) {
    for (size_t i = 0; i < FIELD_COUNT; i++)
        buf_release(&f->texts[i]);
}

/* Whether a text that was set is read back: as it is, as the same number, or as the same time. */
static bool is_same(struct slice set, struct slice read) {
    int64_t a, b, ms;
    return slice_eq(set, read) ||
           (decimal_parse(set, 18, 4, &a) == DECIMAL_OK &&
            decimal_parse(read, 18, 4, &b) == DECIMAL_OK && a == b) ||
           (timestamp_parse_iso(set, &ms) && decimal_parse_integer(read, &b) == DECIMAL_OK &&
            ms == b);
}

static void check_set(struct rig *g, const char *name, enum entity entity, struct slice value,
                      const struct fields *before, enum field field, const char *text) {
    struct fields after = {0};
    read_fields(g, entity, buf_slice(&g->out), &after);
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        bool ok = f == field ? is_same(slice_str(text), buf_slice(&after.texts[f]))
                             : slice_eq(buf_slice(&after.texts[f]), buf_slice(&before->texts[f]));
        /* A whole number stands for a time as the type of its place says. */
        bool is_time = f == FIELD_UPDATED_AT && strspn(text, "0123456789") == strlen(text);
        if (!ok && !is_time)
            fail_msg("%s: %s=%s: %s is \"%.*s\"", name, field_label(field), text, field_label(f),
                     (int)after.texts[f].n, after.texts[f].p);
    }
    assert_int_equal(after.kind, before->kind);
    assert_true(value.n > 0);
    fields_release(&after);
}

static int try_texts(struct rig *g, const char *name, enum entity entity, struct slice value) {
    static const char *const texts[] = {
        "savings", "7", "-12.25", "true", "", "2024-02-15T00:00:00Z", "S", "99999999999"};
    struct fields before = {0};
    int count = 0;
    read_fields(g, entity, value, &before);
    for (enum field f = 0; f < FIELD_COUNT; f++)
        for (size_t i = 0; before.has[f] && i < ARRAY_LEN(texts); i++)
            if (run(g, entity, value, f, texts[i])) {
                check_set(g, name, entity, value, &before, f, texts[i]);
                count++;
            }
    fields_release(&before);
    return count;
}

static void put_bytes_of_hex(struct buf *out, const char *hex) {
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        const char digits[3] = {hex[0], hex[1], '\0'};
        buf_put_byte(out, (char)strtol(digits, NULL, 16));
    }
}

static void test_rewrite__avro_is_read_back(void **state) {
    struct json json;
    char *text = read_vectors();
    const cJSON *item;
    int count = 0;
    (void)state;
    json_init(&json);
    cJSON_ArrayForEach(item, json_parse(&json, slice_str(text))) {
        struct rig g;
        struct buf value = {0};
        const char *entity = json_member(item, "entity")->valuestring;
        if (json_member(item, "refused") != NULL || strstr(entity, "key") != NULL)
            continue;
        rig_init(&g, SCHEMA_AVRO, json_member(item, "schema")->valuestring);
        buf_put(&value, FRAME, FRAME_BYTES);
        put_bytes_of_hex(&value, json_member(item, "bytes")->valuestring);
        count += try_texts(&g, json_member(item, "name")->valuestring,
                           strcmp(entity, "customer") == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT,
                           buf_slice(&value));
        buf_release(&value);
        rig_release(&g);
    }
    assert_true(count > 100);
    json_release(&json);
    free(text);
}

#define ROW "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
#define ID "{\"name\":\"account_id\",\"type\":\"string\"},"
#define BALANCE(type)                                                                              \
    ROW ID "{\"name\":\"balance\",\"type\":" type "},{\"name\":\"z\",\"type\":\"int\"}]}"
#define AVRO_DECIMAL "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}"
#define FIXED                                                                                      \
    "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","                   \
    "\"precision\":9,\"scale\":2}"

/* The bytes of Avro 1.11's specification, by hand: account_id A, the balance, z = 1. */
static void test_rewrite__avro_bytes(void **state) {
    static const struct {
        const char *schema, *before, *text, *after, *why;
    } cases[] = {
        {BALANCE("\"string\""),
         "0241"
         "0278"
         "02",
         "1.5",
         "0241"
         "06312e35"
         "02",
         NULL},
        {BALANCE("[\"null\",\"string\"]"),
         "0241"
         "00"
         "02",
         "1",
         "0241"
         "020231"
         "02",
         NULL},
        {BALANCE("[\"null\",\"string\"]"),
         "0241"
         "020278"
         "02",
         "",
         "0241"
         "0200"
         "02",
         NULL},
        {BALANCE("[\"null\",\"long\"]"),
         "0241"
         "0202"
         "02",
         "",
         "0241"
         "00"
         "02",
         NULL},
        {BALANCE("[\"long\",\"string\"]"),
         "0241"
         "0001"
         "02",
         "-64",
         "0241"
         "007f"
         "02",
         NULL},
        {BALANCE("[\"long\",\"string\"]"),
         "0241"
         "0001"
         "02",
         "x",
         "0241"
         "020278"
         "02",
         NULL},
        {BALANCE(AVRO_DECIMAL),
         "0241"
         "02ff"
         "02",
         "50.5",
         "0241"
         "0413ba"
         "02",
         NULL},
        {BALANCE(FIXED),
         "0241"
         "ffffffff"
         "02",
         "50.5",
         "0241"
         "000013ba"
         "02",
         NULL},
        {BALANCE(FIXED),
         "0241"
         "00000000"
         "02",
         "-0.02",
         "0241"
         "fffffffe"
         "02",
         NULL},
        {BALANCE("\"double\""),
         "0241"
         "0000000000000000"
         "02",
         "50.5",
         "0241"
         "0000000000404940"
         "02",
         NULL},
        {BALANCE("\"float\""),
         "0241"
         "00000000"
         "02",
         "0.1",
         "0241"
         "cdcccc3d"
         "02",
         NULL},
        {BALANCE("\"long\""),
         "0241"
         "01"
         "02",
         "1.5", NULL, "balance: \"1.5\" does not fit the record's schema, which says long"},
        {BALANCE(AVRO_DECIMAL),
         "0241"
         "02ff"
         "02",
         "0.005", NULL, "a decimal with 2 digits behind the point"},
        {BALANCE(FIXED),
         "0241"
         "ffffffff"
         "02",
         "99999999999", NULL, "does not fit"},
        {BALANCE("\"float\""),
         "0241"
         "00000000"
         "02",
         "16777217", NULL, "says float"},
        {BALANCE("\"string\""),
         "0241"
         "ff78"
         "02",
         "1", NULL, "not as its schema says"},
        {ROW ID "{\"name\":\"z\",\"type\":\"int\"}]}",
         "0241"
         "02",
         "1", NULL, "the record's schema has no such field"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        struct buf value = {0}, expected = {0};
        rig_init(&g, SCHEMA_AVRO, cases[i].schema);
        buf_put(&value, FRAME, FRAME_BYTES);
        put_bytes_of_hex(&value, cases[i].before);
        bool ok = run(&g, ENTITY_ACCOUNT, buf_slice(&value), FIELD_BALANCE, cases[i].text);
        if (ok != (cases[i].after != NULL))
            fail_msg("%zu: %s", i, ok ? "it fits" : g.e.text);
        if (!ok && strstr(g.e.text, cases[i].why) == NULL)
            fail_msg("%zu: %s", i, g.e.text);
        buf_put(&expected, FRAME, FRAME_BYTES);
        put_bytes_of_hex(&expected, ok ? cases[i].after : "");
        if (ok && !slice_eq(buf_slice(&g.out), buf_slice(&expected)))
            fail_msg("%zu: other bytes", i);
        buf_release(&value);
        buf_release(&expected);
        rig_release(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite__json),
        cmocka_unit_test(test_rewrite__json_behind_an_id),
        cmocka_unit_test(test_rewrite__avro_is_read_back),
        cmocka_unit_test(test_rewrite__avro_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
