/* Injects a broker's error codes into transactional requests to the in-process broker. A commit
 * that is reported as successful must be. Any other outcome must have an error class, and a new
 * producer must be able to go on. The protocol's meaning of a code, and librdkafka's documentation
 * of its transactional errors, tell which codes librdkafka handles itself and which end the
 * transaction. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/embedded.h"
#include "streamer/kafka/producer.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#define N 1

enum api {
    PRODUCE = 0,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TXN = 26,
    TXN_OFFSETS = 28
};
static const struct {
    enum api api;
    const char *name;
} apis[] = {
    {PRODUCE, "Produce"},
    {INIT_PRODUCER_ID, "InitProducerId"},
    {ADD_PARTITIONS, "AddPartitionsToTxn"},
    {ADD_OFFSETS, "AddOffsets"},
    {END_TXN, "EndTxn"},
    {TXN_OFFSETS, "TxnOffsetCommit"},
};

enum outcome { COMMITTED, LOST_RETRY, LOST_FENCED, LOST_DENIED, LOST_STOP };

/* The outcomes that are certain. */
static const struct {
    enum api api;
    rd_kafka_resp_err_t code;
    enum outcome outcome;
} certain[] = {
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITTED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITTED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITTED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITTED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, LOST_FENCED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, LOST_FENCED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, LOST_DENIED},
    {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, LOST_DENIED},
    {ADD_OFFSETS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITTED},
    {ADD_OFFSETS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITTED},
    {ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, LOST_FENCED},
    {ADD_OFFSETS, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, LOST_DENIED},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITTED},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITTED},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, LOST_RETRY},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, LOST_RETRY},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, LOST_RETRY},
    {TXN_OFFSETS, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, LOST_DENIED},
    {END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITTED},
    {END_TXN, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITTED},
    {END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITTED},
    {END_TXN, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, LOST_RETRY},
    {END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, LOST_RETRY},
    {END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, LOST_FENCED},
    {END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, LOST_FENCED},
    {END_TXN, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, LOST_DENIED},
    {PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, COMMITTED},
    {PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, COMMITTED},
    {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, LOST_RETRY},
    {PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, LOST_RETRY},
    {PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, LOST_STOP},
};

struct rig {
    struct config config;
    struct worker_kafka kafka;
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
};

static void rig_init(struct rig *g) {
    char text[256];
    struct err e = {0};
    struct buf servers = {0};
    *g = (struct rig){0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "log_level", "2", text, sizeof text);
    g->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(g->host);
    g->cluster = rd_kafka_mock_cluster_new(g->host, 1);
    assert_non_null(g->cluster);
    buf_printf(&servers, "kafka.bootstrap.servers=%s",
               rd_kafka_mock_cluster_bootstraps(g->cluster));
    const char *const sets[] = {buf_cstr(&servers), "transaction.timeout=3s", "kafka.log_level=0"};
    if (!config_load(&g->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    g->kafka = kafka_of_librdkafka(&g->config);
    buf_release(&servers);
    log_set_level(LOG_ERROR);
    for (int t = 0; t < TOPIC_COUNT; t++)
        assert_int_equal(rd_kafka_mock_topic_create(g->cluster, g->config.topics[t], N, 1), 0);
}

static void rig_release(struct rig *g) {
    config_release(&g->config);
    rd_kafka_mock_cluster_destroy(g->cluster);
    rd_kafka_destroy(g->host);
}

static struct producer *new_producer(struct rig *g, const char *id, struct err *e) {
    return producer_new(&g->kafka, clock_of_machine(), id, N, e);
}

/* One message, one offset, a commit. */
static bool transact(struct rig *g, struct producer *p, struct err *e) {
    struct sink_message m = {.topic = TOPIC_ACCOUNT_SUMMARY,
                             .key = slice_str("A"),
                             .value = slice_str("{}"),
                             .timestamp_ms = 1};
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, g->config.topics[TOPIC_ACCOUNTS], 0)->offset = 1;
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new("group");
    bool ok = producer_begin(p, e);
    if (ok) {
        producer_sink(p)->send(producer_sink(p), &m);
        ok = producer_commit(p, offsets, group, e);
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

static enum outcome outcome_of(bool ok, const struct err *e) {
    if (ok)
        return COMMITTED;
    return e->class == ERR_FENCED   ? LOST_FENCED
           : e->class == ERR_DENIED ? LOST_DENIED
           : e->class == ERR_STOP   ? LOST_STOP
                                    : LOST_RETRY;
}

static void check_outcome(size_t api, rd_kafka_resp_err_t code, enum outcome got,
                          const struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(certain); i++)
        if (certain[i].api == apis[api].api && certain[i].code == code && certain[i].outcome != got)
            fail_msg("%s %s: outcome %d, must be %d: %s", apis[api].name, rd_kafka_err2name(code),
                     (int)got, (int)certain[i].outcome, got != COMMITTED ? e->text : "");
}

/* All producers have the same transactional id, because the mock cluster draws producer ids at
 * random, and confuses two transactional ids that have drawn the same one. */
static void try_one(struct rig *g, size_t api, rd_kafka_resp_err_t code) {
    struct err e = {0};
    struct producer *p = new_producer(g, "t", &e);
    assert_non_null(p);
    rd_kafka_mock_push_request_errors(g->cluster, (int16_t)apis[api].api, 1, code);
    bool ok = transact(g, p, &e);
    check_outcome(api, code, outcome_of(ok, &e), &e);
    if (!ok) {
        assert_true(e.class == ERR_RETRY || e.class == ERR_FENCED || e.class == ERR_DENIED ||
                    e.class == ERR_STOP);
        assert_true(e.text[0] != '\0');
        assert_false(producer_is_usable(p));
    }
    producer_free(p);
    rd_kafka_mock_clear_request_errors(g->cluster, (int16_t)apis[api].api);
    if (ok)
        return;
    p = new_producer(g, "t", &e); /* a new producer goes on */
    if (p == NULL || !transact(g, p, &e))
        fail_msg("after %s %s a new producer fails: %s", apis[api].name, rd_kafka_err2name(code),
                 e.text);
    producer_free(p);
}

static size_t index_of(enum api api) {
    size_t i = 0;
    while (apis[i].api != api)
        i++;
    return i;
}

static void test_inject__what_is_certain(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < ARRAY_LEN(certain); i++)
        try_one(&g, index_of(certain[i].api), certain[i].code);
    rig_release(&g);
}

/* librdkafka sends EndTxn again over a new connection. The commit succeeds, but the producer must
 * not be used again. */
static void test_inject__broken_connection(void **state) {
    (void)state;
    struct rig g;
    struct err e = {0};
    rig_init(&g);
    struct producer *p = new_producer(&g, "broken", &e);
    assert_non_null(p);
    for (int i = 0; i < 5; i++) { /* without errors it can be used again and again */
        assert_true(transact(&g, p, &e));
        assert_true(producer_is_usable(p));
    }
    rd_kafka_mock_push_request_errors(g.cluster, END_TXN, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
    if (!transact(&g, p, &e))
        fail_msg("%s", e.text);
    assert_false(producer_is_usable(p));
    assert_false(transact(&g, p, &e));
    assert_int_equal(e.class, ERR_RETRY);
    producer_free(p);
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inject__what_is_certain),
        cmocka_unit_test(test_inject__broken_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
