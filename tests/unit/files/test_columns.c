#include "streamer/files/columns.h"

#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const path = "test_columns.csv";

struct test_case {
    const char *header;
    const char *map;   /* NULL: none */
    const char *error; /* "": the header is accepted */
};

/* Reads the header of a file of customers. */
static void check(const struct test_case *t) {
    struct column_rules rules;
    struct columns columns;
    struct err e = {0};
    struct csv_options options = {.record_max_bytes = 1000, .command = "streamer feed customers"};
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(t->header, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_true(column_rules_init(&rules, ENTITY_CUSTOMER, NULL, &t->map, t->map != NULL ? 1 : 0,
                                  NULL, 0, &e));
    struct csv *csv = csv_open(path, &options, &e);
    if (csv == NULL)
        fail_msg("%s", e.text);
    if (columns_init(&columns, &rules, csv, &e))
        columns_release(&columns);
    if (strcmp(e.text, t->error) != 0)
        fail_msg("%s\n%s\ninstead of\n%s", t->header, e.text, t->error);
    csv_close(csv);
    column_rules_release(&rules);
    (void)unlink(path);
}

static void check_all(const struct test_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++)
        check(&cases[i]);
}

/* Two columns for one field: which one is meant, nobody knows. */
static void test_columns__twins(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"customer_id,name,has_loan,Has Loan\n", NULL,
         "test_columns.csv:1: columns 3 and 4 are both has_loan, rename one"},
        {"customer_id,loan,name,has_loan\n", "loan=has_loan",
         "test_columns.csv:1: columns 2 and 4 are both has_loan, rename one"},
        {"customer_id,name,Name,has_loan\n", NULL,
         "test_columns.csv:1: columns 2 and 3 are both customer_name, rename one"},
        /* one with a better name */
        {"customer_id,name,customer_name,has_loan\n", NULL, ""},
        {"customer_id,loan,name,has_loan_flag\n", "loan=has_loan", ""},
        {"customer_id,name,NAME,customer_name,has_loan\n", NULL, ""},
    };
    check_all(cases, ARRAY_LEN(cases));
}

/* The advice can be pasted, and shows what cannot be seen. */
static void test_columns__names_in_advice(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"customer_id,name,has a loan\n", NULL,
         "test_columns.csv:1: no column has_loan or has_loan_flag among customer_id, name, has a "
         "loan; rename one, or --map 'has a loan=has_loan', or --missing has_loan"},
        {"customer_id\xE2\x80\x8B,name,has_loan\n", NULL,
         "test_columns.csv:1: no column customer_id among customer_id<U+200B>, name, has_loan; "
         "rename one, or --map 'customer_id\xE2\x80\x8B=customer_id'"},
        {"customer\xC2\xA0id,name,has_loan\n", NULL,
         "test_columns.csv:1: no column customer_id among customer<U+00A0>id, name, has_loan; "
         "rename one, or --map 'customer\xC2\xA0id=customer_id'"},
        {"customer_id,name,loan\n", "loans=has_loan",
         "test_columns.csv:1: no column \"loans\", which --map names, did you mean \"loan\"?"},
        {"\xE2\x80\x8B"
         "customer_id,name,has_loan\n",
         NULL, ""},
    };
    check_all(cases, ARRAY_LEN(cases));
}

/* A file that is separated otherwise, though it has a comma in its header. */
static void test_columns__another_delimiter(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"customer_id;name, first;has_loan\n", NULL,
         "test_columns.csv:1: no column customer_id, customer_name or name, has_loan or "
         "has_loan_flag among customer_id;name,  first;has_loan; use --delimiter ';'"},
        {"a,b\tcustomer_id\n", NULL,
         "test_columns.csv:1: no column customer_id, customer_name or name, has_loan or "
         "has_loan_flag among a, b customer_id; use --delimiter '\\t'"},
    };
    check_all(cases, ARRAY_LEN(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns__twins),
        cmocka_unit_test(test_columns__names_in_advice),
        cmocka_unit_test(test_columns__another_delimiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
