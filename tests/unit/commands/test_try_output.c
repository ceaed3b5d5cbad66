/* try_output: judged rows as a table, JSON and CSV. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/commands/try_output.h"
#include "streamer/commands/try_table.h"

#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1795824000000) /* 2026-11-28T00:00:00.000Z */

struct bench {
    struct config config;
    struct judge *judge;
    struct try_output *output;
    FILE *file;
    struct buf text, talk;
};

static void setup(struct bench *b, const struct try_output_options *options) {
    struct err e;
    struct try_output_options o = *options;
    *b = (struct bench){.file = tmpfile()};
    assert_non_null(b->file);
    o.fd = fileno(b->file);
    assert_true(config_load(&b->config, NULL, NULL, 0, &e));
    b->judge = judge_new(&b->config, o.entity, NOW);
    b->output = try_output_new(&o);
}

static void put(struct bench *b, uint64_t line, const char *key, const char *value) {
    struct err e;
    struct judgement j = judge_record(b->judge, key != NULL ? slice_str(key) : slice_null(),
                                      value != NULL ? slice_str(value) : slice_null());
    assert_true(try_output_put(b->output, line, &j, &e));
}

/* Ends the output, and compares it. */
static void end(struct bench *b, const char *expected, const char *expected_talk) {
    struct err e;
    char bytes[65536];
    assert_true(try_output_end(b->output, judge_counts(b->judge), &b->talk, &e));
    ssize_t n = pread(fileno(b->file), bytes, sizeof bytes, 0);
    assert_true(n >= 0);
    buf_put(&b->text, bytes, (size_t)n);
    assert_string_equal(buf_cstr(&b->text), expected);
    assert_string_equal(buf_cstr(&b->talk), expected_talk);
}

static void teardown(struct bench *b) {
    try_output_free(b->output);
    judge_free(b->judge);
    config_release(&b->config);
    buf_release(&b->text);
    buf_release(&b->talk);
    (void)fclose(b->file);
}

#define LATE_NOTE                                                                                  \
    "not judged: whether a row is too_late, which depends on the newest event of its id: "
#define TIME_NOTE "; their Kafka timestamp counts, for which the time of this command stands\n"

/* One row of each kind. */
static void put_customers(struct bench *b) {
    put(b, 2, NULL,
        "{\"customer_id\":\"1.0\",\"name\":\"Ann \\\"A\\\", \\u009b\",\"has_loan\":1,"
        "\"updated_at\":\"2024-01-01\"}");
    put(b, 3, "2", NULL);
    put(b, 5, NULL, "{\"op\":\"t\",\"source\":{\"ts_ms\":1700000000000}}");
    put(b, 6, NULL, "{\"customer_id\":3,\"name\":\"B\",\"has_loan\":\"\\u001bx,\"}");
}

static void test_try_output__json(void **state) {
    (void)state;
    struct bench b;
    setup(&b, &(struct try_output_options){.format = TRY_JSON, .entity = ENTITY_CUSTOMER});
    put_customers(&b);
    end(&b,
        "{\"line\":2,\"row\":{\"customer_id\":1,\"customer_name\":\"ann \\\"a\\\", \xc2\x9b\","
        "\"has_loan_flag\":true,\"valid_from_at\":\"2024-01-01T00:00:00.000Z\"}}\n"
        "{\"line\":3,\"tombstone\":{\"customer_id\":2,"
        "\"valid_to_at\":\"2026-11-28T00:00:00.000Z\"}}\n"
        "{\"line\":5,\"truncate\":{\"valid_to_at\":\"2023-11-14T22:13:20.000Z\"}}\n"
        "{\"line\":6,\"code\":\"invalid_has_loan\","
        "\"reason\":\"Invalid has_loan value: \\u001bx,\"}\n"
        "{\"rows\":4,\"accepted\":3,\"rejected\":{\"invalid_has_loan\":1}}\n",
        "no time of their own: 1" TIME_NOTE LATE_NOTE "1\n"
        "not judged: whether the id of a tombstone is current, else it is ignored: 1\n");
    teardown(&b);
}

static void test_try_output__json_of_accounts(void **state) {
    (void)state;
    struct bench b;
    setup(&b, &(struct try_output_options){
                  .format = TRY_JSON, .entity = ENTITY_ACCOUNT, .names_files = true});
    try_output_begin_file(b.output, "a \"b\"\n\xff.csv");
    put(&b, 2, NULL,
        "{\"op\":\"u\",\"after\":{\"account_id\":\"A\\\"1\",\"customer_id\":7,"
        "\"balance\":\"__debezium_unavailable_value\","
        "\"account_type\":\"__debezium_unavailable_value\"},"
        "\"source\":{\"ts_ms\":1700000000000}}");
    put(&b, 3, NULL,
        "{\"account_id\":\"A2\",\"customer_id\":7,\"balance\":\"1e3\","
        "\"account_type\":\"Checking\"}");
    end(&b,
        "{\"file\":\"a \\\"b\\\"??.csv\",\"line\":2,\"row\":{\"account_id\":\"A\\\"1\","
        "\"customer_id\":7,\"balance_amount\":null,\"account_type\":null,"
        "\"valid_from_at\":\"2023-11-14T22:13:20.000Z\"},"
        "\"unavailable\":[\"balance_amount\",\"account_type\"]}\n"
        "{\"file\":\"a \\\"b\\\"??.csv\",\"line\":3,\"row\":{\"account_id\":\"A2\","
        "\"customer_id\":7,\"balance_amount\":\"1000.00\",\"account_type\":\"checking\","
        "\"valid_from_at\":\"2026-11-28T00:00:00.000Z\"}}\n"
        "{\"rows\":2,\"accepted\":2,\"rejected\":{}}\n",
        "no time of their own: 1" TIME_NOTE
        "not judged: columns that the database did not log, which keep their values; malformed if "
        "there are none: 1\n");
    teardown(&b);
}

static void test_try_output__csv(void **state) {
    (void)state;
    struct bench b;
    setup(&b, &(struct try_output_options){
                  .format = TRY_CSV, .entity = ENTITY_CUSTOMER, .names_files = true});
    try_output_begin_file(b.output, "f,g");
    put_customers(&b);
    end(&b,
        "file,line,outcome,customer_id,customer_name,has_loan_flag,valid_from_at,valid_to_at,code,"
        "reason\n"
        "\"f,g\",2,row,1,\"ann \"\"a\"\", \xc2\x9b\",true,2024-01-01T00:00:00.000Z,,,\n"
        "\"f,g\",3,tombstone,2,,,,2026-11-28T00:00:00.000Z,,\n"
        "\"f,g\",5,truncate,,,,,2023-11-14T22:13:20.000Z,,\n"
        "\"f,g\",6,rejected,,,,,,invalid_has_loan,\"Invalid has_loan value: \033x,\"\n",
        "4 rows: 3 accepted, 1 rejected\n"
        "  invalid_has_loan      1\n"
        "no time of their own: 1" TIME_NOTE LATE_NOTE "1\n"
        "not judged: whether the id of a tombstone is current, else it is ignored: 1\n");
    teardown(&b);
}

/* What a terminal would obey is escaped in JSON, and a '?' elsewhere. */
static void test_try_output__nobody_controls_the_terminal(void **state) {
    (void)state;
    static const enum try_format formats[] = {TRY_TABLE, TRY_JSON, TRY_CSV};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct bench b;
        char bytes[4096];
        struct err e;
        setup(&b, &(struct try_output_options){
                      .format = formats[i], .entity = ENTITY_CUSTOMER, .is_terminal = true});
        put(&b, 1, NULL, "{\"customer_id\":1,\"name\":\"\\u009b\\u007f\\u001b\"}");
        put(&b, 2, NULL, "{\"customer_id\":1,\"name\":\"x\",\"has_loan\":\"\\u009b\\u001b\"}");
        assert_true(try_output_flush(b.output, &e));
        ssize_t n = pread(fileno(b.file), bytes, sizeof bytes, 0);
        for (ssize_t at = 0; at < n; at++)
            assert_true(bytes[at] == '\n' || (bytes[at] >= ' ' && bytes[at] < 0x7f));
        teardown(&b);
    }
}

static void test_try_output__table(void **state) {
    (void)state;
    struct bench b;
    setup(&b, &(struct try_output_options){.format = TRY_TABLE, .entity = ENTITY_CUSTOMER});
    put(&b, 10, NULL, "{\"customer_id\":12345678901234,\"name\":\"\xe5\xb1\xb1\xe7\x94\xb0\"}");
    put(&b, 11, NULL, "{\"customer_id\":1,\"name\":\"\xc5\x81ukasz\",\"has_loan\":\"y\"}");
    put(&b, 12, NULL, "{\"customer_id\":\"\\t\\u001b[31m\",\"name\":\"x\"}");
    put(&b, 13, "7", NULL);
    put(&b, 14, NULL,
        "{\"op\":\"u\",\"after\":{\"customer_id\":1,\"name\":\"__debezium_unavailable_value\"},"
        "\"source\":{\"ts_ms\":1700000000000}}");
    put(&b, 15, NULL, "{\"op\":\"t\",\"source\":{\"ts_ms\":1700000000000}}");
    end(&b,
        "line  customer_id     customer_name  has_loan_flag  valid_from_at\n"
        "10    12345678901234  \xe5\xb1\xb1\xe7\x94\xb0           false          "
        "2026-11-28T00:00:00.000Z\n"
        "11    1               \xc5\x82ukasz         true           2026-11-28T00:00:00.000Z\n"
        "12    invalid_customer_id: Invalid customer_id: non-numeric value (?[31m)\n"
        "13    tombstone of 7 at 2026-11-28T00:00:00.000Z\n"
        "14    1               (unavailable)  false          2023-11-14T22:13:20.000Z\n"
        "15    truncate of all rows at 2023-11-14T22:13:20.000Z\n"
        "\n"
        "6 rows: 5 accepted, 1 rejected\n"
        "  invalid_customer_id   1\n"
        "no time of their own: 3" TIME_NOTE
        "not judged: columns that the database did not log, which keep their values; malformed if "
        "there are none: 1\n"
        "not judged: whether the id of a tombstone is current, else it is ignored: 1\n",
        "");
    teardown(&b);
}

/* Later rows that are wider bring the header again; very wide texts are cut. */
static void test_try_output__table_that_grows(void **state) {
    (void)state;
    struct bench b;
    char text[65536], value[300];
    struct err e;
    setup(&b, &(struct try_output_options){.format = TRY_TABLE, .entity = ENTITY_CUSTOMER});
    for (uint64_t i = 0; i < TRY_TABLE_BLOCK_MAX; i++)
        put(&b, i, NULL, "{\"customer_id\":1,\"name\":\"x\"}");
    (void)snprintf(value, sizeof value, "{\"customer_id\":1,\"name\":\"%050d\"}", 0);
    put(&b, TRY_TABLE_BLOCK_MAX, NULL, value);
    assert_true(try_output_flush(b.output, &e));
    off_t size = lseek(fileno(b.file), 0, SEEK_END);
    ssize_t n = pread(fileno(b.file), text, 250, size - 250);
    text[n] = '\0';
    assert_string_equal(strstr(text, "\nline") + 1,
                        "line  customer_id  customer_name                                     "
                        "has_loan_flag  valid_from_at\n"
                        "1000  1            00000000000000000000000000000000000000000000000…  "
                        "false          2026-11-28T00:00:00.000Z\n");
    teardown(&b);
}

static void test_try_output__table_of_files(void **state) {
    (void)state;
    struct bench b;
    setup(&b, &(struct try_output_options){
                  .format = TRY_TABLE, .entity = ENTITY_ACCOUNT, .names_files = true});
    try_output_begin_file(b.output, "a.csv");
    put(&b, 2, NULL, "{\"account_id\":\"\"}");
    try_output_begin_file(b.output, "b.csv");
    put(&b, 7, NULL, "{\"account_id\":\"\"}");
    end(&b,
        "a.csv\n"
        "line  account_id  customer_id  balance_amount  account_type  valid_from_at\n"
        "2     invalid_account_id: Invalid account_id: null or empty\n"
        "b.csv\n"
        "line  account_id  customer_id  balance_amount  account_type  valid_from_at\n"
        "7     invalid_account_id: Invalid account_id: null or empty\n"
        "\n"
        "2 rows: 0 accepted, 2 rejected\n"
        "  invalid_account_id    2\n",
        "");
    teardown(&b);
}

static void test_try_output__full_disk(void **state) {
    (void)state;
    struct bench b;
    struct err e;
    FILE *full = fopen("/dev/full", "we");
    assert_non_null(full);
    setup(&b, &(struct try_output_options){.format = TRY_JSON, .entity = ENTITY_CUSTOMER});
    try_output_free(b.output);
    b.output = try_output_new(&(struct try_output_options){
        .format = TRY_JSON, .entity = ENTITY_CUSTOMER, .fd = fileno(full)});
    put(&b, 1, NULL, "{\"customer_id\":1,\"name\":\"x\"}");
    assert_false(try_output_end(b.output, judge_counts(b.judge), &b.talk, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_string_equal(e.text, "cannot write to standard output: No space left on device, the "
                                "output is not complete");
    (void)fclose(full);
    teardown(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_try_output__json),
        cmocka_unit_test(test_try_output__json_of_accounts),
        cmocka_unit_test(test_try_output__csv),
        cmocka_unit_test(test_try_output__nobody_controls_the_terminal),
        cmocka_unit_test(test_try_output__table),
        cmocka_unit_test(test_try_output__table_that_grows),
        cmocka_unit_test(test_try_output__table_of_files),
        cmocka_unit_test(test_try_output__full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
