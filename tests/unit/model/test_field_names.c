#include "streamer/base/mem.h"
#include "streamer/model/field_names.h"
#include "support.h"

static void test_field_names__find(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum field field; /* FIELD_COUNT: none */
        enum field_rank rank;
    } cases[] = {
        {"customer_id", FIELD_CUSTOMER_ID, FIELD_RANK_OWN},
        {"CUSTOMER-ID", FIELD_CUSTOMER_ID, FIELD_RANK_OWN},
        {"customer", FIELD_COUNT, 0},
        {"name", FIELD_CUSTOMER_NAME, FIELD_RANK_ALIAS},
        {"has_loan_flag", FIELD_HAS_LOAN, FIELD_RANK_ALIAS},
        {"loan", FIELD_HAS_LOAN, FIELD_RANK_CONFIGURED},
        {"LO_AN", FIELD_HAS_LOAN, FIELD_RANK_CONFIGURED},
        {"\xef\xbb\xbfloan", FIELD_HAS_LOAN, FIELD_RANK_CONFIGURED},
        {"loans", FIELD_COUNT, 0},
        {"a very long name of a customer's number", FIELD_CUSTOMER_ID, FIELD_RANK_CONFIGURED},
        {"a very long name of a customer's number.", FIELD_COUNT, 0},
        {"Größe", FIELD_UPDATED_AT, FIELD_RANK_CONFIGURED},
        {"balance", FIELD_COUNT, 0}, /* of accounts */
        {"", FIELD_COUNT, 0},
    };
    struct field_names n;
    struct err e;
    assert_true(field_names_init(
        &n, ENTITY_CUSTOMER,
        "has_loan=loan,customer_id=A Very Long Name Of A Customer's Number, updated_at = größe ",
        &e));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t next = 0; next <= n.count; next++) { /* wherever the search begins */
            size_t from = next;
            const struct field_name *found = field_names_find(&n, &from, slice_str(cases[i].name));
            if ((found != NULL ? found->field : FIELD_COUNT) != cases[i].field ||
                (found != NULL && found->rank != cases[i].rank))
                fail_msg("%s: %d", cases[i].name, found != NULL ? (int)found->field : -1);
        }
    }
    field_names_release(&n);
}

static void test_field_names__refuses(void **state) {
    (void)state;
    static const struct {
        enum entity entity;
        const char *value, *error;
    } cases[] = {
        {ENTITY_CUSTOMER, "cust_no", "\"cust_no\" is not FIELD=NAME, as customer_id=cust_no"},
        {ENTITY_CUSTOMER, "has_loan=loan,", "\"\" is not FIELD=NAME, as customer_id=cust_no"},
        {ENTITY_CUSTOMER, "customerid=x", "no field \"customerid\", did you mean customer_id?"},
        {ENTITY_CUSTOMER, "zzz=x",
         "no field \"zzz\", use one of customer_id, customer_name, has_loan, updated_at"},
        {ENTITY_CUSTOMER, "balance=x",
         "no field \"balance\", use one of customer_id, customer_name, has_loan, updated_at"},
        {ENTITY_ACCOUNT, "=x",
         "no field \"\", use one of account_id, customer_id, balance, account_type, updated_at"},
        {ENTITY_ACCOUNT, "balance_amount=x", "no field \"balance_amount\", "},
        {ENTITY_CUSTOMER, "has_loan=", "has_loan has no name, write has_loan=NAME"},
        {ENTITY_CUSTOMER, "has_loan= _-", "has_loan has no name, write has_loan=NAME"},
        {ENTITY_CUSTOMER, "has_loan=loan,customer_id=LOAN",
         "\"LOAN\" is already a name of has_loan, remove it"},
        {ENTITY_CUSTOMER, "has_loan=loan,has_loan=loan",
         "\"loan\" is already a name of has_loan, remove it"},
        {ENTITY_CUSTOMER, "has_loan=customer id",
         "\"customer id\" is already a name of customer_id, remove it"},
        {ENTITY_CUSTOMER, "customer_id=name",
         "\"name\" is already a name of customer_name, remove it"},
        {ENTITY_ACCOUNT, "account_type=Op",
         "\"Op\" cannot be a field's name: it is the operation of AWS DMS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct field_names n;
        struct err e = {0};
        assert_false(field_names_init(&n, cases[i].entity, cases[i].value, &e));
        assert_int_equal(e.class, ERR_CONFIG);
        if (strncmp(e.text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].value, e.text);
    }
}

static void test_field_names__long_names(void **state) {
    (void)state;
    struct err e = {0};
    for (int n = FIELD_NAME_MAX_BYTES; n <= FIELD_NAME_MAX_BYTES + 1; n++) {
        struct buf text = {0};
        buf_printf(&text, "has_loan=%0*d", n, 1);
        assert_int_equal(check_customer_field_names(buf_cstr(&text), &e),
                         n == FIELD_NAME_MAX_BYTES);
        buf_release(&text);
    }
    assert_string_equal(e.text, "a name of has_loan is longer than 128 bytes");
}

/* As a setting: origin, key and what is wrong. */
static void test_field_names__configuration(void **state) {
    (void)state;
    static const char *const good[] = {"fields.customers=customer_id=cust_no,has_loan=loan",
                                       "fields.accounts=balance=amount"};
    static const char *const bad[] = {"fields.accounts=has_loan=loan"};
    struct config c;
    struct err e = {0};
    assert_true(config_load(&c, NULL, good, ARRAY_LEN(good), &e));
    assert_string_equal(c.field_names[ENTITY_CUSTOMER], "customer_id=cust_no,has_loan=loan");
    config_release(&c);
    assert_false(config_load(&c, NULL, bad, ARRAY_LEN(bad), &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_true(strncmp(e.text, "--set: fields.accounts: no field \"has_loan\"", 42) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_names__find),
        cmocka_unit_test(test_field_names__refuses),
        cmocka_unit_test(test_field_names__long_names),
        cmocka_unit_test(test_field_names__configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
