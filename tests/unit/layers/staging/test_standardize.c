#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/staging/standardize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KAFKA_TIME INT64_C(1707955200000)

/* A customer and an account that pass. Each case changes one field of them. */
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

/* What standardize made of one record. The event's slices are good as long as the struct. */
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
        {NULL, "Invalid name: null or empty"},
        {"", "Invalid name: null or empty"},
        {"  ", "Invalid name: null or empty"},
        {"null", "Invalid name: null or empty"},
        {"N/A", "Invalid name: null or empty"},
        {" nOnE ", "Invalid name: null or empty"},
        /* nothing to be seen: no-break, ideographic and zero-width space, byte order mark, next
           line */
        {"\xc2\xa0", "Invalid name: null or empty"},
        {" \xe3\x80\x80 \xc2\x85", "Invalid name: null or empty"},
        {"\xe2\x80\x8b\xef\xbb\xbf", "Invalid name: null or empty"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_CUSTOMER_NAME, REASON_INVALID_NAME, refused,
                   ARRAY_LEN(refused));
    static const struct refusal accepted[] = {
        {"nulla", "nulla"},
        {"0", "0"},
        {"NA", "na"},
        {"İPEK ΣΑΣ", "ipek σασ"},
        {"\xc2\xa0X", "\xc2\xa0x"},
        {"\xe2\x80\x8c", "\xe2\x80\x8c"}, /* U+200C is neither White_Space nor one of the two */
    };
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
        {"yes", true},
        {"Y", true},
        {"TRUE", true},
        {" 1 ", true},
        {"no", false},
        {"N", false},
        {"False", false},
        {"0", false},
        {"none", false},
        {"", false},
        {"  ", false},
        {NULL, false},
        {"null", false},
        {"N/A", false},
        /* equal to 1 or 0 by the grammar of numbers */
        {"1.0", true},
        {"+1", true},
        {"10e-1", true},
        {"0.00", false},
        {"-0", false},
        {"0e5", false},
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
        {"1.5", "Invalid has_loan value: 1.5"},       {"yess", "Invalid has_loan value: yess"},
        {"ja", "Invalid has_loan value: ja"},         {"-1", "Invalid has_loan value: -1"},
        {"1.0.0", "Invalid has_loan value: 1.0.0"},   {"0x1", "Invalid has_loan value: 0x1"},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_HAS_LOAN, REASON_INVALID_HAS_LOAN, refused,
                   ARRAY_LEN(refused));
}

static void test_standardize__account_ids(void **state) {
    (void)state;
    static const struct refusal refused[] = {
        {NULL, "Invalid account_id: null or empty"},   {" ", "Invalid account_id: null or empty"},
        {"Null", "Invalid account_id: null or empty"}, {"n/a", "Invalid account_id: null or empty"},
        {"NONE", "Invalid account_id: null or empty"},
    };
    check_refusals(ENTITY_ACCOUNT, FIELD_ACCOUNT_ID, REASON_INVALID_ACCOUNT_ID, refused,
                   ARRAY_LEN(refused));
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
        {"-0.004", 0}, /* negative counts only after rounding */
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
    check_refusals(ENTITY_ACCOUNT, FIELD_BALANCE, REASON_INVALID_BALANCE, refused,
                   ARRAY_LEN(refused));
}

static void test_standardize__account_types(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum account_type type;
    } accepted[] = {
        {"savings", ACCOUNT_SAVINGS},     {" SAVINGS ", ACCOUNT_SAVINGS},
        {"Savings", ACCOUNT_SAVINGS},     {"checking", ACCOUNT_CHECKING},
        {"cHECKING\n", ACCOUNT_CHECKING},
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
        {true, "not a time", 5}, /* updated_at is not looked at */
        {true, NULL, 5},
        {false, "1970-01-02", 86400000},
        {false, " 1970-01-01 00:00:00.25+00 ", 250},
        {false, "1795820390123456", INT64_C(1795820390123)},
        {false, "20261125", INT64_C(1795564800000)},
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
#define ACCEPTED                                                                                   \
    " (accepted: an ISO-8601 date or date-time of years 0001 to 9999, or epoch seconds, "          \
    "milliseconds, "                                                                               \
    "microseconds or nanoseconds of years 1973 to 2286)"
    static const struct refusal refused[] = {
        {" soon ", "Invalid updated_at: soon" ACCEPTED},
        {"true", "Invalid updated_at: true" ACCEPTED},
        {"123", "Invalid updated_at: 123" ACCEPTED},
        {"930101", "Invalid updated_at: 930101" ACCEPTED},
        {"45337", "Invalid updated_at: 45337" ACCEPTED},
    };
    check_refusals(ENTITY_CUSTOMER, FIELD_UPDATED_AT, REASON_INVALID_UPDATED_AT, refused,
                   ARRAY_LEN(refused));
    check_refusals(ENTITY_ACCOUNT, FIELD_UPDATED_AT, REASON_INVALID_UPDATED_AT, refused,
                   ARRAY_LEN(refused));
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

static void test_standardize__no_kafka_timestamp(void **state) {
    (void)state;
    struct decoded d = good_customer();
    struct outcome o = {0};
    o.ok = standardize(&o.buffers, ENTITY_CUSTOMER, &d, -1, &o.event, &o.why);
    assert_slice(o.event.id, "1001"); /* the owner of the id judges the record */
    assert_refused(&o, REASON_MALFORMED, "Malformed record: it has no Kafka timestamp (-1)");
}

/* Removes the faults of a record one by one. Each time the next fault in the order of the table
 * must come up. */
static void check_order(enum entity entity, const enum field order[],
                        const enum reason_code codes[], size_t n) {
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
    static const enum reason_code customer_codes[] = {REASON_INVALID_CUSTOMER_ID,
                                                      REASON_INVALID_NAME, REASON_INVALID_HAS_LOAN,
                                                      REASON_INVALID_UPDATED_AT};
    check_order(ENTITY_CUSTOMER, customer, customer_codes, ARRAY_LEN(customer));
    static const enum field account[] = {FIELD_ACCOUNT_ID, FIELD_CUSTOMER_ID, FIELD_BALANCE,
                                         FIELD_ACCOUNT_TYPE, FIELD_UPDATED_AT};
    static const enum reason_code account_codes[] = {
        REASON_INVALID_ACCOUNT_ID, REASON_INVALID_CUSTOMER_ID, REASON_INVALID_BALANCE,
        REASON_INVALID_ACCOUNT_TYPE, REASON_INVALID_UPDATED_AT};
    check_order(ENTITY_ACCOUNT, account, account_codes, ARRAY_LEN(account));
}

/* A delete has nothing but the id: updated_at is the time of the row's last change, not of its
 * end. */
static void test_standardize__deletes_check_the_id_only(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_DELETE};
    d.fields[FIELD_CUSTOMER_ID] = slice_str(" 1001.0 ");
    d.fields[FIELD_HAS_LOAN] = slice_str("bad");
    d.fields[FIELD_UPDATED_AT] = slice_str("2024-02-01");
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.kind, CHANGE_DELETE);
    assert_slice(o.event.id, "1001");
    assert_int_equal(o.event.customer_id, 1001);
    assert_int_equal(o.event.event_at_ms, KAFKA_TIME);
    assert_false(o.event.has_own_time);
    assert_int_equal(o.event.null_fields, 0);
    outcome_release(&o);

    d.has_source_time = true;
    d.source_time_ms = 5;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_int_equal(o.event.event_at_ms, 5);
    assert_true(o.event.has_own_time);
    outcome_release(&o);

    d.fields[FIELD_UPDATED_AT] = slice_str("bad");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    outcome_release(&o);

    d.fields[FIELD_CUSTOMER_ID] = slice_null();
    run(&o, ENTITY_CUSTOMER, &d);
    assert_refused(&o, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: null or empty");

    run(&o, ENTITY_ACCOUNT, &d);
    assert_refused(&o, REASON_INVALID_ACCOUNT_ID, "Invalid account_id: null or empty");
}

/* A truncate has no id. Only its time counts. */
static void test_standardize__truncates(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_TRUNCATE,
                        .has_source_time = true,
                        .source_time_ms = 5,
                        .position = slice_str("l")};
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.kind, CHANGE_TRUNCATE);
    assert_int_equal(o.event.id.n, 0);
    assert_int_equal(o.event.event_at_ms, 5);
    assert_true(o.event.has_own_time);
    assert_slice(o.event.position, "l");
    outcome_release(&o);

    d.has_source_time = false;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.event_at_ms, KAFKA_TIME);
    assert_false(o.event.has_own_time);
    outcome_release(&o);
}

static void test_standardize__typed_times(void **state) {
    (void)state;
    static const struct {
        enum updated_at_type type;
        const char *text;
        bool ok;
        int64_t expected;
    } cases[] = {
        {UPDATED_AT_MS, "5", true, 5}, /* the text "5" would not be a time */
        {UPDATED_AT_MS, "-1", true, -1},
        {UPDATED_AT_MS, "253402300799999", true, TIMESTAMP_MAX},
        {UPDATED_AT_MS, "253402300800000", false, 0},
        {UPDATED_AT_MS, "796899343984252629724800000", false, 0},
        {UPDATED_AT_NO_DATE, "2024", false, 0},
        {UPDATED_AT_NO_DATE, "1707955200000", false, 0},
        {UPDATED_AT_NO_DATE, "2024-02-15", false, 0},
        {UPDATED_AT_NO_DATE, NULL, true, KAFKA_TIME},
        {UPDATED_AT_NO_DATE, "", true, KAFKA_TIME},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = good_account();
        d.updated_at_type = cases[i].type;
        d.fields[FIELD_UPDATED_AT] =
            cases[i].text != NULL ? slice_str(cases[i].text) : slice_null();
        struct outcome o;
        run(&o, ENTITY_ACCOUNT, &d);
        assert_int_equal(o.ok, cases[i].ok);
        assert_int_equal(o.why.code, cases[i].ok ? REASON_NONE : REASON_INVALID_UPDATED_AT);
        assert_int_equal(o.event.event_at_ms, cases[i].ok ? cases[i].expected : KAFKA_TIME);
        outcome_release(&o);
    }
}

/* --- __debezium_unavailable_value --- */

/* An unavailable field is not checked and not counted. Faults of the other fields come first. */
static void test_standardize__unavailable_fields(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_UPSERT};
    d.fields[FIELD_CUSTOMER_ID] = slice_str("7");
    d.unavailable = FIELD_BIT(FIELD_CUSTOMER_NAME) | FIELD_BIT(FIELD_HAS_LOAN);
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.unavailable, d.unavailable);
    assert_int_equal(o.event.null_fields, 0);
    outcome_release(&o);

    d = (struct decoded){.kind = CHANGE_UPSERT};
    d.fields[FIELD_ACCOUNT_ID] = slice_str("A");
    d.unavailable =
        FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_BALANCE) | FIELD_BIT(FIELD_ACCOUNT_TYPE);
    run(&o, ENTITY_ACCOUNT, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.unavailable, d.unavailable);
    outcome_release(&o);

    d.unavailable = FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_BALANCE);
    d.fields[FIELD_ACCOUNT_TYPE] = slice_str("bad");
    run(&o, ENTITY_ACCOUNT, &d);
    assert_refused(&o, REASON_INVALID_ACCOUNT_TYPE,
                   "Invalid account_type: must be Savings or Checking (bad)");
}

/* An unavailable updated_at that decides the event time makes the record malformed. */
static void test_standardize__unavailable_updated_at(void **state) {
    (void)state;
    struct decoded d = good_customer();
    d.unavailable = FIELD_BIT(FIELD_UPDATED_AT);
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_int_equal(o.why.code, REASON_MALFORMED);
    outcome_release(&o);

    d.fields[FIELD_HAS_LOAN] = slice_str("bad");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_int_equal(o.why.code, REASON_INVALID_HAS_LOAN);
    outcome_release(&o);

    d = good_customer();
    d.unavailable = FIELD_BIT(FIELD_UPDATED_AT);
    d.has_source_time = true;
    d.source_time_ms = 5;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_true(o.ok);
    assert_int_equal(o.event.event_at_ms, 5);
    assert_int_equal(o.event.unavailable, 0);
    outcome_release(&o);
}

/* --- what a bad record still says --- */

static void assert_told(const struct outcome *o, const char *id, int64_t at_ms, bool own_time) {
    assert_false(o->ok);
    assert_slice(o->event.id, id);
    assert_int_equal(o->event.event_at_ms, at_ms);
    assert_int_equal(o->event.has_own_time, own_time);
    assert_int_equal(o->event.loaded_at_ms, KAFKA_TIME);
    assert_true(o->event.is_read);
    assert_slice(o->event.position, "l0:5");
}

static struct decoded bad_account(void) {
    struct decoded d = good_account();
    d.fields[FIELD_BALANCE] = slice_str("bad");
    d.fields[FIELD_UPDATED_AT] = slice_str("2024-02-14");
    d.is_read = true;
    d.position = slice_str("l0:5");
    return d;
}

static void test_standardize__a_bad_record_tells_its_id_and_place(void **state) {
    (void)state;
    struct decoded d = bad_account();
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, &d);
    assert_told(&o, "A001", INT64_C(1707868800000), true);
    outcome_release(&o);

    d.fields[FIELD_UPDATED_AT] = slice_str("bad"); /* then it has no time of its own */
    run(&o, ENTITY_ACCOUNT, &d);
    assert_told(&o, "A001", KAFKA_TIME, false);
    outcome_release(&o);

    d.has_source_time = true;
    d.source_time_ms = 5;
    run(&o, ENTITY_ACCOUNT, &d);
    assert_told(&o, "A001", 5, true);
    outcome_release(&o);

    d.fields[FIELD_ACCOUNT_ID] = slice_str("None");
    run(&o, ENTITY_ACCOUNT, &d);
    assert_told(&o, "", 5, true);
    outcome_release(&o);

    run(&o, ENTITY_CUSTOMER, &d); /* its name is missing */
    assert_told(&o, "1001", 5, true);
    outcome_release(&o);

    d.fields[FIELD_CUSTOMER_ID] = slice_str("1.5");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_told(&o, "", 5, true);
    outcome_release(&o);
}

static void test_standardize__rejected_by_the_source_layer(void **state) {
    (void)state;
    struct decoded d = bad_account();
    struct outcome o = {0};
    standardize_rejected(&o.buffers, ENTITY_ACCOUNT, &d, KAFKA_TIME, &o.event);
    assert_told(&o, "A001", INT64_C(1707868800000), true);
    assert_int_equal(o.event.entity, ENTITY_ACCOUNT);
    assert_int_equal(o.event.null_fields, 0);

    d = (struct decoded){.kind = CHANGE_DELETE, .is_read = true, .position = slice_str("l0:5")};
    standardize_rejected(&o.buffers, ENTITY_CUSTOMER, &d, KAFKA_TIME, &o.event);
    assert_told(&o, "", KAFKA_TIME, false);
    assert_int_equal(o.event.kind, CHANGE_DELETE);
    outcome_release(&o);
}

/* The id is null because no field of the entity is there. */
static void test_standardize__no_known_field_is_told(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_UPSERT, .strange_names = slice_str("payload, x")};
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d);
    assert_refused(&o, REASON_INVALID_CUSTOMER_ID,
                   "Invalid customer_id: null or empty (no known field is there, but: payload, x)");
    run(&o, ENTITY_ACCOUNT, &d);
    assert_refused(&o, REASON_INVALID_ACCOUNT_ID,
                   "Invalid account_id: null or empty (no known field is there, but: payload, x)");
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
    assert_false(o.event.has_own_time);
    outcome_release(&o);

    d.fields[FIELD_CUSTOMER_ID] = slice_str("abc");
    run(&o, ENTITY_CUSTOMER, &d);
    assert_refused(&o, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: non-numeric value (abc)");
}

static void test_standardize__null_fields(void **state) {
    (void)state;
    struct decoded d = {.kind = CHANGE_UPSERT};
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, &d); /* rejected for the first null, but all nulls are counted */
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

/* A text of `n` letters between spaces; the spaces do not count. */
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
    assert_true(slice_has_prefix(buf_slice(&o.why.text),
                                 slice_str("Invalid balance: non-numeric value (ää")));
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
        cmocka_unit_test(test_standardize__no_kafka_timestamp),
        cmocka_unit_test(test_standardize__deletes_check_the_id_only),
        cmocka_unit_test(test_standardize__truncates),
        cmocka_unit_test(test_standardize__typed_times),
        cmocka_unit_test(test_standardize__unavailable_fields),
        cmocka_unit_test(test_standardize__unavailable_updated_at),
        cmocka_unit_test(test_standardize__a_bad_record_tells_its_id_and_place),
        cmocka_unit_test(test_standardize__rejected_by_the_source_layer),
        cmocka_unit_test(test_standardize__no_known_field_is_told),
        cmocka_unit_test(test_standardize__tombstones),
        cmocka_unit_test(test_standardize__null_fields),
        cmocka_unit_test(test_standardize__long_texts_are_too_large),
        cmocka_unit_test(test_standardize__reasons_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
