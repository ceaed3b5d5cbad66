/* broker_watch, with librdkafka's mock broker, which can be told to refuse connections. */
#include "streamer/kafka/broker_watch.h"
#include "streamer/kafka/kafka.h"

#include "support.h"

#include <librdkafka/rdkafka_mock.h>
#include <string.h>
#include <unistd.h>

#define BROKERS 2

struct fixture {
    rd_kafka_t *host; /* contains the brokers */
    rd_kafka_mock_cluster_t *brokers;
    struct broker_watch *watch;
};

static rd_kafka_t *new_client(const char *servers, struct broker_watch *watch) {
    struct err e;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_log_watched);
    assert_true(kafka_conf_set(conf, "bootstrap.servers", servers, &e));
    assert_true(kafka_conf_set(conf, "reconnect.backoff.ms", "10", &e));
    assert_true(kafka_conf_set(conf, "reconnect.backoff.max.ms", "50", &e));
    /* So that each broker is tried. */
    assert_true(kafka_conf_set(conf, "enable.sparse.connections", "false", &e));
    assert_true(watch == NULL || broker_watch_conf(watch, conf, &e));
    rd_kafka_t *client = kafka_client(RD_KAFKA_PRODUCER, conf, &e);
    assert_non_null(client);
    return client;
}

static struct fixture fixture_new(void) {
    struct fixture f = {.host = new_client("127.0.0.1:9", NULL), .watch = broker_watch_new()};
    f.brokers = rd_kafka_mock_cluster_new(f.host, BROKERS);
    return f;
}

static void fixture_release(struct fixture *f) {
    broker_watch_release(f->watch);
    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->host);
}

/* Waits until `count` brokers are unreachable, and returns the list. */
static struct buf wait_for(struct broker_watch *watch, int count) {
    for (;;) {
        struct buf json = {0};
        int seen = 0;
        broker_watch_put_json(watch, &json);
        for (const char *at = buf_cstr(&json); (at = strstr(at, "\"broker\"")) != NULL; at++)
            seen++;
        if (seen == count)
            return json;
        buf_release(&json);
        (void)usleep(10000);
    }
}

/* The address of the broker. bootstrap.servers lists them in the order of their ids. */
static void address_of(const struct fixture *f, int id, char *out, size_t n) {
    const char *at = rd_kafka_mock_cluster_bootstraps(f->brokers);
    for (int i = 1; i < id; i++)
        at = strchr(at, ',') + 1;
    (void)snprintf(out, n, "%.*s", (int)strcspn(at, ","), at);
}

static void ask(rd_kafka_t *client) {
    const struct rd_kafka_metadata *metadata;
    assert_int_equal(rd_kafka_metadata(client, 1, NULL, &metadata, 60000),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_metadata_destroy(metadata);
}

static void test_broker_watch__lost_and_back(void **state) {
    (void)state;
    struct fixture f = fixture_new();
    char down[64];
    address_of(&f, 2, down, sizeof down);
    rd_kafka_t *clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = new_client(rd_kafka_mock_cluster_bootstraps(f.brokers), f.watch);
        ask(clients[i]);
    }
    struct buf json = wait_for(f.watch, 0);
    assert_string_equal(buf_cstr(&json), "[]");
    buf_release(&json);

    (void)rd_kafka_mock_broker_set_down(f.brokers, 2);
    json = wait_for(f.watch, 1); /* both clients have lost it */
    assert_non_null(strstr(buf_cstr(&json), down));
    buf_release(&json);
    struct lost_broker lost[2];
    assert_int_equal(broker_watch_lost(f.watch, lost, 2), 1);
    assert_string_equal(lost[0].address, down);
    assert_true(lost[0].since_ms > 0);
    assert_int_equal(broker_watch_lost(f.watch, lost, 0), 0);

    (void)rd_kafka_mock_broker_set_up(f.brokers, 2);
    json = wait_for(f.watch, 0);
    buf_release(&json);
    assert_int_equal(broker_watch_lost(f.watch, lost, 2), 0);
    for (int i = 0; i < 2; i++)
        rd_kafka_destroy(clients[i]);
    fixture_release(&f);
}

static void test_broker_watch__never_reached(void **state) {
    (void)state;
    struct broker_watch *watch = broker_watch_new();
    rd_kafka_t *client = new_client("127.0.0.1:9", watch);
    struct buf json = wait_for(watch, 1);
    assert_non_null(strstr(buf_cstr(&json), "{\"broker\":\"127.0.0.1:9\",\"since\":\"2"));
    buf_release(&json);
    broker_watch_release(watch); /* before its client ends */
    rd_kafka_destroy(client);
}

/* However many brokers there are, the answers of HTTP stay small. */
static void test_broker_watch__many_are_lost(void **state) {
    (void)state;
    enum { COUNT = BROKERS_TOLD_MAX + 10 };
    struct lost_broker lost[COUNT];
    struct buf servers = {0};
    for (int port = 1; port <= COUNT; port++)
        buf_printf(&servers, "%s127.0.0.1:%d", port > 1 ? "," : "", port);
    struct broker_watch *watch = broker_watch_new();
    rd_kafka_t *client = new_client(buf_cstr(&servers), watch);
    while (broker_watch_lost(watch, lost, COUNT) < COUNT)
        (void)usleep(10000);
    struct buf json = wait_for(watch, BROKERS_TOLD_MAX);
    buf_release(&json);
    rd_kafka_destroy(client);
    broker_watch_release(watch);
    buf_release(&servers);
}

/* A client that ends closes its connections, which must not count as a loss. */
static void test_broker_watch__client_ends(void **state) {
    (void)state;
    struct fixture f = fixture_new();
    for (int i = 0; i < 3; i++) {
        rd_kafka_t *client = new_client(rd_kafka_mock_cluster_bootstraps(f.brokers), f.watch);
        ask(client);
        rd_kafka_destroy(client);
    }
    struct buf json = {0};
    broker_watch_put_json(f.watch, &json);
    assert_string_equal(buf_cstr(&json), "[]");
    buf_release(&json);
    fixture_release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broker_watch__lost_and_back),
        cmocka_unit_test(test_broker_watch__never_reached),
        cmocka_unit_test(test_broker_watch__many_are_lost),
        cmocka_unit_test(test_broker_watch__client_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
