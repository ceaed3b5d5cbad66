#include "streamer/kafka/login_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS 60000

union address {
    struct sockaddr any;
    struct sockaddr_in ip;
};

static union address broker(uint16_t port) {
    union address a = {.ip = {.sin_family = AF_INET, .sin_port = htons(port)}};
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &a.ip.sin_addr), 1);
    return a;
}

static bool may_try(struct login_guard *g, uint16_t port, int64_t now_ms) {
    union address a = broker(port);
    return login_guard_may_try(g, &a.any, sizeof a.ip, now_ms);
}

static void refuse(struct login_guard *g, uint16_t port, const char *why, int64_t now_ms) {
    union address a = broker(port);
    login_guard_note_refused(g, &a.any, sizeof a.ip, why, now_ms);
}

static void accept_login(struct login_guard *g, uint16_t port) {
    union address a = broker(port);
    login_guard_note_accepted(g, &a.any, sizeof a.ip);
}

static void test_login_guard__who_was_not_refused_may_try(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    char text[400];
    for (int i = 0; i < 100; i++)
        assert_true(may_try(g, 9092, 0));
    assert_false(login_guard_refusal(g, MINUTE_MS, text, sizeof text));
    assert_false(login_guard_refusal(NULL, 0, text, sizeof text));
    login_guard_free(g);
    login_guard_free(NULL);
}

static void test_login_guard__one_try_a_minute(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    refuse(g, 9092, "bad password", 1000);
    int tries = 0;
    for (int64_t now = 1000; now < 1000 + 10 * MINUTE_MS; now += 100)
        if (may_try(g, 9092, now)) {
            tries++;
            assert_false(may_try(g, 9092, now)); /* another client at the same time */
            refuse(g, 9092, "bad password", now + 50);
        }
    assert_int_equal(tries, 9);
    login_guard_free(g);
}

/* The connection broke, or the client that tried was stopped. */
static void test_login_guard__a_try_that_came_to_nothing(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    refuse(g, 9092, "bad password", 0);
    assert_true(may_try(g, 9092, MINUTE_MS));
    assert_false(may_try(g, 9092, 2 * MINUTE_MS - 1));
    assert_true(may_try(g, 9092, 2 * MINUTE_MS));
    login_guard_free(g);
}

static void test_login_guard__accepted_again(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    char text[400];
    refuse(g, 9092, "bad password", 0);
    refuse(g, 9092, "bad password (after 3ms in state AUTH_REQ)", 0);
    assert_true(login_guard_refusal(g, MINUTE_MS, text, sizeof text));
    assert_string_equal(text, "the broker 127.0.0.1 port 9092 refuses the login (bad password)");
    assert_true(may_try(g, 9092, MINUTE_MS));
    accept_login(g, 9092);
    assert_true(may_try(g, 9092, MINUTE_MS));
    assert_true(may_try(g, 9092, MINUTE_MS));
    assert_false(login_guard_refusal(g, MINUTE_MS, text, sizeof text));
    login_guard_free(g);
}

static void test_login_guard__each_broker_for_itself(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    char text[400];
    refuse(g, 9092, "bad password", 0);
    refuse(g, 9093, "locked", 10);
    assert_true(may_try(g, 9094, 20));
    accept_login(g, 9092);
    assert_true(may_try(g, 9092, 20));
    assert_false(may_try(g, 9093, 20));
    assert_true(login_guard_refusal(g, MINUTE_MS, text, sizeof text));
    assert_string_equal(text, "the broker 127.0.0.1 port 9093 refuses the login (locked)");
    login_guard_free(g);
}

/* The broker may be gone, so other brokers must not wait for it. */
static void test_login_guard__a_broker_that_nobody_tries(void **state) {
    (void)state;
    struct login_guard *g = login_guard_new();
    char text[400];
    refuse(g, 9092, "bad password", 0);
    refuse(g, 9093, "bad password", MINUTE_MS);
    assert_true(login_guard_refusal(g, 2 * MINUTE_MS, text, sizeof text));
    assert_true(login_guard_refusal(g, 2 * MINUTE_MS + 1, text, sizeof text));
    assert_non_null(strstr(text, "port 9093"));
    assert_false(login_guard_refusal(g, 3 * MINUTE_MS + 1, text, sizeof text));
    login_guard_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_guard__who_was_not_refused_may_try),
        cmocka_unit_test(test_login_guard__one_try_a_minute),
        cmocka_unit_test(test_login_guard__a_try_that_came_to_nothing),
        cmocka_unit_test(test_login_guard__accepted_again),
        cmocka_unit_test(test_login_guard__each_broker_for_itself),
        cmocka_unit_test(test_login_guard__a_broker_that_nobody_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
