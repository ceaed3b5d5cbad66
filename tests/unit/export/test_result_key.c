/* Keys of result topics, and the order in which tables are shown. */
#include "support.h"

#include "streamer/export/result_key.h"

#include <string.h>

static void assert_key(enum row_result table, const void *row, const char *expected) {
    struct buf key = {0};
    buf_put_str(&key, "of before");
    result_key_of(table, row, &key);
    assert_string_equal(buf_cstr(&key), expected);
    buf_release(&key);
}

static void test_result_key__of_rows(void **state) {
    (void)state;
    assert_key(ROW_CUSTOMER_HISTORY,
               &(struct customer_history_row){.customer_id = -7, .valid_from_at = -1500},
               "-7|-1500");
    assert_key(ROW_ACCOUNT_HISTORY,
               &(struct account_history_row){.account_id = slice_str("A|1"),
                                             .valid_from_at = 1700000000000},
               "A|1|1700000000000");
    assert_key(ROW_ACCOUNT_WITH_CUSTOMER,
               &(struct account_with_customer_row){.account_id = slice_str("A-1")}, "A-1");
    assert_key(ROW_ACCOUNT_SUMMARY, &(struct account_summary_row){.account_id = slice_str("A-1")},
               "A-1");
    assert_key(ROW_CUSTOMER_PROFILE, &(struct customer_profile_row){.customer_id = 12}, "12");
}

/* The sort keys of these keys rise in this order. */
static void assert_rising(enum row_result table, const char *const *keys) {
    struct buf before = {0}, after = {0};
    assert_true(result_key_sort(table, slice_str(keys[0]), &before));
    for (size_t i = 1; keys[i] != NULL; i++) {
        assert_true(result_key_sort(table, slice_str(keys[i]), &after));
        if (slice_compare(buf_slice(&before), buf_slice(&after)) >= 0)
            fail_msg("%s and %s", keys[i - 1], keys[i]);
        buf_set(&before, buf_slice(&after));
    }
    buf_release(&before);
    buf_release(&after);
}

static void test_result_key__order(void **state) {
    static const char *const customers[] = {
        "-9223372036854775808|0", "-2|5", "-1|5", "1|-5", "1|0", "1|90", "1|1000", "2|0", "10|0",
        "9223372036854775807|0",  NULL};
    /* An id that begins with another one comes behind all versions of that one. */
    static const char *const accounts[] = {"A|-1", "A|90",  "A|1000", "A 1|0", "A-1|0",
                                           "A1|0", "A|1|0", "B|0",    NULL};
    static const char *const profiles[] = {"-3", "2", "10", NULL};
    static const char *const summaries[] = {"10", "2", "A", "A1", NULL};
    (void)state;
    assert_rising(ROW_CUSTOMER_HISTORY, customers);
    assert_rising(ROW_ACCOUNT_HISTORY, accounts);
    assert_rising(ROW_CUSTOMER_PROFILE, profiles);
    assert_rising(ROW_ACCOUNT_SUMMARY, summaries);
    assert_rising(ROW_ACCOUNT_WITH_CUSTOMER, summaries);
}

static void test_result_key__refused(void **state) {
    static const struct {
        enum row_result table;
        const char *key; /* NULL: there is none */
    } cases[] = {
        {ROW_CUSTOMER_HISTORY, NULL},   {ROW_CUSTOMER_HISTORY, "7"},
        {ROW_CUSTOMER_HISTORY, "7|"},   {ROW_CUSTOMER_HISTORY, "|7"},
        {ROW_CUSTOMER_HISTORY, "x|7"},  {ROW_CUSTOMER_HISTORY, "7|x"},
        {ROW_CUSTOMER_HISTORY, " 7|1"}, {ROW_ACCOUNT_HISTORY, "A-1"},
        {ROW_ACCOUNT_HISTORY, "|5"},    {ROW_CUSTOMER_PROFILE, "A"},
        {ROW_CUSTOMER_PROFILE, ""},     {ROW_ACCOUNT_SUMMARY, ""},
        {ROW_ACCOUNT_SUMMARY, NULL},
    };
    (void)state;
    struct buf out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice key = cases[i].key != NULL ? slice_str(cases[i].key) : slice_null();
        assert_false(result_key_sort(cases[i].table, key, &out));
    }
    buf_release(&out);
}

/* The sort key of an id is what the sort keys of its versions begin with. */
static void test_result_key__of_ids(void **state) {
    (void)state;
    struct buf id = {0}, version = {0};
    result_key_customer(7, &id);
    assert_true(result_key_sort(ROW_CUSTOMER_PROFILE, slice_str("7"), &version));
    assert_true(slice_eq(buf_slice(&id), buf_slice(&version)));
    assert_true(result_key_sort(ROW_CUSTOMER_HISTORY, slice_str("7|100"), &version));
    assert_true(slice_has_prefix(buf_slice(&version), buf_slice(&id)));
    result_key_account(slice_str("A"), &id);
    assert_true(result_key_sort(ROW_ACCOUNT_HISTORY, slice_str("A|100"), &version));
    assert_true(slice_has_prefix(buf_slice(&version), buf_slice(&id)));
    assert_true(result_key_sort(ROW_ACCOUNT_HISTORY, slice_str("AB|100"), &version));
    assert_false(slice_has_prefix(buf_slice(&version), buf_slice(&id)));
    buf_release(&id);
    buf_release(&version);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_key__of_rows),
        cmocka_unit_test(test_result_key__order),
        cmocka_unit_test(test_result_key__refused),
        cmocka_unit_test(test_result_key__of_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
