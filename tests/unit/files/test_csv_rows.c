#include "streamer/files/csv_rows.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const path = "test_csv_rows.csv";

static void write_file(const char *content) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, strlen(content), f), strlen(content));
    assert_int_equal(fclose(f), 0);
}

/* The rows as "KEY JSON\n"; where the file is refused, "!" and the error follow. */
static void read_all(enum entity entity, const struct csv_rows_options *o, const char *const *maps,
                     size_t map_count, struct buf *out) {
    struct column_rules rules;
    struct err e = {0};
    enum csv_result result = CSV_ERROR;
    buf_clear(out);
    assert_true(column_rules_init(&rules, entity, NULL, maps, map_count, NULL, 0, &e));
    struct csv_rows *rows = csv_rows_open(path, &rules, o, &e);
    while (rows != NULL && (result = csv_rows_next(rows, &e)) == CSV_ROW) {
        buf_put_slice(out, csv_rows_key(rows));
        buf_put_byte(out, ' ');
        buf_put_slice(out, csv_rows_json(rows));
        buf_put_byte(out, '\n');
    }
    if (result == CSV_ERROR)
        buf_printf(out, "!%s", e.text);
    csv_rows_close(rows);
    column_rules_release(&rules);
    (void)unlink(path);
}

static const struct csv_rows_options options = {
    .csv = {.record_max_bytes = 1000, .command = "streamer feed accounts"}};

static void test_csv_rows__as_messages(void **state) {
    (void)state;
    struct buf out = {0};
    const char *maps[] = {"amount=balance"};
    write_file("Account ID,customer_id,amount,account_type,\"a \"\"note\"\"\"\n"
               " A1 ,1,5.00,Savings,\"x\"\"y\\\"\n"
               "  ,2,,,\n");
    read_all(ENTITY_ACCOUNT, &options, maps, ARRAY_LEN(maps), &out);
    assert_string_equal(buf_cstr(&out),
                        "A1 {\"Account ID\":\" A1 \",\"customer_id\":\"1\",\"balance\":\"5.00\","
                        "\"account_type\":\"Savings\",\"a \\\"note\\\"\":\"x\\\"y\\\\\"}\n"
                        " {\"Account ID\":\"  \",\"customer_id\":\"2\",\"balance\":\"\","
                        "\"account_type\":\"\",\"a \\\"note\\\"\":\"\"}\n");
    buf_release(&out);
}

/* Only amounts are changed, and only in the column that the processor reads. */
static void test_csv_rows__decimal_comma(void **state) {
    (void)state;
    struct csv_rows_options o = options;
    struct buf out = {0};
    o.csv.delimiter = ';';
    o.decimal_comma = true;
    write_file("account_id;customer_id;Balance;account_type;limit;balance_amount\n"
               "A1;1,5;1.234,56;Savings;1.234,56;7,5\nA2;2;12.34;Savings;;\n");
    read_all(ENTITY_ACCOUNT, &o, NULL, 0, &out);
    assert_string_equal(
        buf_cstr(&out),
        "A1 {\"account_id\":\"A1\",\"customer_id\":\"1,5\",\"Balance\":\"1234.56\","
        "\"account_type\":\"Savings\",\"limit\":\"1.234,56\","
        "\"balance_amount\":\"7,5\"}\n"
        "A2 {\"account_id\":\"A2\",\"customer_id\":\"2\",\"Balance\":\"12.34 (decimal "
        "point?)\",\"account_type\":\"Savings\",\"limit\":\"\","
        "\"balance_amount\":\"\"}\n");
    buf_release(&out);
}

/* The name that the processor prefers: its own name, then an alias; of equals the first. */
static void test_csv_rows__field(void **state) {
    (void)state;
    struct column_rules rules;
    struct err e = {0};
    assert_true(column_rules_init(&rules, ENTITY_CUSTOMER, NULL, NULL, 0, NULL, 0, &e));
    write_file("name,Customer Name,customer_id,has_loan\nalias,own,7,yes\n");
    struct csv_rows *rows = csv_rows_open(path, &rules, &options, &e);
    assert_non_null(rows);
    assert_int_equal(csv_rows_next(rows, &e), CSV_ROW);
    assert_true(slice_eq(csv_rows_field(rows, FIELD_CUSTOMER_NAME), slice_str("own")));
    assert_true(slice_eq(csv_rows_field(rows, FIELD_CUSTOMER_ID), slice_str("7")));
    assert_null(csv_rows_field(rows, FIELD_UPDATED_AT).p);
    assert_int_equal(csv_line(csv_rows_file(rows)), 2);
    csv_rows_close(rows);
    column_rules_release(&rules);
    (void)unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_rows__as_messages),
        cmocka_unit_test(test_csv_rows__decimal_comma),
        cmocka_unit_test(test_csv_rows__field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
