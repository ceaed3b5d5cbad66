/* newest_records, with librdkafka's mock broker, which answers such questions with the errors that
 * it is told. (It keeps no timestamps: here all that it knows of have one, if a test says so. The
 * system tests ask Apache Kafka.) */
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/newest_records.h"

#include "support.h"

#include <librdkafka/rdkafka_mock.h>
#include <string.h>
#include <unistd.h>

#define LIST_OFFSETS 2 /* the number of the request in Kafka's protocol */

/* --- what is replaced (tests/CMakeLists.txt) --- */

static int64_t timestamp_of_all = -1; /* of the newest record of a partition that answers */
static int clients;                   /* how many were made */

int64_t
__wrap_rd_kafka_ListOffsetsResultInfo_timestamp(const rd_kafka_ListOffsetsResultInfo_t *info);
int64_t
__wrap_rd_kafka_ListOffsetsResultInfo_timestamp(const rd_kafka_ListOffsetsResultInfo_t *info) {
    (void)info;
    return timestamp_of_all;
}

rd_kafka_t *__real_kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                       struct err *e);
rd_kafka_t *__wrap_kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                       struct err *e);
rd_kafka_t *__wrap_kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                       struct err *e) {
    clients++;
    return __real_kafka_asking_client(c, trouble, e);
}

static bool has_asked; /* a question waits for its answer */

void __real_rd_kafka_ListOffsets(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                                 const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue);
void __wrap_rd_kafka_ListOffsets(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                                 const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue);
void __wrap_rd_kafka_ListOffsets(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                                 const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue) {
    has_asked = true;
    __real_rd_kafka_ListOffsets(client, list, options, queue);
}

bool __real_kafka_destroy(rd_kafka_t *client);
bool __wrap_kafka_destroy(rd_kafka_t *client);
bool __wrap_kafka_destroy(rd_kafka_t *client) {
    has_asked = false;
    return __real_kafka_destroy(client);
}

struct fixture {
    rd_kafka_t *host; /* contains the broker */
    rd_kafka_mock_cluster_t *brokers;
    struct config config;
    struct newest_records *newest;
    int64_t now_ms;
};

/* `timeout` is that of transactions, and so of requests. */
static void begin_with(struct fixture *f, const char *timeout) {
    struct err e = {0};
    char set[256];
    const char *const sets[] = {set, timeout};
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

static void begin(struct fixture *f) {
    begin_with(f, "transaction.timeout=1m");
}

static void end(struct fixture *f) {
    newest_records_free(f->newest);
    config_release(&f->config);
    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->host);
}

/* The next answer. Pauses between questions are short. While a question waits, time passes no
 * faster than in reality, however busy the machine is. */
static struct newest_answer next(struct fixture *f) {
    struct newest_answer answer;
    while (!newest_records_step(f->newest, f->now_ms, &answer)) {
        (void)usleep(1000);
        f->now_ms += has_asked ? 1 : 500;
    }
    has_asked = false;
    return answer;
}

/* The next answer that comes in time: a busy machine may take longer than the timeout. */
static struct newest_answer next_in_time(struct fixture *f) {
    struct newest_answer answer = next(f);
    for (int i = 0; i < 20 && answer.inputs[ENTITY_CUSTOMER].state == NEWEST_NO_ANSWER; i++)
        answer = next(f);
    return answer;
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

/* One partition has no leader, and the others tell a time. It goes on asking, with new clients,
 * because an old one may never hear of the new leader. */
static void test_newest_records__one_partition_does_not_answer(void **state) {
    struct fixture f;
    (void)state;
    begin_with(&f, "transaction.timeout=1s"); /* so long it waits for a partition */
    timestamp_of_all = 1000;
    for (int32_t p = 0; p < 3; p += 2) { /* the first one, and the last */
        (void)rd_kafka_mock_partition_set_leader(f.brokers, "accounts", p, -1);
        newest_records_pause(f.newest);
        struct newest_answer answer = next_in_time(&f);
        int clients_before = clients;
        assert_states(&answer, NEWEST_TOLD);
        assert_int_equal(answer.inputs[ENTITY_ACCOUNT].ms, 1000);
        assert_int_equal(answer.why.class, ERR_RETRY);
        (void)rd_kafka_mock_partition_set_leader(f.brokers, "accounts", p, 1);
        answer = next_in_time(&f);
        assert_states(&answer, NEWEST_TOLD);
        assert_int_equal(answer.why.class, ERR_NONE);
        assert_true(clients > clients_before);
    }
    timestamp_of_all = -1;
    end(&f);
}

/* The client knows the broker as the leader of the topics' partitions when it is lost. */
static void test_newest_records__a_leader_is_lost(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    struct newest_answer answer = next(&f);
    assert_states(&answer, NEWEST_NONE);
    (void)rd_kafka_mock_broker_set_down(f.brokers, 1);
    answer = next(&f);
    assert_states(&answer, NEWEST_NO_ANSWER);
    assert_non_null(strstr(answer.why.text, "onnect"));
    (void)rd_kafka_mock_broker_set_up(f.brokers, 1);
    while (answer.inputs[ENTITY_ACCOUNT].state != NEWEST_NONE)
        answer = next(&f);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_records__an_empty_topic),
        cmocka_unit_test(test_newest_records__asks_again),
        cmocka_unit_test(test_newest_records__nobody_answers),
        cmocka_unit_test(test_newest_records__one_partition_does_not_answer),
        cmocka_unit_test(test_newest_records__a_leader_is_lost),
    };
    return cmocka_run_group_tests_name("newest_records", tests, NULL, NULL);
}
