/* reason_mask: the reasons of the contract, with the value that each of them quotes. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/model/reason_mask.h"

#include <string.h>

static void test_reason_mask__no_value_is_seen(void **state) {
    static const struct {
        enum reason_code code;
        const char *text, *masked;
    } cases[] = {
        {REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: null or empty",
         "Invalid customer_id: null or empty"},
        {REASON_INVALID_CUSTOMER_ID,
         "Invalid customer_id: null or empty (no known field is there, but: kunde)",
         "Invalid customer_id: null or empty (no known field is there, but: kunde)"},
        {REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: non-numeric value (C-7)",
         "Invalid customer_id: non-numeric value (***)"},
        {REASON_INVALID_NAME, "Invalid name: null or empty", "Invalid name: null or empty"},
        {REASON_INVALID_HAS_LOAN, "Invalid has_loan value: may(be", "Invalid has_loan value: ***"},
        {REASON_INVALID_HAS_LOAN, "Invalid has_loan value: x: y", "Invalid has_loan value: ***"},
        {REASON_INVALID_ACCOUNT_ID, "Invalid account_id: null or empty",
         "Invalid account_id: null or empty"},
        {REASON_INVALID_BALANCE, "Invalid balance: null representation (N/A)",
         "Invalid balance: null representation (***)"},
        {REASON_INVALID_BALANCE, "Invalid balance: non-numeric value (a) value (b)",
         "Invalid balance: non-numeric value (***)"},
        {REASON_INVALID_BALANCE, "Invalid balance: negative value (-1)",
         "Invalid balance: negative value (***)"},
        {REASON_INVALID_BALANCE, "Invalid balance: non-numeric value (cut in the mid",
         "Invalid balance: non-numeric value (***"},
        {REASON_INVALID_ACCOUNT_TYPE, "Invalid account_type: must be Savings or Checking (gold)",
         "Invalid account_type: must be Savings or Checking (***)"},
        {REASON_INVALID_UPDATED_AT, "Invalid updated_at: tomorrow (accepted: an ISO-8601 date)",
         "Invalid updated_at: ***"},
        {REASON_INVALID_UPDATED_AT, "Invalid updated_at: value (x", "Invalid updated_at: ***"},
        {REASON_MALFORMED, "Malformed record: it has no Kafka timestamp (-1)",
         "Malformed record: it has no Kafka timestamp (-1)"},
        {REASON_UNSUPPORTED_OP, "Unsupported operation: x (supported: c, r, u, d, t)",
         "Unsupported operation: x (supported: c, r, u, d, t)"},
        {REASON_INVALID_BALANCE, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        reason_put_masked(&out, cases[i].code, slice_str(cases[i].text));
        assert_string_equal(buf_cstr(&out), cases[i].masked);
        buf_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reason_mask__no_value_is_seen),
    };
    return cmocka_run_group_tests_name("reason_mask", tests, NULL, NULL);
}
