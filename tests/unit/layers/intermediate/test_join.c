#include "support.h"

#include "streamer/layers/intermediate/join.h"

static const struct account_attributes account = {1001, 1650000, {"savings", 7}};

static void test_join__row(void **state) {
    (void)state;
    struct account_with_customer_row row;
    struct customer_ref customer = {true, slice_str("alice"), true};
    assert_true(join_account(slice_str("A001"), &account, -5, &customer, &row));
    assert_text(row.account_id, "A001");
    assert_int_equal(row.customer_id, 1001);
    assert_text(row.customer_name, "alice");
    assert_true(row.has_loan_flag);
    assert_int_equal(row.balance_amount, 1650000);
    assert_text(row.account_type, "savings");
    assert_true(row.valid_from_at == -5);
    customer.has_loan_flag = false;
    assert_true(join_account(slice_str("A001"), &account, -5, &customer, &row));
    assert_false(row.has_loan_flag);
}

static void test_join__orphan(void **state) {
    (void)state;
    struct account_with_customer_row row;
    struct customer_ref unknown = {false, slice_str(""), false};
    assert_false(join_account(slice_str("A001"), &account, 0, NULL, &row));
    assert_false(join_account(slice_str("A001"), &account, 0, &unknown, &row));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join__row),
        cmocka_unit_test(test_join__orphan),
    };
    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
