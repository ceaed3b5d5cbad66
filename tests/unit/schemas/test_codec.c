/* The encodings of result rows: the bytes that users get, that all encodings say the same, and what
 * is read back. */
#include "rows_peer.h"

#include "streamer/base/base64.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

/* The example of schemas/README.md, "Output encoding": texts for amounts and rates. */
#define SUMMARY                                                                                    \
    "{\"account_id\":\"A-1\",\"customer_id\":7,\"original_balance_amount\":\"16500.00\","          \
    "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"247.50\","                       \
    "\"new_balance_amount\":\"16747.50\",\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}"
#define SUMMARY_NUMBERS                                                                            \
    "{\"account_id\":\"A-1\",\"customer_id\":7,\"original_balance_amount\":16500.00,"              \
    "\"interest_rate_pct\":0.015,\"annual_interest_amount\":247.50,"                               \
    "\"new_balance_amount\":16747.50,\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}"

/* 1650000 is 0x192d50, 15 is 0x0f, 24750 is 0x60ae, and 1674750 is 0x198dfe. */
#define CONNECT_DECIMAL(name, scale, precision)                                                    \
    "{\"type\":\"bytes\",\"optional\":false,"                                                      \
    "\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"                            \
    "\"parameters\":{\"scale\":\"" scale "\",\"connect.decimal.precision\":\"" precision "\"},"    \
    "\"field\":\"" name "\"}"
#define ORIGINAL CONNECT_DECIMAL("original_balance_amount", "2", "18")
#define RATE CONNECT_DECIMAL("interest_rate_pct", "3", "5")
#define INTEREST CONNECT_DECIMAL("annual_interest_amount", "2", "18")
#define NEW_BALANCE CONNECT_DECIMAL("new_balance_amount", "2", "20")
#define SUMMARY_CONNECT_SCHEMA                                                                     \
    "{\"type\":\"struct\",\"fields\":["                                                            \
    "{\"type\":\"string\",\"optional\":false,\"field\":\"account_id\"},"                           \
    "{\"type\":\"int64\",\"optional\":false,\"field\":\"customer_id\"}," ORIGINAL "," RATE         \
    "," INTEREST "," NEW_BALANCE ","                                                               \
    "{\"type\":\"int64\",\"optional\":false,"                                                      \
    "\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1,"                          \
    "\"field\":\"calculated_at\"}],"                                                               \
    "\"optional\":false,\"name\":\"streamer.account_summary\"}"
#define SUMMARY_CONNECT                                                                            \
    "{\"schema\":" SUMMARY_CONNECT_SCHEMA                                                          \
    ",\"payload\":{\"account_id\":\"A-1\",\"customer_id\":7,"                                      \
    "\"original_balance_amount\":\"GS1Q\",\"interest_rate_pct\":\"Dw==\","                         \
    "\"annual_interest_amount\":\"YK4=\",\"new_balance_amount\":\"GY3+\","                         \
    "\"calculated_at\":1707955200000}}"

static const struct account_summary_row summary = {
    {"A-1", 3}, 7, 1650000, 15, 24750, 1674750, INT64_C(1707955200000)};

static const struct codec *const all[] = {&codec_json, &codec_json_numbers, &codec_avro,
                                          &codec_connect_json};

static void test_codec__of(void **state) {
    static const struct {
        struct slice bytes;
        const struct codec *codec;
    } cases[] = {
        {{SUMMARY, sizeof SUMMARY - 1}, &codec_json},
        {{SUMMARY_NUMBERS, sizeof SUMMARY_NUMBERS - 1}, &codec_json},
        {{SUMMARY_CONNECT, sizeof SUMMARY_CONNECT - 1}, &codec_connect_json},
        {{"{", 1}, &codec_json},
        {{"\0\0\0\0\7", 5}, &codec_avro},
        {{"", 0}, NULL},
        {{NULL, 0}, NULL},
        {{" {}", 3}, NULL},
        {{"[]", 2}, NULL},
        {{"\xc3\1", 2}, NULL}, /* Avro with the fingerprint of a schema */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (codec_of(cases[i].bytes) != cases[i].codec)
            fail_msg("case %zu", i);
}

/* --- the bytes that users get --- */

static void write_with(const struct codec *codec, const struct row_type *type, const void *row,
                       struct buf *out) {
    struct codec_writer w;
    codec_writer_init(&w, codec, own_schema_ids);
    buf_clear(out);
    codec_write(&w, type, row, out);
    codec_writer_release(&w);
}

static void test_codec__text(void **state) {
    static const char *const expected[] = {SUMMARY, SUMMARY_NUMBERS, NULL, SUMMARY_CONNECT};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        write_with(all[i], &account_summary_type, &summary, &out);
        if (expected[i] != NULL)
            assert_text(buf_slice(&out), expected[i]);
    }
    buf_release(&out);
    assert_string_equal(codec_json.name, "json");
    assert_string_equal(codec_avro.name, "avro");
    assert_string_equal(codec_connect_json.name, "connect-json");
}

/* --- all encodings say the same --- */

/* A row in all encodings, each one read by a library that knows nothing of rows.c. */
struct views {
    struct buf json, numbers, connect, avro, http;
    struct json json_tree, numbers_tree, connect_tree;
    const cJSON *as_json, *as_numbers, *connect_fields, *as_connect;
    struct peer *peer;
};

static void views_init(struct views *v, const struct row_type *type) {
    *v = (struct views){.peer = peer_new(type->name)};
    json_init(&v->json_tree);
    json_init(&v->numbers_tree);
    json_init(&v->connect_tree);
}

static void views_release(struct views *v) {
    struct buf *bufs[] = {&v->json, &v->numbers, &v->connect, &v->avro, &v->http};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    json_release(&v->json_tree);
    json_release(&v->numbers_tree);
    json_release(&v->connect_tree);
    peer_free(v->peer);
}

static void views_fill(struct views *v, const struct row_type *type, const void *row) {
    write_with(&codec_json, type, row, &v->json);
    write_with(&codec_json_numbers, type, row, &v->numbers);
    write_with(&codec_connect_json, type, row, &v->connect);
    write_with(&codec_avro, type, row, &v->avro);
    buf_clear(&v->http);
    row_put_json(type, row, &v->http);
    v->as_json = json_parse(&v->json_tree, buf_slice(&v->json));
    v->as_numbers = json_parse(&v->numbers_tree, buf_slice(&v->numbers));
    const cJSON *connect = json_parse(&v->connect_tree, buf_slice(&v->connect));
    v->connect_fields = json_member(json_member(connect, "schema"), "fields");
    v->as_connect = json_member(connect, "payload");
    uint32_t id = own_schema_ids[type->result];
    const char head[] = {0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id};
    assert_memory_equal(v->avro.p, head, sizeof head);
    peer_decode(v->peer, slice_of(v->avro.p + sizeof head, v->avro.n - sizeof head));
}

static void assert_item(const cJSON *item, const char *expected) {
    struct slice text = json_text(item);
    assert_text(text.p != NULL ? text : slice_str("(null)"), expected);
}

/* "-12.34" as the bytes of Avro's decimals, by arithmetic on its digits. */
static size_t bytes_of_text(struct slice text, unsigned char bytes[17]) {
    bool negative = text.p[0] == '-';
    memset(bytes, 0, 17);
    for (size_t i = 0; i < text.n; i++) {
        unsigned carry = (unsigned)(text.p[i] - '0');
        for (int k = 16; text.p[i] >= '0' && k >= 0; k--, carry >>= 8)
            bytes[k] = (unsigned char)(carry += 10u * bytes[k]);
    }
    for (int k = 16, carry = 1; negative && k >= 0; k--, carry >>= 8)
        bytes[k] = (unsigned char)(carry += (unsigned char)~bytes[k]);
    size_t skip = 0;
    while (skip < 16 && bytes[skip] == (negative ? 0xff : 0) &&
           (bytes[skip + 1] & 0x80) == (negative ? 0x80 : 0))
        skip++;
    memmove(bytes, bytes + skip, 17 - skip);
    return 17 - skip;
}

static void check_decimal(const struct views *v, const cJSON *type, const char *name,
                          const cJSON *connect_schema, const avro_value_t *theirs) {
    const cJSON *parameters = json_member(connect_schema, "parameters");
    struct slice text = json_text(json_member(v->as_json, name));
    unsigned char expected[17];
    char connect[16];
    const void *bytes = NULL;
    size_t n = bytes_of_text(text, expected), avro_n = 0;
    assert_item(json_member(connect_schema, "type"), "bytes");
    assert_item(json_member(connect_schema, "name"), "org.apache.kafka.connect.data.Decimal");
    assert_true(slice_eq(json_text(json_member(parameters, "scale")),
                         json_text(json_member(type, "scale"))));
    assert_true(slice_eq(json_text(json_member(parameters, "connect.decimal.precision")),
                         json_text(json_member(type, "precision"))));
    assert_int_equal(avro_value_get_bytes(theirs, &bytes, &avro_n), 0);
    assert_true(slice_eq(slice_of(bytes, avro_n), slice_of(expected, n)));
    size_t connect_n =
        base64_get(json_text(json_member(v->as_connect, name)), connect, sizeof connect);
    assert_true(slice_eq(slice_of(connect, connect_n), slice_of(expected, n)));
    assert_false(json_is_number(json_member(v->as_json, name)));
    assert_true(json_is_number(json_member(v->as_numbers, name)));
    assert_true(slice_eq(json_text(json_member(v->as_numbers, name)), text));
    size_t scale = (size_t)(json_text(json_member(type, "scale")).p[0] - '0');
    assert_true(text.n > scale + 1 && text.p[text.n - scale - 1] == '.');
}

static void check_time(const struct views *v, const char *name, const cJSON *connect_schema,
                       avro_value_t theirs) {
    int64_t expected = 0, from_text, from_connect;
    const cJSON *connect = json_member(v->as_connect, name);
    assert_item(json_member(connect_schema, "type"), "int64");
    assert_item(json_member(connect_schema, "name"), "org.apache.kafka.connect.data.Timestamp");
    if (avro_value_get_type(&theirs) == AVRO_UNION) {
        avro_value_t branch = {0};
        assert_int_equal(avro_value_get_current_branch(&theirs, &branch), 0);
        assert_true(cJSON_IsTrue(json_member(connect_schema, "optional")));
        theirs = branch;
    }
    if (avro_value_get_type(&theirs) == AVRO_NULL) {
        assert_true(cJSON_IsNull(json_member(v->as_json, name)));
        assert_true(cJSON_IsNull(connect));
        return;
    }
    assert_int_equal(avro_value_get_long(&theirs, &expected), 0);
    assert_true(timestamp_parse_iso(json_text(json_member(v->as_json, name)), &from_text));
    assert_int_equal(decimal_parse_integer(json_text(connect), &from_connect), DECIMAL_OK);
    assert_true(from_text == expected && from_connect == expected && json_is_number(connect));
}

/* What is neither a decimal nor a time has the same text in all of JSON. */
static void check_plain(const struct views *v, const char *name, const cJSON *connect_schema,
                        const avro_value_t *theirs) {
    const cJSON *item = json_member(v->as_json, name), *connect = json_member(v->as_connect, name);
    const char *text = "";
    size_t n;
    int64_t number = 0;
    int flag = 0;
    assert_true(item->type == connect->type && json_is_number(item) == json_is_number(connect));
    assert_true(slice_eq(json_text(item), json_text(connect)));
    assert_null(json_member(connect_schema, "name"));
    switch (avro_value_get_type(theirs)) {
    case AVRO_STRING:
        assert_int_equal(avro_value_get_string(theirs, &text, &n), 0);
        assert_text(json_text(item), text);
        assert_item(json_member(connect_schema, "type"), "string");
        return;
    case AVRO_INT64:
        assert_int_equal(avro_value_get_long(theirs, &number), 0);
        char expected[24];
        (void)snprintf(expected, sizeof expected, "%lld", (long long)number);
        assert_item(item, expected);
        assert_item(json_member(connect_schema, "type"), "int64");
        return;
    case AVRO_BOOLEAN:
        assert_int_equal(avro_value_get_boolean(theirs, &flag), 0);
        assert_item(item, flag != 0 ? "true" : "false");
        assert_item(json_member(connect_schema, "type"), "boolean");
        return;
    default:
        fail();
    }
}

/* Each field of the .avsc, in its order, in all encodings. */
static void check_views(const struct views *v, const cJSON *fields) {
    const cJSON *field = fields->child, *connect = v->connect_fields->child,
                *item = v->as_json->child, *payload = v->as_connect->child;
    for (; field != NULL;
         field = field->next, connect = connect->next, item = item->next, payload = payload->next) {
        const char *name = json_text(json_member(field, "name")).p;
        const cJSON *type = json_member(field, "type");
        const cJSON *logical =
            json_member(cJSON_IsArray(type) ? type->child->next : type, "logicalType");
        avro_value_t theirs = member(&v->peer->value, name);
        assert_string_equal(item->string, name);
        assert_string_equal(payload->string, name);
        assert_item(json_member(connect, "field"), name);
        assert_true(cJSON_IsBool(json_member(connect, "optional")));
        assert_int_equal(cJSON_IsTrue(json_member(connect, "optional")), cJSON_IsArray(type));
        if (logical == NULL)
            check_plain(v, name, connect, &theirs);
        else if (slice_eq(json_text(logical), slice_str("decimal")))
            check_decimal(v, type, name, connect, &theirs);
        else
            check_time(v, name, connect, theirs);
    }
    assert_true(connect == NULL && item == NULL && payload == NULL);
    assert_true(slice_eq(buf_slice(&v->json), buf_slice(&v->http)));
}

static void check_there_and_back(struct codec_reader *r, const struct row_type *type,
                                 const void *row, struct slice bytes) {
    union any_result back;
    struct err e;
    if (!codec_read(r, type, bytes, &back, &e))
        fail_msg("%s: %s", type->name, e.text);
    assert_same_rows(type, row, &back);
}

static void test_codec__encodings_agree(void **state) {
    struct codec_reader reader;
    (void)state;
    codec_reader_init(&reader, find_own_schema, NULL);
    for (size_t i = 0; i < ROW_RESULT_COUNT; i++) {
        const struct row_type *type = row_result_types[i];
        struct rng r = rng_seeded(i);
        struct buf text = {0};
        struct json schema;
        struct views v;
        json_init(&schema);
        views_init(&v, type);
        read_schema_text(type->name, &text);
        const cJSON *fields = json_member(json_parse(&schema, buf_slice(&text)), "fields");
        for (int k = 0; k < 500; k++) {
            union any_result row;
            fill_row(type, &row, &r, true);
            views_fill(&v, type, &row);
            check_views(&v, fields);
            const struct buf *values[] = {&v.json, &v.numbers, &v.connect, &v.avro};
            for (size_t c = 0; c < ARRAY_LEN(values); c++)
                check_there_and_back(&reader, type, &row, buf_slice(values[c]));
        }
        views_release(&v);
        json_release(&schema);
        buf_release(&text);
    }
    codec_reader_release(&reader);
}

/* --- rows of other schemas --- */

#define RECORD(fields)                                                                             \
    "{\"type\":\"record\",\"name\":\"x\",\"fields\":["                                             \
    "{\"name\":\"loaded_at\",\"type\":" MILLIS "}," fields "]}"
#define MILLIS "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define ID FIELD("account_id", "\"string\"")
#define CUSTOMER FIELD("customer_id", "\"long\"")
#define BALANCE                                                                                    \
    FIELD("balance_amount", "{\"type\":\"bytes\",\"logicalType\":\"decimal\","                     \
                            "\"precision\":18,\"scale\":2}")
#define TYPE FIELD("account_type", "\"string\"")
#define FROM FIELD("valid_from_at", MILLIS)
#define TO FIELD("valid_to_at", "[\"null\"," MILLIS "]")

/* 1650000 is 0x192d50. Numbers are zigzag: 7 is 14. 1707955200000 ms is as below. */
#define TIME "\x80\x80\x81\xa1\xb5\x63"

static const struct account_history_row version = {{"A-1", 3},
                                                   7,
                                                   1650000,
                                                   {"savings", 7},
                                                   INT64_C(1707955200000),
                                                   INT64_C(1707955200000),
                                                   INT64_C(1707955200000)};

struct other_schema {
    const char *schema;
    struct slice bytes;
    bool has_end; /* valid_to_at is what `version` says, else null */
};
#define BYTES(text)                                                                                \
    { text, sizeof(text) - 1 }

static const struct other_schema readable[] = {
    {RECORD(ID "," CUSTOMER "," BALANCE "," TYPE "," FROM "," TO),
     BYTES(TIME "\6A-1\16\6\x19\x2d\x50\16savings" TIME "\2" TIME), true},
    {RECORD(ID "," CUSTOMER "," BALANCE "," TYPE "," FROM "," TO),
     BYTES(TIME "\6A-1\16\6\x19\x2d\x50\16savings" TIME "\0"), false},
    /* another order, and the union turned round */
    {RECORD(FIELD("valid_to_at", "[" MILLIS ",\"null\"]") "," FROM "," TYPE "," BALANCE "," CUSTOMER
                                                          "," ID),
     BYTES(TIME "\0" TIME TIME "\16savings\6\x19\x2d\x50\16\6A-1"), true},
    /* no valid_to_at: our .avsc has null as its default */
    {RECORD(ID "," CUSTOMER "," BALANCE "," TYPE "," FROM),
     BYTES(TIME "\6A-1\16\6\x19\x2d\x50\16savings" TIME), false},
    /* more fields, which are passed over */
    {RECORD(ID "," FIELD("new", "{\"type\":\"array\",\"items\":\"double\"}") "," CUSTOMER "," FIELD(
         "newer", "[\"null\",\"string\"]") "," BALANCE "," TYPE "," FROM "," TO),
     BYTES(TIME "\6A-1\2xxxxxxxx\0\16\2\6abc\6\x19\x2d\x50\16savings" TIME "\2" TIME), true},
    /* narrower and nullable types, and a decimal in a fixed type */
    {RECORD(
         FIELD("account_id", "[\"null\",\"string\"]") "," FIELD("customer_id", "\"int\"") "," FIELD(
             "balance_amount",
             "{\"type\":\"fixed\",\"name\":\"d\",\"size\":4,"
             "\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}") "," TYPE "," FROM "," TO),
     BYTES(TIME "\2\6A-1\16\0\x19\x2d\x50\16savings" TIME "\2" TIME), true},
};

static const struct {
    const char *schema, *why;
} unreadable[] = {
    {RECORD(ID "," BALANCE "," TYPE "," FROM "," TO), "it has no field customer_id"},
    {RECORD(ID "," FIELD("customer_id", "\"string\"") "," BALANCE "," TYPE "," FROM "," TO),
     "its field customer_id has another type"},
    {RECORD(ID "," FIELD("customer_id", MILLIS) "," BALANCE "," TYPE "," FROM "," TO),
     "its field customer_id has another type"},
    {RECORD(ID "," FIELD("customer_id",
                         "{\"type\":\"int\",\"logicalType\":\"date\"}") "," BALANCE "," TYPE
                                                                        "," FROM "," TO),
     "its field customer_id has another type"},
    {RECORD(ID "," CUSTOMER "," FIELD("balance_amount", "\"bytes\"") "," TYPE "," FROM "," TO),
     "its field balance_amount has another type"},
    {RECORD(ID "," CUSTOMER "," FIELD(
         "balance_amount",
         "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":4}") "," TYPE
                                                                                          "," FROM
                                                                                          "," TO),
     "its field balance_amount has another type"},
    {RECORD(ID "," CUSTOMER "," BALANCE "," TYPE "," FIELD("valid_from_at", "\"long\"") "," TO),
     "its field valid_from_at has another type"},
    {RECORD(ID "," CUSTOMER "," BALANCE "," TYPE "," FIELD(
         "valid_from_at", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}") "," TO),
     "its field valid_from_at has another type"},
    {"\"string\"", "it is no record"},
    {"{\"type\":\"record\"", "it cannot be read by its schema 7"},
};

/* A registry with one schema, of any id, or an answer. */
struct registry {
    const char *schema;
    enum codec_schema answer;
    int asked;
};

static enum codec_schema find_one(void *context, uint32_t id, struct buf *text,
                                  bool *has_references) {
    struct registry *g = context;
    (void)id;
    g->asked++;
    *has_references = false;
    if (g->answer == CODEC_SCHEMA_FOUND)
        buf_set(text, slice_str(g->schema));
    return g->answer;
}

/* Reads `body` behind a head with the id 7. */
static bool read_version(struct codec_reader *r, struct slice body, struct account_history_row *row,
                         struct err *e) {
    static struct buf bytes;
    buf_clear(&bytes);
    buf_put(&bytes, "\0\0\0\0\7", 5);
    buf_put_slice(&bytes, body);
    bool ok = codec_read(r, &account_history_type, buf_slice(&bytes), row, e);
    if (ok) { /* the caller compares it later: nothing may point into `bytes` */
        row->account_id =
            slice_eq(row->account_id, version.account_id) ? version.account_id : slice_null();
        row->account_type =
            slice_eq(row->account_type, version.account_type) ? version.account_type : slice_null();
    }
    buf_release(&bytes);
    return ok;
}

static void test_codec__other_schemas(void **state) {
    struct account_history_row row;
    struct err e;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
        struct registry g = {.schema = readable[i].schema};
        struct codec_reader r;
        struct account_history_row expected = version;
        expected.valid_to_at = readable[i].has_end ? version.valid_to_at : TIMESTAMP_NONE;
        codec_reader_init(&r, find_one, &g);
        for (int k = 0; k < 2; k++) {
            if (!read_version(&r, readable[i].bytes, &row, &e))
                fail_msg("case %zu: %s", i, e.text);
            assert_same_rows(&account_history_type, &row, &expected);
        }
        assert_int_equal(g.asked, 1); /* it is compiled once */
        codec_reader_release(&r);
    }
    for (size_t i = 0; i < ARRAY_LEN(unreadable); i++) {
        struct registry g = {.schema = unreadable[i].schema};
        struct codec_reader r;
        codec_reader_init(&r, find_one, &g);
        assert_false(read_version(&r, readable[0].bytes, &row, &e));
        assert_int_equal(e.class, ERR_STOP);
        if (strstr(e.text, unreadable[i].why) == NULL || strstr(e.text, "schema 7") == NULL)
            fail_msg("case %zu: %s", i, e.text);
        codec_reader_release(&r);
    }
}

/* --- the registry's other answers --- */

static void test_codec__registry(void **state) {
    static const struct {
        enum codec_schema answer;
        enum err_class class;
        const char *text;
    } cases[] = {
        {CODEC_SCHEMA_NOT_NOW, ERR_RETRY, "waiting for its schema 7 from the schema registry"},
        {CODEC_SCHEMA_UNKNOWN, ERR_STOP, "the schema registry does not know its schema 7"},
        {CODEC_SCHEMA_FOREIGN, ERR_STOP, "its schema 7 in the schema registry is no Avro schema"},
    };
    struct registry g = {.schema = readable[0].schema};
    struct account_history_row row;
    struct codec_reader r;
    struct err e;
    (void)state;
    codec_reader_init(&r, NULL, NULL);
    assert_false(read_version(&r, readable[0].bytes, &row, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "schema 7: set schema.registry.url"));
    codec_reader_release(&r);
    codec_reader_init(&r, find_one, &g);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        g.answer = cases[i].answer;
        assert_false(read_version(&r, readable[0].bytes, &row, &e));
        assert_int_equal(e.class, cases[i].class);
        if (strstr(e.text, cases[i].text) == NULL)
            fail_msg("%s", e.text);
    }
    g.answer = CODEC_SCHEMA_FOUND; /* at last */
    assert_true(read_version(&r, readable[0].bytes, &row, &e));
    /* The same schema is compiled anew for rows of another type. */
    struct customer_history_row other;
    assert_false(codec_read(&r, &customer_history_type, slice_of("\0\0\0\0\7", 5), &other, &e));
    if (strstr(e.text, "it has no field customer_name") == NULL)
        fail_msg("%s", e.text);
    codec_reader_release(&r);
}

/* --- values that are no rows --- */

static bool decode(const struct row_type *type, struct slice bytes) {
    struct codec_reader r;
    union any_result row;
    struct err e;
    codec_reader_init(&r, find_own_schema, NULL);
    bool ok = codec_read(&r, type, bytes, &row, &e);
    if (!ok && strstr(e.text, "not written by this version of streamer") == NULL)
        fail_msg("%s", e.text);
    codec_reader_release(&r);
    return ok;
}

static void replace(struct buf *text, const char *from, const char *to) {
    struct buf out = {0};
    const char *at = strstr(buf_cstr(text), from);
    if (at == NULL)
        fail_msg("no %s", from);
    buf_put(&out, text->p, (size_t)(at - text->p));
    buf_put_str(&out, to);
    buf_put_str(&out, at + strlen(from));
    buf_release(text);
    *text = out;
}

static void test_codec__refused(void **state) {
    static const char *const changes[][2] = {
        {"\"payload\":{", "\"payload\":null,\"x\":{"},
        {"\"customer_id\":7", "\"customer_id\":\"7\""},
        {"\"customer_id\":7", "\"x\":7"},
        {"\"GS1Q\"", "\"GS1\""},
        {"\"GS1Q\"", "16500.00"},
        {"\"GS1Q\"", "null"},
        {"\"GS1Q\"", "\"\""},
        {"\"GS1Q\"", "\"fwAAAAAAAAAA\""}, /* 72 bits */
        {":1707955200000", ":\"1707955200000\""},
        {":1707955200000", ":null"},
        {":1707955200000", ":253402300800000"}, /* the year 10000 */
        {"\"scale\":\"2\"", "\"scale\":\"4\""},
        {"\"scale\":\"2\"", "\"skale\":\"2\""},
        {"data.Decimal", "data.Date"},
        {"\"type\":\"int64\"", "\"type\":\"string\""},
        {"\"fields\":[", "\"field\":["},
    };
    static const char *const fine[][2] = {
        {"}}", "} }"},
        {"\"version\":1", "\"version\":2"},
        {"\"connect.decimal.precision\":\"18\"", "\"x\":null"},
        {"\"optional\":false", "\"optional\":true"},
    };
    struct buf text = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        buf_set(&text, slice_str(SUMMARY_CONNECT));
        replace(&text, changes[i][0], changes[i][1]);
        if (decode(&account_summary_type, buf_slice(&text)))
            fail_msg("%s", buf_cstr(&text));
    }
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        buf_set(&text, slice_str(SUMMARY_CONNECT));
        replace(&text, fine[i][0], fine[i][1]);
        if (!decode(&account_summary_type, buf_slice(&text)))
            fail_msg("%s", buf_cstr(&text));
    }
    assert_false(decode(&account_summary_type, slice_str("{")));
    assert_false(decode(&account_summary_type, slice_str("")));
    assert_false(
        decode(&account_summary_type, slice_str("{\"schema\":" SUMMARY_CONNECT_SCHEMA "}")));
    buf_release(&text);
}

/* Every part of a value in Avro, and every value with one more byte, is refused. */
static void test_codec__avro_refused(void **state) {
    struct buf bytes = {0};
    (void)state;
    write_with(&codec_avro, &account_summary_type, &summary, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(decode(&account_summary_type, slice_of(bytes.p, n)));
    assert_true(decode(&account_summary_type, buf_slice(&bytes)));
    buf_put_byte(&bytes, 0);
    assert_false(decode(&account_summary_type, buf_slice(&bytes)));
    struct account_summary_row row = summary;
    row.account_id = slice_str("\xff");
    write_with(&codec_avro, &account_summary_type, &row, &bytes);
    assert_false(decode(&account_summary_type, buf_slice(&bytes)));
    row = summary;
    row.calculated_at = TIMESTAMP_MAX + 1;
    write_with(&codec_avro, &account_summary_type, &row, &bytes);
    assert_false(decode(&account_summary_type, buf_slice(&bytes)));
    struct customer_profile_row profile = {.customer_name = slice_str("x"),
                                           .total_balance_amount = (int128)1 << 126};
    write_with(&codec_avro, &customer_profile_type, &profile, &bytes);
    assert_true(decode(&customer_profile_type, buf_slice(&bytes)));
    profile.total_balance_amount += profile.total_balance_amount / 4 * 3; /* 39 digits */
    write_with(&codec_avro, &customer_profile_type, &profile, &bytes);
    assert_false(decode(&customer_profile_type, buf_slice(&bytes)));
    buf_release(&bytes);
}

/* Bytes at random: refused or read, and nothing outside of them is read (which sanitizers see). */
static void test_codec__garbage(void **state) {
    struct rng r = rng_seeded(5);
    struct codec_reader reader;
    int read = 0;
    (void)state;
    codec_reader_init(&reader, find_own_schema, NULL);
    for (int i = 0; i < 20000; i++) {
        const struct row_type *type = row_result_types[rng_below(&r, ROW_RESULT_COUNT)];
        union any_result row;
        struct buf bytes = {0};
        struct err e;
        fill_row(type, &row, &r, true);
        write_with(all[2 + rng_below(&r, 2)], type, &row, &bytes);
        for (int64_t k = rng_below(&r, 4); k >= 0; k--)
            bytes.p[5 + rng_below(&r, (int64_t)bytes.n - 5)] = (char)rng_below(&r, 256);
        char *alone = mem_alloc(bytes.n);
        memcpy(alone, bytes.p, bytes.n);
        read += codec_read(&reader, type, slice_of(alone, bytes.n), &row, &e);
        free(alone);
        buf_release(&bytes);
    }
    assert_true(read > 1000 && read < 19000);
    codec_reader_release(&reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__of),
        cmocka_unit_test(test_codec__text),
        cmocka_unit_test(test_codec__encodings_agree),
        cmocka_unit_test(test_codec__other_schemas),
        cmocka_unit_test(test_codec__registry),
        cmocka_unit_test(test_codec__refused),
        cmocka_unit_test(test_codec__avro_refused),
        cmocka_unit_test(test_codec__garbage),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
