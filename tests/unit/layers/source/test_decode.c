#include "streamer/base/mem.h"
#include "streamer/layers/source/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RECORD_MAX 100000

/* A record, and what must come of it. A text that is NULL stands for null. */
struct sample {
    const char *key, *value;
    enum reason_code code;
    enum change_kind kind;
    const char *fields[FIELD_COUNT]; /* compared only if the record is accepted */
    int64_t source_time_ms;          /* 0: it is not there */
    uint32_t unknown_fields;
    uint32_t unavailable;
};

static struct decoder *new_decoder(size_t record_max_bytes) {
    return decoder_new(&(struct decoder_options){.record_max_bytes = record_max_bytes});
}

static struct slice slice_or_null(const char *s) {
    return s != NULL ? slice_str(s) : slice_null();
}

static void check_fields(const struct decoded *got, const struct sample *s) {
    for (int f = 0; f < FIELD_COUNT; f++) {
        struct slice expected = slice_or_null(s->fields[f]);
        if ((got->fields[f].p == NULL) != (expected.p == NULL) ||
            !slice_eq(got->fields[f], expected))
            fail_msg("%s: field %d is %.*s, not %s", s->value, f, (int)got->fields[f].n,
                     got->fields[f].p, s->fields[f]);
    }
}

static void check_sample(struct decoder *d, enum entity entity, const struct sample *s) {
    struct record r = {
        .key = slice_or_null(s->key), .value = slice_or_null(s->value), .timestamp_ms = 7};
    struct decoded got;
    struct reason why = {0};
    bool ok = decode(d, entity, &r, &got, &why) == DECODE_EVENT;
    if (ok != (s->code == REASON_NONE) || why.code != s->code)
        fail_msg("key %s value %s: %s: %s", s->key, s->value, reason_code_name(why.code),
                 buf_cstr(&why.text));
    if (ok) {
        if (got.kind != s->kind || got.unknown_fields != s->unknown_fields ||
            got.unavailable != s->unavailable)
            fail_msg("%s: kind %d, %u unknown, %x unavailable", s->value, got.kind,
                     got.unknown_fields, got.unavailable);
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
    struct decoder *d = new_decoder(RECORD_MAX);
    for (size_t i = 0; i < n; i++)
        check_sample(d, entity, &samples[i]);
    decoder_free(d);
}

/* Asserts the text of a reason, where users rely on it. */
static void check_reason(enum entity entity, const char *value, const char *expected) {
    struct decoder *d = new_decoder(RECORD_MAX);
    struct record r = {.value = slice_or_null(value)};
    struct decoded got;
    struct reason why = {0};
    assert_int_equal(decode(d, entity, &r, &got, &why), DECODE_REJECT);
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
        {.value = "{\"CustomerID\":1,\"Customer Name\":\"x\",\"HAS-LOAN\":\"y\",\"Updated "
                  "At\":\"2024-01-01\"}",
         .fields = {CID = "1", NAME = "x", LOAN = "y", AT = "2024-01-01"}},
        {.value = "{\"_customer-_ Id_\":1,\"NAME\":\"x\",\"has_loan_flag\":0}",
         .fields = {CID = "1", NAME = "x", LOAN = "0"}},
        {.value = "{\"customer_id\":1.0,\"name\":1e400,\"has_loan\":9007199254740993.10}",
         .fields = {CID = "1.0", NAME = "1e400", LOAN = "9007199254740993.10"}},
        {.value = "{}"},
        {.value = "{\"customer_id\":\"\"}", .fields = {CID = ""}},
        /* the own name beats the alias, wherever it is and whatever it holds */
        {.value = "{\"name\":\"alias\",\"customer_name\":\"own\",\"has_loan_flag\":\"a\","
                  "\"has_loan\":\"o\"}",
         .fields = {NAME = "own", LOAN = "o"}},
        {.value = "{\"customer_name\":\"own\",\"name\":\"alias\"}", .fields = {NAME = "own"}},
        {.value = "{\"customer_name\":null,\"name\":\"alias\"}", .fields = {NAME = NULL}},
        /* of equally good names the first one counts */
        {.value = "{\"customer_id\":1,\"customer_id\":2,\"CustomerId\":3}", .fields = {CID = "1"}},
        {.value = "{\"Name\":\"first\",\"name\":\"second\"}", .fields = {NAME = "first"}},
        {.value = "{\"customer_id\":null,\"CustomerID\":2}", .fields = {CID = NULL}},
        /* unknown fields */
        {.value = "{\"customer_id\":1,\"account_id\":\"A\",\"balance\":{},\"x\":[1],\"\":1,"
                  "\"customer_ids\":1}",
         .fields = {CID = "1"},
         .unknown_fields = 5},
        {.value =
             "{\"customer_id\":1,\"op\":\"t\",\"source\":\"web\",\"ts_ms\":\"x\",\"schema\":1}",
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

/* Byte order marks and zero-width spaces before a name do not count. */
static void test_decode__invisible_marks_before_names(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"\xef\xbb\xbfhas_loan\":\"yes\",\"customer_id\":\"8081\",\"name\":\"A\"}",
         .fields = {CID = "8081", NAME = "A", LOAN = "yes"}},
        {.value = "{\"\xef\xbb\xbfupdated_at\":\"2024-02-01\",\"customer_id\":\"8082\"}",
         .fields = {CID = "8082", AT = "2024-02-01"}},
        {.value = "{\"\\ufeffcustomer_id\":\"8083\"}", .fields = {CID = "8083"}},
        {.value = "{\"\xe2\x80\x8b\xef\xbb\xbf\xef\xbb\xbf Customer ID\":\"5\"}",
         .fields = {CID = "5"}},
        /* within a name they count */
        {.value = "{\"customer\xe2\x80\x8b_id\":1,\"name\":\"A\",\"has_loan\xef\xbb\xbf\":1}",
         .fields = {NAME = "A"},
         .unknown_fields = 2},
        {.value = "{\"\xef\xbb\xbf\":1,\"name\":\"A\"}",
         .fields = {NAME = "A"},
         .unknown_fields = 1},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

static void test_decode__flat_accounts(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"account_id\":\"A001\",\"customer_id\":1,\"balance\":1000.10,"
                  "\"account_type\":\"Savings\"}",
         .fields = {AID = "A001", CID = "1", BALANCE = "1000.10", TYPE = "Savings"}},
        {.value = "{\"AccountID\":7,\"Customer ID\":\"1\",\"balance_amount\":\" 5 \","
                  "\"ACCOUNT-TYPE\":false}",
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
        {.value = "5", .code = REASON_MALFORMED},
        {.value = "\"text\"", .code = REASON_MALFORMED},
        {.key = "1", .value = "nullx", .code = REASON_MALFORMED},
        {.key = "1", .value = "null null", .code = REASON_MALFORMED},
        {.key = "1", .value = "NULL", .code = REASON_MALFORMED},
        {.key = "1", .value = "\"null\"", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"x\":\"\\u0000\"}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"x\":\"\xff\"}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":[1]}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"updated_at\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"customer_id\":1,\"name\":[]}", .code = REASON_MALFORMED},
        {.value = "\xc3\x02", .code = REASON_MALFORMED},
        {.value = "\xef\xbb\xbf{}", .code = REASON_MALFORMED},
        /* Avro */
        {.value = "\xc3\x01 and so on", .code = REASON_UNKNOWN_SCHEMA},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
    static const struct sample account_samples[] = {
        {.value = "{\"account_id\":\"A\",\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"balance_amount\":{\"scale\":2}}",
         .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_ACCOUNT, account_samples, ARRAY_LEN(account_samples));
}

static void test_decode__magic_zero_is_a_registrys(void **state) {
    (void)state;
    struct decoder *d = new_decoder(RECORD_MAX);
    struct record r = {.value = slice_of("\0\0\0\0\1abc", 8)};
    struct decoded got;
    struct reason why = {0};
    assert_int_equal(decode(d, ENTITY_CUSTOMER, &r, &got, &why), DECODE_REJECT);
    assert_int_equal(why.code, REASON_UNKNOWN_SCHEMA);
    assert_non_null(strstr(buf_cstr(&why.text), "schema.registry.url"));
    assert_non_null(
        strstr(buf_cstr(&why.text), "registry wire format (Avro, JSON Schema or Protobuf)"));
    /* the same bytes in the key of a tombstone */
    r = (struct record){.key = slice_of("\0\0\0\0\1\2", 6), .value = slice_null()};
    assert_int_equal(decode(d, ENTITY_CUSTOMER, &r, &got, &why), DECODE_REJECT);
    assert_int_equal(why.code, REASON_UNKNOWN_SCHEMA);
    assert_non_null(strstr(buf_cstr(&why.text), "binary key"));
    /* a key that is a number as bytes */
    r.key = slice_of("\0\0\0\0\0\0\x1f\x9c", 8);
    assert_int_equal(decode(d, ENTITY_CUSTOMER, &r, &got, &why), DECODE_REJECT);
    assert_non_null(strstr(buf_cstr(&why.text), "binary key"));
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
    struct decoder *d = new_decoder(20);
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
        {.key = "{\"CustomerID\":\"1001\",\"x\":{}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "1001"}},
        {.key = "{\"schema\":{},\"payload\":{\"customer_id\":5}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "5"}},
        {.key = "{\"schema\":null,\"payload\":5}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "5"}},
        {.key = "{\"schema\":{},\"payload\":\"5\"}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "5"}},
        {.key = "{\"schema\":{},\"payload\":null}", .kind = CHANGE_TOMBSTONE},
        {.key = "{\"id\":1001}", .kind = CHANGE_TOMBSTONE},
        {.key = "{}", .kind = CHANGE_TOMBSTONE},
        {.key = "{\"customer_id\":{}}", .code = REASON_MALFORMED},
        {.key = "{\"schema\":{},\"payload\":[1]}", .code = REASON_MALFORMED},
        {.key = "{\"customer_id\":1", .code = REASON_MALFORMED},
        {.key = "\"1001", .code = REASON_MALFORMED},
        {.key = "\"1001\"x", .code = REASON_MALFORMED},
        {.key = "\xff", .code = REASON_MALFORMED},
        /* a null payload is a tombstone, too */
        {.key = "7",
         .value = "{\"schema\":null,\"payload\":null}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "7"}},
        {.key = NULL, .value = "{\"schema\":null,\"payload\":null}", .code = REASON_MALFORMED},
        /* the JSON text null is one, too */
        {.key = "7", .value = "null", .kind = CHANGE_TOMBSTONE, .fields = {CID = "7"}},
        {.key = "{\"customer_id\":7}",
         .value = " \t\r\nnull\n",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "7"}},
        {.key = NULL, .value = "null", .code = REASON_MALFORMED},
        /* a key that is only printed, and not JSON, is taken as it is */
        {.key = "Struct{customer_id=37}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "Struct{customer_id=37}"}},
        /* encoded twice */
        {.key = "\"\\\"C32\\\"\"", .code = REASON_MALFORMED},
        {.key = "\"{\\\"customer_id\\\":1}\"", .code = REASON_MALFORMED},
        {.key = "\" { \\\"customer_id\\\":1}\"", .code = REASON_MALFORMED},
        {.key = "\"{3F2504E0-4F89-11D3}\"",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "{3F2504E0-4F89-11D3}"}},
        {.key = "\"[1]\"", .kind = CHANGE_TOMBSTONE, .fields = {CID = "[1]"}},
        {.key = "\"\\\"\"", .kind = CHANGE_TOMBSTONE, .fields = {CID = "\""}},
        {.key = "\"{ \"", .kind = CHANGE_TOMBSTONE, .fields = {CID = "{ "}},
        {.key = "__debezium_unavailable_value",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "__debezium_unavailable_value"}},
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
    struct decoder *d = new_decoder(RECORD_MAX);
    struct record r = {.key = slice_of("a\0b", 3), .value = slice_null()};
    struct decoded got;
    struct reason why = {0};
    assert_int_equal(decode(d, ENTITY_ACCOUNT, &r, &got, &why), DECODE_REJECT);
    assert_int_equal(why.code, REASON_MALFORMED);
    buf_release(&why.text);
    decoder_free(d);
}

#define AFTER "\"after\":{\"customer_id\":1,\"customer_name\":\"Bob\",\"has_loan\":\"no\"}"
#define BOB                                                                                        \
    { CID = "1", NAME = "Bob", LOAN = "no" }

static void test_decode__debezium_envelopes(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"op\":\"c\",\"before\":null," AFTER
                  ",\"source\":{\"ts_ms\":5,\"x\":1},\"ts_ms\":9}",
         .fields = BOB,
         .source_time_ms = 5},
        {.value = "{\"op\":\"r\"," AFTER "}", .fields = BOB},
        {.value = "{\"op\":\"u\",\"before\":{\"customer_id\":{}}," AFTER
                  ",\"source\":{\"ts_ms\":\" 5.0 \"}}",
         .fields = BOB,
         .source_time_ms = 5},
        {.value = "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"op\":\"c\"," AFTER "}}",
         .fields = BOB},
        {.value = "{\"schema\":null,\"payload\":{\"op\":\"c\"," AFTER ",\"source\":null}}",
         .fields = BOB},
        {.value = "{\"op\":\"u\",\"after\":{\"customer_id\":1,\"x\":1,\"y\":{}}}",
         .fields = {CID = "1"},
         .unknown_fields = 2},
        /* a delete has its id from `before`, else from the key */
        {
            .key = "9",
            .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"customer_name\":{},"
                     "\"updated_at\":\"2024-"
                     "01-01\"},"
                     "\"after\":null}",
            .kind = CHANGE_DELETE,
            .fields = {CID = "1"}, /* updated_at is the time of the row's last change */
        },
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"updated_at\":{}},"
                  "\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"},
         .source_time_ms = 5},
        {.key = "{\"customer_id\":9}",
         .value = "{\"op\":\"d\",\"before\":null,\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"},
         .source_time_ms = 5},
        {.key = "9",
         .value = "{\"op\":\"d\",\"after\":null}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"}},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"updated_at\":\"2024-01-01\"}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"}},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":null}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "9"}},
        {.key = NULL, .value = "{\"op\":\"d\",\"before\":null}", .code = REASON_MALFORMED},
        {.key = "{", .value = "{\"op\":\"d\",\"before\":null}", .code = REASON_MALFORMED},
        {.key = "9", .value = "{\"op\":\"d\",\"before\":[1]}", .code = REASON_MALFORMED},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":{}}}",
         .code = REASON_MALFORMED},
        {.key = "9",
         .value = "{\"op\":\"d\",\"before\":{\"customer_id\":1,\"updated_at\":[]}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"}},
        /* what is malformed */
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
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":\"2024-01-01\"}}",
         .code = REASON_MALFORMED},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":253402300800000}}",
         .code = REASON_MALFORMED},
        {.value = "{\"op\":\"m\",\"source\":{\"ts_ms\":5},\"message\":{\"prefix\":\"x\"}}",
         .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"x\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"C\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"cu\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"\"," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":null," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":1," AFTER "}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"op\":\"x\",\"after\":{\"customer_id\":{}}}", .code = REASON_MALFORMED},
        /* These are not envelopes: names of parts are matched exactly, and schema and payload must
         * come together. */
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
        /* without a source time, or with null, the next source of the time counts */
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":null}}", .fields = BOB},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

/* The column Op of AWS DMS counts if it has exactly that name, and the value I, U or D. */
static void test_decode__dms_operations(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"Op\":\"I\",\"customer_id\":\"8121\",\"name\":\"Bo\"}",
         .fields = {CID = "8121", NAME = "Bo"}},
        {.value = "{\"Op\":\"U\",\"customer_id\":\"8121\",\"x\":1}",
         .fields = {CID = "8121"},
         .unknown_fields = 1},
        {.value = "{\"Op\":\"D\",\"customer_id\":\"8121\",\"name\":\"Bo\","
                  "\"updated_at\":\"2024-01-01\"}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "8121"}},
        {.value = "{\"schema\":{},\"payload\":{\"customer_id\":1,\"Op\":\"D\"}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"}},
        /* otherwise it is an unknown field */
        {.value = "{\"Op\":\"d\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"Op\":\"X\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"Op\":\"\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"Op\":null,\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"Op\":{},\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"OP\":\"D\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
        {.value = "{\"op\":\"D\",\"customer_id\":1}", .fields = {CID = "1"}, .unknown_fields = 1},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

#define UNAVAILABLE "\"__debezium_unavailable_value\""

/* An unavailable value is filled in by the owner of the id, which knows it. The id itself must be
 * there. */
static void test_decode__unavailable_values(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"op\":\"u\",\"after\":{\"customer_id\":1,\"name\":" UNAVAILABLE
                  ",\"has_loan\":true}}",
         .fields = {CID = "1", LOAN = "true"},
         .unavailable = FIELD_BIT(FIELD_CUSTOMER_NAME)},
        {.value = "{\"customer_id\":1,\"name\":" UNAVAILABLE ",\"has_loan\":" UNAVAILABLE "}",
         .fields = {CID = "1"},
         .unavailable = FIELD_BIT(FIELD_CUSTOMER_NAME) | FIELD_BIT(FIELD_HAS_LOAN)},
        {.value = "{\"customer_id\":1,\"updated_at\":" UNAVAILABLE "}",
         .fields = {CID = "1"},
         .unavailable = FIELD_BIT(FIELD_UPDATED_AT)},
        {.value = "{\"customer_id\":1,\"name\":" UNAVAILABLE ",\"__deleted\":true}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"}},
        {.value = "{\"customer_id\":1,\"name\":\" __debezium_unavailable_value\"}",
         .fields = {CID = "1", NAME = " __debezium_unavailable_value"}},
        {.value = "{\"customer_id\":" UNAVAILABLE "}", .code = REASON_MALFORMED},
        {.value = "{\"op\":\"u\",\"after\":{\"customer_id\":" UNAVAILABLE "}}",
         .code = REASON_MALFORMED},
        {.key = "{\"customer_id\":" UNAVAILABLE "}", .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
    static const struct sample account_samples[] = {
        {.value = "{\"account_id\":\"A\",\"customer_id\":" UNAVAILABLE ",\"balance\":" UNAVAILABLE
                  ",\"account_type\":" UNAVAILABLE "}",
         .fields = {AID = "A"},
         .unavailable = FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_BALANCE) |
                        FIELD_BIT(FIELD_ACCOUNT_TYPE)},
        {.value = "{\"schema\":{\"fields\":[{\"name\":\"org.apache.kafka.connect.data.Decimal\","
                  "\"parameters\":"
                  "{\"scale\":\"2\"},\"field\":\"balance\"}]},\"payload\":{\"account_id\":\"A\","
                  "\"balance\":" UNAVAILABLE "}}",
         .fields = {AID = "A"},
         .unavailable = FIELD_BIT(FIELD_BALANCE)},
    };
    check_samples(ENTITY_ACCOUNT, account_samples, ARRAY_LEN(account_samples));
}

static void test_decode__truncates(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"op\":\"t\",\"before\":null,\"after\":null,\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_TRUNCATE,
         .source_time_ms = 5},
        {.value = "{\"op\":\"t\",\"source\":{\"ts_ms\":5}}",
         .kind = CHANGE_TRUNCATE,
         .source_time_ms = 5},
        {.value = "{\"schema\":{},\"payload\":{\"op\":\"t\",\"before\":null,\"after\":null}}",
         .kind = CHANGE_TRUNCATE},
        {.value = "{\"__op\":\"t\",\"__source_ts_ms\":5}",
         .kind = CHANGE_TRUNCATE,
         .source_time_ms = 5},
        /* a truncate has no id, whatever else the record has */
        {.key = "9",
         .value = "{\"account_id\":\"A\",\"__op\":\"t\",\"balance\":{}}",
         .kind = CHANGE_TRUNCATE},
        {.value = "{\"op\":\"t\",\"after\":null,\"source\":{\"ts_ms\":\"x\"}}",
         .code = REASON_MALFORMED},
        {.value = "{\"op\":\"t\",\"account_id\":\"A\"}",
         .fields = {AID = "A"},
         .unknown_fields = 1},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

/* A source time of 0 counts as not there. */
static void test_decode__source_time_of_zero(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":0}}", .fields = BOB},
        {.value = "{\"op\":\"c\"," AFTER ",\"source\":{\"ts_ms\":\"0\"}}", .fields = BOB},
        {.value = "{\"customer_id\":1,\"__source_ts_ms\":0,\"updated_at\":\"2024-01-01\"}",
         .fields = {CID = "1", AT = "2024-01-01"}},
        {.value = "{\"customer_id\":1,\"__ts_ms\":5}",
         .fields = {CID = "1"}}, /* ts_ms is the connector's clock */
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

static void test_decode__debezium_flattened(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value =
             "{\"account_id\":\"A\",\"__op\":\"u\",\"__deleted\":\"false\",\"__source_ts_ms\":5,"
             "\"__"
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
         .fields = {AID = "A"}},
        {.value = "{\"account_id\":\"A\",\"__op\":\"d\"}",
         .kind = CHANGE_DELETE,
         .fields = {AID = "A"}},
        {.value = "{\"schema\":{},\"payload\":{\"account_id\":\"A\",\"__deleted\":\"true\"}}",
         .kind = CHANGE_DELETE,
         .fields = {AID = "A"}},
        {.key = "B", .value = "{\"account_id\":null,\"__op\":\"d\"}", .kind = CHANGE_DELETE},
        {.value = "{\"account_id\":\"A\",\"__deleted\":1}", .fields = {AID = "A"}},
        {.value = "{\"account_id\":\"A\",\"__op\":\"\"}", .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"account_id\":\"A\",\"__op\":\"x\",\"__deleted\":true}",
         .code = REASON_UNSUPPORTED_OP},
        {.value = "{\"account_id\":\"A\",\"__op\":\"x\",\"balance\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__op\":[]}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__deleted\":{}}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":{},\"__deleted\":true}", .code = REASON_MALFORMED},
        {.value = "{\"account_id\":\"A\",\"__source_ts_ms\":\"soon\"}", .code = REASON_MALFORMED},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

/* An envelope whose schema types one field of the row. */
static void check_typed(const char *field, const char *type_schema, const char *value,
                        const char *expected) {
    struct buf text = {0};
    buf_printf(
        &text,
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

#define DECIMAL_SCHEMA(parameters)                                                                 \
    "{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\"," parameters           \
    "\"field\":\"balance\"}"
/* The base64 of 63 zero bytes. */
#define ZEROS_63                                                                                   \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                                   \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
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
        {SCALE("\"-2\""), "\"BQ==\"", "500"},
        {SCALE("\"-38\""), "\"/w==\"", "-100000000000000000000000000000000000000"},
        {SCALE("\"-39\""), "\"BQ==\"", "5e39"},
        {SCALE("\"-2\""), "\"AA==\"", "0"},
        {SCALE("\"10\""), "\"AQ==\"", "0.0000000001"},
        {SCALE("\"2\""), "\"f////////////////////w==\"",
         "1701411834604692317316873037158841057.27"},
        {SCALE("\"2\""), "\"gAAAAAAAAAAAAAAAAAAAAA==\"",
         "-1701411834604692317316873037158841057.28"},
        {SCALE("\"2000000000\""), "\"BQ==\"", "5e-2000000000"},
        {SCALE("\"2\""), "\"AAAAAAAAAAAAAAAAAAAAAAE=\"", "0.01"}, /* 17 bytes */
        /* 64 bytes: 2^511 - 1 and -2^511 */
        {SCALE("\"2\""),
         "\"f////////////////////////////////////////////////////////////////////////////////////w="
         "=\"",
         "67039039649712985497870124991029230637396829102961966888617807218608820150367734884009371"
         "490834517138450159290932430254268769414059732849732168245030420.47"},
        {SCALE("\"-99\""),
         "\"gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
         "=\"",
         "-6703903964971298549787012499102923063739682910296196688861780721860882015036773488400937"
         "149083451713845015929093243025426876941405973284973216824503042048e99"},
        {SCALE("\"1\""), "\"" ZEROS_63 "Bw==\"", "0.7"},
        {SCALE("\"1\""), "\"" ZEROS_63 "AAc=\"", NULL}, /* 65 */
        {SCALE("\"1\""), "\"" ZEROS_63 "AAAH\"", NULL},
        {SCALE("\"1\""), "\"" ZEROS_63 "AAAAAAAH\"", NULL},
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
        {"{\"name\":\"org.apache.kafka.connect.data.Decimal\",\"field\":\"Balance\"}", "\"GS1Q\"",
         "GS1Q"},
        {"7", "\"GS1Q\"", "GS1Q"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_typed("balance", cases[i].schema, cases[i].value, cases[i].expected);
    static const struct sample samples[] = {
        {.value =
             "{\"schema\":{\"fields\":[" SCALE("\"2\"") "]},\"payload\":{\"balance\":\"GS1Q\"}}",
         .fields = {BALANCE = "16500.00"}},
        {.value = "{\"schema\":{\"fields\":[" SCALE("\"2\"") "]},\"payload\":{\"balance\":null}}"},
        {.value = "{\"schema\":[],\"payload\":{\"balance\":\"GS1Q\"}}",
         .fields = {BALANCE = "GS1Q"}},
    };
    check_samples(ENTITY_ACCOUNT, samples, ARRAY_LEN(samples));
}

/* VariableScaleDecimal, with or without its schema: exactly {"scale", "value"} where a value
 * belongs. */
static void test_decode__variable_scale_decimals(void **state) {
    (void)state;
#define STRUCT_SCHEMA                                                                              \
    "{\"type\":\"struct\",\"name\":\"io.debezium.data.VariableScaleDecimal\",\"field\":\"balance\"}"
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"{\"scale\":1,\"value\":\"A+0=\"}", "100.5"},
        {"{\"value\":\"A+0=\",\"scale\":\"1\"}", "100.5"},
        {"{\"scale\":0,\"value\":\"A+0=\"}", "1005"},
        {"{\"scale\":-2,\"value\":\"A+0=\"}", "100500"},
        {"{\"scale\":1000000000,\"value\":\"A+0=\"}", "1005e-1000000000"},
        {"{\"scale\":1,\"value\":\"\"}", NULL},
        {"{\"scale\":1,\"value\":\"100.5\"}", NULL},
        {"{\"scale\":1,\"value\":1005}", NULL},
        {"{\"scale\":1,\"value\":null}", NULL},
        {"{\"scale\":1.5,\"value\":\"A+0=\"}", NULL},
        {"{\"scale\":null,\"value\":\"A+0=\"}", NULL},
        {"{\"scale\":2147483648,\"value\":\"A+0=\"}", NULL},
        {"{\"scale\":1,\"value\":\"A+0=\",\"x\":1}", NULL},
        {"{\"Scale\":1,\"Value\":\"A+0=\"}", NULL},
        {"{\"scale\":1}", NULL},
        {"{}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_typed("balance", STRUCT_SCHEMA, cases[i].value, cases[i].expected);
        check_typed("balance", "{}", cases[i].value, cases[i].expected);
    }
    static const struct sample ids[] = {
        {.key = "{\"CUSTOMER_ID\":{\"scale\":0,\"value\":\"A+k=\"}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "1001"}},
        {.value = "{\"customer_id\":{\"scale\":0,\"value\":\"A+k=\"},\"has_loan\":{\"scale\":0,"
                  "\"value\":\"AQ==\"}}",
         .fields = {CID = "1001", LOAN = "1"}},
    };
    check_samples(ENTITY_CUSTOMER, ids, ARRAY_LEN(ids));
}

static void test_decode__precise_decimal_ids(void **state) {
    (void)state;
#define ID_SCHEMA                                                                                  \
    "{\"fields\":[{\"name\":\"org.apache.kafka.connect.data.Decimal\","                            \
    "\"parameters\":{\"scale\":\"0\"},"                                                            \
    "\"field\":\"CUSTOMER_ID\"}]}"
    static const struct sample samples[] = {
        {.key = "{\"schema\":" ID_SCHEMA ",\"payload\":{\"CUSTOMER_ID\":\"A+k=\"}}",
         .kind = CHANGE_TOMBSTONE,
         .fields = {CID = "1001"}},
        {.value =
             "{\"schema\":" ID_SCHEMA ",\"payload\":{\"CUSTOMER_ID\":\"A+k=\",\"__deleted\":true}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1001"}},
        {.value = "{\"schema\":{\"fields\":[{\"field\":\"before\",\"fields\":[{\"name\":"
                  "\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"0\"},"
                  "\"field\":\"CUSTOMER_ID\"}]}]},"
                  "\"payload\":{\"op\":\"d\",\"before\":{\"CUSTOMER_ID\":\"A+k=\"}}}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1001"}},
        /* Oracle has this type for every number */
        {.value =
             "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"bytes\","
             "\"name\":\"org.apache.kafka.connect."
             "data.Decimal\",\"parameters\":{\"scale\":\"0\"},\"field\":\"CUSTOMER_ID\"},"
             "{\"type\":\"string\",\"field\":"
             "\"NAME\"},{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\","
             "\"parameters\":{"
             "\"scale\":\"0\"},\"field\":\"HAS_LOAN\"}]},\"payload\":{\"CUSTOMER_ID\":\"IKk=\","
             "\"NAME\":\"Ora\","
             "\"HAS_LOAN\":\"AQ==\"}}",
         .fields = {CID = "8361", NAME = "Ora", LOAN = "1"}},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

#define TIME_SCHEMA(name) "{\"type\":\"int64\",\"name\":\"" name "\",\"field\":\"updated_at\"}"
#define PLAIN_SCHEMA(type) "{\"type\":\"" type "\",\"field\":\"updated_at\"}"

struct typed_time {
    const char *schema, *value;
    enum updated_at_type type;
    const char *text;
};

static void check_typed_time(struct decoder *d, const struct typed_time *t) {
    struct buf text = {0};
    buf_printf(
        &text,
        "{\"schema\":{\"fields\":[%s]},\"payload\":{\"account_id\":\"A\",\"updated_at\":%s}}",
        t->schema, t->value);
    struct record r = {.value = buf_slice(&text)};
    struct decoded got;
    struct reason why = {0};
    assert_int_equal(decode(d, ENTITY_ACCOUNT, &r, &got, &why), DECODE_EVENT);
    struct slice at = got.fields[FIELD_UPDATED_AT];
    if (got.updated_at_type != t->type || (t->text == NULL) != (at.p == NULL) ||
        !slice_eq(at, slice_or_null(t->text)))
        fail_msg("%s: type %d, %.*s", buf_cstr(&text), got.updated_at_type, (int)at.n, at.p);
    buf_release(&text);
    buf_release(&why.text);
}

/* The type in the schema decides. A value that does not have that type is not a date. */
static void test_decode__typed_times(void **state) {
    (void)state;
    static const struct typed_time cases[] = {
        {TIME_SCHEMA("io.debezium.time.Timestamp"), "1707955200123", UPDATED_AT_MS,
         "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.Timestamp"), "5", UPDATED_AT_MS, "5"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Timestamp"), "1707955200123", UPDATED_AT_MS,
         "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "1707955200123999", UPDATED_AT_MS,
         "1707955200123"},
        /* cut down, as 23:59:59.999999 is */
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "-1", UPDATED_AT_MS, "-1"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "-1000", UPDATED_AT_MS, "-1"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "\" 1707955200123999 \"", UPDATED_AT_MS,
         "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.NanoTimestamp"), "1707955200123999999", UPDATED_AT_MS,
         "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.Date"), "19768", UPDATED_AT_MS, "1707955200000"},
        {TIME_SCHEMA("io.debezium.time.Date"), "9223372036854775807", UPDATED_AT_MS,
         "796899343984252629724800000"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Date"), "-1", UPDATED_AT_MS, "-86400000"},
        {TIME_SCHEMA("io.debezium.time.ZonedTimestamp"), "\"2024-02-15T01:00:00.5+01:00\"",
         UPDATED_AT_MS, "1707955200500"},
        {TIME_SCHEMA("io.debezium.time.IsoDate"), "\"2024-02-15Z\"", UPDATED_AT_MS,
         "1707955200000"},
        {TIME_SCHEMA("io.debezium.time.IsoTimestamp"), "\"2024-02-15T00:00:00Z\"", UPDATED_AT_MS,
         "1707955200000"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "null", UPDATED_AT_TEXT, NULL},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "\"2024-02-15\"", UPDATED_AT_NO_DATE,
         "2024-02-15"},
        {TIME_SCHEMA("io.debezium.time.MicroTimestamp"), "1.5", UPDATED_AT_NO_DATE, "1.5"},
        {TIME_SCHEMA("io.debezium.time.ZonedTimestamp"), "1707955200123", UPDATED_AT_NO_DATE,
         "1707955200123"},
        {TIME_SCHEMA("io.debezium.time.Year"), "2024", UPDATED_AT_NO_DATE, "2024"},
        {TIME_SCHEMA("io.debezium.time.Time"), "3600000", UPDATED_AT_NO_DATE, "3600000"},
        {TIME_SCHEMA("io.debezium.time.MicroTime"), "3600000000", UPDATED_AT_NO_DATE, "3600000000"},
        {TIME_SCHEMA("io.debezium.time.NanoTime"), "3600000000000", UPDATED_AT_NO_DATE,
         "3600000000000"},
        {TIME_SCHEMA("io.debezium.time.ZonedTime"), "\"10:00:00Z\"", UPDATED_AT_NO_DATE,
         "10:00:00Z"},
        {TIME_SCHEMA("io.debezium.time.IsoTime"), "\"10:00:00Z\"", UPDATED_AT_NO_DATE, "10:00:00Z"},
        {TIME_SCHEMA("io.debezium.time.MicroDuration"), "1707955200123999", UPDATED_AT_NO_DATE,
         "1707955200123999"},
        {TIME_SCHEMA("io.debezium.time.Interval"), "\"P1Y\"", UPDATED_AT_NO_DATE, "P1Y"},
        {TIME_SCHEMA("io.debezium.data.Enum"), "\"2024-02-15\"", UPDATED_AT_NO_DATE, "2024-02-15"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Time"), "3600000", UPDATED_AT_NO_DATE,
         "3600000"},
        {PLAIN_SCHEMA("bytes"), "\"20240215\"", UPDATED_AT_NO_DATE, "20240215"},
        /* these types say nothing about a time, so it is read as without a schema */
        {PLAIN_SCHEMA("int64"), "1707955200123", UPDATED_AT_TEXT, "1707955200123"},
        {PLAIN_SCHEMA("string"), "\"2024-02-15\"", UPDATED_AT_TEXT, "2024-02-15"},
        {TIME_SCHEMA("com.example.Any"), "\"2024-02-15\"", UPDATED_AT_TEXT, "2024-02-15"},
        {TIME_SCHEMA("org.apache.kafka.connect.data.Decimal"), "1707955200123", UPDATED_AT_TEXT,
         "1707955200123"},
    };
    struct decoder *d = new_decoder(RECORD_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_typed_time(d, &cases[i]);
    decoder_free(d);
    /* only updated_at is a time */
    check_typed("balance", "{\"name\":\"io.debezium.time.Date\",\"field\":\"balance\"}", "5", "5");
}

/* --- fields.customers, fields.accounts --- */

/* The own name wins over a configured one, and that one over an alias, wherever they are. */
static void test_decode__configured_names(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {.value = "{\"cust_no\":1,\"full name\":\"A\",\"loan\":\"y\",\"__ts_ms\":5}",
         .fields = {CID = "1", NAME = "A", LOAN = "y", AT = "5"}},
        {.value = "{\"\xef\xbb\xbf"
                  "Cust-No\":1,\"credit\":\"n\"}",
         .fields = {CID = "1", LOAN = "n"}},
        {.value = "{\"name\":\"alias\",\"full_name\":\"more\"}", .fields = {NAME = "more"}},
        {.value = "{\"full_name\":\"more\",\"name\":\"alias\"}", .fields = {NAME = "more"}},
        {.value = "{\"full_name\":\"more\",\"customer_name\":\"own\"}", .fields = {NAME = "own"}},
        {.value = "{\"customer_name\":\"own\",\"full_name\":\"more\"}", .fields = {NAME = "own"}},
        {.value = "{\"credit\":\"first\",\"loan\":\"second\"}", .fields = {LOAN = "first"}},
        {.key = "{\"cust_no\":7}", .kind = CHANGE_TOMBSTONE, .fields = {CID = "7"}},
        /* of Debezium's members only the spelling that was configured is a field */
        {.value = "{\"cust_no\":1,\"__deleted\":\"true\",\"__ts_ms\":5}",
         .kind = CHANGE_DELETE,
         .fields = {CID = "1"}},
        {.value = "{\"cust_no\":1,\"__name\":\"server1\"}", .fields = {CID = "1"}},
    };
    struct decoder *d = decoder_new(&(struct decoder_options){
        .record_max_bytes = RECORD_MAX,
        .field_names = {
            "customer_id=cust_no, customer_name = Full Name,has_loan=loan,has_loan=credit,"
            "updated_at=__ts_ms,"
            "has_loan=deleted",
            NULL}});
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        check_sample(d, ENTITY_CUSTOMER, &samples[i]);
    /* accounts have configured names of their own */
    static const struct sample account = {.value = "{\"account_id\":\"A\",\"cust_no\":1}",
                                          .fields = {AID = "A"},
                                          .unknown_fields = 1};
    check_sample(d, ENTITY_ACCOUNT, &account);
    decoder_free(d);
}

/* --- formats that are recognized but not read --- */

static void check_names(enum entity entity, const char *value, const char *part) {
    struct decoder *d = new_decoder(RECORD_MAX);
    struct record r = {.key = slice_str("1"), .value = slice_str(value)};
    struct decoded got;
    struct reason why = {0};
    bool ok = decode(d, entity, &r, &got, &why) == DECODE_EVENT;
    if (ok || why.code != REASON_MALFORMED || strstr(buf_cstr(&why.text), part) == NULL)
        fail_msg("%s: %s: %s", value, reason_code_name(why.code), buf_cstr(&why.text));
    buf_release(&why.text);
    decoder_free(d);
}

static void test_decode__foreign_formats_are_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"database\":\"b\",\"table\":\"customers\",\"type\":\"delete\",\"ts\":1795800000,"
         "\"data\":{\"customer_id\":"
         "8331,\"name\":\"A\"}}",
         "Maxwell"},
        {"{\"data\":[{\"customer_id\":\"1\"}],\"database\":\"b\",\"es\":1795800000000,"
         "\"isDdl\":false,\"table\":"
         "\"customers\",\"type\":\"INSERT\"}",
         "Canal"},
        {"{\"data\":null,\"database\":\"b\",\"isDdl\":true,\"table\":\"customers\","
         "\"type\":\"CREATE\"}",
         "Canal"},
        {"{\"table\":\"B.C\",\"op_type\":\"D\",\"before\":{\"customer_id\":8332}}", "GoldenGate"},
        {"{\"table\":\"B.C\",\"op_type\":\"I\",\"op_ts\":\"2026-11-25\",\"customer_id\":\"8332\","
         "\"name\":\"A\"}",
         "GoldenGate"},
        {"{\"specversion\":\"1.0\",\"type\":\"x\",\"source\":\"/x\",\"id\":\"5\","
         "\"data\":{\"customer_id\":1}}",
         "CloudEvents"},
        {"{\"before\":null,\"after\":\"{\\\"customer_id\\\":8333}\",\"op\":\"c\","
         "\"source\":{\"connector\":\"mongodb\"}}",
         "MongoDB"},
        {"\"{\\\"customer_id\\\": 8321, \\\"name\\\": \\\"A\\\"}\"", "encoded twice?"},
        {"{\"schema\":{\"type\":\"string\"},\"payload\":\"{\\\"customer_id\\\":1}\"}",
         "encoded twice?"},
        {"\x08\xc1\x3e\x12\x01"
         "A",
         "Protobuf"},
        {"\x0a\x03"
         "A01\x10\x07",
         "Protobuf"},
        {"\xef\xbb\xbf{}", "byte order mark"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_names(ENTITY_CUSTOMER, cases[i][0], cases[i][1]);
    /* records that only look a bit like these formats are read */
    check_reason(ENTITY_CUSTOMER, "hello", "Malformed JSON: expected a value at byte 0");
    check_reason(ENTITY_CUSTOMER, "1,Bo,yes\n",
                 "Malformed JSON: something follows the value at byte 1");
    static const struct sample samples[] = {
        {.value = "{\"customer_id\":1,\"database\":\"b\",\"table\":\"t\",\"type\":\"x\","
                  "\"op_type\":\"y\"}",
         .fields = {CID = "1"},
         .unknown_fields = 4},
        {.value = "{\"customer_id\":1,\"data\":{},\"type\":\"x\",\"id\":5}",
         .fields = {CID = "1"},
         .unknown_fields = 3},
    };
    check_samples(ENTITY_CUSTOMER, samples, ARRAY_LEN(samples));
}

/* The names of the members, for the reason, if the record has no field of the entity at all. */
static void test_decode__strange_names(void **state) {
    (void)state;
    static const struct {
        const char *value, *names; /* NULL: none */
    } cases[] = {
        {"{\"payload\":{\"op\":\"c\",\"after\":{\"customer_id\":8334}}}", "payload"},
        {"{\"a\":1,\"b c\":\"x\"}", "a, b c"},
        {"{\"account_id\":\"A\"}", "account_id"},
        {"{\"op\":\"c\",\"after\":{\"x\":1,\"y\":2}}", "x, y"},
        {"{\"x\":1,\"name\":null}", NULL},
        {"{}", NULL},
    };
    struct decoder *d = new_decoder(RECORD_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct record r = {.value = slice_str(cases[i].value)};
        struct decoded got;
        struct reason why = {0};
        assert_int_equal(decode(d, ENTITY_CUSTOMER, &r, &got, &why), DECODE_EVENT);
        if ((got.strange_names.p == NULL) != (cases[i].names == NULL) ||
            !slice_eq(got.strange_names, slice_or_null(cases[i].names)))
            fail_msg("%s: %.*s", cases[i].value, (int)got.strange_names.n, got.strange_names.p);
        buf_release(&why.text);
    }
    decoder_free(d);
}

static void test_decode__strange_names_are_bounded(void **state) {
    (void)state;
    struct buf value = {0};
    for (int i = 0; i < 2000; i++)
        buf_printf(&value, "%s\"%0100d\":1", i == 0 ? "{" : ",", i);
    buf_put_byte(&value, '}');
    struct decoder *d = decoder_new(&(struct decoder_options){.record_max_bytes = 1 << 20});
    struct record r = {.value = buf_slice(&value)};
    struct decoded got;
    struct reason why = {0};
    assert_int_equal(decode(d, ENTITY_CUSTOMER, &r, &got, &why), DECODE_EVENT);
    assert_in_range(got.strange_names.n, 100, 500);
    buf_release(&why.text);
    buf_release(&value);
    decoder_free(d);
}

static void test_decode__reasons(void **state) {
    (void)state;
    check_reason(ENTITY_CUSTOMER, "{\"a\":}", "Malformed JSON: expected a value at byte 5");
    check_reason(ENTITY_CUSTOMER, "{\"CustomerID\":[]}",
                 "Malformed record: customer_id is a list where a value belongs");
    check_reason(ENTITY_ACCOUNT, "{\"balance_amount\":{}}",
                 "Malformed record: balance is an object where a value belongs");
    check_reason(ENTITY_CUSTOMER, "{\"op\":\"m\",\"before\":null,\"after\":null}",
                 "Unsupported operation: m (supported: c, r, u, d, t)");
    check_reason(ENTITY_CUSTOMER, "{\"op\":null,\"after\":null}",
                 "Unsupported operation: null (supported: c, r, u, d, t)");
    check_reason(ENTITY_CUSTOMER, NULL,
                 "Malformed record: a delete without an id, for neither value nor key has one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__flat_customers),
        cmocka_unit_test(test_decode__invisible_marks_before_names),
        cmocka_unit_test(test_decode__flat_accounts),
        cmocka_unit_test(test_decode__malformed_values),
        cmocka_unit_test(test_decode__magic_zero_is_a_registrys),
        cmocka_unit_test(test_decode__too_large_comes_first),
        cmocka_unit_test(test_decode__tombstones),
        cmocka_unit_test(test_decode__zero_byte_in_a_key),
        cmocka_unit_test(test_decode__debezium_envelopes),
        cmocka_unit_test(test_decode__dms_operations),
        cmocka_unit_test(test_decode__unavailable_values),
        cmocka_unit_test(test_decode__truncates),
        cmocka_unit_test(test_decode__source_time_of_zero),
        cmocka_unit_test(test_decode__debezium_flattened),
        cmocka_unit_test(test_decode__precise_decimals),
        cmocka_unit_test(test_decode__variable_scale_decimals),
        cmocka_unit_test(test_decode__precise_decimal_ids),
        cmocka_unit_test(test_decode__typed_times),
        cmocka_unit_test(test_decode__configured_names),
        cmocka_unit_test(test_decode__foreign_formats_are_named),
        cmocka_unit_test(test_decode__strange_names),
        cmocka_unit_test(test_decode__strange_names_are_bounded),
        cmocka_unit_test(test_decode__reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
