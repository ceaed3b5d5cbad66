#include "streamer/base/mem.h"
#include "streamer/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RECORD_MAX 100000

/* A record, and what must come of it. Texts that are NULL are null. */
struct sample {
    const char *key, *value;
    enum reason_code code;
    enum change_kind kind;
    const char *fields[FIELD_COUNT]; /* compared for accepted records only */
    int64_t source_time_ms;          /* 0: not there (no sample has that time) */
    uint32_t unknown_fields;
};

static struct slice slice_or_null(const char *s) {
    return s != NULL ? slice_str(s) : slice_null();
}

static void check_fields(const struct decoded *got, const struct sample *s) {
    for (int f = 0; f < FIELD_COUNT; f++) {
        struct slice expected = slice_or_null(s->fields[f]);
        if ((got->fields[f].p == NULL) != (expected.p == NULL) || !slice_eq(got->fields[f], expected))
            fail_msg("%s: field %d is %.*s, not %s", s->value, f, (int)got->fields[f].n, got->fields[f].p,
                     s->fields[f]);
    }
}

static void check_sample(struct decoder *d, enum entity entity, const struct sample *s) {
    struct record r = {.key = slice_or_null(s->key), .value = slice_or_null(s->value), .timestamp_ms = 7};
    struct decoded got;
    struct reason why = {0};
    bool ok = decode(d, entity, &r, &got, &why);
    if (ok != (s->code == REASON_NONE) || why.code != s->code)
        fail_msg("key %s value %s: %s: %s", s->key, s->value, reason_code_name(why.code),
                 buf_cstr(&why.text));
    if (ok) {
        if (got.kind != s->kind || got.unknown_fields != s->unknown_fields)
            fail_msg("%s: kind %d, %u unknown", s->value, got.kind, got.unknown_fields);
        assert_int_equal(got.has_source_time, s->source_time_ms != 0);
        if (got.has_source_time)
            assert_int_equal(got.source_time_ms, s->source_time_ms);
        check_fields(&got, s);
    } else {
        assert_true(why.text.n > 0);
    }
    buf_release(&why.text);
}

static void check_samples(enum entity entity, const struct sample *samples, size_t n) {
    struct decoder *d = decoder_new(RECORD_MAX);
    for (size_t i = 0; i < n; i++)
        check_sample(d, entity, &samples[i]);
    decoder_free(d);
}

/* As a reason, for the texts that matter. */
static void check_reason(enum entity entity, const char *value, const char *expected) {
    struct decoder *d = decoder_new(RECORD_MAX);
    struct record r = {.value = slice_or_null(value)};
    struct decoded got;
    struct reason why = {0};
    assert_false(decode(d, entity, &r, &got, &why));
    assert_string_equal(buf_cstr(&why.text), expected);
    buf_release(&why.text);
    decoder_free(d);
}

#define CID [FIELD_CUSTOMER_ID]
#define NAME [FIELD_CUSTOMER_NAME]
#define LOAN [FIELD_HAS_LOAN]
#define AID [FIELD_ACCOUNT_ID]
#define BALANCE [FIELD_BALANCE]
#define TYPE [FIELD_ACCOUNT_TYPE]
#define AT [FIELD_UPDATED_AT]

static void test_decode__flat_customers(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"customer_id\":1001,\"customer_name\":\" Alice \",\"has_loan\":true}",
         .fields = {CID = "1001", NAME = " Alice ", LOAN = "true"}},
        {.value = " {\"customer_id\":\"1001\",\"has_loan\":null,\"updated_at\":1707955200000}\n",
         .fields = {CID = "1001", AT = "1707955200000"}},
        {.value =
             "{\"CustomerID\":1,\"Customer Name\":\"x\",\"HAS-LOAN\":\"y\",\"Updated At\":\"2024-01-01\"}",
         .fields = {CID = "1", NAME = "x", LOAN = "y", AT = "2024-01-01"}},
        {.value = "{\"_customer-_ Id_\":1,\"NAME\":\"x\",\"has_loan_flag\":0}",
         .fields = {CID = "1", NAME = "x", LOAN = "0"}},
        {.value = "{\"customer_id\":1.0,\"name\":1e400,\"has_loan\":9007199254740993.10}",
         .fields = {CID = "1.0", NAME = "1e400", LOAN = "9007199254740993.10"}},
        {.value = "{}"},
        {.value = "{\"customer_id\":\"\"}", .fields = {CID = ""}},
        /* the own name beats the alias, wherever it stands and whatever it holds */
        {.value = "{\"name\":\"alias\",\"customer_name\":\"own\",\"has_loan_flag\":\"a\",\"has_loan\":\"o\"}",
         .fields = {NAME = "own", LOAN = "o"}},
        {.value = "{\"customer_name\":\"own\",\"name\":\"alias\"}", .fields = {NAME = "own"}},
        {.value = "{\"customer_name\":null,\"name\":\"alias\"}", .fields = {NAME = NULL}},
        /* among equal names the first */
        {.value = "{\"customer_id\":1,\"customer_id\":2,\"CustomerId\":3}", .fields = {CID = "1"}},
        {.value = "{\"Name\":\"first\",\"name\":\"second\"}", .fields = {NAME = "first"}},
        {.value = "{\"customer_id\":null,\"CustomerID\":2}", .fields = {CID = NULL}},
        /* unknown fields */
        {.value =
             "{\"customer_id\":1,\"account_id\":\"A\",\"balance\":{},\"x\":[1],\"\":1,\"customer_ids\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 5},
        {.value = "{\"customer_id\":1,\"op\":\"t\",\"source\":\"web\",\"ts_ms\":\"x\",\"schema\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 4},
        {.value = "{\"customer_id\":1,\"a_name_that_is_much_longer_than_any_known_name\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 1},
        {.value = "{\"customer_id\":1,\"__table\":\"t\",\"__lsn\":5}", .fields = {CID = "1"}},
        {.value = "{\"customer\\u005fid\":1,\"customer_name\":\"\\u00c4\\n\"}",
         .fields = {CID = "1", NAME = "Ä\n"}},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

static void test_decode__flat_accounts(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value =
             "{\"account_id\":\"A001\",\"customer_id\":1,\"balance\":1000.10,\"account_type\":\"Savings\"}",
         .fields = {AID = "A001", CID = "1", BALANCE = "1000.10", TYPE = "Savings"}},
        {.value = "{\"AccountID\":7,\"Customer ID\":\"1\",\"balance_amount\":\" 5 \",\"ACCOUNT-TYPE\":false}",
         .fields = {AID = "7", CID = "1", BALANCE = " 5 ", TYPE = "false"}},
        {.value = "{\"balance_amount\":1,\"Balance\":2}", .fields = {BALANCE = "2"}},
        {.value = "{\"balance_amount\":1,\"balanceAmount\":2}", .fields = {BALANCE = "1"}},
        {.value = "{\"account_id\":\"A\",\"name\":{},\"has_loan\":[]}",
         .fields = {AID = "A"},
         .unknown_fields = 2},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

static void test_decode__malformed_values(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "", .code = REASON_MALFORMED},
        {.value = " ", .code = REASON_MALFORMED},
        {.value = "hello", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":01}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1}{}", .code = REASON_MALFORMED},
        {.value = "[{\"customer_id\":1}]", .code = REASON_MALFORMED},
        {.value = "null", .code = REASON_MALFORMED},
        {.value = "5", .code = REASON_MALFORMED},
        {.value = "\"text\"", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"x\":\"\\u0000\"}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"x\":\"\xff\"}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":[1]}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"updated_at\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"name\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"name\":\"__debezium_unavailable_value\"}", .code = REASON_MALFORMED},
        {.value = "\xc3\x02", .code = REASON_MALFORMED},
        {.value = "\xef\xbb\xbf{}", .code = REASON_MALFORMED},
        /* Avro */
        {.value = "\xc3\x01 and so on", .code = REASON_UNKNOWN_SCHEMA},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
    static const struct sample account_samples[] = {
        {.value = "{\"account_id\":\"A\",\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"balance_amount\":{\"scale\":2}}", .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_ACCOUNT, account_samples, ARRAY_LEN(account_samples));
}

static void test_decode__magic_zero_is_avro(void **state) {
    (void)state;
    struct decoder *d = decoder_new(RECORD_MAX);
    struct record r = {.value = slice_of("\0\0\0\0\1abc", 8)};
    struct decoded got;
    struct reason why = {0};
    assert_false(decode(d, ENTITY_CUSTOMER, &r, &got, &why));
    assert_int_equal(why.code, REASON_UNKNOWN_SCHEMA);
    assert_non_null(strstr(buf_cstr(&why.text), "schema.registry.url"));
    /* and so it is in the key of a tombstone */
    r = (struct record){.key = slice_of("\0\0\0\0\1\2", 6), .value = slice_null()};
    assert_false(decode(d, ENTITY_CUSTOMER, &r, &got, &why));
    assert_int_equal(why.code, REASON_UNKNOWN_SCHEMA);
    buf_release(&why.text);
    decoder_free(d);
}

static void test_decode__too_large_comes_first(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"customer_id\":1234}", .fields = {CID = "1234"}}, /* twenty bytes */
        {.value = "{\"customer_id\":12345}", .code = REASON_TOO_LARGE},
        {.value = "not JSON, and too long", .code = REASON_TOO_LARGE},
        {.value = "\xc3\x01 Avro, and too long", .code = REASON_TOO_LARGE},
    };
    struct decoder *d = decoder_new(20);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        check_sample(d, ENTITY_CUSTOMER, &samples[i]);
    decoder_free(d);
}

static void test_decode__tombstones(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.key = NULL, .code = REASON_MALFORMED},
        {.key = "1001", .kind = CHANGE_TOMBSTONE, .fields = {CID = "1001"}},
        {.key = " 1001 ", .kind = CHANGE_TOMBSTONE, .fields = {CID = " 1001 "}},
        {.key = "", .kind = CHANGE_TOMBSTONE, .fields = {CID = ""}},
        {.key = "null", .kind = CHANGE_TOMBSTONE, .fields = {CID = "null"}},
        {.key = "[1]", .kind = CHANGE_TOMBSTONE, .fields = {CID = "[1]"}},
        {.key = "\"1001\"", .kind = CHANGE_TOMBSTONE, .fields = {CID = "1001"}},
        {.key = " \"10\\u00301\" ", .kind = CHANGE_TOMBSTONE, .fields = {CID = "1001"}},
        {.key = "{\"customer_id\":1001}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "1001"}},
        {.key = "{\"CustomerID\":\"1001\",\"x\":{}}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "1001"}},
        {.key = "{\"schema\":{},\"payload\":{\"customer_id\":5}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "5"}},
        {.key = "{\"schema\":null,\"payload\":5}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "5"}},
        {.key = "{\"schema\":{},\"payload\":\"5\"}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "5"}},
        {.key = "{\"schema\":{},\"payload\":null}", .kind = CHANGE_TOMBSTONE},
        {.key = "{\"id\":1001}", .kind = CHANGE_TOMBSTONE},
        {.key = "{}", .kind = CHANGE_TOMBSTONE},
        {.key = "{\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.key = "{\"schema\":{},\"payload\":[1]}", .code = REASON_MALFORMED},
        {.key = "{\"customer_id\":1", .code = REASON_MALFORMED},
        {.key = "\"1001", .code = REASON_MALFORMED},
        {.key = "\"1001\"x", .code = REASON_MALFORMED},
        {.key = "\xff", .code = REASON_MALFORMED},
        /* a null payload is one as well */
        {.key = "7",
         .value = "{\"schema\":null,\"payload\":null}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "7"}},
        {.key = NULL, .value = "{\"schema\":null,\"payload\":null}", .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
    static const struct sample account_samples[] = {
        {.key = "A001", .kind = CHANGE_TOMBSTONE, .fields = {AID = "A001"}},
        {.key = "{\"account_id\":\"A001\",\"customer_id\":1}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {AID = "A001"}},
    };
    check_samples(ENTITY_ACCOUNT, account_samples, ARRAY_LEN(account_samples));
}

static void test_decode__zero_byte_in_a_key(void **state) {
    (void)state;
    struct decoder *d = decoder_new(RECORD_MAX);
    struct record r = {.key = slice_of("a\0b", 3), .value = slice_null()};
    struct decoded got;
    struct reason why = {0};
    assert_false(decode(d, ENTITY_ACCOUNT, &r, &got, &why));
    assert_int_equal(why.code, REASON_MALFORMED);
    buf_release(&why.text);
    decoder_free(d);
}

#define AFTER "\"after\":{\"customer_id\":1,\"customer_name\":\"Bob\",\"has_loan\":\"no\"}"
#define BOB                                                                                                  \
    { CID = "1", NAME = "Bob", LOAN = "no" }

static void test_decode__debezium_envelopes(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"op\":\"c\",\"before\":null," AFTER ",\"source\":{\"ts_ms\":5,\"x\":1},\"ts_ms\":9}",
         .fields = BOB,
         .source_time_ms = 5},
        {.value = "{\"op\":\"r\"," AFTER "}", .fields = BOB},
        {.value = "{\"op\":\"u\",\"before\":{\"customer_id\":{}}," AFTER ",\"source\":{\"ts_ms\":\" 5.0 \"}}",
         .fields = BOB,
         .source_time_ms = 5},
        {.value = "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"op\":\"c\"," AFTER "}}", .fields = BOB},
        {.value = "{\"schema\":null,\"payload\":{\"op\":\"c\"," AFTER ",\"source\":null}}", .fields = BOB},
        {.value = "{\"op\":\"u\",\"after\":{\"customer_id\":1,\"x\":1,\"y\":{}}}",
         .fields = {CID = "1"},
         .unknown_fields = 2},
        /* deletes: the id from before, else from the key */
        {
            .key = "9",
            .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"customer_name\":{},\"updated_at\":\"2024-"
                     "01-01\"},"
                     "\"after\":null}",
            .kind = CHANGE_DELETE,
            .fields = {CID = "1", AT = "2024-01-01"},
        },
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"updated_at\":{}},\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"},
         .source_time_ms = 5},
        {.key = "{\"customer_id\":9}",
         .value = "{\"op\":\"d\",\"before\":null,\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"},
         .source_time_ms = 5},
        {.key = "9", .value = "{\"op\":\"d\",\"after\":null}", .kind = CHANGE_DELETE, .fields = {CID = "9"}},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"updated_at\":\"2024-01-01\"}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9", AT = "2024-01-01"}},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":null}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"}},
        {.key = NULL, .value = "{\"op\":\"d\",\"before\":null}", .code = REASON_MALFORMED},
        {.key = "{", .value = "{\"op\":\"d\",\"before\":null}", .code = REASON_MALFORMED},
        {.key = "9", .value = "{\"op\":\"d\",\"before\":[1]}", .code = REASON_MALFORMED},
        {.key = "9", .value = "{\"op\":\"d\",\"before\":{\"customer_id\":{}}}", .code = REASON_MALFORMED},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"updated_at\":[]}}",
         .code = REASON_MALFORMED},
        /* what must not be */
        {.value = "{\"op\":\"c\",\"after\":null}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"u\",\"before\":{\"customer_id\":1}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"r\",\"after\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\",\"after\":{\"customer_id\":[]}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":{}," AFTER "}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":\"x\"}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":\"\"}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":1.5}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":true}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":{}}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":\"2024-01-01\"}}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":253402300800000}}",
         .code = REASON_MALFORMED},
        {.value =
             "{\"op\":\"c\",\"after\":{\"customer_id\":1,\"has_loan\":\"__debezium_unavailable_value\"}}",
         .code = REASON_MALFORMED},
        {.value = "{\"op\":\"t\",\"before\":null,\"after\":null}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"t\",\"source\":{\"ts_ms\":5}}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"m\",\"source\":{\"ts_ms\":5},\"message\":{\"prefix\":\"x\"}}",
         .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"x\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"C\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"cu\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":null," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":1," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"x\",\"after\":{\"customer_id\":{}}}", .code = REASON_MALFORMED},
        /* not an envelope: the parts are matched exactly, and schema and payload come together */
        {.value = "{\"OP\":\"x\",\"After\":{},\"customer_id\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 2},
        {.value = "{\"op\":\"x\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"payload\":{\"customer_id\":1}}", .unknown_fields = 1},
        {.value = "{\"schema\":\"s\",\"payload\":\"p\",\"customer_id\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 2},
        {.value = "{\"schema\":{},\"payload\":[],\"customer_id\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 2},
        {.value = "{\"schema\":{},\"payload\":{\"customer_id\":1}}", .fields = {CID = "1"}},
        /* no source time means the next one, and null does too */
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":null}}", .fields = BOB},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

static void test_decode__debezium_flattened(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"account_id\":\"A\",\"__op\":\"u\",\"__deleted\":\"false\",\"__source_ts_ms\":5,\"__"
                  "table\":\"t\"}",
         .fields = {AID = "A"},
         .source_time_ms = 5},
        {.value = "{\"account_id\":\"A\",\"__source_ts_ms\":\"1707955200000\"}",
         .fields = {AID = "A"},
         .source_time_ms = INT64_C(1707955200000)},
        {.value = "{\"account_id\":\"A\",\"__op\":null,\"__deleted\":null,\"__source_ts_ms\":null}",
         .fields = {AID = "A"}},
        {.value = "{\"account_id\":\"A\",\"balance\":{},\"x\":1,\"__deleted\":true}",
         .kind = CHANGE_DELETE,
         .fields = {AID = "A"},
         .unknown_fields = 1},
        {.value = "{\"account_id\":\"A\",\"balance\":1,\"updated_at\":5,\"__deleted\":\"TRUE\"}",
         .kind = CHANGE_DELETE,
         .fields = {AID = "A", AT = "5"}},
        {.value = "{\"account_id\":\"A\",\"__op\":\"d\"}", .kind = CHANGE_DELETE, .fields = {AID = "A"}},
        {.value = "{\"schema\":{},\"payload\":{\"account_id\":\"A\",\"__deleted\":\"true\"}}",
         .kind = CHANGE_DELETE,
         .fields = {AID = "A"}},
        {.key = "B", .value = "{\"account_id\":null,\"__op\":\"d\"}", .kind = CHANGE_DELETE},
        {.value = "{\"account_id\":\"A\",\"__deleted\":1}", .fields = {AID = "A"}},
        {.value = "{\"account_id\":\"A\",\"__op\":\"t\"}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"account_id\":\"A\",\"__op\":\"\"}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"account_id\":\"A\",\"__op\":\"x\",\"__deleted\":true}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"account_id\":\"A\",\"__op\":\"x\",\"balance\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__op\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__deleted\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":{},\"__deleted\":true}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__source_ts_ms\":\"soon\"}", .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

/* An envelope whose schema types one field of the row. */
static void check_typed(const char *field, const char *type_schema, const char *value, const char *expected) {
    struct buf text = {0};
    buf_printf(&text,
               "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"field\":\"before\",\"fields\":[]},"
               "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"other\"},%s],\"field\":"
               "\"after\"}]},"
               "\"payload\":{\"op\":\"c\",\"after\":{\"account_id\":\"A\",\"%s\":%s}}}",
               type_schema, field, value);
    struct sample s = {.value = buf_cstr(&text), .fields = {AID = "A"}};
    if (expected == NULL)
        s.code = REASON_MALFORMED;
    else
        s.fields[strcmp(field, "updated_at") == 0 ? FIELD_UPDATED_AT : FIELD_BALANCE] = expected;
    check_samples(ENTITY_ACCOUNT, &s, 1);
    buf_release(&text);
}

#define DECIMAL_SCHEMA(parameters)                                                                           \
    "{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\"," parameters                     \
    "\"field\":\"balance\"}"
#define SCALE(s) DECIMAL_SCHEMA("\"parameters\":{\"scale\":" s "},")

static void test_decode__precise_decimals(void **state) {
    (void)state;
    static const struct {
        const char *schema, *value, *expected;
    } cases[] = {
        {SCALE("\"2\""), "\"GS1Q\"", "16500.00"},
        {SCALE("\"2\""), "\"AA==\"", "0.00"},
        {SCALE("\"2\""), "\"/w==\"", "-0.01"},
        {SCALE("\"2\""), "\"+y4=\"", "-12.34"}, /* -1234 is fb 2e */
        {SCALE("2"), "\"AYag\"", "1000.00"},
        {SCALE("\"0\""), "\"AYag\"", "100000"},
        {SCALE("\"-2\""), "\"BQ==\"", "5e2"},
        {SCALE("\"10\""), "\"AQ==\"", "0.0000000001"},
        {SCALE("\"2\""), "\"f////////////////////w==\"", "1701411834604692317316873037158841057.27"},
        {SCALE("\"2\""), "\"gAAAAAAAAAAAAAAAAAAAAA==\"", "-1701411834604692317316873037158841057.28"},
        {SCALE("\"2000000000\""), "\"BQ==\"", "5e-2000000000"},
        {SCALE("\"2\""), "\"AAAAAAAAAAAAAAAAAAAAAAE=\"", NULL}, /* 17 bytes */
        {SCALE("\"2\""), "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", NULL},
        {SCALE("\"2\""), "\"\"", NULL},
        {SCALE("\"2\""), "\"GS1\"", NULL},
        {SCALE("\"2\""), "\"GS1Q=\"", NULL},
        {SCALE("\"2\""), "\"GS=Q\"", NULL},
        {SCALE("\"2\""), "\"G===\"", NULL},
        {SCALE("\"2\""), "\"====\"", NULL},
        {SCALE("\"2\""), "\"12.5\"", NULL},
        {SCALE("\"2\""), "\"GS1_\"", NULL},
        {SCALE("\"2.5\""), "\"GS1Q\"", NULL},
        {SCALE("\"x\""), "\"GS1Q\"", NULL},
        {SCALE("null"), "\"GS1Q\"", NULL},
        {SCALE("99999999999"), "\"GS1Q\"", NULL},
        {DECIMAL_SCHEMA(""), "\"GS1Q\"", NULL},
        {SCALE("\"2\""), "16500.5", "16500.5"}, /* decimal.format=NUMERIC */
        {"{\"type\":\"string\",\"field\":\"balance\"}", "\"GS1Q\"", "GS1Q"},
        {"{\"name\":\"org.apache.kafka.connect.data.Decimal\",\"field\":\"Balance\"}", "\"GS1Q\"", "GS1Q"},
        {"7", "\"GS1Q\"", "GS1Q"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_typed("balance", cases[i].schema, cases[i].value, cases[i].expected);
    static const struct sample samples[] = {
        {.value = "{\"schema\":{\"fields\":[" SCALE("\"2\"") "]},\"payload\":{\"balance\":\"GS1Q\"}}",
         .fields = {BALANCE = "16500.00"}},
        {.value = "{\"schema\":{\"fields\":[" SCALE("\"2\"") "]},\"payload\":{\"balance\":null}}"},
        {.value = "{\"schema\":[],\"payload\":{\"balance\":\"GS1Q\"}}", .fields = {BALANCE = "GS1Q"}},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

static void test_decode__precise_decimal_ids(void **state) {
    (void)state;
#define ID_SCHEMA                                                                                            \
    "{\"fields\":[{\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"0\"},"     \
    "\"field\":\"CUSTOMER_ID\"}]}"
    static const struct sample samples[] = {
        {.key = "{\"schema\":" ID_SCHEMA ",\"payload\":{\"CUSTOMER_ID\":\"A+k=\"}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "1001"}},
        {.value = "{\"schema\":" ID_SCHEMA ",\"payload\":{\"CUSTOMER_ID\":\"A+k=\",\"__deleted\":true}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1001"}},
        {.value = "{\"schema\":{\"fields\":[{\"field\":\"before\",\"fields\":[{\"name\":"
                  "\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"0\"},"
                  "\"field\":\"CUSTOMER_ID\"}]}]},"
                  "\"payload\":{\"op\":\"d\",\"before\":{\"CUSTOMER_ID\":\"A+k=\"}}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1001"}},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

#define TIME_SCHEMA(name) "{\"type\":\"int64\",\"name\":\"" name "\",\"field\":\"updated_at\"}"

static void test_decode__typed_times(void **state) {
    (void)state;
    static const struct {
        const char *schema, *value, *expected;
    } cases[] = {
        {TIME_SCHEMA("io.debezium.time.Timestamp"), "1707955200123", "1707955200123"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Timestamp"), "1707955200123", "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "1707955200123999", "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "-1", "-1"}, /* cut as 23:59:59.999999 is */
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "-1000", "-1"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "\"1707955200123999\"", "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.NanoTimestamp"), "1707955200123999999", "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.Date"), "19768", "1707955200000"},
        {TIME_SCHEMA("io.debezium.time.Date"), "9223372036854775807", "796899343984252629724800000"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Date"), "-1", "-86400000"},
        {TIME_SCHEMA("io.debezium.time.ZonedTimestamp"), "\"2024-02-15T00:00:00Z\"", "2024-02-15T00:00:00Z"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "\"2024-02-15\"", "2024-02-15"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "1.5", "1.5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_typed("updated_at", cases[i].schema, cases[i].value, cases[i].expected);
    /* only updated_at is a time */
    check_typed("balance", "{\"name\":\"io.debezium.time.Date\",\"field\":\"balance\"}", "5", "5");
}

static void test_decode__reasons(void **state) {
    (void)state;
    check_reason(ENTITY_CUSTOMER, "{\"a\":}", "Malformed JSON: expected a value at byte 5");
    check_reason(ENTITY_CUSTOMER, "{\"CustomerID\":[]}",
                 "Malformed record: customer_id is a list where a value belongs");
    check_reason(ENTITY_ACCOUNT, "{\"balance_amount\":{}}",
                 "Malformed record: balance is an object where a value belongs");
    check_reason(ENTITY_CUSTOMER, "{\"op\":\"t\",\"before\":null,\"after\":null}",
                 "Unsupported operation: t (supported: c, r, u, d)");
    check_reason(ENTITY_CUSTOMER, "{\"op\":null,\"after\":null}",
                 "Unsupported operation: null (supported: c, r, u, d)");
    check_reason(ENTITY_CUSTOMER, NULL,
                 "Malformed record: a delete without an id, for neither value nor key has one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__flat_customers),
        cmocka_unit_test(test_decode__flat_accounts),
        cmocka_unit_test(test_decode__malformed_values),
        cmocka_unit_test(test_decode__magic_zero_is_avro),
        cmocka_unit_test(test_decode__too_large_comes_first),
        cmocka_unit_test(test_decode__tombstones),
        cmocka_unit_test(test_decode__zero_byte_in_a_key),
        cmocka_unit_test(test_decode__debezium_envelopes),
        cmocka_unit_test(test_decode__debezium_flattened),
        cmocka_unit_test(test_decode__precise_decimals),
        cmocka_unit_test(test_decode__precise_decimal_ids),
        cmocka_unit_test(test_decode__typed_times),
        cmocka_unit_test(test_decode__reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
