#include "streamer/kafka/sender.h"

#include "streamer/base/mem.h"
#include "support.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

/* Kafka's numbers of the requests */
enum { PRODUCE = 0, INIT_PRODUCER_ID = 22, ADD_PARTITIONS = 24, END_TXN = 26 };

static rd_kafka_t *host; /* of the in-process broker */
static rd_kafka_mock_cluster_t *cluster;
static struct config config;

static int start_broker(void **state) {
    (void)state;
    struct err e;
    char brokers[100];
    host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    (void)snprintf(brokers, sizeof brokers, "kafka.bootstrap.servers=%s",
                   rd_kafka_mock_cluster_bootstraps(cluster));
    const char *sets[] = {brokers, "log.level=error"};
    assert_true(config_load(&config, NULL, sets, ARRAY_LEN(sets), &e));
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "to", 1, 1), 0);
    return 0;
}

static int stop_broker(void **state) {
    (void)state;
    config_release(&config);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

/* A sender with a transaction of one message. */
static struct sender *begun(const char *id) {
    struct err e;
    const struct sender_message m = {.topic = "to", .key = slice_str("k"), .value = slice_str("v")};
    struct sender *s = sender_new(&config, id, &e);
    assert_non_null(s);
    assert_true(sender_begin(s, &e) && sender_send(s, &m, &e));
    return s;
}

static void test_sender__a_commit_is_certain(void **state) {
    (void)state;
    struct err e;
    struct sender *s = begun("certain");
    assert_true(sender_commit(s, &e));
    assert_false(sender_is_doubtful(s));
    assert_int_equal(sender_offset(s), 0);
    sender_free(s);
}

/* The broker is still ending a transaction that another sender has left open. */
static void test_sender__begins_once_the_transaction_before_has_ended(void **state) {
    (void)state;
    struct err e;
    rd_kafka_resp_err_t busy = RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
    rd_kafka_mock_push_request_errors(cluster, INIT_PRODUCER_ID, 2, busy, busy);
    struct sender *s = begun("busy");
    assert_true(sender_commit(s, &e));
    sender_free(s);
}

/* librdkafka drops the messages of a transaction that has failed. That is not the reason. */
static void test_sender__the_first_error_is_the_reason(void **state) {
    (void)state;
    struct err e;
    struct sender *s = begun("ended");
    rd_kafka_mock_push_request_errors(cluster, ADD_PARTITIONS, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    assert_false(sender_commit(s, &e));
    assert_null(strstr(e.text, "Purged"));
    sender_free(s);
}

/* The broker may have committed before the answer was lost, and another producer has then begun. */
static void test_sender__fenced_while_it_commits_is_doubtful(void **state) {
    (void)state;
    struct err e;
    struct sender *s = begun("fenced");
    rd_kafka_mock_push_request_errors(cluster, END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_false(sender_commit(s, &e));
    assert_int_equal(e.class, ERR_FENCED);
    assert_true(sender_is_doubtful(s));
    sender_free(s);
}

static void test_sender__no_answer_to_a_commit_is_doubtful(void **state) {
    (void)state;
    struct err e;
    config.transaction_timeout_ms = 2000;
    struct sender *s = begun("silent");
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
                         cluster, 1, END_TXN, (size_t)1, RD_KAFKA_RESP_ERR_NO_ERROR, 20000),
                     0);
    assert_false(sender_commit(s, &e));
    assert_true(sender_is_doubtful(s));
    sender_free(s);
}

static void test_sender__a_refused_message_is_certainly_not_committed(void **state) {
    (void)state;
    struct err e;
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct sender *s = begun("refused");
    assert_false(sender_commit(s, &e));
    assert_int_equal(e.class, ERR_DENIED);
    assert_false(sender_is_doubtful(s));
    sender_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sender__a_commit_is_certain),
        cmocka_unit_test(test_sender__begins_once_the_transaction_before_has_ended),
        cmocka_unit_test(test_sender__the_first_error_is_the_reason),
        cmocka_unit_test(test_sender__fenced_while_it_commits_is_doubtful),
        cmocka_unit_test(test_sender__a_refused_message_is_certainly_not_committed),
        cmocka_unit_test(test_sender__no_answer_to_a_commit_is_doubtful),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
