#include "streamer/complete/drop_row.h"

#include "streamer/base/mem.h"
#include "support.h"

enum { NOW_MS = 1700000000 };

static struct config config;

static int load(void **state) {
    (void)state;
    const char *sets[] = {"fields.customers=customer_id=cust_no", "log.level=error",
                          "record.max.bytes=1024"};
    struct err e;
    assert_true(config_load(&config, NULL, sets, ARRAY_LEN(sets), &e));
    return 0;
}

static int release(void **state) {
    (void)state;
    config_release(&config);
    return 0;
}

/* An id that cannot be read is expected as NULL, a time that is not there as 0. */
static const struct {
    enum entity entity;
    const char *row, *id;
    int64_t at_ms;
    const char *why;
} cases[] = {
    {ENTITY_CUSTOMER, "{\"Customer ID\":\" 1001.0 \",\"name\":\"a\",\"has_loan\":\"no\"}", "1001",
     0, NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"1.001e3\",\"updated_at\":\"1970-01-02\"}", "1001",
     86400000, NULL},
    {ENTITY_CUSTOMER, "{\"CUST-NO\":\"001\"}", "1", 0, NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"7\",\"has_loan\":\"MAYBE\",\"name\":\"\"}", "7", 0, NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"7\",\"updated_at\":\"never\"}", "7", 0, NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"7\",\"updated_at\":\" \"}", "7", 0, NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"7\",\"__source_ts_ms\":\"86400000\"}", "7", 86400000,
     NULL},
    {ENTITY_CUSTOMER, "{\"customer_id\":\"7.5\"}", NULL, 0,
     "Invalid customer_id: non-numeric value (7.5)"},
    {ENTITY_CUSTOMER, "{\"customer_id\":\" \"}", NULL, 0, "Invalid customer_id: null or empty"},
    {ENTITY_ACCOUNT, "{\"account_id\":\" A-1 \",\"customer_id\":\"x\"}", "A-1", 0, NULL},
    {ENTITY_ACCOUNT, "{\"account_id\":\"001\",\"balance\":\"-5\"}", "001", 0, NULL},
    {ENTITY_ACCOUNT, "{\"account_id\":\"A\",\"__deleted\":\"true\"}", "A", 0, NULL},
    {ENTITY_ACCOUNT, "{\"account_id\":\"n/a\"}", NULL, 0, "Invalid account_id: null or empty"},
    {ENTITY_ACCOUNT, "{\"__op\":\"t\"}", NULL, 0, NULL},
};

static void test_drop_row__as_the_processor_reads_it(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct drop_rows rows;
        drop_rows_init(&rows, &config, cases[i].entity, NOW_MS);
        struct drop_row row = drop_rows_read(&rows, slice_str(cases[i].row));
        assert_int_equal(row.id.n > 0, cases[i].id != NULL);
        if (cases[i].id != NULL)
            assert_text(row.id, cases[i].id);
        assert_int_equal(row.has_time, cases[i].at_ms != 0);
        if (row.has_time)
            assert_int_equal(row.at_ms, cases[i].at_ms);
        if (cases[i].why != NULL)
            assert_string_equal(row.why, cases[i].why);
        drop_rows_release(&rows);
    }
}

static void test_drop_row__a_row_without_a_time_counts_as_now(void **state) {
    (void)state;
    struct drop_rows rows;
    drop_rows_init(&rows, &config, ENTITY_ACCOUNT, NOW_MS);
    struct drop_row row = drop_rows_read(
        &rows, slice_str("{\"account_id\":\"A\",\"customer_id\":\"7\",\"balance\":\"5\","
                         "\"account_type\":\"savings\"}"));
    assert_true(row.is_good && !row.has_time);
    assert_int_equal(row.at_ms, NOW_MS);
    /* One that is quarantined says nothing of the time of the drop. */
    row = drop_rows_read(&rows, slice_str("{\"account_id\":\"A\",\"updated_at\":\"never\"}"));
    assert_false(row.is_good || row.has_time);
    row = drop_rows_read(&rows, slice_str("{\"account_id\":\"A\",\"customer_id\":\"x\"}"));
    assert_false(row.is_good || row.has_time);
    drop_rows_release(&rows);
}

/* The second of two rows does not keep what the first one said. */
static void test_drop_row__rows_do_not_mix(void **state) {
    (void)state;
    struct drop_rows rows;
    drop_rows_init(&rows, &config, ENTITY_ACCOUNT, NOW_MS);
    struct drop_row row =
        drop_rows_read(&rows, slice_str("{\"account_id\":\"\",\"updated_at\":\"1970-01-02\"}"));
    assert_true(row.has_time && row.id.n == 0);
    row = drop_rows_read(&rows, slice_str("{\"account_id\":\"A\"}"));
    assert_text(row.id, "A");
    assert_false(row.has_time);
    drop_rows_release(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_row__as_the_processor_reads_it),
        cmocka_unit_test(test_drop_row__a_row_without_a_time_counts_as_now),
        cmocka_unit_test(test_drop_row__rows_do_not_mix),
    };
    return cmocka_run_group_tests(tests, load, release);
}
