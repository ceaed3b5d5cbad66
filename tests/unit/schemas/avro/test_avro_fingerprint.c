#include "schemas/avro/avro_fingerprint.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "support.h"

#include <inttypes.h>
#include <stdio.h>

static void check(const cJSON *schema, const cJSON *form, const cJSON *fingerprint) {
    struct buf out = {0};
    uint64_t number;
    char hex[17];
    assert_true(avro_canonical_form(json_text(schema), &out));
    assert_text(buf_slice(&out), form->valuestring);
    assert_true(avro_fingerprint(json_text(schema), &number));
    number = __builtin_bswap64(number); /* fastavro writes its bytes as they are sent */
    (void)snprintf(hex, sizeof hex, "%016" PRIx64, number);
    assert_string_equal(hex, fingerprint->valuestring);
    buf_release(&out);
}

/* Forms and fingerprints that fastavro has made (tests/data/avro/generate.py). */
static void test_avro_fingerprint__is_that_of_others(void **state) {
    struct json json;
    struct buf text = {0};
    FILE *file = fopen(SOURCE_DIR "/tests/data/avro/fingerprints.json", "rb");
    int count = 0;
    (void)state;
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        buf_put_byte(&text, (char)c);
    (void)fclose(file);
    json_init(&json);
    const cJSON *item;
    cJSON_ArrayForEach(item, json_parse(&json, buf_slice(&text))) {
        check(item->child, item->child->next, item->child->next->next);
        count++;
    }
    assert_true(count > 100);
    json_release(&json);
    buf_release(&text);
}

/* Of the specification's own test: the fingerprint of the schema "null". */
static void test_avro_fingerprint__of_null(void **state) {
    uint64_t number;
    (void)state;
    assert_true(avro_fingerprint(slice_str("\"null\""), &number));
    assert_true(number == UINT64_C(7195948357588979594));
}

static void test_avro_fingerprint__refuses(void **state) {
    static const char *const texts[] = {"",
                                        "{",
                                        "{}",
                                        "{\"type\":\"record\",\"name\":\"R\"}",
                                        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{}]}",
                                        "{\"type\":\"enum\",\"name\":\"E\"}",
                                        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":\"x\"}",
                                        "{\"type\":\"array\"}",
                                        "[\"null\",{}]"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint64_t number;
        if (avro_fingerprint(slice_str(texts[i]), &number))
            fail_msg("accepted: %s", texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_fingerprint__is_that_of_others),
        cmocka_unit_test(test_avro_fingerprint__of_null),
        cmocka_unit_test(test_avro_fingerprint__refuses),
    };
    return cmocka_run_group_tests_name("avro_fingerprint", tests, NULL, NULL);
}
