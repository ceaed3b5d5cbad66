#include "support.h"

#include "streamer/base/address.h"
#include "streamer/base/mem.h"

#include <string.h>

static void test_address__parse(void **state) {
    static const struct {
        const char *text, *host; /* NULL: refused */
        int port;
        bool is_ip, is_loopback;
    } cases[] = {
        {"streamer-1.example.com", "streamer-1.example.com", 0, false, false},
        {"a_b:1", "a_b", 1, false, false},
        {"a.:65535", "a", 65535, false, false},
        {"10.0.0.1:9464", "10.0.0.1", 9464, true, false},
        {"127.0.0.1", "127.0.0.1", 0, true, true},
        {"127.9.9.9:1", "127.9.9.9", 1, true, true},
        {"[::1]:9464", "::1", 9464, true, true},
        {"[2001:db8::1]", "2001:db8::1", 0, true, false},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", 1, true, false},
        {"localhost:1", "localhost", 1, false, true},
        {"LOCALHOST", "LOCALHOST", 0, false, true},
        {"127.example.com", "127.example.com", 0, false, false},
        {"0.0.0.0:9464", "0.0.0.0", 9464, true, false},
        {"", NULL, 0, false, false},
        {":9464", NULL, 0, false, false},
        {"a:", NULL, 0, false, false},
        {"a:0", NULL, 0, false, false},
        {"a:65536", NULL, 0, false, false},
        {"a:99999999999999999999", NULL, 0, false, false},
        {"a:1:2", NULL, 0, false, false},
        {"::1", NULL, 0, false, false},
        {"[::1", NULL, 0, false, false},
        {"[]", NULL, 0, false, false},
        {"[::1]x", NULL, 0, false, false},
        {"a b", NULL, 0, false, false},
        {"a/b", NULL, 0, false, false},
        {"a@b", NULL, 0, false, false},
        {"*", NULL, 0, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        bool ok = address_parse(slice_str(cases[i].text), &a);
        if (ok != (cases[i].host != NULL))
            fail_msg("%s", cases[i].text);
        if (!ok)
            continue;
        assert_text(a.host, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
        assert_int_equal(a.is_ip, cases[i].is_ip);
        assert_int_equal(address_is_loopback(&a), cases[i].is_loopback);
    }
}

static void test_address__urls(void **state) {
    static const struct {
        const char *text, *host; /* NULL: refused */
        int port;
        bool is_https;
    } cases[] = {
        {"http://a:9464", "a", 9464, false}, {"http://a:9464/", "a", 9464, false},
        {"http://a", "a", 80, false},        {"https://a", "a", 443, true},
        {"https://[::1]:1", "::1", 1, true}, {"", NULL, 0, false},
        {"a:9464", NULL, 0, false},          {"ftp://a", NULL, 0, false},
        {"http://", NULL, 0, false},         {"http:///", NULL, 0, false},
        {"http://a/b", NULL, 0, false},      {"http://a//", NULL, 0, false},
        {"http://u@a", NULL, 0, false},      {"http://u:p@a", NULL, 0, false},
        {"http://a?b", NULL, 0, false},      {"http://a#b", NULL, 0, false},
        {"http://a:x", NULL, 0, false},      {"http://a\r\nX: y", NULL, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url u;
        bool ok = url_parse(slice_str(cases[i].text), &u);
        if (ok != (cases[i].host != NULL))
            fail_msg("%s", cases[i].text);
        if (!ok)
            continue;
        assert_text(u.at.host, cases[i].host);
        assert_int_equal(u.at.port, cases[i].port);
        assert_int_equal(u.is_https, cases[i].is_https);
    }
}

static void test_address__patterns(void **state) {
    static const struct {
        const char *patterns, *address;
        bool matches;
    } cases[] = {
        {"", "a", false},
        {"a", "a:1", true},
        {"a:1", "a:1", true},
        {"a:1", "a:2", false},
        {"a:1", "a", false},
        {"A", "a", true},
        {"b, a ,c", "a", true},
        {"b,c", "a", false},
        {"*", "anything", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "a.example.com.evil", false},
        {"*.example.com", "aexample.com", false},
        {"streamer-*.bank:9464", "streamer-12.bank:9464", true},
        {"streamer-*.bank:9464", "streamer-12.bank:80", false},
        {"a*b*c", "axbxbc", true},
        {"a*b*c", "axbxbcd", false},
        {"10.0.0.*", "10.0.0.7", true},
        {"[fd00::*]:1", "[fd00::7]:1", true},
        {"[::1]", "[::1]:9", true},
        {"a", "ab", false},
        {"ab", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        assert_true(address_patterns_are_valid(cases[i].patterns));
        assert_true(address_parse(slice_str(cases[i].address), &a));
        if (address_matches(cases[i].patterns, &a) != cases[i].matches)
            fail_msg("%s: %s", cases[i].patterns, cases[i].address);
    }
    static const char *const bad[] = {",", "a,,b", "http://a", "a/b", "a:*", "a b", "a:x", "?"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (address_patterns_are_valid(bad[i]))
            fail_msg("%s is accepted", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address__parse),
        cmocka_unit_test(test_address__urls),
        cmocka_unit_test(test_address__patterns),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
