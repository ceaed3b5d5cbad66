/* A version as a row of its history topic, and back. Which column is which: schemas/README.md. */
#include "streamer/task/history_rows.h"

#include "streamer/base/timestamp.h"
#include "streamer/task/account_row.h"
#include "support.h"

#define FROM INT64_C(1707955200000)
#define TO (FROM + 1)
#define LOADED (FROM + 2)

static struct version version_of(struct slice attributes) {
    return (struct version){.from = FROM, .to = TO, .loaded_at = LOADED, .attributes = attributes};
}

/* The row, made a version again, is the version that it was made of. */
static void assert_and_back(enum entity entity, const union history_row *row,
                            const struct version *v) {
    struct buf attributes = {0};
    struct version back;
    buf_put_str(&attributes, "left over");
    assert_true(history_row_to_version(entity, row, &attributes, &back));
    assert_true(back.from == v->from && back.to == v->to && back.loaded_at == v->loaded_at);
    assert_true(slice_eq(back.attributes, v->attributes));
    buf_release(&attributes);
}

static void test_history_rows__customer(void **state) {
    (void)state;
    struct buf bytes = {0};
    struct customer_attributes a = {slice_str("ann"), true};
    union history_row row;
    row_put_avro(&customer_attributes_type, &a, &bytes);
    struct version v = version_of(buf_slice(&bytes));
    assert_ptr_equal(history_row_type(ENTITY_CUSTOMER), &customer_history_type);
    assert_true(history_row_of_version(ENTITY_CUSTOMER, slice_str("-7"), &v, &row));
    assert_int_equal(row.customer.customer_id, -7);
    assert_text(row.customer.customer_name, "ann");
    assert_true(row.customer.has_loan_flag);
    assert_true(row.customer.loaded_at == LOADED && row.customer.valid_from_at == FROM &&
                row.customer.valid_to_at == TO);
    assert_and_back(ENTITY_CUSTOMER, &row, &v);
    buf_release(&bytes);
}

static void test_history_rows__account(void **state) {
    (void)state;
    struct buf bytes = {0};
    struct account_attributes a = {-7, -123, slice_str("checking")};
    union history_row row;
    account_attributes_encode(&a, &bytes);
    struct version v = version_of(buf_slice(&bytes));
    v.to = TIMESTAMP_NONE;
    assert_ptr_equal(history_row_type(ENTITY_ACCOUNT), &account_history_type);
    assert_true(history_row_of_version(ENTITY_ACCOUNT, slice_str("A|1"), &v, &row));
    assert_text(row.account.account_id, "A|1");
    assert_int_equal(row.account.customer_id, -7);
    assert_int_equal(row.account.balance_amount, -123);
    assert_text(row.account.account_type, "checking");
    assert_true(row.account.loaded_at == LOADED && row.account.valid_from_at == FROM &&
                row.account.valid_to_at == TIMESTAMP_NONE);
    assert_and_back(ENTITY_ACCOUNT, &row, &v);
    buf_release(&bytes);
}

static void test_history_rows__refused(void **state) {
    (void)state;
    struct version v = version_of(slice_str("\xff"));
    struct buf attributes = {0};
    union history_row row;
    assert_false(history_row_of_version(ENTITY_CUSTOMER, slice_str("7"), &v, &row));
    assert_false(history_row_of_version(ENTITY_ACCOUNT, slice_str("7"), &v, &row));
    v.attributes = slice_of("\0\0", 2); /* no name, no loan */
    assert_true(history_row_of_version(ENTITY_CUSTOMER, slice_str("7"), &v, &row));
    assert_false(history_row_of_version(ENTITY_CUSTOMER, slice_str("x"), &v, &row));
    row.account = (struct account_history_row){.account_type = slice_str("gold")};
    assert_false(history_row_to_version(ENTITY_ACCOUNT, &row, &attributes, &v));
    buf_release(&attributes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_rows__customer),
        cmocka_unit_test(test_history_rows__account),
        cmocka_unit_test(test_history_rows__refused),
    };
    return cmocka_run_group_tests_name("history_rows", tests, NULL, NULL);
}
