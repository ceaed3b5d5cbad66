#include "support.h"

#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/words.h"

#include <string.h>

static void test_words__durations(void **state) {
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0 s"},       {1, "1 s"},       {119, "119 s"},
        {120, "2 min"},   {3600, "60 min"}, {7199, "119 min"},
        {7200, "2 h"},    {86400, "24 h"},  {93600, "26 h"},
        {172799, "47 h"}, {172800, "2 d"},  {864000, "10 d"},
        {259199, "2 d"},  {259200, "3 d"},  {31536000000, "365000 d"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(words_duration(cases[i].seconds).text, cases[i].text);
}

static void test_words__counts(void **state) {
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {-1, "-1"},
        {-999, "-999"},
        {-1000, "-1,000"},
        {12345, "12,345"},
        {1234567, "1,234,567"},
        {INT64_MAX, "9,223,372,036,854,775,807"},
        {INT64_MIN, "-9,223,372,036,854,775,808"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(words_count(cases[i].n).text, cases[i].text);
}

static void test_words__bytes(void **state) {
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048575, "1023.9 KiB"},
        {1048576, "1.0 MiB"},
        {INT64_C(5) << 29, "2.5 GiB"},
        {INT64_C(3) << 50, "3072.0 TiB"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(words_bytes(cases[i].bytes).text, cases[i].text);
}

static void test_words__members_of_json(void **state) {
    struct buf out = {0};
    (void)state;
    buf_put_byte(&out, '{');
    json_put_text(&out, "a", "x\"y");
    json_put_text(&out, "b", NULL);
    json_put_int(&out, "c", -5);
    json_put_bool(&out, "d", true);
    json_put_decimal(&out, "e", 1234, 3);
    json_put_time(&out, "f", 0);
    json_put_time(&out, "g", TIMESTAMP_NONE);
    json_put_time(&out, "h", INT64_MAX);
    json_put_name(&out, "i");
    buf_put_byte(&out, '{');
    json_put_bool(&out, "j", false);
    buf_put_str(&out, "}}");
    assert_string_equal(buf_cstr(&out),
                        "{\"a\":\"x\\\"y\",\"b\":null,\"c\":-5,\"d\":true,\"e\":1.234,"
                        "\"f\":\"1970-01-01T00:00:00.000Z\",\"g\":null,"
                        "\"h\":\"9999-12-31T23:59:59.999Z\",\"i\":{\"j\":false}}");
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words__durations),
        cmocka_unit_test(test_words__counts),
        cmocka_unit_test(test_words__bytes),
        cmocka_unit_test(test_words__members_of_json),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
