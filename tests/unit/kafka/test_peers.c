#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/peers.h"

#include <string.h>

static void test_peers__urls_of_client_ids(void **state) {
    static const struct {
        const char *client_id, *url; /* NULL: none */
    } cases[] = {
        {"streamer@http://a:9464", "http://a:9464"},
        {"streamer@https://a.example.com/", "https://a.example.com"},
        {"the bank's@home@http://[::1]:1", "http://[::1]:1"},
        {"@http://a", "http://a"},
        {"streamer", NULL},
        {"", NULL},
        {"streamer@", NULL},
        {"streamer@a:9464", NULL},
        {"http://a:9464", NULL},
        {"streamer@http://a@b", NULL},
        {"streamer@http://a/path", NULL},
        {"streamer@http://a\r\nX: y", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice url = peer_url(cases[i].client_id);
        if ((url.p == NULL) != (cases[i].url == NULL))
            fail_msg("%s", cases[i].client_id);
        if (url.p != NULL)
            assert_text(url, cases[i].url);
    }
}

static void test_peers__who_is_believed(void **state) {
    static const struct {
        char *peers, *certificate;
        const char *url;
        bool is_believed;
    } cases[] = {
        {"", "", "http://a:9464", false},
        {"a", "", "http://a:9464", true},
        {"a:9464", "", "http://a:9464", true},
        {"a:9464", "", "http://a:9465", false},
        {"a:80", "", "http://a", true},
        {"*.bank", "", "http://evil:9464", false},
        {"*.bank", "", "http://a.bank.evil", false},
        {"a", "", "https://a", true},
        {"a", "/etc/cert.pem", "https://a", true},
        {"a", "/etc/cert.pem", "http://a", false}, /* the token would be sent unencrypted */
        {"*", "", "not a url", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c = {.http_peers = cases[i].peers,
                           .http_tls_certificate = cases[i].certificate};
        if (peer_is_believed(&c, slice_str(cases[i].url)) != cases[i].is_believed)
            fail_msg("%s: %s", cases[i].peers, cases[i].url);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers__urls_of_client_ids),
        cmocka_unit_test(test_peers__who_is_believed),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
