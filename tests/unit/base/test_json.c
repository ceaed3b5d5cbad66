#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const cJSON *parse(struct json *j, const char *text) {
    return json_parse(j, slice_str(text));
}

static void test_json__accepts(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{}",
        "[]",
        "null",
        "0",
        "-0",
        "1.5E+10",
        "\"\"",
        " \t\r\n{ \"a\" : [ 1 , true , false , null , \"x\" ] } \n",
        "{\"a\":1,\"a\":2}",
        "{\"\":1}",
        "[1,2,[3,[4]]]",
        "\"ä€😀\"",
        "\"\\uD83D\\uDE00 \\u00e4 \\\" \\\\ \\/ \\b\\f\\n\\r\\t\"",
        "\"\x7f\"",
        "1e999999999",
    };
    struct json j;
    json_init(&j);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (parse(&j, cases[i]) == NULL)
            fail_msg("%s: %s", cases[i], j.error);
        assert_string_equal(j.error, "");
    }
    json_release(&j);
}

static void test_json__refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "expected a value at byte 0"},
        {" ", "expected a value at byte 1"},
        {"{", "expected a name in quotes at byte 1"},
        {"{\"a\"", "expected ':' at byte 4"},
        {"{\"a\":", "expected a value at byte 5"},
        {"{\"a\":1", "expected ',' or '}' at byte 6"},
        {"{\"a\":1,}", "expected a name in quotes at byte 7"},
        {"{a:1}", "expected a name in quotes at byte 1"},
        {"{'a':1}", "expected a name in quotes at byte 1"},
        {"[1,]", "expected a value at byte 3"},
        {"[1 2]", "expected ',' or ']' at byte 3"},
        {"[1}", "expected ',' or ']' at byte 2"},
        {"{} x", "something follows the value at byte 3"},
        {"{}{}", "something follows the value at byte 2"},
        {"01", "something follows the value at byte 1"},
        {"1.", "expected a digit at byte 2"},
        {".5", "expected a value at byte 0"},
        {"+1", "expected a value at byte 0"},
        {"-", "expected a digit at byte 1"},
        {"-.5", "expected a digit at byte 1"},
        {"1e", "expected a digit at byte 2"},
        {"1e+", "expected a digit at byte 3"},
        {"0x10", "something follows the value at byte 1"},
        {"NaN", "expected a value at byte 0"},
        {"-Infinity", "expected a digit at byte 1"},
        {"True", "expected a value at byte 0"},
        {"tru", "expected a value at byte 0"},
        {"nullx", "something follows the value at byte 4"},
        {"// no\n1", "expected a value at byte 0"},
        {"\xef\xbb\xbf{}", "expected a value at byte 0"}, /* byte order mark */
        {"{\v}", "expected a name in quotes at byte 1"},
        {"\"abc", "string without an end at byte 4"},
        {"\"a\tb\"", "control character in a string at byte 2"},
        {"\"a\nb\"", "control character in a string at byte 2"},
        {"\"\\x\"", "unknown escape in a string at byte 2"},
        {"\"\\", "unknown escape in a string at byte 2"},
        {"\"\\u12\"", "\\u without four hexadecimal digits at byte 2"},
        {"\"\\u12g4\"", "\\u without four hexadecimal digits at byte 2"},
        {"\"\\u0000\"", "\\u0000 in a string at byte 7"},
        {"{\"\\u0000\":1}", "\\u0000 in a string at byte 8"},
        {"\"\\ud800\"", "lone surrogate in a string at byte 7"},
        {"\"\\ude00\"", "lone surrogate in a string at byte 7"},
        {"\"\\ud83dx\"", "lone surrogate in a string at byte 7"},
        {"\"\\ud83d\\n\"", "lone surrogate in a string at byte 8"},
        {"\"\\ud83d\\ud83d\"", "lone surrogate in a string at byte 13"},
        {"\"\xff\"", "invalid UTF-8 at byte 1"},
        {"\"\xc0\xaf\"", "invalid UTF-8 at byte 1"},
        {"\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1"},
        {"\"a\xc3\"", "invalid UTF-8 at byte 2"},
        {"{\"\xff\":1}", "invalid UTF-8 at byte 2"},
        {"\"\xc3", "invalid UTF-8 at byte 1"},
    };
    struct json j;
    json_init(&j);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_null(parse(&j, cases[i].text));
        if (strcmp(j.error, cases[i].error) != 0)
            fail_msg("%s: %s", cases[i].text, j.error);
    }
    assert_null(json_parse(&j, slice_of("{}\0", 3)));
    assert_null(json_parse(&j, slice_of("\"a\0b\"", 5)));
    assert_null(json_parse(&j, slice_of("[\0]", 3)));
    assert_null(json_parse(&j, slice_of("\0", 1)));
    assert_null(json_parse(&j, slice_null()));
    json_release(&j);
}

static bool nested_parses(struct json *j, size_t depth) {
    char *text = mem_alloc(2 * depth + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    bool ok = json_parse(j, slice_of(text, 2 * depth)) != NULL;
    free(text);
    return ok;
}

static void test_json__depth_is_bounded(void **state) {
    (void)state;
    struct json j;
    json_init(&j);
    assert_true(nested_parses(&j, JSON_DEPTH_MAX));
    assert_false(nested_parses(&j, JSON_DEPTH_MAX + 1));
    assert_string_equal(j.error, "nested too deep at byte 100");
    assert_false(nested_parses(&j, 1000000));
    json_release(&j);
}

static void assert_member_text(const cJSON *object, const char *name, const char *expected) {
    struct slice text = json_text(json_member(object, name));
    if (expected == NULL) {
        assert_null(text.p);
        return;
    }
    if (!slice_eq(text, slice_str(expected)))
        fail_msg("%s: %.*s, not %s", name, (int)text.n, text.p, expected);
}

static void test_json__texts(void **state) {
    (void)state;
    struct json j;
    json_init(&j);
    const cJSON *root = parse(
        &j, "{\"int\":9007199254740993,\"dec\":1000.10,\"exp\":-1.5E+3,\"digits\":\"123\","
            "\"empty\":\"\",\"yes\":true,\"no\":false,\"null\":null,\"object\":{},\"list\":[1],"
            "\"esc\":\"\\u00e4\\ud83d\\ude00\\n\\u0001\",\"twice\":1,\"twice\":2}");
    assert_non_null(root);
    assert_member_text(root, "int", "9007199254740993");
    assert_member_text(root, "dec", "1000.10");
    assert_member_text(root, "exp", "-1.5E+3");
    assert_member_text(root, "digits", "123");
    assert_member_text(root, "empty", "");
    assert_member_text(root, "yes", "true");
    assert_member_text(root, "no", "false");
    assert_member_text(root, "null", NULL);
    assert_member_text(root, "object", NULL);
    assert_member_text(root, "list", NULL);
    assert_member_text(root, "missing", NULL);
    assert_member_text(root, "Int", NULL);
    assert_member_text(root, "esc", "ä😀\n\x01");
    assert_member_text(root, "twice", "1");
    assert_true(json_is_number(json_member(root, "int")));
    assert_false(json_is_number(json_member(root, "digits")));
    assert_false(json_is_number(json_member(root, "empty")));
    assert_false(json_is_number(json_member(root, "yes")));
    assert_false(json_is_number(NULL));
    assert_non_null(json_text(json_member(root, "empty")).p); /* empty is not null */
    assert_null(json_member(json_member(root, "list"), "x"));
    assert_null(json_member(NULL, "x"));
    json_release(&j);
}

static void test_json__two_parsers_live_side_by_side(void **state) {
    (void)state;
    struct json a, b;
    json_init(&a);
    json_init(&b);
    const cJSON *first = parse(&a, "{\"id\":1}");
    assert_null(parse(&b, "{"));
    const cJSON *second = parse(&b, "{\"id\":\"two\"}");
    assert_member_text(first, "id", "1");
    json_release(&a);
    assert_member_text(second, "id", "two");
    json_release(&b);
}

static void test_json__put_string(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "\"\""},
        {"plain ä😀 /", "\"plain ä😀 /\""},
        {"say \"hi\" \\ there", "\"say \\\"hi\\\" \\\\ there\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01x\x1f\x7f", "\"\\u0001x\\u001f\x7f\""},
    };
    struct buf out = {0};
    struct json j;
    json_init(&j);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        json_put_string(&out, slice_str(cases[i].text));
        assert_string_equal(buf_cstr(&out), cases[i].expected);
        struct slice back = json_text(json_parse(&j, buf_slice(&out)));
        assert_true(slice_eq(back, slice_str(cases[i].text)));
    }
    buf_clear(&out);
    json_put_string(&out, slice_of("\0", 1));
    assert_string_equal(buf_cstr(&out), "\"\\u0000\"");
    json_release(&j);
    buf_release(&out);
}

/* Any byte, ASCII or not, at any place of a string that is looked at eight bytes at a time. */
static void check_byte(struct json *j, char c, size_t at) {
    char text[] = "\"xxxxxxxxxxxxxxxxxxxx\"";
    size_t n = sizeof text - 1;
    text[1 + at] = c;
    bool plain = (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
    if ((json_parse(j, slice_of(text, n)) != NULL) != plain)
        fail_msg("byte %d at %zu: %s", c, at, j->error);
    if (plain)
        assert_true(slice_eq(json_text(j->root), slice_of(text + 1, n - 2)));
    if ((unsigned char)c >= 0x80 || c == '\0')
        return;
    struct buf out = {0};
    json_put_string(&out, slice_of(text + 1, n - 2));
    assert_true(plain == slice_eq(buf_slice(&out), slice_of(text, n)));
    assert_true(slice_eq(json_text(json_parse(j, buf_slice(&out))), slice_of(text + 1, n - 2)));
    buf_release(&out);
}

static void test_json__any_byte_at_any_place(void **state) {
    (void)state;
    struct json j;
    json_init(&j);
    for (int c = 0; c <= UINT8_MAX; c++) {
        for (size_t at = 0; at < 20; at++)
            check_byte(&j, (char)c, at);
    }
    json_release(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__accepts),
        cmocka_unit_test(test_json__refuses),
        cmocka_unit_test(test_json__depth_is_bounded),
        cmocka_unit_test(test_json__texts),
        cmocka_unit_test(test_json__two_parsers_live_side_by_side),
        cmocka_unit_test(test_json__put_string),
        cmocka_unit_test(test_json__any_byte_at_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
