#include "streamer/kafka/topic_reader.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARTITIONS = 3, PER_PARTITION = 700 };

static rd_kafka_t *host; /* of the in-process broker, and what writes to it */
static rd_kafka_mock_cluster_t *cluster;
static struct config config;

static void create_topic(const char *name) {
    assert_int_equal(rd_kafka_mock_topic_create(cluster, name, PARTITIONS, 1), 0);
}

static void append(rd_kafka_t *writer, const char *topic, int32_t partition, const char *text) {
    assert_int_equal(rd_kafka_producev(writer, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
}

static rd_kafka_t *new_writer(void) {
    struct err e;
    rd_kafka_t *writer = kafka_client(RD_KAFKA_PRODUCER, kafka_conf(&config, &e), &e);
    assert_non_null(writer);
    return writer;
}

static void end_writer(rd_kafka_t *writer) {
    assert_int_equal(rd_kafka_flush(writer, 10000), 0);
    rd_kafka_destroy(writer);
}

/* Partition 0 of "full" stays empty; the others hold "1:0", "1:1", … */
static void fill(void) {
    char text[32];
    rd_kafka_t *writer = new_writer();
    for (int i = 0; i < PER_PARTITION; i++)
        for (int p = 1; p < PARTITIONS; p++) {
            (void)snprintf(text, sizeof text, "%d:%d", p, i);
            append(writer, "full", p, text);
        }
    end_writer(writer);
}

static int start_broker(void **state) {
    (void)state;
    struct err e;
    char brokers[100];
    host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    (void)snprintf(brokers, sizeof brokers, "kafka.bootstrap.servers=%s",
                   rd_kafka_mock_cluster_bootstraps(cluster));
    /* A fetch brings one batch, and the next one follows when that is read. */
    const char *sets[] = {brokers, "log.level=error", "kafka.queued.min.messages=1",
                          "kafka.fetch.message.max.bytes=1"};
    assert_true(config_load(&config, NULL, sets, ARRAY_LEN(sets), &e));
    create_topic("full");
    create_topic("empty");
    create_topic("grows");
    fill();
    return 0;
}

static int stop_broker(void **state) {
    (void)state;
    config_release(&config);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

/* What was read: how many messages of each partition, each of which must be the next one. */
struct seen {
    int64_t count[PARTITIONS], first[PARTITIONS];
    int64_t fail_at; /* 0: never */
    atomic_bool *stop;
    rd_kafka_t *writer; /* NULL, or what appends a message for each that is read, up to */
    int64_t appends;
    uint64_t done, total; /* as last told */
};

static bool see(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct seen *s = context;
    int32_t p = m->partition;
    char expected[32];
    int n = snprintf(expected, sizeof expected, "%d:%lld", p, (long long)m->offset);
    assert_int_equal(m->offset, s->first[p] + s->count[p]++);
    if (s->writer == NULL) {
        assert_int_equal(m->len, n);
        assert_memory_equal(m->payload, expected, m->len);
    } else if (s->appends-- > 0) {
        append(s->writer, "grows", p, "more");
        assert_int_equal(rd_kafka_flush(s->writer, 10000), 0);
    }
    if (s->stop != NULL)
        atomic_store(s->stop, true);
    return s->fail_at == 0 || s->count[p] < s->fail_at || err_set(e, ERR_RETRY, "enough");
}

static void note_progress(void *context, uint64_t done, uint64_t total) {
    struct seen *s = context;
    assert_true(done >= s->done && done <= total);
    s->done = done;
    s->total = total;
}

static void test_topic_reader__reads_all_partitions_to_their_ends(void **state) {
    (void)state;
    struct topic_reader_options o = {.topic = "full", .progress = note_progress};
    for (int end = TOPIC_READER_END_AT_START; end <= TOPIC_READER_END_WHEN_REACHED; end++) {
        struct seen s = {0};
        struct topic_positions at;
        struct err e;
        o.end = (enum topic_reader_end)end;
        if (!topic_read(&config, &o, see, &s, &at, &e))
            fail_msg("%s", e.text);
        assert_int_equal(at.count, PARTITIONS);
        for (int p = 0; p < PARTITIONS; p++) {
            assert_int_equal(s.count[p], p == 0 ? 0 : PER_PARTITION);
            assert_int_equal(at.low[p], 0);
            assert_int_equal(at.end[p], p == 0 ? 0 : PER_PARTITION);
        }
        assert_int_equal(s.total, (PARTITIONS - 1) * PER_PARTITION);
        topic_positions_release(&at);
    }
}

static void test_topic_reader__begins_where_it_is_told(void **state) {
    (void)state;
    const int64_t begin[PARTITIONS] = {0, PER_PARTITION - 5, PER_PARTITION};
    struct seen s = {.first = {0, PER_PARTITION - 5, 0}};
    struct topic_reader_options o = {.topic = "full", .begin = begin, .begin_count = PARTITIONS};
    struct err e;
    assert_true(topic_read(&config, &o, see, &s, NULL, &e));
    assert_int_equal(s.count[1], 5);
    assert_int_equal(s.count[2], 0);
    o.begin_count = PARTITIONS - 1; /* the topic has got one more */
    assert_false(topic_read(&config, &o, see, &s, NULL, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "has 3 partitions"));
}

/* A writer appends while the topic is read. Ten batches are there before. */
static void read_while_it_grows(enum topic_reader_end end, int64_t appends, struct seen *s,
                                struct topic_positions *at) {
    struct topic_reader_options o = {.topic = "grows", .end = end};
    struct err e;
    *s = (struct seen){.writer = new_writer(), .appends = appends};
    for (int i = 0; i < 10; i++) {
        append(s->writer, "grows", 1, "before");
        assert_int_equal(rd_kafka_flush(s->writer, 10000), 0);
    }
    assert_true(topic_read(&config, &o, see, s, at, &e));
    end_writer(s->writer);
}

static void test_topic_reader__end_is_that_of_the_start_or_that_of_the_moment(void **state) {
    (void)state;
    struct seen s;
    struct topic_positions at;
    read_while_it_grows(TOPIC_READER_END_WHEN_REACHED, 3, &s, &at);
    assert_int_equal(s.count[1], 13);
    assert_int_equal(at.end[1], 13);
    topic_positions_release(&at);
    read_while_it_grows(TOPIC_READER_END_AT_START, 3, &s, &at);
    assert_int_equal(s.count[1], 23); /* the thirteen of before, and ten */
    assert_int_equal(at.end[1], 23);
    topic_positions_release(&at);
}

static void test_topic_reader__stops(void **state) {
    (void)state;
    atomic_bool stop = false;
    struct seen s = {.stop = &stop};
    struct topic_reader_options o = {.topic = "full", .stop = &stop};
    struct err e;
    assert_false(topic_read(&config, &o, see, &s, NULL, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_int_equal(s.count[1] + s.count[2], 1);
}

static void test_topic_reader__ends_with_the_error_of_its_caller(void **state) {
    (void)state;
    struct seen s = {.fail_at = 10};
    struct topic_reader_options o = {.topic = "full"};
    struct err e;
    assert_false(topic_read(&config, &o, see, &s, NULL, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_string_equal(e.text, "enough");
}

static void test_topic_reader__reads_nothing_of_an_empty_topic(void **state) {
    (void)state;
    struct seen s = {0};
    struct topic_positions at;
    struct topic_reader_options o = {.topic = "empty", .end = TOPIC_READER_END_WHEN_REACHED};
    struct err e;
    assert_true(topic_read(&config, &o, see, &s, &at, &e));
    assert_int_equal(at.count, PARTITIONS);
    topic_positions_release(&at);
}

static void test_topic_reader__names_a_topic_that_is_missing(void **state) {
    (void)state;
    struct seen s = {0};
    struct topic_reader_options o = {.topic = "nowhere"};
    struct err e;
    assert_false(topic_read(&config, &o, see, &s, NULL, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "there is no topic nowhere"));
}

static void test_topic_reader__knows_the_embedded_broker(void **state) {
    (void)state;
    rd_kafka_t *client = new_writer();
    assert_true(kafka_is_embedded(client));
    end_writer(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic_reader__reads_all_partitions_to_their_ends),
        cmocka_unit_test(test_topic_reader__begins_where_it_is_told),
        cmocka_unit_test(test_topic_reader__end_is_that_of_the_start_or_that_of_the_moment),
        cmocka_unit_test(test_topic_reader__stops),
        cmocka_unit_test(test_topic_reader__ends_with_the_error_of_its_caller),
        cmocka_unit_test(test_topic_reader__reads_nothing_of_an_empty_topic),
        cmocka_unit_test(test_topic_reader__names_a_topic_that_is_missing),
        cmocka_unit_test(test_topic_reader__knows_the_embedded_broker),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
