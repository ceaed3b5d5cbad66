#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_utf8__char_length(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"ä", 2},
        {"€x", 3},
        {"😀", 4},
        {"\x80", 0},             /* a continuation alone */
        {"\xc3", 0},             /* cut short */
        {"\xe2\x82", 0},         /* cut short */
        {"\xc0\xaf", 0},         /* overlong */
        {"\xe0\x80\xaf", 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xff", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_str(cases[i].text);
        assert_int_equal(utf8_char_length(text), cases[i].length);
        assert_int_equal(utf8_is_valid(text), text.n == 0 || cases[i].length > 0);
    }
}

/* Of White_Space, byte order mark and zero-width space nothing can be seen. */
static void test_utf8__is_blank(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool blank;
    } cases[] = {
        {"", true},
        {" \t\r\n\v\f", true},
        {"\xc2\x85\xc2\xa0", true},            /* next line, no-break space */
        {"\xe1\x9a\x80\xe2\x80\x80", true},    /* ogham space mark, en quad */
        {"\xe2\x80\xa8\xe2\x80\xa9", true},    /* line and paragraph separator */
        {"\xe2\x80\xaf\xe2\x81\x9f", true},    /* narrow no-break, mathematical space */
        {"\xe3\x80\x80", true},                /* ideographic space */
        {"\xef\xbb\xbf\xe2\x80\x8b x", false}, /* the two marks, then something */
        {"\xef\xbb\xbf\xe2\x80\x8b", true},
        {"a", false},
        {" a ", false},
        {"\xe2\x80\x8c", false}, /* zero-width non-joiner: neither */
        {"\xe1\xa0\x8e", false}, /* Mongolian vowel separator: white space once, no longer */
        {"\x01", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (utf8_is_blank(slice_str(cases[i].text)) != cases[i].blank)
            fail_msg("case %zu: %s", i, cases[i].text);
}

static void test_utf8__cut_keeps_characters_whole(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t max;
        const char *expected;
    } cases[] = {
        {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aä", 2, "a"}, {"aä", 3, "aä"},
        {"😀", 3, ""},      {"😀x", 4, "😀"},   {"", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice cut = utf8_cut(slice_str(cases[i].text), cases[i].max);
        assert_true(slice_eq(cut, slice_str(cases[i].expected)));
    }
}

static void test_utf8__lower_is_the_simple_mapping(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"Alice O'Neil 42 @[`{", "alice o'neil 42 @[`{"},
        {"ÄÖÜ ẞ Σίσυφος ΣΑΣ", "äöü ß σίσυφος σασ"}, /* no final sigma: character by character */
        {"ИВАН", "иван"},
        {"İI", "ii"}, /* U+0130 becomes i alone, and no locale turns I into ı */
        {"ȺK", "ⱥk"}, /* two bytes become three; the Kelvin sign's three become one */
        {"𐐀😀", "𐐨😀"}, /* beyond the basic plane */
        {"ǅ", "ǆ"},   /* title case */
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        utf8_put_lower(&out, slice_str(cases[i].text));
        assert_string_equal(buf_cstr(&out), cases[i].expected);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__char_length),
        cmocka_unit_test(test_utf8__is_blank),
        cmocka_unit_test(test_utf8__cut_keeps_characters_whole),
        cmocka_unit_test(test_utf8__lower_is_the_simple_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
