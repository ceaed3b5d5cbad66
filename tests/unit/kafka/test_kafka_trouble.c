#include "streamer/kafka/kafka_trouble.h"

#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOBODY "127.0.0.1:1"
#define TLS_SENDING                                                                                \
    "ssl://broker:9093/bootstrap: Send failed: SSL transport error: Broken pipe (after 1ms in "

/* What librdkafka says last, and what the message then advises. */
static const struct {
    const char *says;
    const char *advises;
} cases[] = {
    {"1/1 brokers are down", "another kafka.security.protocol"},
    {TLS_SENDING "state UP)", "another kafka.security.protocol"},
    {TLS_SENDING "state APIVERSION_QUERY)", "another kafka.security.protocol"},
    {"broker:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms "
     "in state CONNECT)",
     "check kafka.bootstrap.servers"},
    {"ssl://broker:9093/bootstrap: SSL handshake failed: SSL alert number 42",
     "asks for a client certificate"},
};

static void test_kafka_trouble__advises_by_what_was_said(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kafka_trouble trouble = {.mechanism = ""};
        struct err e = {0};
        rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
        assert_non_null(client);
        (void)strncpy(trouble.text, cases[i].says, sizeof trouble.text - 1);
        assert_null(kafka_metadata(client, NOBODY, 1, &trouble, &e));
        assert_non_null(strstr(e.text, cases[i].says));
        assert_non_null(strstr(e.text, cases[i].advises));
        rd_kafka_destroy(client);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_trouble__advises_by_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
