#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/standardize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KAFKA_TIME INT64_C(1707955200000)

/* A customer and an account that pass, of which each case changes one field. */
static struct decoded good_customer(void) {
    struct decoded d = {.kind = CHANGE_UPSERT};
    d.fields[FIELD_CUSTOMER_ID] = slice_str("1001");
    d.fields[FIELD_CUSTOMER_NAME] = slice_str("Alice");
    d.fields[FIELD_HAS_LOAN] = slice_str("yes");
    return d;
}

static struct decoded good_account(void) {
    struct decoded d = {.kind = CHANGE_UPSERT};
    d.fields[FIELD_ACCOUNT_ID] = slice_str("A001");
    d.fields[FIELD_CUSTOMER_ID] = slice_str("1001");
    d.fields[FIELD_BALANCE] = slice_str("16500");
    d.fields[FIELD_ACCOUNT_TYPE] = slice_str("Savings");
    return d;
}

static struct decoded good(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? good_customer() : good_account();
}

/* What standardize made of one record; the event's slices live as long as this. */
struct outcome {
    struct standardizer buffers;
    struct event event;
    struct reason why;
    bool ok;
};

static void run(struct outcome *o, enum entity entity, const struct decoded *d) {
    *o = (struct outcome){0};
    o->ok = standardize(&o->buffers, entity, d, KAFKA_TIME, &o->event, &o->why);
    assert_int_equal(o->ok, o->why.code == REASON_NONE);
}

static void run_with(struct outcome *o, enum entity entity, enum field field, const char *text) {
    struct decoded d = good(entity);
    d.fields[field] = text != NULL ? slice_str(text) : slice_null();
    run(o, entity, &d);
}

static void outcome_release(struct outcome *o) {
    standardizer_release(&o->buffers);
    buf_release(&o->why.text);
}

static void assert_refused(struct outcome *o, enum reason_code code, const char *text) {
    if (o->ok || o->why.code != code || strcmp(buf_cstr(&o->why.text), text) != 0)
        fail_msg("%s: %s, not %s", reason_code_name(o->why.code), buf_cstr(&o->why.text), text);
    outcome_release(o);
}

static void assert_slice(struct slice got, const char *expected) {
    if (!slice_eq(got, slice_str(expected)))
        fail_msg("%.*s, not %s", (int)got.n, got.p, expected);
}

struct refusal {
    const char *input, *text;
};

static void check_refusals(enum entity entity, enum field field, enum reason_code code,
                           const struct refusal *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct outcome o;
        run_with(&o, entity, field, cases[i].input);
        assert_refused(&o, code, cases[i].text);
    }
}

static void test_standardize__customer(void **state) {
    (void)state;
    struct decoded d = good_customer();
    d.fields[FIELD_CUSTOMER_ID] = slice_str(" 1e3\n");
    d.fields[FIELD_CUSTOMER_NAME] = slice_str("\t ÄNNE O'Neil \v");
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.entity, ENTITY_CUSTOMER);
    assert_int_equal(o.event.kind, CHANGE_UPSERT);
    assert_slice(o.event.id, "1000");
    assert_int_equal(o.event.customer_id, 1000);
    assert_slice(o.event.customer_name, "änne o'neil");
    assert_true(o.event.has_loan_flag);
    assert_int_equal(o.event.event_at_ms, KAFKA_TIME);
    assert_int_equal(o.event.loaded_at_ms, KAFKA_TIME);
    assert_int_equal(o.event.null_fields, 0);
    outcome_release(&o);
}

static void test_standardize__account(void **state) {
    (void)state;
    struct decoded d = good_account();
    d.fields[FIELD_ACCOUNT_ID] = slice_str(" Ab 1 ");
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.entity, ENTITY_ACCOUNT);
    assert_slice(o.event.id, "Ab 1");
    assert_int_equal(o.event.customer_id, 1001);
    assert_int_equal(o.event.balance_cents, 1650000);
    assert_int_equal(o.event.account_type, ACCOUNT_SAVINGS);
    outcome_release(&o);
}

static void test_standardize__customer_ids(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t id;
        const char *key;
    } accepted[] = {
        {"1001", 1001, "1001"},
        {"1001.0", 1001, "1001"},
        {"1e3", 1000, "1000"},
        {"+7", 7, "7"},
        {"-5", -5, "-5"},
        {"007", 7, "7"},
        {"-0", 0, "0"},
        {"9223372036854775807", INT64_MAX, "9223372036854775807"},
        {"-9223372036854775808", INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome o;
        run_with(&o, ENTITY_CUSTOMER, FIELD_CUSTOMER_ID, accepted[i].text);
        assert_true(o.ok);
        assert_int_equal(o.event.customer_id, accepted[i].id);
        assert_slice(o.event.id, accepted[i].key);
        outcome_release(&o);
    }
    static const struct refusal refused[] = {
        {NULL, "Invalid customer_id: null or empty"},
        {"", "Invalid customer_id: null or empty"},
        {" \t\n\v\f\r", "Invalid customer_id: null or empty"},
        {"NULL", "Invalid customer_id: null or empty"},
        {" n/A ", "Invalid customer_id: null or empty"},
        {"None", "Invalid customer_id: null or empty"},
        {" abc ", "Invalid customer_id: non-numeric value (abc)"},
        {"12 34", "Invalid customer_id: non-numeric value (12 34)"},
        {"1001.5", "Invalid customer_id: non-numeric value (1001.5)"},
        {"9223372036854775808", "Invalid customer_id: non-numeric value (9223372036854775808)"},
        {"1e999999999", "Invalid customer_id: non-numeric value (1e999999999)"},
        {"true", "Invalid customer_id: non-numeric value (true)"},
        {"\xc2\xa0"
         "1",
         "Invalid customer_id: non-numeric value (\xc2\xa0"
         "1)"}, /* only ASCII white space is trimmed */
        {"100%s%n", "Invalid customer_id: non-numeric value (100%s%n)"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_CUSTOMER_ID, REASON_INVALID_CUSTOMER_ID, refused,
                   ARRAY_LEN(refused));
    check_refusals(ENTITY_ACCOUNT, FIELD_CUSTOMER_ID, REASON_INVALID_CUSTOMER_ID, refused,
                   ARRAY_LEN(refused));
}

static void test_standardize__names(void **state) {
    (void)state;
    static const struct refusal refused[] = {
        {NULL, "Invalid name: null or empty"},  {"", "Invalid name: null or empty"},
        {"  ", "Invalid name: null or empty"},  {"null", "Invalid name: null or empty"},
        {"N/A", "Invalid name: null or empty"}, {" nOnE ", "Invalid name: null or empty"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_CUSTOMER_NAME, REASON_INVALID_NAME, refused, ARRAY_LEN(refused));
    static const struct refusal accepted[] = {
        {"nulla", "nulla"}, {"0", "0"}, {"NA", "na"}, {"İPEK ΣΑΣ", "ipek σασ"}};
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome o;
        run_with(&o, ENTITY_CUSTOMER, FIELD_CUSTOMER_NAME, accepted[i].input);
        assert_true(o.ok);
        assert_slice(o.event.customer_name, accepted[i].text);
        outcome_release(&o);
    }
}

static void test_standardize__has_loan(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool flag;
    } accepted[] = {
        {"yes", true}, {"Y", true},      {"TRUE", true},  {" 1 ", true},   {"no", false},
        {"N", false},  {"False", false}, {"0", false},    {"none", false}, {"", false},
        {"  ", false}, {NULL, false},    {"null", false}, {"N/A", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome o;
        run_with(&o, ENTITY_CUSTOMER, FIELD_HAS_LOAN, accepted[i].text);
        assert_true(o.ok);
        assert_int_equal(o.event.has_loan_flag, accepted[i].flag);
        outcome_release(&o);
    }
    static const struct refusal refused[] = {
        {" Maybe ", "Invalid has_loan value: Maybe"}, {"2", "Invalid has_loan value: 2"},
        {"1.0", "Invalid has_loan value: 1.0"},       {"yess", "Invalid has_loan value: yess"},
        {"ja", "Invalid has_loan value: ja"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_HAS_LOAN, REASON_INVALID_HAS_LOAN, refused, ARRAY_LEN(refused));
}

static void test_standardize__account_ids(void **state) {
    (void)state;
    static const struct refusal refused[] = {
        {NULL, "Invalid account_id: null or empty"},   {" ", "Invalid account_id: null or empty"},
        {"Null", "Invalid account_id: null or empty"}, {"n/a", "Invalid account_id: null or empty"},
        {"NONE", "Invalid account_id: null or empty"},
    };
    check_refusals(ENTITY_ACCOUNT, FIELD_ACCOUNT_ID, REASON_INVALID_ACCOUNT_ID, refused, ARRAY_LEN(refused));
}

static void test_standardize__balances(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t cents;
    } accepted[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.00", 0},
        {"-0.004", 0}, /* negative only after rounding counts */
        {"0.005", 1},
        {" 1000.10 ", 100010},
        {"1.5e3", 150000},
        {"9999999999999999.99", INT64_C(999999999999999999)},
        {"0e99999999999999999999", 0},
        {"1e-999999999", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome o;
        run_with(&o, ENTITY_ACCOUNT, FIELD_BALANCE, accepted[i].text);
        assert_true(o.ok);
        assert_int_equal(o.event.balance_cents, accepted[i].cents);
        outcome_release(&o);
    }
    static const struct refusal refused[] = {
        {NULL, "Invalid balance: null or empty"},
        {"", "Invalid balance: null or empty"},
        {" \t ", "Invalid balance: null or empty"},
        {"null", "Invalid balance: null representation (null)"},
        {" N/A ", "Invalid balance: null representation (N/A)"},
        {"None", "Invalid balance: null representation (None)"},
        {"abc", "Invalid balance: non-numeric value (abc)"},
        {"$5", "Invalid balance: non-numeric value ($5)"},
        {"1,000.00", "Invalid balance: non-numeric value (1,000.00)"},
        {"NaN", "Invalid balance: non-numeric value (NaN)"},
        {"true", "Invalid balance: non-numeric value (true)"},
        {"10000000000000000", "Invalid balance: non-numeric value (10000000000000000)"},
        {"9999999999999999.995", "Invalid balance: non-numeric value (9999999999999999.995)"},
        {"-1e999999999", "Invalid balance: non-numeric value (-1e999999999)"},
        {"-10000000000000000", "Invalid balance: non-numeric value (-10000000000000000)"},
        {"-0.005", "Invalid balance: negative value (-0.005)"},
        {" -50.00 ", "Invalid balance: negative value (-50.00)"},
    };
    check_refusals(ENTITY_ACCOUNT, FIELD_BALANCE, REASON_INVALID_BALANCE, refused, ARRAY_LEN(refused));
}

static void test_standardize__account_types(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum account_type type;
    } accepted[] = {
        {"savings", ACCOUNT_SAVINGS},   {" SAVINGS ", ACCOUNT_SAVINGS},   {"Savings", ACCOUNT_SAVINGS},
        {"checking", ACCOUNT_CHECKING}, {"cHECKING\n", ACCOUNT_CHECKING},
    };
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome o;
        run_with(&o, ENTITY_ACCOUNT, FIELD_ACCOUNT_TYPE, accepted[i].text);
        assert_true(o.ok);
        assert_int_equal(o.event.account_type, accepted[i].type);
        outcome_release(&o);
    }
    static const struct refusal refused[] = {
        {NULL, "Invalid account_type: null or empty"},
        {" ", "Invalid account_type: null or empty"},
        {"none", "Invalid account_type: null or empty"},
        {" Saving ", "Invalid account_type: must be Savings or Checking (Saving)"},
        {"credit", "Invalid account_type: must be Savings or Checking (credit)"},
    };
    check_refusals(ENTITY_ACCOUNT, FIELD_ACCOUNT_TYPE, REASON_INVALID_ACCOUNT_TYPE, refused,
                   ARRAY_LEN(refused));
}

static void test_standardize__event_time(void **state) {
    (void)state;
    static const struct {
        bool has_source_time;
        const char *updated_at;
        int64_t expected;
    } cases[] = {
        {true, "2024-01-01", 5},
        {true, "not a time", 5}, /* not looked at */
        {true, NULL, 5},
        {false, "1970-01-02", 86400000},
        {false, " 1970-01-01 00:00:00.25+00 ", 250},
        {false, "123", 123},
        {false, NULL, KAFKA_TIME},
        {false, " ", KAFKA_TIME},
        {false, "N/A", KAFKA_TIME},
        {false, "None", KAFKA_TIME},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = good_customer();
        d.has_source_time = cases[i].has_source_time;
        d.source_time_ms = 5;
        d.fields[FIELD_UPDATED_AT] =
            cases[i].updated_at != NULL ? slice_str(cases[i].updated_at) : slice_null();
        struct outcome o;
        run(&o, ENTITY_CUSTOMER, &d);
        assert_true(o.ok);
        assert_int_equal(o.event.event_at_ms, cases[i].expected);
        assert_int_equal(o.event.loaded_at_ms, KAFKA_TIME);
        outcome_release(&o);
    }
    static const struct refusal refused[] = {
        {" soon ",
         "Invalid updated_at: soon (accepted: an ISO-8601 date or date-time, or epoch milliseconds, of years "
         "0001 to 9999)"},
        {"true",
         "Invalid updated_at: true (accepted: an ISO-8601 date or date-time, or epoch milliseconds, of years "
         "0001 to 9999)"},
        {"1707955200000000",
         "Invalid updated_at: 1707955200000000 (accepted: an ISO-8601 date or date-time, or epoch "
         "milliseconds, of years 0001 to 9999)"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_UPDATED_AT, REASON_INVALID_UPDATED_AT, refused, ARRAY_LEN(refused));
    check_refusals(ENTITY_ACCOUNT, FIELD_UPDATED_AT, REASON_INVALID_UPDATED_AT, refused, ARRAY_LEN(refused));
}

static void test_standardize__kafka_timestamp_out_of_range(void **state) {
    (void)state;
    static const int64_t times[] = {TIMESTAMP_MAX + 1, TIMESTAMP_MIN - 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct decoded d = good_customer();
        struct outcome o = {0};
        o.ok = standardize(&o.buffers, ENTITY_CUSTOMER, &d, times[i], &o.event, &o.why);
        assert_false(o.ok);
        assert_int_equal(o.why.code, REASON_MALFORMED);
        outcome_release(&o);
    }
}

/* Removes the faults of a record one by one; each time the next in the table's order must come up. */
static void check_order(enum entity entity, const enum field order[], const enum reason_code codes[],
                        size_t n) {
    struct decoded d = {.kind = CHANGE_UPSERT};
    for (int f = 0; f < FIELD_COUNT; f++)
        d.fields[f] = slice_str(f == FIELD_CUSTOMER_NAME || f == FIELD_ACCOUNT_ID ? "" : "bad");
    struct decoded whole = good(entity);
    for (size_t i = 0; i < n; i++) {
        struct outcome o;
        run(&o, entity, &d);
        assert_int_equal(o.why.code, codes[i]);
        outcome_release(&o);
        d.fields[order[i]] = whole.fields[order[i]];
    }
    struct outcome o;
    run(&o, entity, &d);
    assert_true(o.ok);
    outcome_release(&o);
}

static void test_standardize__first_failure_counts(void **state) {
    (void)state;
    static const enum field customer[] = {FIELD_CUSTOMER_ID, FIELD_CUSTOMER_NAME, FIELD_HAS_LOAN,
                                          FIELD_UPDATED_AT};
    static const enum reason_code customer_codes[] = {REASON_INVALID_CUSTOMER_ID, REASON_INVALID_NAME,
                                                      REASON_INVALID_HAS_LOAN, REASON_INVALID_UPDATED_AT};
    check_order(ENTITY_CUSTOMER, customer, customer_codes, ARRAY_LEN(customer));
    static const enum field account[] = {FIELD_ACCOUNT_ID, FIELD_CUSTOMER_ID, FIELD_BALANCE,
                                         FIELD_ACCOUNT_TYPE, FIELD_UPDATED_AT};
    static const enum reason_code account_codes[] = {REASON_INVALID_ACCOUNT_ID, REASON_INVALID_CUSTOMER_ID,
                                                     REASON_INVALID_BALANCE, REASON_INVALID_ACCOUNT_TYPE,
                                                     REASON_INVALID_UPDATED_AT};
    check_order(ENTITY_ACCOUNT, account, account_codes, ARRAY_LEN(account));
}

static void test_standardize__deletes_check_id_and_time_only(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_DELETE};
    d.fields[FIELD_CUSTOMER_ID] = slice_str(" 1001.0 ");
    d.fields[FIELD_HAS_LOAN] = slice_str("bad");
    d.fields[FIELD_UPDATED_AT] = slice_str("5");
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.kind, CHANGE_DELETE);
    assert_slice(o.event.id, "1001");
    assert_int_equal(o.event.customer_id, 1001);
    assert_int_equal(o.event.event_at_ms, 5);
    assert_int_equal(o.event.null_fields, 0);
    outcome_release(&o);

    d.fields[FIELD_UPDATED_AT] = slice_str("bad");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_int_equal(o.why.code, REASON_INVALID_UPDATED_AT);
    outcome_release(&o);

    d.fields[FIELD_CUSTOMER_ID] = slice_null();
    run(&o, ENTITY_CUSTOMER, &d);
    assert_refused(&o, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: null or empty");

    run(&o, ENTITY_ACCOUNT, &d);
    assert_refused(&o, REASON_INVALID_ACCOUNT_ID, "Invalid account_id: null or empty");
}

static void test_standardize__tombstones(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_TOMBSTONE};
    d.fields[FIELD_ACCOUNT_ID] = slice_str(" A001 ");
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.kind, CHANGE_TOMBSTONE);
    assert_slice(o.event.id, "A001");
    assert_int_equal(o.event.event_at_ms, KAFKA_TIME);
    outcome_release(&o);

    d.fields[FIELD_CUSTOMER_ID] = slice_str("abc");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_refused(&o, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: non-numeric value (abc)");
}

static void test_standardize__null_fields(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_UPSERT};
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d); /* refused for the first field, yet all are counted */
    assert_false(o.ok);
    assert_int_equal(o.event.null_fields,
                     1u << FIELD_CUSTOMER_ID | 1u << FIELD_CUSTOMER_NAME | 1u << FIELD_HAS_LOAN);
    outcome_release(&o);

    run(&o, ENTITY_ACCOUNT, &d);
    assert_int_equal(o.event.null_fields, 1u << FIELD_ACCOUNT_ID | 1u << FIELD_CUSTOMER_ID |
                                              1u << FIELD_BALANCE | 1u << FIELD_ACCOUNT_TYPE);
    outcome_release(&o);

    run_with(&o, ENTITY_CUSTOMER, FIELD_HAS_LOAN, " None ");
    assert_true(o.ok);
    assert_int_equal(o.event.null_fields, 1u << FIELD_HAS_LOAN);
    outcome_release(&o);
}

/* `n` letters between spaces, which do not count. */
static void check_long_text(enum entity entity, enum field field, size_t n, bool ok) {
    char *text = mem_alloc(n + 3);
    memset(text, 'X', n + 2);
    text[0] = text[n + 1] = ' ';
    text[n + 2] = '\0';
    struct outcome o;
    run_with(&o, entity, field, text);
    assert_int_equal(o.ok, ok);
    assert_int_equal(o.why.code, ok ? REASON_NONE : REASON_TOO_LARGE);
    outcome_release(&o);
    free(text);
}

static void test_standardize__long_texts_are_too_large(void **state) {
    (void)state;
    check_long_text(ENTITY_CUSTOMER, FIELD_CUSTOMER_NAME, TEXT_MAX_BYTES, true);
    check_long_text(ENTITY_CUSTOMER, FIELD_CUSTOMER_NAME, TEXT_MAX_BYTES + 1, false);
    check_long_text(ENTITY_ACCOUNT, FIELD_ACCOUNT_ID, TEXT_MAX_BYTES, true);
    check_long_text(ENTITY_ACCOUNT, FIELD_ACCOUNT_ID, TEXT_MAX_BYTES + 1, false);
}

static void test_standardize__reasons_are_bounded(void **state) {
    (void)state;
    enum { LONG = 500000 };
    char *text = mem_alloc(LONG + 1);
    for (size_t i = 0; i < LONG; i += 2)
        memcpy(text + i, "ä", 2);
    text[LONG] = '\0';
    struct outcome o;
    run_with(&o, ENTITY_ACCOUNT, FIELD_BALANCE, text);
    assert_int_equal(o.why.code, REASON_INVALID_BALANCE);
    assert_in_range(o.why.text.n, 4096, 4096 + 100);
    assert_true(
        slice_has_prefix(buf_slice(&o.why.text), slice_str("Invalid balance: non-numeric value (ää")));
    assert_non_null(strstr(buf_cstr(&o.why.text), "ä…)"));
    outcome_release(&o);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standardize__customer),
        cmocka_unit_test(test_standardize__account),
        cmocka_unit_test(test_standardize__customer_ids),
        cmocka_unit_test(test_standardize__names),
        cmocka_unit_test(test_standardize__has_loan),
        cmocka_unit_test(test_standardize__account_ids),
        cmocka_unit_test(test_standardize__balances),
        cmocka_unit_test(test_standardize__account_types),
        cmocka_unit_test(test_standardize__event_time),
        cmocka_unit_test(test_standardize__kafka_timestamp_out_of_range),
        cmocka_unit_test(test_standardize__first_failure_counts),
        cmocka_unit_test(test_standardize__deletes_check_id_and_time_only),
        cmocka_unit_test(test_standardize__tombstones),
        cmocka_unit_test(test_standardize__null_fields),
        cmocka_unit_test(test_standardize__long_texts_are_too_large),
        cmocka_unit_test(test_standardize__reasons_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
