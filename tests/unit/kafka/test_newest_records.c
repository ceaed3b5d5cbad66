/* newest_records, with librdkafka's mock broker, which answers such questions with the errors that
 * it is told. (It keeps no timestamps; the system tests ask Apache Kafka.) */
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/newest_records.h"

#include "support.h"

#include <librdkafka/rdkafka_mock.h>
#include <string.h>
#include <unistd.h>

#define LIST_OFFSETS 2 /* the number of the request in Kafka's protocol */

struct fixture {
    rd_kafka_t *host; /* contains the broker */
    rd_kafka_mock_cluster_t *brokers;
    struct config config;
    struct newest_records *newest;
    int64_t now_ms;
};

static void begin(struct fixture *f) {
    struct err e = {0};
    char set[256];
    const char *const sets[] = {set, "transaction.timeout=1s"}; /* and that of requests */
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    *f = (struct fixture){.host = kafka_client(RD_KAFKA_PRODUCER, conf, &e)};
    f->brokers = rd_kafka_mock_cluster_new(f->host, 1);
    (void)snprintf(set, sizeof set, "kafka.bootstrap.servers=%s",
                   rd_kafka_mock_cluster_bootstraps(f->brokers));
    if (!config_load(&f->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    (void)rd_kafka_mock_topic_create(f->brokers, "customers", 2, 1);
    (void)rd_kafka_mock_topic_create(f->brokers, "accounts", 3, 1);
    f->newest = newest_records_new(&f->config, (const int32_t[]){2, 3});
}

static void end(struct fixture *f) {
    newest_records_free(f->newest);
    config_release(&f->config);
    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->host);
}

/* The next answer. Its time is as good as real time, but that pauses are short. */
static struct newest_answer next(struct fixture *f) {
    struct newest_answer answer;
    for (;; f->now_ms += 20) {
        if (newest_records_step(f->newest, f->now_ms, &answer))
            return answer;
        (void)usleep(2000);
    }
}

static void assert_states(const struct newest_answer *answer, enum newest_state state) {
    for (int e = 0; e < ENTITY_COUNT; e++)
        assert_int_equal(answer->inputs[e].state, state);
}

static void test_newest_records__an_empty_topic(void **state) {
    struct fixture f;
    struct newest_answer answer;
    (void)state;
    begin(&f);
    answer = next(&f);
    assert_states(&answer, NEWEST_NONE);
    assert_int_equal(answer.why.class, ERR_NONE);
    assert_false(newest_records_step(f.newest, f.now_ms, &answer)); /* not at once again */
    newest_records_pause(f.newest);
    answer = next(&f);
    assert_states(&answer, NEWEST_NONE);
    end(&f);
}

/* Errors that pass: it goes on asking. */
static void test_newest_records__asks_again(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    rd_kafka_mock_push_request_errors(f.brokers, LIST_OFFSETS, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    struct newest_answer answer = next(&f);
    assert_states(&answer, NEWEST_NO_ANSWER);
    assert_int_equal(answer.why.class, ERR_RETRY);
    assert_string_not_equal(answer.why.text, "");
    answer = next(&f);
    assert_states(&answer, NEWEST_NONE);
    end(&f);
}

static void test_newest_records__nobody_answers(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    (void)rd_kafka_mock_broker_set_down(f.brokers, 1);
    struct newest_answer answer = next(&f);
    assert_states(&answer, NEWEST_NO_ANSWER);
    (void)rd_kafka_mock_broker_set_up(f.brokers, 1);
    while (answer.inputs[ENTITY_ACCOUNT].state != NEWEST_NONE)
        answer = next(&f);
    newest_records_free(NULL);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_records__an_empty_topic),
        cmocka_unit_test(test_newest_records__asks_again),
        cmocka_unit_test(test_newest_records__nobody_answers),
    };
    return cmocka_run_group_tests_name("newest_records", tests, NULL, NULL);
}
