/* judge: one record and what becomes of it. The expected texts are those of the contract: the rules
 * of staging and of times. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/commands/judge.h"
#include "streamer/commands/try_cells.h"

#include <string.h>

#define NOW INT64_C(1795824000000) /* 2026-11-28T00:00:00.000Z */

struct bench {
    struct config config;
    struct judge *judge;
    struct try_cells cells;
    struct buf text;
};

static void setup(struct bench *b, enum entity entity, const char *const *sets, size_t set_count) {
    struct err e;
    *b = (struct bench){0};
    assert_true(config_load(&b->config, NULL, sets, set_count, &e));
    b->judge = judge_new(&b->config, entity, NOW);
}

static void teardown(struct bench *b) {
    judge_free(b->judge);
    config_release(&b->config);
    try_cells_release(&b->cells);
    buf_release(&b->text);
}

/* "row|1|ann|true|2024-01-01T00:00:00.000Z", or "invalid_name|Invalid name: …". */
static void show(struct bench *b, const struct judgement *j) {
    buf_clear(&b->text);
    try_cells_fill(&b->cells, j);
    buf_put_str(&b->text,
                j->is_rejected ? reason_code_name(j->why->code) : try_outcome(j->event->kind));
    for (size_t i = 0; i < b->cells.count; i++) {
        buf_put_byte(&b->text, '|');
        buf_put_slice(&b->text,
                      b->cells.texts[i].p != NULL ? b->cells.texts[i] : slice_str("unavailable"));
    }
    buf_put_byte(&b->text, '|');
    buf_put_slice(&b->text, j->is_rejected ? buf_slice(&j->why->text) : b->cells.time);
}

struct test_case {
    const char *key, *value; /* NULL: null */
    const char *expected;
};

static struct slice slice_or_null(const char *text) {
    return text != NULL ? slice_str(text) : slice_null();
}

static void check(struct bench *b, const struct test_case *c) {
    struct judgement j = judge_record(b->judge, slice_or_null(c->key), slice_or_null(c->value));
    show(b, &j);
    if (strcmp(buf_cstr(&b->text), c->expected) != 0)
        fail_msg("%s:\n%s\ninstead of\n%s", c->value, buf_cstr(&b->text), c->expected);
}

static void check_cases(enum entity entity, const char *const *sets, size_t set_count,
                        const struct test_case *cases, size_t n) {
    struct bench b;
    setup(&b, entity, sets, set_count);
    for (size_t i = 0; i < n; i++)
        check(&b, &cases[i]);
    assert_int_equal(judge_counts(b.judge)->rows, n);
    teardown(&b);
}

/* --- rows --- */

static void test_judge__customers(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {NULL, "{\"customer_id\":\" 1001.0 \",\"name\":\" ANN \",\"has_loan\":\"1.0\"}",
         "row|1001|ann|true|2026-11-28T00:00:00.000Z"},
        {NULL, "{\"Customer ID\":1e3,\"customer-name\":\"\xc5\x81\",\"updated_at\":\"20240215\"}",
         "row|1000|\xc5\x82|false|2024-02-15T00:00:00.000Z"},
        {NULL, "{\"customer_id\":\" \",\"name\":\"A\"}",
         "invalid_customer_id|Invalid customer_id: null or empty"},
        {NULL, "{\"customer_id\":\"1x\",\"name\":\"\"}",
         "invalid_customer_id|Invalid customer_id: non-numeric value (1x)"},
        {NULL, "{\"customer_id\":1,\"name\":\"n/a\"}", "invalid_name|Invalid name: null or empty"},
        {NULL, "{\"customer_id\":1,\"name\":\"A\",\"has_loan\":\"maybe\"}",
         "invalid_has_loan|Invalid has_loan value: maybe"},
    };
    check_cases(ENTITY_CUSTOMER, NULL, 0, cases, ARRAY_LEN(cases));
}

static void test_judge__accounts(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {NULL,
         "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":16500,\"account_type\":\"SAVINGS\"}",
         "row|A1|7|16500.00|savings|2026-11-28T00:00:00.000Z"},
        {NULL,
         "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":\"-0.005\","
         "\"account_type\":\"checking\"}",
         "invalid_balance|Invalid balance: negative value (-0.005)"},
        {NULL, "{\"account_id\":null,\"customer_id\":\"x\"}",
         "invalid_account_id|Invalid account_id: null or empty"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":\"x\"}",
         "invalid_customer_id|Invalid customer_id: non-numeric value (x)"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":\"\"}",
         "invalid_balance|Invalid balance: null or empty"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":\"None\"}",
         "invalid_balance|Invalid balance: null representation (None)"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":\"1,5\"}",
         "invalid_balance|Invalid balance: non-numeric value (1,5)"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":1}",
         "invalid_account_type|Invalid account_type: null or empty"},
        {NULL, "{\"account_id\":\"A1\",\"customer_id\":7,\"balance\":1,\"account_type\":\"Loan\"}",
         "invalid_account_type|Invalid account_type: must be Savings or Checking (Loan)"},
    };
    check_cases(ENTITY_ACCOUNT, NULL, 0, cases, ARRAY_LEN(cases));
}

/* --- deletes --- */

static void test_judge__deletes(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"7", NULL, "tombstone|7|2026-11-28T00:00:00.000Z"},
        {"{\"customer_id\":8}", "null", "tombstone|8|2026-11-28T00:00:00.000Z"},
        {NULL, "{\"customer_id\":9.0,\"__deleted\":\"true\",\"__source_ts_ms\":1700000000000}",
         "delete|9|2023-11-14T22:13:20.000Z"},
        {NULL, "{\"customer_id\":9,\"Op\":\"D\",\"updated_at\":\"2024-01-01\"}",
         "delete|9|2026-11-28T00:00:00.000Z"},
        {"7", "{\"before\":null,\"after\":null,\"op\":\"d\",\"source\":{\"ts_ms\":1700000000000}}",
         "delete|7|2023-11-14T22:13:20.000Z"},
        {NULL, "{\"op\":\"t\",\"source\":{\"ts_ms\":1700000000000}}",
         "truncate|2023-11-14T22:13:20.000Z"},
        {"x", NULL, "invalid_customer_id|Invalid customer_id: non-numeric value (x)"},
    };
    check_cases(ENTITY_CUSTOMER, NULL, 0, cases, ARRAY_LEN(cases));
}

/* --- times, and what the configuration says --- */

static void test_judge__future_window(void **state) {
    (void)state;
    static const char *const sets[] = {"future.window=1h"};
    static const struct test_case cases[] = {
        {NULL, "{\"customer_id\":1,\"name\":\"A\",\"updated_at\":\"2026-11-28T01:00:00Z\"}",
         "row|1|a|false|2026-11-28T01:00:00.000Z"},
        {NULL, "{\"customer_id\":1,\"name\":\"A\",\"updated_at\":\"2026-11-28T01:00:00.001Z\"}",
         "too_early|Too early: 2026-11-28T01:00:00.001Z is more than future.window ahead of "
         "2026-11-28T00:00:00.000Z"},
        /* In a log such a time becomes the Kafka timestamp. */
        {NULL,
         "{\"op\":\"c\",\"after\":{\"customer_id\":1,\"name\":\"A\"},"
         "\"source\":{\"ts_ms\":1795827600001}}",
         "row|1|a|false|2026-11-28T00:00:00.000Z"},
    };
    check_cases(ENTITY_CUSTOMER, sets, ARRAY_LEN(sets), cases, ARRAY_LEN(cases));
}

static void test_judge__a_log_by_configuration(void **state) {
    (void)state;
    static const char *const sets[] = {"order.customers=log"};
    static const struct test_case cases[] = {
        {NULL, "{\"customer_id\":1,\"name\":\"A\",\"updated_at\":\"2099-01-01\"}",
         "row|1|a|false|2026-11-28T00:00:00.000Z"},
    };
    check_cases(ENTITY_CUSTOMER, sets, ARRAY_LEN(sets), cases, ARRAY_LEN(cases));
}

static void test_judge__settings(void **state) {
    (void)state;
    static const char *const sets[] = {"order.customers=event_time", "truncate=quarantine",
                                       "record.max.bytes=1024",
                                       "fields.customers=customer_id=cust_no,has_loan=loan"};
    struct buf large = {0};
    buf_printf(&large, "{\"customer_id\":1,\"name\":\"%01000d\"}", 0);
    const struct test_case cases[] = {
        {NULL, "{\"cust_no\":1,\"name\":\"A\",\"loan\":\"yes\"}",
         "row|1|a|true|2026-11-28T00:00:00.000Z"},
        {NULL,
         "{\"op\":\"c\",\"after\":{\"customer_id\":1,\"name\":\"A\"},"
         "\"source\":{\"ts_ms\":1795996800001}}",
         "too_early|Too early: 2026-11-30T00:00:00.001Z is more than future.window ahead of "
         "2026-11-28T00:00:00.000Z"},
        {NULL, "{\"op\":\"t\",\"source\":{\"ts_ms\":1700000000000}}",
         "unsupported_op|Unsupported operation: t (truncate=quarantine refuses it)"},
        {NULL, buf_cstr(&large), "too_large|Too large: the value has 1027 bytes, more than 1024"},
    };
    check_cases(ENTITY_CUSTOMER, sets, ARRAY_LEN(sets), cases, ARRAY_LEN(cases));
    buf_release(&large);
}

/* --- what is no row --- */

static void test_judge__bad_records(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {NULL, "", "malformed|Malformed record: the value is empty (a delete is null)"},
        {NULL, "no JSON", "malformed|Malformed JSON: expected a value at byte 0"},
        {NULL, NULL,
         "malformed|Malformed record: a delete without an id, for neither value nor key has one"},
        {NULL, "{\"customer_id\":1,\"name\":{}}",
         "malformed|Malformed record: customer_name is an object where a value belongs"},
        {NULL, "{\"op\":\"x\",\"after\":{\"customer_id\":1}}",
         "unsupported_op|Unsupported operation: x (supported: c, r, u, d, t)"},
    };
    check_cases(ENTITY_CUSTOMER, NULL, 0, cases, ARRAY_LEN(cases));
}

static void test_judge__a_value_that_was_not_kept(void **state) {
    (void)state;
    struct bench b;
    setup(&b, ENTITY_CUSTOMER, NULL, 0);
    struct judgement j = judge_large_record(b.judge, 5000000);
    show(&b, &j);
    assert_string_equal(buf_cstr(&b.text),
                        "too_large|Too large: the value has 5000000 bytes, more than 1048576");
    teardown(&b);
}

/* --- counts --- */

static void test_judge__counts(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {NULL, "{\"customer_id\":1,\"name\":\"A\"}", "row|1|a|false|2026-11-28T00:00:00.000Z"},
        {NULL, "{\"customer_id\":1,\"name\":\"A\",\"updated_at\":\"2024-01-01\"}",
         "row|1|a|false|2024-01-01T00:00:00.000Z"},
        {NULL,
         "{\"op\":\"u\",\"after\":{\"customer_id\":1,\"name\":\"__debezium_unavailable_value\"},"
         "\"source\":{\"ts_ms\":1700000000000}}",
         "row|1|unavailable|false|2023-11-14T22:13:20.000Z"},
        {"1", NULL, "tombstone|1|2026-11-28T00:00:00.000Z"},
        {NULL, "{\"customer_id\":1,\"name\":\"\"}", "invalid_name|Invalid name: null or empty"},
        {NULL, "{\"customer_id\":2,\"name\":\"\"}", "invalid_name|Invalid name: null or empty"},
    };
    struct bench b;
    setup(&b, ENTITY_CUSTOMER, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&b, &cases[i]);
    const struct judge_counts *c = judge_counts(b.judge);
    assert_int_equal(c->rows, 6);
    assert_int_equal(judge_rejected_rows(c), 2);
    assert_int_equal(c->rejected[REASON_INVALID_NAME], 2);
    assert_int_equal(c->timed, 1); /* the update is of a log, where nothing is late */
    assert_int_equal(c->untimed, 2);
    assert_int_equal(c->unavailable, 1);
    assert_int_equal(c->tombstones, 1);
    teardown(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__customers),
        cmocka_unit_test(test_judge__accounts),
        cmocka_unit_test(test_judge__deletes),
        cmocka_unit_test(test_judge__future_window),
        cmocka_unit_test(test_judge__a_log_by_configuration),
        cmocka_unit_test(test_judge__settings),
        cmocka_unit_test(test_judge__bad_records),
        cmocka_unit_test(test_judge__a_value_that_was_not_kept),
        cmocka_unit_test(test_judge__counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
