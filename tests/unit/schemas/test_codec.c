/* Which bytes are read with which codec, and the values of the JSON codec. */
#include "schemas/codec.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "support.h"

/* The example of schemas/README.md, "Output encoding": texts for amounts and rates. */
#define SUMMARY                                                                                    \
    "{\"account_id\":\"A-1\",\"customer_id\":7,\"original_balance_amount\":\"16500.00\","          \
    "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"247.50\","                       \
    "\"new_balance_amount\":\"16747.50\",\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}"

static const struct account_summary_row summary = {
    {"A-1", 3}, 7, 1650000, 15, 24750, 1674750, INT64_C(1707955200000)};

static void test_codec__of(void **state) {
    static const struct {
        struct slice bytes;
        const struct codec *codec;
    } cases[] = {
        {{SUMMARY, sizeof SUMMARY - 1}, &codec_json},
        {{"{", 1}, &codec_json},
        {{"", 0}, NULL},
        {{NULL, 0}, NULL},
        {{" {}", 3}, NULL},
        {{"[]", 2}, NULL},
        {{"\0\0\0\0\7", 5}, NULL}, /* Avro with the id of a schema */
        {{"\xc3\1", 2}, NULL},     /* Avro with the fingerprint of a schema */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (codec_of(cases[i].bytes) != cases[i].codec)
            fail_msg("case %zu", i);
}

static bool decode(struct slice bytes) {
    struct json json;
    struct account_summary_row row;
    json_init(&json);
    bool ok = codec_decode(&account_summary_type, &json, bytes, &row);
    if (ok)
        assert_true(row_same_content(&account_summary_type, &row, &summary) &&
                    row.calculated_at == summary.calculated_at);
    json_release(&json);
    return ok;
}

static void test_codec__json(void **state) {
    struct buf out = {0};
    (void)state;
    assert_string_equal(codec_json.name, "json");
    codec_json.encode(&account_summary_type, &summary, &out);
    assert_text(buf_slice(&out), SUMMARY);
    assert_true(decode(buf_slice(&out)));
    buf_release(&out);
}

/* The same row in encodings that are not known. */
static void test_codec__refused(void **state) {
    struct buf avro = {0};
    (void)state;
    buf_put(&avro, "\0\0\0\0\7", 5);
    row_put_avro(&account_summary_type, &summary, &avro);
    assert_false(decode(buf_slice(&avro)));
    assert_false(decode(slice_of(avro.p + 5, avro.n - 5)));
    assert_false(decode(slice_str("{\"schema\":{\"type\":\"struct\"},\"payload\":" SUMMARY "}")));
    assert_false(decode(slice_str("{")));
    assert_false(decode(slice_str("")));
    buf_release(&avro);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__of),
        cmocka_unit_test(test_codec__json),
        cmocka_unit_test(test_codec__refused),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
