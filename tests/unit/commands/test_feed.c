#include "streamer/commands/feed.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/kafka/kafka.h"

#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PARTITIONS = 4, PRODUCE_API = 0 };

static const char *const path = "test_feed.csv";
static const char *const second_path = "test_feed_2.csv";

static rd_kafka_t *host; /* of the in-process broker */
static rd_kafka_mock_cluster_t *cluster;
static const char *servers;

static int start_broker(void **state) {
    (void)state;
    host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    servers = rd_kafka_mock_cluster_bootstraps(cluster);
    return 0;
}

static int stop_broker(void **state) {
    (void)state;
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    (void)unlink(path);
    (void)unlink(second_path);
    return 0;
}

static void create_topic(const char *name) {
    assert_int_equal(rd_kafka_mock_topic_create(cluster, name, PARTITIONS, 1), 0);
}

static void write_file(const char *to, const char *content) {
    FILE *f = fopen(to, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, strlen(content), f), strlen(content));
    assert_int_equal(fclose(f), 0);
}

/* A configuration whose input topics are both called so. */
static void load(struct config *c, const char *topic) {
    char customers[100], accounts[100];
    (void)snprintf(customers, sizeof customers, "topic.customers=%s", topic);
    (void)snprintf(accounts, sizeof accounts, "topic.accounts=%s-a", topic);
    const char *sets[] = {customers, accounts, "log.level=error"};
    struct err e;
    if (!config_load(c, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
}

/* Files of the tests have few columns. */
static const char *const missing_customer_fields[] = {"customer_name", "has_loan"};
static const char *const missing_account_fields[] = {"balance", "account_type"};

static struct feed_options few_columns(enum entity entity) {
    return (struct feed_options){
        .missing = entity == ENTITY_CUSTOMER ? missing_customer_fields : missing_account_fields,
        .missing_count = 2,
        .bootstrap = servers,
    };
}

static int feed_few_columns(const struct config *c, enum entity entity, const char *const *files,
                            size_t n, struct feed_result *result, struct err *e) {
    struct feed_options o = few_columns(entity);
    return feed_files(c, entity, files, n, &o, result, e);
}

struct message {
    int32_t partition;
    char *key; /* NULL: none */
    char *value;
};

static char *copy_text(const void *p, size_t n) {
    char *text = mem_alloc(n + 1);
    memcpy(text, p, n);
    text[n] = '\0';
    return text;
}

static rd_kafka_t *new_consumer(const char *topic) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct err e;
    assert_true(kafka_conf_set(conf, "bootstrap.servers", servers, &e));
    assert_true(kafka_conf_set(conf, "group.id", "test", &e));
    assert_true(kafka_conf_set(conf, "auto.offset.reset", "earliest", &e));
    assert_true(kafka_conf_set(conf, "fetch.wait.max.ms", "10", &e));
    rd_kafka_t *consumer = kafka_client(RD_KAFKA_CONSUMER, conf, &e);
    assert_non_null(consumer);
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(partitions, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(consumer, partitions), 0);
    rd_kafka_topic_partition_list_destroy(partitions);
    return consumer;
}

/* The `n` messages that the topic is to hold; nothing more may come. Freed by release_messages. */
static struct message *consume(const char *topic, size_t n) {
    struct message *messages = mem_calloc(n, sizeof *messages);
    rd_kafka_t *consumer = new_consumer(topic);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 10000);
        assert_non_null(m);
        assert_int_equal(m->err, 0);
        messages[i] = (struct message){.partition = m->partition,
                                       .key = m->key != NULL ? copy_text(m->key, m->key_len) : NULL,
                                       .value = copy_text(m->payload, m->len)};
        rd_kafka_message_destroy(m);
    }
    assert_null(rd_kafka_consumer_poll(consumer, 100));
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return messages;
}

static void release_messages(struct message *messages, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(messages[i].key);
        free(messages[i].value);
    }
    free(messages);
}

static const struct message *find(const struct message *messages, size_t n, const char *value) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(messages[i].value, value) == 0)
            return &messages[i];
    fail_msg("no message %s", value);
    return NULL;
}

static void test_feed__rows_become_json_keyed_by_id(void **state) {
    (void)state;
    struct config c;
    load(&c, "rows");
    create_topic("rows");
    write_file(path, "\xEF\xBB\xBF"
                     "Customer ID,customer_name,has-loan\r\n"
                     " 1 ,\" O\"\"Neil,\nAnn \",Yes\r\n"
                     "2,B\xC3\xB6\\b,\r\n"
                     ",nobody,No\r\n"
                     "\" \",blank,No\r\n");
    struct feed_result result;
    struct err e = {0};
    struct feed_options o = {.bootstrap = servers};
    int code = feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e);
    if (code != 0)
        fail_msg("%s", e.text);
    assert_int_equal(result.rows, 4);
    static const struct {
        const char *key, *value;
    } expected[] = {
        {"1",
         "{\"Customer ID\":\" 1 \",\"customer_name\":\" O\\\"Neil,\\nAnn \",\"has-loan\":\"Yes\"}"},
        {"2", "{\"Customer ID\":\"2\",\"customer_name\":\"B\xC3\xB6\\\\b\",\"has-loan\":\"\"}"},
        {NULL, "{\"Customer ID\":\"\",\"customer_name\":\"nobody\",\"has-loan\":\"No\"}"},
        {NULL, "{\"Customer ID\":\" \",\"customer_name\":\"blank\",\"has-loan\":\"No\"}"},
    };
    struct message *messages = consume("rows", 4);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct message *m = find(messages, 4, expected[i].value);
        if (expected[i].key == NULL) {
            assert_null(m->key);
            continue;
        }
        assert_string_equal(m->key, expected[i].key);
        assert_int_equal(m->partition, murmur2_partition(slice_str(m->key), PARTITIONS));
    }
    release_messages(messages, 4);
    config_release(&c);
}

static void test_feed__several_files_with_their_own_columns(void **state) {
    (void)state;
    struct config c;
    load(&c, "files");
    create_topic("files-a");
    write_file(path, "account_id,customer_id\nA1,1\nA2,1\n");
    write_file(second_path, "customer_id,ACCOUNT-ID,note\n2,A3,x\n");
    const char *files[] = {path, second_path};
    struct feed_result result;
    struct err e = {0};
    assert_int_equal(feed_few_columns(&c, ENTITY_ACCOUNT, files, 2, &result, &e), 0);
    assert_int_equal(result.rows, 3);
    struct message *messages = consume("files-a", 3);
    const struct message *m =
        find(messages, 3, "{\"customer_id\":\"2\",\"ACCOUNT-ID\":\"A3\",\"note\":\"x\"}");
    assert_string_equal(m->key, "A3");
    assert_string_equal(find(messages, 3, "{\"account_id\":\"A1\",\"customer_id\":\"1\"}")->key,
                        "A1");
    release_messages(messages, 3);
    config_release(&c);
}

/* More rows than the producer's queue holds, so that it is full now and then; keys keep their
 * order. */
static void test_feed__full_queue(void **state) {
    (void)state;
    enum { ROWS = 3000 };
    struct config c;
    struct err e = {0};
    const char *sets[] = {"topic.customers=full", "kafka.queue.buffering.max.messages=50",
                          "log.level=error"};
    assert_true(config_load(&c, NULL, sets, ARRAY_LEN(sets), &e));
    create_topic("full");
    struct buf content = {0};
    buf_put_str(&content, "customer_id,n\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&content, "%d,%d\n", i % 7, i);
    write_file(path, buf_cstr(&content));
    buf_release(&content);
    struct feed_result result;
    assert_int_equal(feed_few_columns(&c, ENTITY_CUSTOMER, &path, 1, &result, &e), 0);
    assert_int_equal(result.rows, ROWS);
    struct message *messages = consume("full", ROWS);
    int next[7] = {0, 1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < ROWS; i++) {
        char expected[100];
        int id = messages[i].key[0] - '0';
        (void)snprintf(expected, sizeof expected, "{\"customer_id\":\"%d\",\"n\":\"%d\"}", id,
                       next[id]);
        assert_string_equal(messages[i].value, expected);
        next[id] += 7;
    }
    release_messages(messages, ROWS);
    config_release(&c);
}

static void test_feed__rate(void **state) {
    (void)state;
    struct config c;
    load(&c, "rate");
    create_topic("rate");
    write_file(path, "customer_id\n1\n2\n3\n4\n5\n6\n");
    struct feed_result result;
    struct err e = {0};
    struct feed_options o = few_columns(ENTITY_CUSTOMER);
    o.rate = 20;
    assert_int_equal(feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e), 0);
    assert_in_range(result.elapsed_ms, 5 * 50, 60000); /* the first row goes at once */
    config_release(&c);
}

/* Expects a failure with this exit code and text, and this many rows in the topic "faults". */
static void expect_fault(const char *const *files, size_t n, int code, const char *text,
                         uint64_t rows) {
    struct config c;
    load(&c, "faults");
    struct feed_result result;
    struct err e = {0};
    assert_int_equal(feed_few_columns(&c, ENTITY_CUSTOMER, files, n, &result, &e), code);
    assert_string_equal(e.text, text);
    assert_int_equal(result.rows, rows);
    config_release(&c);
}

static void test_feed__faults_in_files(void **state) {
    (void)state;
    create_topic("faults");
    const char *files[] = {path, second_path};
    write_file(path, "customer_id,a\n1,x\n2,x\n3\n");
    expect_fault(
        files, 1, 2,
        "test_feed.csv:4: too few fields: 1, but the header has 2, correct the row, or remove it "
        "if it is a footer; 2 rows were published, go on with (head -n 1 test_feed.csv; tail -n +4 "
        "test_feed.csv) | streamer feed customers -",
        2);
    write_file(second_path, "customer_id,a\n4,x\n");
    write_file(path, "sep=;\n\ncustomer_id;\"a\nb\"\n1;x\n2;x;y\n");
    expect_fault(files, 2, 2,
                 "test_feed.csv:6: too many fields: 3, but the header has 2, quote a field that "
                 "holds the delimiter; 1 row was published, go on with (head -n 4 test_feed.csv; "
                 "tail -n +6 test_feed.csv) | streamer feed customers -, then feed the 1 file "
                 "behind it",
                 1);
    write_file(path, "customer_id,a\n1,x\n");
    write_file(second_path, "\nid,\"na\nme\"\n1,x\n");
    expect_fault(files, 2, 2,
                 "test_feed_2.csv:2: no column customer_id among id, na me; rename one, or --map "
                 "COLUMN=customer_id",
                 0);
    write_file(second_path, "customer_id,CustomerID\n1,x\n");
    expect_fault(files, 2, 2,
                 "test_feed_2.csv:1: more than one column customer_id "
                 "among customer_id, CustomerID, rename one",
                 0);
    files[1] = "no/such.csv";
    expect_fault(files, 2, 2, "no/such.csv: cannot open: No such file or directory, check the path",
                 0);
    release_messages(consume("faults", 3), 3);
}

/* Longer than a message may be. It is a fault of the file's row like others. */
static void test_feed__a_row_too_long_for_a_message(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    const char *sets[] = {"topic.customers=long", "kafka.message.max.bytes=2000",
                          "log.level=error"};
    assert_true(config_load(&c, NULL, sets, ARRAY_LEN(sets), &e));
    create_topic("long");
    struct buf content = {0};
    buf_put_str(&content, "customer_id,a\n1,x\n2,");
    for (int i = 0; i < 3000; i++)
        buf_put_byte(&content, 'x');
    buf_put_str(&content, "\n3,x\n");
    write_file(path, buf_cstr(&content));
    buf_release(&content);
    struct feed_result result;
    assert_int_equal(feed_few_columns(&c, ENTITY_CUSTOMER, &path, 1, &result, &e), 2);
    assert_string_equal(e.text, "test_feed.csv:3: the row is too long for a message, raise "
                                "kafka.message.max.bytes; 1 row was published, go on with (head "
                                "-n 1 test_feed.csv; tail -n +3 test_feed.csv) | streamer feed "
                                "customers -");
    release_messages(consume("long", 1), 1);
    config_release(&c);
}

/* As after Ctrl-C. */
static void test_feed__stops(void **state) {
    (void)state;
    atomic_bool stop = false;
    struct config c;
    load(&c, "stopped");
    create_topic("stopped");
    write_file(path, "customer_id\n1\n2\n");
    struct feed_options o = few_columns(ENTITY_CUSTOMER);
    struct feed_result result;
    struct err e = {0};
    o.stop = &stop;
    assert_int_equal(feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e), 0);
    atomic_store(&stop, true);
    assert_int_equal(feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e), 1);
    assert_non_null(strstr(e.text, "interrupted"));
    assert_int_equal(result.rows, 0);
    release_messages(consume("stopped", 2), 2);
    config_release(&c);
}

/* A header that is refused; nothing is asked of Kafka. */
static void expect_header_refused(enum entity entity, const char *header,
                                  const struct feed_options *o, const char *text) {
    struct config c;
    load(&c, "headers");
    struct feed_result result;
    struct err e = {0};
    write_file(path, header);
    int code = feed_files(&c, entity, &path, 1, o, &result, &e);
    if (code != 2 || strcmp(e.text, text) != 0)
        fail_msg("%s: %d: %s", header, code, e.text);
    config_release(&c);
}

static void test_feed__every_field_needs_a_column(void **state) {
    (void)state;
    static const struct feed_options none = {0};
    static const struct {
        enum entity entity;
        const char *header, *error;
    } cases[] = {
        {ENTITY_CUSTOMER, "customer_id,name,has_lon\n",
         "test_feed.csv:1: no column has_loan or has_loan_flag "
         "among customer_id, name, has_lon; rename one, or --map "
         "has_lon=has_loan, or --missing has_loan"},
        {ENTITY_CUSTOMER, "cust_id,name,HasLoan\n",
         "test_feed.csv:1: no column customer_id among "
         "cust_id, name, HasLoan; rename one, or --map "
         "cust_id=customer_id"},
        {ENTITY_CUSTOMER, "RowNumber,CustomerId,Surname,CreditScore,Geography,Balance,HasCrCard\n",
         "test_feed.csv:1: no column customer_name or name, "
         "has_loan or has_loan_flag among RowNumber, CustomerId, "
         "Surname, CreditScore, Geography, Balance, HasCrCard; "
         "rename one, or --map COLUMN=customer_name, or --missing "
         "has_loan"},
        {ENTITY_CUSTOMER, "AccountID,customer-id,Balance,Account_Type,Branch,updated_at\n",
         "test_feed.csv:1: no column customer_name or name, "
         "has_loan or has_loan_flag, but AccountID, Balance, "
         "Account_Type: did you mean streamer feed accounts?"},
        {ENTITY_ACCOUNT, "Customer ID,Name,HasLoan,Updated At\n",
         "test_feed.csv:1: no column account_id, balance or "
         "balance_amount, account_type, but Name, HasLoan: did you mean "
         "streamer feed customers?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_header_refused(cases[i].entity, cases[i].header, &none, cases[i].error);
}

static void test_feed__maps_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        const char *map, *error;
    } cases[] = {
        {"loan", "--map: \"loan\" has no '=', write COLUMN=FIELD"},
        {"loan=has_lon", "--map: no field \"has_lon\", did you mean has_loan?"},
        {"name=customer_name", "--map: \"name\" is already a name of customer_name, remove it"},
        {"lone=has_loan", "test_feed.csv:1: no column \"lone\", which --map names, correct it"},
        {"loan=customer_id", "test_feed.csv:1: more than one column customer_id "
                             "among customer_id, name, has_loan, loan, rename one"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feed_options o = {.maps = &cases[i].map, .map_count = 1};
        expect_header_refused(ENTITY_CUSTOMER, "customer_id,name,has_loan,loan\n", &o,
                              cases[i].error);
    }
    static const char *const missing[] = {"customer_id", "loan"};
    struct feed_options o = {.missing = &missing[0], .missing_count = 1};
    expect_header_refused(ENTITY_CUSTOMER, "x\n", &o,
                          "--missing: customer_id cannot be missing, it is the key");
    o.missing = &missing[1];
    expect_header_refused(ENTITY_CUSTOMER, "x\n", &o,
                          "--missing: no field \"loan\", use one of "
                          "customer_id, customer_name, has_loan, updated_at");
}

/* --map gives a column its field's name; a name of the configuration stays, since the processor
 * knows it. */
static void test_feed__mapped_columns(void **state) {
    (void)state;
    const char *sets[] = {"topic.customers=mapped", "fields.customers=customer_id=cust_no",
                          "log.level=error"};
    const char *maps[] = {"Full Name = customer_name", "changed=updated_at"},
               *missing[] = {"has_loan"};
    struct config c;
    struct err e = {0};
    assert_true(config_load(&c, NULL, sets, ARRAY_LEN(sets), &e));
    create_topic("mapped");
    write_file(path, "Cust No|full_name|changed|note\n7|Ann|2026-11-25|a,b\n");
    struct feed_options o = {.delimiter = '|',
                             .maps = maps,
                             .map_count = 2,
                             .missing = missing,
                             .missing_count = 1,
                             .bootstrap = servers};
    struct feed_result result;
    int code = feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e);
    if (code != 0)
        fail_msg("%s", e.text);
    struct message *m = consume("mapped", 1);
    assert_string_equal(m->key, "7");
    assert_string_equal(m->value, "{\"Cust No\":\"7\",\"customer_name\":\"Ann\","
                                  "\"updated_at\":\"2026-11-25\",\"note\":\"a,b\"}");
    release_messages(m, 1);
    config_release(&c);
}

static void test_feed__topic_missing(void **state) {
    (void)state;
    struct config c;
    load(&c, "nowhere");
    write_file(path, "customer_id\n1\n");
    struct feed_result result;
    struct err e = {0};
    assert_int_equal(feed_few_columns(&c, ENTITY_CUSTOMER, &path, 1, &result, &e), 1);
    assert_non_null(strstr(e.text, "there is no topic nowhere"));
    assert_non_null(strstr(e.text, "streamer run"));
    config_release(&c);
}

static void test_feed__delivery_fails(void **state) {
    (void)state;
    struct config c;
    load(&c, "denied");
    create_topic("denied");
    write_file(path, "customer_id\n1\n2\n");
    rd_kafka_mock_push_request_errors(cluster, PRODUCE_API, 2,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct feed_result result;
    struct err e = {0};
    int code = feed_few_columns(&c, ENTITY_CUSTOMER, &path, 1, &result, &e);
    rd_kafka_mock_clear_request_errors(cluster, PRODUCE_API);
    assert_int_equal(code, 1);
    assert_non_null(
        strstr(e.text, "kafka: a row could not be delivered: topic denied: missing Write for"));
    assert_null(strchr(e.text, '\n'));
    config_release(&c);
}

/* A passing error of the broker is retried; nothing is lost or doubled. */
static void test_feed__delivery_is_retried(void **state) {
    (void)state;
    struct config c;
    load(&c, "retried");
    create_topic("retried");
    write_file(path, "customer_id\n1\n2\n3\n");
    rd_kafka_mock_push_request_errors(cluster, PRODUCE_API, 2,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    struct feed_result result;
    struct err e = {0};
    int code = feed_few_columns(&c, ENTITY_CUSTOMER, &path, 1, &result, &e);
    rd_kafka_mock_clear_request_errors(cluster, PRODUCE_API);
    if (code != 0)
        fail_msg("%s", e.text);
    assert_int_equal(result.rows, 3);
    release_messages(consume("retried", 3), 3);
    config_release(&c);
}

/* A broker that answers late: until then the rows are published, but not acknowledged. */
static void test_feed__progress_counts_what_is_acknowledged(void **state) {
    (void)state;
    struct config c;
    struct feed_result result;
    struct err e;
    struct buf rows = {0};
    char line[4096];
    int waiting = 0;
    create_topic("late");
    load(&c, "late");
    buf_put_str(&rows, "customer_id\n");
    for (int i = 0; i < 5000; i++)
        buf_printf(&rows, "%d\n", i);
    write_file(path, buf_cstr(&rows));
    struct feed_options o = few_columns(ENTITY_CUSTOMER);
    o.progress = tmpfile();
    assert_non_null(o.progress);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, 1, 400), 0);
    assert_int_equal(feed_files(&c, ENTITY_CUSTOMER, &path, 1, &o, &result, &e), 0);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(cluster, 1, 0), 0);
    assert_int_equal(result.rows, 5000);
    rewind(o.progress);
    size_t n = fread(line, 1, sizeof line - 1, o.progress);
    line[n] = '\0';
    for (char *at = line; (at = strchr(at, ']')) != NULL; at++) { /* "[####....]  40%  7 rows" */
        int percent, shown;
        assert_int_equal(sscanf(at, "] %d%% %d rows", &percent, &shown), 2);
        waiting += shown == 0;
        if (shown == 0)
            assert_int_equal(percent, 0);
    }
    assert_true(waiting > 1);
    assert_int_equal(fclose(o.progress), 0);
    buf_release(&rows);
    config_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed__rows_become_json_keyed_by_id),
        cmocka_unit_test(test_feed__several_files_with_their_own_columns),
        cmocka_unit_test(test_feed__full_queue),
        cmocka_unit_test(test_feed__rate),
        cmocka_unit_test(test_feed__faults_in_files),
        cmocka_unit_test(test_feed__a_row_too_long_for_a_message),
        cmocka_unit_test(test_feed__stops),
        cmocka_unit_test(test_feed__every_field_needs_a_column),
        cmocka_unit_test(test_feed__maps_that_cannot_be),
        cmocka_unit_test(test_feed__mapped_columns),
        cmocka_unit_test(test_feed__topic_missing),
        cmocka_unit_test(test_feed__delivery_fails),
        cmocka_unit_test(test_feed__delivery_is_retried),
        cmocka_unit_test(test_feed__progress_counts_what_is_acknowledged),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
