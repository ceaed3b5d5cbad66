#include "streamer/config/config.h"
#include "streamer/config/kafka_properties.h"
#include "streamer/kafka/kafka.h"

#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const path = "test_config.properties";

static void write_file(const char *text, size_t n) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Loads a file of this content (NULL: none). */
static bool load(struct config *c, const char *file, const char *const *sets, size_t set_count,
                 struct err *e) {
    if (file != NULL)
        write_file(file, strlen(file));
    bool ok = config_load(c, file != NULL ? path : NULL, sets, set_count, e);
    (void)unlink(path);
    return ok;
}

static void load_set(struct config *c, const char *set) {
    struct err e = {0};
    if (!load(c, NULL, &set, 1, &e))
        fail_msg("%s: %s", set, e.text);
}

/* `set` is refused with an error that has this text in it. */
static void expect_refused(const char *set, const char *text) {
    struct config c;
    struct err e = {0};
    if (load(&c, NULL, &set, 1, &e))
        fail_msg("accepted: %s", set);
    assert_int_equal(e.class, ERR_CONFIG);
    assert_null(strchr(e.text, '\n'));
    if (strstr(e.text, text) == NULL)
        fail_msg("%s: expected \"%s\" in: %s", set, text, e.text);
}

static void expect_file_refused(const char *file, const char *text) {
    struct config c;
    struct err e = {0};
    if (load(&c, file, NULL, 0, &e))
        fail_msg("accepted: %s", file);
    assert_int_equal(e.class, ERR_CONFIG);
    assert_string_equal(e.text, text);
}

static void test_config__defaults(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    assert_true(load(&c, NULL, NULL, 0, &e));
    assert_string_equal(c.app_id, "streamer");
    assert_null(c.instance_id);
    assert_string_equal(c.state_dir, "./streamer-state");
    assert_string_equal(c.bootstrap, "localhost:9092");
    static const char *const topics[TOPIC_COUNT] = {
        [TOPIC_CUSTOMERS] = "customers",
        [TOPIC_ACCOUNTS] = "accounts",
        [TOPIC_CUSTOMER_HISTORY] = "customer_history",
        [TOPIC_ACCOUNT_HISTORY] = "account_history",
        [TOPIC_ACCOUNT_WITH_CUSTOMER] = "account_with_customer",
        [TOPIC_ACCOUNT_SUMMARY] = "account_summary",
        [TOPIC_CUSTOMER_PROFILE] = "customer_profile",
        [TOPIC_QUARANTINE] = "quarantine",
        [TOPIC_REPARTITION_CUSTOMERS] = "streamer-repartition-customers",
        [TOPIC_REPARTITION_ACCOUNTS] = "streamer-repartition-accounts",
        [TOPIC_ACCOUNT_LINKS] = "streamer-account-links",
        [TOPIC_CUSTOMER_REFS] = "streamer-customer-refs",
        [TOPIC_CONFIRMATIONS] = "streamer-confirmations",
    };
    for (int t = 0; t < TOPIC_COUNT; t++)
        assert_string_equal(c.topics[t], topics[t]);
    assert_int_equal(c.partitions, 0);
    assert_int_equal(c.replication_factor, -1);
    assert_int_equal(c.late_window_ms, 3 * 86400000);
    assert_int_equal(c.record_max_bytes, 1048576);
    assert_int_equal(c.batch_max_records, 5000);
    assert_int_equal(c.batch_max_ms, 100);
    assert_int_equal(c.transaction_max_messages, 40000);
    assert_int_equal(c.confirmations_max, 10000);
    assert_int_equal(c.transaction_timeout_ms, 15000);
    assert_int_equal(c.rates.tier_count, 3);
    assert_int_equal(c.rates.tiers[0].below_cents, 1000000);
    assert_int_equal(c.rates.tiers[0].rate_milli, 10);
    assert_int_equal(c.rates.tiers[1].below_cents, 2000000);
    assert_int_equal(c.rates.tiers[1].rate_milli, 15);
    assert_true(c.rates.tiers[2].below_cents == INT64_MAX);
    assert_int_equal(c.rates.tiers[2].rate_milli, 20);
    assert_int_equal(c.rates.loan_bonus_milli, 5);
    assert_string_equal(c.http_listen, "127.0.0.1:9464");
    assert_int_equal(c.log_level, LOG_INFO);
    assert_int_equal(c.kafka_count, 0);
    config_release(&c);
}

static void test_config__file_forms(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    const char *file = "\xEF\xBB\xBF"
                       "app.id = bank-1 \r\n"
                       "# a comment\r\n"
                       "  ! another = one\n"
                       "\n"
                       "\ttopic.accounts\t=\tmy.accounts\t\n"
                       "state.dir=/a b/c=d\\e#f\n"
                       "instance.id=\n"
                       "http.listen =\n"
                       "log.level=debug"; /* no newline at the end */
    if (!load(&c, file, NULL, 0, &e))
        fail_msg("%s", e.text);
    assert_string_equal(c.app_id, "bank-1");
    assert_string_equal(c.topics[TOPIC_ACCOUNTS], "my.accounts");
    assert_string_equal(c.topics[TOPIC_CONFIRMATIONS], "bank-1-confirmations");
    assert_string_equal(c.state_dir, "/a b/c=d\\e#f");
    assert_null(c.instance_id);
    assert_string_equal(c.http_listen, "");
    assert_int_equal(c.log_level, LOG_DEBUG);
    config_release(&c);
}

static void test_config__file_errors(void **state) {
    (void)state;
    expect_file_refused(
        "app.id=a\nlate.windw=3d\n",
        "test_config.properties:2: late.windw: unknown key, did you mean late.window?");
    expect_file_refused("\n\nbootstrap.servers=a:1\n",
                        "test_config.properties:3: bootstrap.servers: unknown key, "
                        "did you mean kafka.bootstrap.servers?");
    expect_file_refused("app.id=a\n#\napp.id=a\n",
                        "test_config.properties:3: app.id: is set a second time (first in "
                        "line 1), remove one");
    expect_file_refused("app.id\n",
                        "test_config.properties:1: this is not a setting, write key=value");
    expect_file_refused("=x\n", "test_config.properties:1: this is not a setting, write key=value");
    expect_file_refused(
        "partitions=many\n",
        "test_config.properties:1: partitions: \"many\" is not a whole number, use 0 to 10000");
    expect_file_refused("late.window=3 days\n", "test_config.properties:1: late.window: \"3 days\" "
                                                "is not a duration, write e.g. 3d, 2h, 10m, "
                                                "15s or 100ms");
    expect_file_refused("kafka.sasl.pasword=x\n", "test_config.properties:1: kafka.sasl.pasword: "
                                                  "librdkafka has no such property, did you mean "
                                                  "kafka.sasl.password?");

    struct config c;
    struct err e = {0};
    write_file("app.id=a\nstate.dir=b\0c\n", 21);
    assert_false(config_load(&c, path, NULL, 0, &e));
    assert_string_equal(
        e.text, "test_config.properties:2: there is a NUL byte, save the file as UTF-8 text");
    (void)unlink(path);
    assert_false(config_load(&c, "no/such/file", NULL, 0, &e));
    assert_string_equal(
        e.text,
        "no/such/file: cannot open the configuration file: No such file or directory, check -c");
    assert_false(config_load(&c, "/", NULL, 0, &e));
    assert_string_equal(e.text, "/: cannot read the configuration file: Is a directory, check -c");
}

static void test_config__later_sources_win(void **state) {
    (void)state;
    const char *file = "app.id=of-file\nstate.dir=of-file\nlog.level=warn\nkafka.linger.ms=1\n";
    const char *sets[] = {"app.id=of-first-set", " app.id = of-set ", "kafka.linger.ms=3"};
    assert_int_equal(setenv("STREAMER_APP_ID", "of-env", 1), 0);
    assert_int_equal(setenv("STREAMER_STATE_DIR", "of-env", 1), 0);
    assert_int_equal(setenv("STREAMER_KAFKA_LINGER_MS", "2", 1), 0);
    struct config c;
    struct err e = {0};
    bool ok = load(&c, file, sets, ARRAY_LEN(sets), &e);
    assert_int_equal(unsetenv("STREAMER_APP_ID"), 0);
    assert_int_equal(unsetenv("STREAMER_STATE_DIR"), 0);
    assert_int_equal(unsetenv("STREAMER_KAFKA_LINGER_MS"), 0);
    if (!ok)
        fail_msg("%s", e.text);
    assert_string_equal(c.app_id, "of-set");
    assert_string_equal(c.state_dir, "of-env");
    assert_int_equal(c.log_level, LOG_WARN);
    assert_int_equal(c.kafka_count, 1);
    assert_false(config_is_default(&c, "app.id"));
    assert_false(config_is_default(&c, "state.dir"));
    assert_false(config_is_default(&c, "log.level"));
    assert_true(config_is_default(&c, "workers"));
    assert_string_equal(c.kafka[0].name, "linger.ms");
    assert_string_equal(c.kafka[0].value, "3");
    config_release(&c);
}

static void test_config__environment(void **state) {
    (void)state;
    static const struct {
        const char *variable, *value;
        const char *error; /* NULL: accepted */
    } cases[] = {
        {"STREAMER_TOPIC_CUSTOMER_HISTORY", "h", NULL},
        {"STREAMER_KAFKA_SECURITY_PROTOCOL", "ssl", NULL},
        {"STREAMER_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092", NULL},
        {"STREAMER_KAFKA_LOG_LEVEL", "5", NULL},
        {"STREAMER_BIN", "/usr/bin/streamer", NULL},
        {"STREAMER_SERVICE_HOST", "10.0.0.1", NULL}, /* Kubernetes, for a service called streamer */
        {"STREAMER_PORT_9464_TCP_ADDR", "10.0.0.1", NULL},
        {"STREAMERS", "x", NULL},
        {"STREAMER_APPID", "x",
         "STREAMER_APPID: unknown environment variable, did you mean STREAMER_APP_ID?"},
        {"STREAMER_KAFKA_SECURITY_PROTOCL", "ssl",
         "STREAMER_KAFKA_SECURITY_PROTOCL: unknown environment variable, did you mean "
         "STREAMER_KAFKA_SECURITY_PROTOCOL?"},
        {"STREAMER_QWERTZUIOP", "x",
         "STREAMER_QWERTZUIOP: unknown environment variable, `streamer help` lists the valid keys"},
        {"STREAMER_LATE_WINDOW", "-1d",
         "STREAMER_LATE_WINDOW: late.window: \"-1d\" is not a duration"},
        {"STREAMER_KAFKA_GROUP_ID", "x",
         "STREAMER_KAFKA_GROUP_ID: kafka.group.id: cannot be set: the consumer "
         "group is the application, use app.id"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        struct err e = {0};
        assert_int_equal(setenv(cases[i].variable, cases[i].value, 1), 0);
        bool ok = load(&c, NULL, NULL, 0, &e);
        assert_int_equal(unsetenv(cases[i].variable), 0);
        if (ok != (cases[i].error == NULL) || (!ok && strstr(e.text, cases[i].error) == NULL))
            fail_msg("%s: %s", cases[i].variable, ok ? "accepted" : e.text);
        if (ok)
            config_release(&c);
    }
}

static void test_config__environment_names_with_underscores(void **state) {
    (void)state;
    assert_int_equal(setenv("STREAMER_TOPIC_ACCOUNT_WITH_CUSTOMER", "awc", 1), 0);
    assert_int_equal(setenv("STREAMER_KAFKA_SSL_CA_LOCATION", "/ca.pem", 1), 0);
    struct config c;
    struct err e = {0};
    bool ok = load(&c, NULL, NULL, 0, &e);
    assert_int_equal(unsetenv("STREAMER_TOPIC_ACCOUNT_WITH_CUSTOMER"), 0);
    assert_int_equal(unsetenv("STREAMER_KAFKA_SSL_CA_LOCATION"), 0);
    assert_true(ok);
    assert_string_equal(c.topics[TOPIC_ACCOUNT_WITH_CUSTOMER], "awc");
    assert_string_equal(c.kafka[0].name, "ssl.ca.location");
    config_release(&c);
}

static void test_config__durations(void **state) {
    (void)state;
    static const struct {
        const char *set;
        int64_t ms;
    } cases[] = {
        {"late.window=3d", 259200000},
        {"late.window=2h", 7200000},
        {"late.window=10m", 600000},
        {"late.window=15s", 15000},
        {"late.window=100ms", 100},
        {"late.window=1500ms", 1500},
        {"late.window=0s", 0},
        {"late.window=0d", 0},
        {"late.window=3650d", 315360000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        load_set(&c, cases[i].set);
        assert_int_equal(c.late_window_ms, cases[i].ms);
        config_release(&c);
    }
    static const char *const bad[] = {"",
                                      "d",
                                      "3D",
                                      "3 d",
                                      "-3d",
                                      "+3d",
                                      "3.5h",
                                      "1h30m",
                                      "3w",
                                      "0x3",
                                      "999999999999999d",
                                      "99999999999999999999",
                                      "3dd"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char set[64];
        (void)snprintf(set, sizeof set, "late.window=%s", bad[i]);
        expect_refused(set, "is not a duration");
    }
    expect_refused("late.window=3651d", "late.window: 3651d is out of range, use 0s to 3650d");
    expect_refused("transaction.timeout=999ms", "is out of range, use 1s to 15m");
    expect_refused("batch.max.ms=0ms", "is out of range, use 1ms to 1m");
}

/* Who writes 3 may mean days or milliseconds: the message has the forms that are in range. */
static void test_config__durations_without_unit(void **state) {
    (void)state;
    expect_refused("late.window=3",
                   "--set: late.window: 3: a duration needs its unit: 3d, 3h, 3m, 3s, 3ms");
    expect_refused("retry.timeout=900", "900: a duration needs its unit: 900h, 900m, 900s, 900ms");
    expect_refused("batch.max.ms=100", "100: a duration needs its unit: 100ms");
    expect_refused("future.window=0", "0: a duration needs its unit: 0s");
    expect_refused("batch.max.ms=0", "0: a duration needs its unit, use 1ms to 1m");
    expect_refused("transaction.timeout=1000000",
                   "1000000: a duration needs its unit, use 1s to 15m");
    struct config c;
    load_set(&c, "kafka.linger.ms=5"); /* is librdkafka's, which takes numbers */
    assert_string_equal(c.kafka[0].value, "5");
    config_release(&c);
}

static void test_config__integers(void **state) {
    (void)state;
    struct config c;
    load_set(&c, "batch.max.records=100000");
    assert_int_equal(c.batch_max_records, 100000);
    config_release(&c);
    expect_refused("batch.max.records=0", "0 is out of range, use 1 to 100000");
    expect_refused("batch.max.records=100001", "100001 is out of range, use 1 to 100000");
    expect_refused("batch.max.records=", "is not a whole number");
    expect_refused("batch.max.records=1e3", "is not a whole number");
    expect_refused("batch.max.records=9223372036854775808", "is not a whole number");
    expect_refused("batch.max.records=--1", "is not a whole number");
    expect_refused("replication.factor=0", "--set: replication.factor: 0 is out of range");
    expect_refused("replication.factor=-2", "is out of range, use -1 to 100");
    expect_refused("log.level=verbose",
                   "\"verbose\" is not a log level, use debug, info, warn or error");
}

static void test_config__names(void **state) {
    (void)state;
    char set[300] = "app.id=";
    memset(set + 7, 'a', 201);
    expect_refused(set, "is not a valid name, use 1 to 200 letters");
    set[7 + 200] = '\0';
    struct config c;
    load_set(&c, set);
    config_release(&c);
    expect_refused("app.id=", "is not a valid name");
    expect_refused("app.id=b\xC3\xA4nk", "is not a valid name");
    expect_refused("app.id=a b", "is not a valid name");
    expect_refused("app.id=..", "is not allowed by Kafka");
    expect_refused("topic.customers=a/b",
                   "topic.customers: \"a/b\" is not a valid name, use 1 to 249");
    expect_refused("instance.id=a b", "is not a valid name");
    expect_refused("state.dir=", "is empty");
    expect_refused("topic.customers=accounts", "--set: topic.customers: \"accounts\" is taken by "
                                               "topic.accounts (\"accounts\"), use another name");
    expect_refused("topic.quarantine=customer.history", "is taken by topic.customer_history");
    expect_refused("topic.quarantine=streamer-owners",
                   "--set: topic.quarantine: \"streamer-owners\" is taken by topic.owners");
    expect_refused("topic.owners=accounts",
                   "--set: topic.owners: \"accounts\" is taken by topic.accounts");
    expect_refused("topic.owners=streamer-confirmations",
                   "is taken by an internal topic of app.id");
    expect_refused(
        "topic.quarantine=streamer-confirmations",
        "topic.quarantine: \"streamer-confirmations\" is taken by an internal topic of app.id");
    expect_refused("topic.accounts=streamer-replayed",
                   "--set: topic.accounts: \"streamer-replayed\" is taken by an internal topic of "
                   "app.id (\"streamer-replayed\"), use another name");
    expect_refused("topic.owners=streamer-replayed",
                   "--set: topic.owners: \"streamer-replayed\" is taken by an internal topic");
}

static void test_config__listen(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "127.0.0.1:9464",
                                       "[::1]:9464",
                                       "[::]:0",
                                       "localhost:1",
                                       "0.0.0.0:65535",
                                       "my-host.example_1:80"};
    static const char *const bad[] = {
        "9464",        ":9464",     "127.0.0.1",     "127.0.0.1:",      "::1:9464",
        "[::1]",       "[::1]9464", "[]:9464",       "127.0.0.1:65536", "a b:1",
        "127.0.0.1:x", "[::1:9464", "127.0.0.1:1:2", "http://a:1",      "a:+1"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char set[100];
        (void)snprintf(set, sizeof set, "http.listen=%s", good[i]);
        struct config c;
        struct err e = {0};
        if (!load(&c, NULL, (const char *const[]){set, "http.insecure=true"}, 2, &e))
            fail_msg("%s: %s", set, e.text);
        assert_string_equal(c.http_listen, good[i]);
        config_release(&c);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char set[100];
        (void)snprintf(set, sizeof set, "http.listen=%s", bad[i]);
        expect_refused(set, "is not HOST:PORT");
    }
}

/* Beyond loopback it needs a token, or the word of the user. */
static void test_config__http_exposure(void **state) {
    (void)state;
    static const char *const alone[] = {"127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "localhost:1", ""};
    static const char *const exposed[] = {"0.0.0.0:1",       "[::]:1",      "10.0.0.1:1",
                                          "[2001:db8::1]:1", "bank.host:1", "127.example.com:1"};
    static const char *const excuses[] = {"http.token.file=/run/token", "http.insecure=true"};
    char set[100];
    struct config c;
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        (void)snprintf(set, sizeof set, "http.listen=%s", alone[i]);
        load_set(&c, set);
        config_release(&c);
    }
    for (size_t i = 0; i < ARRAY_LEN(exposed); i++) {
        (void)snprintf(set, sizeof set, "http.listen=%s", exposed[i]);
        expect_refused(set, "is reachable from other machines; set http.token.file, or");
        for (size_t k = 0; k < ARRAY_LEN(excuses); k++) {
            assert_true(load(&c, NULL, (const char *const[]){set, excuses[k]}, 2, &e));
            config_release(&c);
        }
    }
    expect_refused("http.tls.key=a", "http.tls.key is set without http.tls.certificate");
    expect_refused("http.tls.certificate=a", "http.tls.certificate is set without http.tls.key");
    expect_refused("http.insecure=yes", "use false or true");
}

static void test_config__http_hosts_and_urls(void **state) {
    (void)state;
    struct config c;
    load_set(&c, "http.hosts=streamer, *.internal");
    assert_string_equal(c.http_hosts, "streamer, *.internal");
    config_release(&c);
    load_set(&c, "http.advertised.url=https://streamer-1.bank.example");
    assert_string_equal(c.http_advertised_url, "https://streamer-1.bank.example");
    config_release(&c);
    expect_refused("http.hosts=http://a", "http.hosts: \"http://a\" is not a list of hosts");
    expect_refused("http.advertised.url=a:9464", "\"a:9464\" is not the URL of an instance");
    expect_refused("http.advertised.url=http://me:secret@a", "is not the URL of an instance");
}

static void test_config__registry(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    assert_true(load(&c, NULL, NULL, 0, &e));
    assert_string_equal(c.registry.urls, "");
    assert_true(c.registry.auto_register);
    assert_string_equal(c.registry.bearer_token, "");
    assert_string_equal(c.registry.user_info, "");
    assert_string_equal(c.schemas_dir, "");
    config_release(&c);
    load_set(&c, "schema.registry.url=http://a:8081, https://b.example/path/,http://[::1]:1");
    assert_string_equal(c.registry.urls, "http://a:8081, https://b.example/path/,http://[::1]:1");
    config_release(&c);
    load_set(&c, "schema.registry.auto.register=false");
    assert_false(c.registry.auto_register);
    config_release(&c);
    static const char *const wrong[] = {"a:8081",      "ftp://a",    "http://",       "http://a,",
                                        "http://a b/", "http://a?b", "http://a/b?c=d"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char set[100];
        (void)snprintf(set, sizeof set, "schema.registry.url=%s", wrong[i]);
        expect_refused(set, "is not the URL of a registry");
    }
    expect_refused("schema.registry.url=http://me:s3cret@a",
                   "schema.registry.url: a URL holds no login");
    expect_refused("schema.registry.ssl.key.location=a",
                   "--set: schema.registry.ssl.key.location is set without "
                   "schema.registry.ssl.certificate.location");
    expect_refused("schema.registry.ssl.certificate.location=a",
                   "--set: schema.registry.ssl.certificate.location is set without "
                   "schema.registry.ssl.key.location");
}

static void test_config__output_formats(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    static const char *const avro[] = {"output.format=avro", "schema.registry.url=http://a"};
    static const char *const numbers[] = {"output.format=connect-json", "output.decimals=number"};
    assert_true(load(&c, NULL, avro, 2, &e));
    assert_int_equal(c.output_format, OUTPUT_AVRO);
    assert_int_equal(c.output_decimals, OUTPUT_DECIMALS_STRING);
    config_release(&c);
    load_set(&c, "output.format=connect-json");
    assert_int_equal(c.output_format, OUTPUT_CONNECT_JSON);
    config_release(&c);
    load_set(&c, "output.decimals=number");
    assert_int_equal(c.output_format, OUTPUT_JSON);
    assert_int_equal(c.output_decimals, OUTPUT_DECIMALS_NUMBER);
    config_release(&c);
    expect_refused("output.format=avro", "--set: output.format: avro needs a schema registry, set "
                                         "schema.registry.url");
    expect_refused("output.format=xml", "use json, avro or connect-json");
    assert_false(load(&c, NULL, numbers, 2, &e));
    assert_non_null(strstr(e.text, "--set: output.decimals: number is for output.format=json"));
}

static void test_config__servers(void **state) {
    (void)state;
    static const char *const good[] = {"a",        "a:1",        "a:1,b:2",
                                       "a:1, b:2", "[::1]:9092", "SASL_SSL://a.b:9092"};
    static const char *const bad[] = {"", ",", "a:1,", "a:x", "a b", "a:1,,b:1", "://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char set[100];
        (void)snprintf(set, sizeof set, "kafka.bootstrap.servers=%s", good[i]);
        struct config c;
        load_set(&c, set);
        assert_string_equal(c.bootstrap, good[i]);
        config_release(&c);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char set[100];
        (void)snprintf(set, sizeof set, "kafka.bootstrap.servers=%s", bad[i]);
        expect_refused(set, "is not a broker");
    }
    expect_refused("kafka.bootstrap.servers=a:1,http://h:9092",
                   "--set: kafka.bootstrap.servers: \"http://h:9092\": "
                   "brokers have no such scheme, write h:9092");
}

/* What the syntax of other files allows. Nothing of a secret is shown. */
static void test_config__other_syntax(void **state) {
    (void)state;
    expect_refused("app.id=\"x\"", "--set: app.id: no quotes around a value, write app.id=x");
    expect_refused("state.dir='/a b'", "state.dir: no quotes around a value, write state.dir=/a b");
    expect_refused("kafka.client.id=\"x\"", "no quotes around a value, write kafka.client.id=x");
    expect_refused(
        "app.id=x # mine",
        "--set: app.id: no comments behind a value, put what follows '#' into a line of");
    expect_refused("state.dir=/a\t# mine", "state.dir: no comments behind a value");
    expect_refused("kafka.bootstrap.servers=h:9092 # one", "no comments behind a value");
    expect_refused("kafka.security.protocol=ssl # open", "no comments behind a value");
    expect_refused("kafka.sasl.password: geheim",
                   "--set: \"kafka.sasl.password\" has no '=', write --set key=value");
    expect_file_refused(
        "app.id: x\n",
        "test_config.properties:1: app.id: write '=', not ':', between key and value");
    expect_file_refused(
        "app.id=a\nkafka.sasl.password: ge=heim\n",
        "test_config.properties:2: kafka.sasl.password: write '=', not ':', between key and value");
    struct config c;
    load_set(&c, "kafka.sasl.password=\"a # b\"");
    assert_string_equal(c.kafka[0].value, "\"a # b\"");
    config_release(&c);
    load_set(&c, "fields.accounts=account_id=Account #");
    config_release(&c);
}

static void test_config__sasl_needs_a_mechanism(void **state) {
    (void)state;
    expect_refused("kafka.security.protocol=sasl_ssl",
                   "--set: kafka.security.protocol: sasl_ssl needs a "
                   "mechanism, set kafka.sasl.mechanism (SCRAM-SHA-512, ");
    static const char *const others[] = {"kafka.sasl.mechanism=PLAIN",
                                         "kafka.sasl.mechanisms=GSSAPI",
                                         "kafka.sasl.kerberos.principal=streamer"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const char *sets[] = {"kafka.security.protocol=SASL_PLAINTEXT", others[i]};
        struct config c;
        struct err e = {0};
        if (!load(&c, NULL, sets, ARRAY_LEN(sets), &e))
            fail_msg("%s", e.text);
        config_release(&c);
    }
}

static void test_config__rates(void **state) {
    (void)state;
    struct config c;
    load_set(&c, "rates.tiers= 0.01 : 0 , 9999999999999999.99:0.995,*:0.5");
    assert_int_equal(c.rates.tier_count, 3);
    assert_int_equal(c.rates.tiers[0].below_cents, 1);
    assert_int_equal(c.rates.tiers[0].rate_milli, 0);
    assert_true(c.rates.tiers[1].below_cents == INT64_C(999999999999999999));
    assert_int_equal(c.rates.tiers[1].rate_milli, 995);
    assert_int_equal(c.rates.tiers[2].rate_milli, 500);
    config_release(&c);
    load_set(&c, "rates.tiers=*:0.02");
    assert_int_equal(c.rates.tier_count, 1);
    config_release(&c);
    static const struct {
        const char *tiers, *error;
    } bad[] = {
        {"", "has no ':'"},
        {"10000", "has no ':'"},
        {"*:0.1,", "the last tier, and only that"},
        {"10000:0.01", "the last tier, and only that"},
        {"*:0.01,*:0.02", "the last tier, and only that"},
        {"20000:0.01,10000:0.015,*:0.02", "must be above that of the tier before it"},
        {"10000:0.01,10000.00:0.015,*:0.02", "must be above that of the tier before it"},
        {"0:0.01,*:0.02", "must be above 0"},
        {"-1:0.01,*:0.02", "not an amount"},
        {"1e3:0.01,*:0.02", "not an amount"},
        {"10.001:0.01,*:0.02", "not an amount"},
        {"10.:0.01,*:0.02", "not an amount"},
        {".5:0.01,*:0.02", "not an amount"},
        {"10000000000000000:0.01,*:0.02", "not an amount"},
        {"99999999999999999999999:0.01,*:0.02", "not an amount"},
        {":0.01,*:0.02", "not an amount"},
        {"1:1.001,*:0.02", "is not a rate"},
        {"1:0.0001,*:0.02", "is not a rate"},
        {"1:-0.1,*:0.02", "is not a rate"},
        {"1:,*:0.02", "is not a rate"},
        {"*:2", "is not a rate"},
        {"1:0,2:0,3:0,4:0,5:0,6:0,7:0,8:0,9:0,10:0,11:0,12:0,13:0,14:0,15:0,16:0,*:0",
         "more than 16 tiers"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char set[200];
        (void)snprintf(set, sizeof set, "rates.tiers=%s", bad[i].tiers);
        expect_refused(set, bad[i].error);
    }
    expect_refused("rates.loan.bonus=0.5%", "is not a rate, write 0 to 1");

    /* A tier and the bonus make at most 1.000; the default tiers end at 0.02. */
    load_set(&c, "rates.loan.bonus=0.98");
    config_release(&c);
    expect_refused("rates.loan.bonus=0.981",
                   "--set: rates.loan.bonus: the highest tier and the bonus of a loan make 1.001");
    expect_refused("rates.tiers=1:0.996,*:0.1",
                   "--set: rates.tiers: the highest tier and the bonus of a loan make 1.001");
}

static void test_config__unknown_keys(void **state) {
    (void)state;
    expect_refused("late_window=3d", "late_window: unknown key, did you mean late.window?");
    expect_refused("Late.Window=3d", "did you mean late.window?");
    expect_refused("security.protocol=ssl", "did you mean kafka.security.protocol?");
    expect_refused("topic.customer.history=x", "did you mean topic.customer_history?");
    expect_refused("listen=x", "did you mean http.listen?");
    expect_refused("group.id=x",
                   "group.id: cannot be set: the consumer group is the application, use app.id");
    expect_refused("qwertzuiop=x", "unknown key, `streamer help` lists the valid ones");
    expect_refused("nokey", "--set: \"nokey\" has no '=', write --set key=value");
    expect_refused("=v", "--set: there is no key before '=', write --set key=value");
}

static void test_config__kafka_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *use;
    } cases[] = {
        {"group.id", "use app.id"},
        {"group.instance.id", "use instance.id"},
        {"transaction.timeout.ms", "use transaction.timeout"},
        {"transactional.id", "use app.id"},
        {"metadata.broker.list", "use kafka.bootstrap.servers"},
        {"test.mock.num.brokers", "--embedded"},
        {"enable.auto.commit", "remove it"},
        {"enable.auto.offset.store", "remove it"},
        {"auto.offset.reset", "remove it"},
        {"isolation.level", "remove it"},
        {"enable.idempotence", "remove it"},
        {"acks", "streamer always uses acks=all, remove it"},
        {"request.required.acks", "streamer always uses acks=all, remove it"},
        {"sasl.jaas.config",
         "only Java clients have it, set kafka.sasl.username and kafka.sasl.password"},
        {"ssl.truststore.location", "set kafka.ssl.ca.location to a PEM file"},
        {"partition.assignment.strategy", "remove it"},
        {"enable.partition.eof", "remove it"},
        {"max.in.flight", "remove it"},
        {"max.in.flight.requests.per.connection", "remove it"},
        {"retries", "use transaction.timeout"},
        {"message.send.max.retries", "use transaction.timeout"},
        {"message.timeout.ms", "use transaction.timeout"},
        {"delivery.timeout.ms", "use transaction.timeout"},
        {"delivery.report.only.error", "remove it"},
        {"plugin.library.paths", "remove it"},
        {"partitioner", "remove it"},
        {"rebalance_cb", "remove it"},
        {"dr_msg_cb", "remove it"},
        {"interceptors", "remove it"},
        {"opaque", "remove it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char set[100], start[100];
        (void)snprintf(set, sizeof set, "kafka.%s=1", cases[i].name);
        (void)snprintf(start, sizeof start, "--set: kafka.%s: cannot be set: ", cases[i].name);
        expect_refused(set, start);
        expect_refused(set, cases[i].use);
    }
    expect_refused("kafka.linger.ms=soon", "librdkafka refuses the value: Invalid value");
    expect_refused("kafka.security.protocol=tls", "Invalid value \"tls\"");
    expect_refused("kafka.fetch.min.byte=1", "did you mean kafka.fetch.min.bytes?");
    expect_refused("kafka.=1", "librdkafka has no such property");
}

/* Whatever librdkafka names as a callback or takes only from a program is refused with a reason of
 * ours. */
static void test_config__kafka_callbacks_refused(void **state) {
    (void)state;
    struct kafka_property_names names;
    kafka_property_names_init(&names);
    assert_in_range(names.count, 150, 1000);
    for (size_t i = 0; i < names.count; i++) {
        char why[256] = "";
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        (void)rd_kafka_conf_set(conf, names.names[i], "x", why, sizeof why);
        rd_kafka_conf_destroy(conf);
        if (strstr(why, "must be set through dedicated") != NULL &&
            kafka_property_refusal(names.names[i]) == NULL)
            fail_msg("%s", names.names[i]);
    }
    kafka_property_names_release(&names);
}

static void test_config__kafka_passed(void **state) {
    (void)state;
    static const char *const sets[] = {
        "kafka.check.crcs=true",      "kafka.security.protocol=sasl_ssl",
        "kafka.sasl.mechanism=PLAIN", "kafka.sasl.username=u",
        "kafka.sasl.password=p=q",    "kafka.max.poll.interval.ms=60000",
        "kafka.compression.type=zstd"};
    struct config c;
    struct err e = {0};
    if (!load(&c, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    assert_int_equal(c.kafka_count, ARRAY_LEN(sets));
    rd_kafka_conf_t *conf = kafka_conf(&c, &e);
    assert_non_null(conf);
    static const char *const expected[][2] = {{"bootstrap.servers", "localhost:9092"},
                                              {"client.id", "streamer"},
                                              {"socket.nagle.disable", "true"},
                                              {"check.crcs", "true"},
                                              {"security.protocol", "sasl_ssl"},
                                              {"sasl.password", "p=q"},
                                              {"compression.codec", "zstd"}};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        char value[100];
        size_t size = sizeof value;
        assert_int_equal(rd_kafka_conf_get(conf, expected[i][0], value, &size), RD_KAFKA_CONF_OK);
        assert_string_equal(value, expected[i][1]);
    }
    rd_kafka_conf_destroy(conf);
    config_release(&c);
}

static void test_config__kafka_client_errors(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    const char *sets[] = {"kafka.security.protocol=ssl", "kafka.ssl.ca.location=/no/such/ca.pem"};
    assert_true(load(&c, NULL, sets, 2, &e));
    assert_null(kafka_client(RD_KAFKA_PRODUCER, kafka_conf(&c, &e), &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_non_null(strstr(e.text, "kafka: no producer: "));
    assert_non_null(strstr(e.text, "ssl.ca.location"));
    assert_null(strchr(e.text, '\n'));
    config_release(&c);
}

static void test_config__secrets(void **state) {
    (void)state;
    static const char *const secret[] = {"sasl.password",
                                         "sasl.username",
                                         "ssl.key.password",
                                         "ssl.keystore.password",
                                         "ssl.key.pem",
                                         "sasl.oauthbearer.config",
                                         "sasl.oauthbearer.client.secret"};
    static const char *const open[] = {"sasl.mechanism",
                                       "sasl.mechanisms",
                                       "security.protocol",
                                       "ssl.ca.location",
                                       "client.id",
                                       "ssl.key.location",
                                       "sasl.kerberos.keytab",
                                       "sasl.oauthbearer.token.endpoint.url"};
    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        assert_true(kafka_property_is_secret(secret[i]));
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        assert_false(kafka_property_is_secret(open[i]));
}

/* Whether librdkafka redacted a property when it told of its settings (debug=conf); on the thread
 * that makes the client. */
static void note_redacted(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)level, (void)facility;
    bool *redacted = rd_kafka_opaque(rk);
    *redacted = *redacted || strstr(text, " = [redacted]") != NULL;
}

static bool librdkafka_redacts(const char *name) {
    char why[256];
    bool redacted = false;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, &redacted);
    rd_kafka_conf_set_log_cb(conf, note_redacted);
    assert_int_equal(rd_kafka_conf_set(conf, "debug", "conf", why, sizeof why), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = NULL;
    if (rd_kafka_conf_set(conf, name, "x", why, sizeof why) == RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk != NULL)
        rd_kafka_destroy(rk);
    else
        rd_kafka_conf_destroy(conf);
    return redacted;
}

/* All that librdkafka itself does not show can come from a file and is masked, but for paths of
 * files. */
static void test_config__secrets_are_librdkafkas(void **state) {
    (void)state;
    struct kafka_property_names names;
    kafka_property_names_init(&names);
    int found = 0;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.names[i];
        if (kafka_property_refusal(name) != NULL || strcmp(name, "ssl.key.location") == 0 ||
            strcmp(name, "sasl.oauthbearer.assertion.private.key.file") == 0 ||
            !librdkafka_redacts(name))
            continue;
        char file[200];
        (void)snprintf(file, sizeof file, "%s.file", name);
        if (kafka_property_of_file(file) == NULL || !kafka_property_is_secret(name))
            fail_msg("%s", name);
        found++;
    }
    assert_in_range(found, 9, 100);
    kafka_property_names_release(&names);
}

static const char *const secret_path = "test_config.secret";

static void write_secret(const char *text, size_t n) {
    FILE *f = fopen(secret_path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void expect_secret(const struct config *c, const char *name, const char *value) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (strcmp(c->kafka[i].name, name) == 0) {
            assert_string_equal(c->kafka[i].value, value);
            return;
        }
    fail_msg("%s is not set", name);
}

static void test_config__secret_from_file(void **state) {
    (void)state;
    static const struct {
        const char *content, *value;
    } cases[] = {
        {"pass word", "pass word"},
        {"pass word\n", "pass word"},
        {"pass word\r\n", "pass word"},
        {" pass=word; \n", " pass=word; "},
        {"line 1\nline 2\n", "line 1\nline 2"},
    };
    const char *set = "kafka.ssl.key.pem.file=test_config.secret";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_secret(cases[i].content, strlen(cases[i].content));
        struct config c;
        load_set(&c, set);
        expect_secret(&c, "ssl.key.pem", cases[i].value);
        config_release(&c);
    }
    (void)unlink(secret_path);
}

/* From every source, and the later one wins: then the file of the earlier one need not be there. */
static void test_config__secret_file_sources(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    write_secret("s3cret\n", 7);
    const char *set = "kafka.sasl.password.file=test_config.secret";
    assert_true(load(&c, "kafka.sasl.password.file=/no/such/file\n", &set, 1, &e));
    expect_secret(&c, "sasl.password", "s3cret");
    config_release(&c);
    assert_true(load(&c, "kafka.ssl.keystore.password.file = test_config.secret\n", NULL, 0, &e));
    expect_secret(&c, "ssl.keystore.password", "s3cret");
    config_release(&c);
    const char *variable = "STREAMER_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE";
    assert_int_equal(setenv(variable, secret_path, 1), 0);
    bool ok = load(&c, NULL, NULL, 0, &e);
    assert_int_equal(unsetenv(variable), 0);
    assert_true(ok);
    expect_secret(&c, "sasl.oauthbearer.client.secret", "s3cret");
    config_release(&c);
    (void)unlink(secret_path);
}

/* It has one secret. */
static void assert_shows_no_secret(const struct config *c) {
    int masked = 0;
    for (const struct setting *s = c->settings; s->text != NULL; s++) {
        assert_null(strstr(s->text, "s3cret"));
        masked += strcmp(s->text, "********") == 0;
    }
    assert_int_equal(masked, 1);
}

/* The registry's secrets: from the setting or a file, one of the two, and never shown. */
static void test_config__registry_secrets(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    load_set(&c, "schema.registry.bearer.token=s3cret");
    assert_string_equal(c.registry.bearer_token, "s3cret");
    assert_shows_no_secret(&c);
    config_release(&c);
    write_secret("me:s3cret:\"x\"\n", 14);
    const char *file = "schema.registry.basic.auth.user.info.file=test_config.secret";
    load_set(&c, file);
    assert_string_equal(c.registry.user_info, "me:s3cret:\"x\"");
    config_release(&c);
    const char *both[] = {file, "schema.registry.basic.auth.user.info=a:b"};
    assert_false(load(&c, NULL, both, 2, &e));
    assert_non_null(strstr(e.text, "remove one of the two"));
    both[1] = "schema.registry.bearer.token=a";
    assert_false(load(&c, NULL, both, 2, &e));
    assert_non_null(strstr(e.text, "remove one of the two"));
    write_secret("s3cret\n", 7);
    expect_refused(file, "--set: schema.registry.basic.auth.user.info.file: this is no login, "
                         "write USER:PASSWORD");
    (void)unlink(secret_path);
    expect_refused(file, "--set: schema.registry.basic.auth.user.info.file: cannot open");
    static const char *const wrong[] = {"schema.registry.basic.auth.user.info=s3cret",
                                        "schema.registry.basic.auth.user.info=:s3cret",
                                        "schema.registry.basic.auth.user.info=a:s3\tcret",
                                        "schema.registry.bearer.token=s3cret x"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(load(&c, NULL, &wrong[i], 1, &e));
        assert_null(strstr(e.text, "s3"));
    }
}

/* Whoever knows the URL can write there. */
static void test_config__the_url_of_the_webhook_is_a_secret(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    static const char *const right[] = {"https://hooks.example.com/services/T0/B0/s3cret",
                                        "http://10.0.0.1:8080/x?key=s3cret", "HTTPS://[::1]:8443",
                                        "http://hooks"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        char set[128];
        (void)snprintf(set, sizeof set, "alert.webhook.url=%s", right[i]);
        load_set(&c, set);
        assert_string_equal(c.alert_webhook_url, right[i]);
        assert_shows_no_secret(&c);
        config_release(&c);
    }
    static const char *const wrong[] = {"hooks.example.com/s3cret", "ftp://hooks/s3cret",
                                        "https://me:s3cret@hooks/", "https://hooks/s3 cret",
                                        "https://hooks/#s3cret",    "https:///s3cret"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char set[128];
        const char *sets[] = {set};
        (void)snprintf(set, sizeof set, "alert.webhook.url=%s", wrong[i]);
        assert_false(load(&c, NULL, sets, 1, &e));
        assert_null(strstr(e.text, "s3"));
    }
    write_secret("https://hooks/s3cret\n", 21);
    load_set(&c, "alert.webhook.url.file=test_config.secret");
    assert_string_equal(c.alert_webhook_url, "https://hooks/s3cret");
    config_release(&c);
    (void)unlink(secret_path);
}

/* Its place for a secret is openlineage.api.key. A login in the URL would be shown by `check`. */
static void test_config__openlineage(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    load_set(&c, "openlineage.url=https://marquez.example.com:8443/base");
    assert_string_equal(c.openlineage_url, "https://marquez.example.com:8443/base");
    config_release(&c);
    static const char *const wrong[] = {
        "openlineage.url=http://me:s3cret@marquez/", "openlineage.url=http://marquez/?key=s3cret",
        "openlineage.url=marquez/s3cret", "openlineage.api.key=s3cret s3cret"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(load(&c, NULL, &wrong[i], 1, &e));
        assert_null(strstr(e.text, "s3cret"));
    }
    load_set(&c, "openlineage.api.key=s3cret");
    assert_shows_no_secret(&c);
    config_release(&c);
    write_secret("s3cret\n", 7);
    load_set(&c, "openlineage.api.key.file=test_config.secret");
    assert_string_equal(c.openlineage_api_key, "s3cret");
    config_release(&c);
    (void)unlink(secret_path);
}

static void test_config__secret_file_errors(void **state) {
    (void)state;
    const char *set = "kafka.sasl.password.file=test_config.secret";
    expect_refused(set, "--set: kafka.sasl.password.file: cannot open "
                        "test_config.secret: No such file or directory");
    expect_refused("kafka.sasl.password.file=/",
                   "--set: kafka.sasl.password.file: cannot read /: Is a directory");
    expect_refused("kafka.sasl.password.file=", "--set: kafka.sasl.password.file: is empty");
    static const struct {
        const char *content;
        size_t n;
        const char *error;
    } cases[] = {{"", 0, "test_config.secret is empty"},
                 {"\r\n\n", 3, "test_config.secret is empty"},
                 {"s3\0cret\n", 8, "test_config.secret holds a NUL byte"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_secret(cases[i].content, cases[i].n);
        expect_refused(set, cases[i].error);
    }
    char *long_text = mem_calloc(1, 65537);
    memset(long_text, 's', 65537);
    write_secret(long_text, 65537);
    free(long_text);
    expect_refused(set, "test_config.secret holds more than 65536 bytes");
    write_secret("s3cret\n", 7);
    expect_file_refused(
        "kafka.sasl.password=s3cret\nkafka.sasl.password.file=test_config.secret\n",
        "test_config.properties:2: kafka.sasl.password.file: test_config.properties:1 sets "
        "kafka.sasl.password, remove one of the two");
    expect_file_refused(
        "kafka.sasl.password.file=test_config.secret\nkafka.sasl.password=s3cret\n",
        "test_config.properties:2: kafka.sasl.password: test_config.properties:1 sets "
        "kafka.sasl.password.file, remove one of the two");
    (void)unlink(secret_path);
    expect_refused("kafka.sasl.pasword.file=x", "did you mean kafka.sasl.password.file?");
    expect_refused("kafka.linger.ms.file=x", "librdkafka has no such property");
}

static void test_config__released_twice(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    assert_true(load(&c, NULL, NULL, 0, &e));
    config_release(&c);
    config_release(&c);
}

static void test_config__freshness_warns_before_it_is_an_error(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    static const char *const equal[] = {"freshness.warn=2h", "freshness.error=2h"};
    assert_true(load(&c, NULL, NULL, 0, &e));
    assert_int_equal(c.freshness_warn_ms, 24 * 3600 * 1000);
    assert_int_equal(c.freshness_error_ms, 48 * 3600 * 1000);
    assert_int_equal(c.http_show_values, 0);
    config_release(&c);
    assert_true(load(&c, NULL, equal, 2, &e));
    config_release(&c);
    expect_refused("freshness.error=2h", "--set: freshness.error: freshness.warn (1d) is more than "
                                         "freshness.error (2h), change one");
    expect_refused("freshness.warn=3d", "--set: freshness.warn: freshness.warn (3d) is more than "
                                        "freshness.error (2d), change one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__defaults),
        cmocka_unit_test(test_config__file_forms),
        cmocka_unit_test(test_config__file_errors),
        cmocka_unit_test(test_config__later_sources_win),
        cmocka_unit_test(test_config__environment),
        cmocka_unit_test(test_config__environment_names_with_underscores),
        cmocka_unit_test(test_config__durations),
        cmocka_unit_test(test_config__durations_without_unit),
        cmocka_unit_test(test_config__integers),
        cmocka_unit_test(test_config__names),
        cmocka_unit_test(test_config__listen),
        cmocka_unit_test(test_config__http_exposure),
        cmocka_unit_test(test_config__http_hosts_and_urls),
        cmocka_unit_test(test_config__servers),
        cmocka_unit_test(test_config__registry),
        cmocka_unit_test(test_config__output_formats),
        cmocka_unit_test(test_config__registry_secrets),
        cmocka_unit_test(test_config__the_url_of_the_webhook_is_a_secret),
        cmocka_unit_test(test_config__openlineage),
        cmocka_unit_test(test_config__other_syntax),
        cmocka_unit_test(test_config__sasl_needs_a_mechanism),
        cmocka_unit_test(test_config__rates),
        cmocka_unit_test(test_config__unknown_keys),
        cmocka_unit_test(test_config__kafka_refused),
        cmocka_unit_test(test_config__kafka_callbacks_refused),
        cmocka_unit_test(test_config__kafka_passed),
        cmocka_unit_test(test_config__kafka_client_errors),
        cmocka_unit_test(test_config__secrets),
        cmocka_unit_test(test_config__secrets_are_librdkafkas),
        cmocka_unit_test(test_config__secret_from_file),
        cmocka_unit_test(test_config__secret_file_sources),
        cmocka_unit_test(test_config__secret_file_errors),
        cmocka_unit_test(test_config__released_twice),
        cmocka_unit_test(test_config__freshness_warns_before_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
