/* producer, with librdkafka's mock brokers, whose coordinators can be chosen. */
#include "streamer/kafka/producer.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include "support.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALIVE 1
#define DEAD 2
#define ID "app-0"

struct fixture {
    rd_kafka_t *host; /* contains the brokers */
    rd_kafka_mock_cluster_t *brokers;
    struct config config;
    struct worker_kafka kafka;
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_consumer_group_metadata_t *group;
};

static rd_kafka_t *host_new(void) {
    struct err e;
    return kafka_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), &e);
}

static void fixture_init(struct fixture *f) {
    char bootstrap[256];
    struct err e;
    *f = (struct fixture){.host = host_new()};
    f->brokers = rd_kafka_mock_cluster_new(f->host, 2);
    (void)snprintf(bootstrap, sizeof bootstrap, "kafka.bootstrap.servers=%s",
                   rd_kafka_mock_cluster_bootstraps(f->brokers));
    const char *sets[] = {"app.id=app", bootstrap, "transaction.timeout=2s"};
    assert_true(config_load(&f->config, NULL, sets, ARRAY_LEN(sets), &e));
    f->kafka = kafka_of_librdkafka(&f->config);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        (void)rd_kafka_mock_topic_create(f->brokers, f->config.topics[t], 1, 1);
        (void)rd_kafka_mock_partition_set_leader(f->brokers, f->config.topics[t], 0, ALIVE);
    }
    (void)rd_kafka_mock_coordinator_set(f->brokers, "transaction", ID, ALIVE);
    (void)rd_kafka_mock_coordinator_set(f->brokers, "group", "app", DEAD);
    f->offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(f->offsets, f->config.topics[TOPIC_ACCOUNTS], 0)->offset = 1;
    f->group = rd_kafka_consumer_group_metadata_new("app");
}

static void fixture_release(struct fixture *f) {
    rd_kafka_consumer_group_metadata_destroy(f->group);
    rd_kafka_topic_partition_list_destroy(f->offsets);
    config_release(&f->config);
    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->host);
}

static struct producer *new_producer(const struct fixture *f, struct err *e) {
    return producer_new(&f->kafka, clock_of_machine(), ID, 1, e);
}

static bool transaction(struct fixture *f, struct producer *p, struct err *e) {
    struct sink *sink = producer_sink(p);
    struct sink_message m = {
        .topic = TOPIC_CUSTOMER_PROFILE, .key = slice_str("1"), .value = slice_str("{}")};
    assert_true(producer_begin(p, e));
    sink->send(sink, &m);
    return producer_commit(p, f->offsets, f->group, e);
}

/* librdkafka looks for a group's coordinator again only when a connection begins or ends. So it
 * would wait for ever if the coordinator that it knows is gone. */
static void test_producer__dead_group_coordinator(void **state) {
    (void)state;
    struct err e = {0};
    struct fixture f;
    fixture_init(&f);
    struct producer *p = new_producer(&f, &e);
    assert_non_null(p);
    assert_true(transaction(&f, p, &e));
    (void)rd_kafka_mock_broker_set_down(f.brokers, DEAD);
    assert_false(transaction(&f, p, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_false(producer_is_usable(p));
    producer_free(p);

    (void)rd_kafka_mock_coordinator_set(f.brokers, "group", "app", ALIVE);
    p = new_producer(&f, &e);
    assert_non_null(p);
    assert_true(transaction(&f, p, &e));
    producer_free(p);
    fixture_release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_producer__dead_group_coordinator),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    /* The first producer's call may not have returned. Then its client has threads at the end, as
     * in main.c. */
    (void)fflush(NULL);
    _exit(failed);
}
