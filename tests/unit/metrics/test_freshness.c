/* freshness: by the contract, 24 h warn and 48 h are an error; what is said depends on the newest
 * Kafka timestamp only, so that it is the same after a restart. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/metrics/freshness.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define NOW INT64_C(1795867200000) /* 2026-11-28T12:00:00Z */

struct fixture {
    struct config config;
    struct metrics *metrics;
};

static int setup(void **state) {
    struct fixture *f = mem_calloc(1, sizeof *f);
    f->config.freshness_warn_ms = 24 * HOUR;
    f->config.freshness_error_ms = 48 * HOUR;
    f->config.future_window_ms = 24 * HOUR;
    f->metrics = metrics_new(&f->config);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    metrics_free(f->metrics);
    free(f);
    return 0;
}

static struct freshness look(const struct fixture *f) {
    struct freshness out;
    freshness_look(f->metrics, ENTITY_ACCOUNT, NOW, &out);
    return out;
}

static void test_freshness__by_age(void **state) {
    static const struct {
        int64_t age_ms; /* of the newest record */
        enum freshness_status status;
        int64_t age_s, since_ms;
        const char *message;
    } cases[] = {
        {0, FRESHNESS_PASS, 0, NOW, ""},
        {90 * SECOND + 999, FRESHNESS_PASS, 90, NOW - 90 * SECOND - 999, ""},
        {24 * HOUR - 1, FRESHNESS_PASS, 86399, NOW - 24 * HOUR + 1, ""},
        {24 * HOUR, FRESHNESS_WARN, 86400, NOW, "accounts: no record for 24 h"},
        {26 * HOUR, FRESHNESS_WARN, 93600, NOW - 2 * HOUR, "accounts: no record for 26 h"},
        {48 * HOUR - 1, FRESHNESS_WARN, 172799, NOW - 24 * HOUR + 1,
         "accounts: no record for 47 h"},
        {48 * HOUR, FRESHNESS_ERROR, 172800, NOW, "accounts: no record for 2 d"},
        {240 * HOUR, FRESHNESS_ERROR, 864000, NOW - 192 * HOUR, "accounts: no record for 10 d"},
        {-HOUR, FRESHNESS_PASS, 0, NOW, ""}, /* the producer's clock is ahead */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)teardown(state);
        (void)setup(state);
        struct fixture *f = *state;
        freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - cases[i].age_ms, NOW);
        freshness_note_told(f->metrics, ENTITY_ACCOUNT, INPUT_TOLD, NOW);
        struct freshness got = look(f);
        assert_int_equal(got.status, cases[i].status);
        assert_int_equal(got.newest_record_ms, NOW - cases[i].age_ms);
        assert_int_equal(got.age_s, cases[i].age_s);
        assert_int_equal(got.since_ms, cases[i].since_ms);
        assert_string_equal(got.message, cases[i].message);
    }
}

/* Records in any order; only the newest counts, and what ended a gap is remembered. */
static void test_freshness__the_newest_record_counts(void **state) {
    struct fixture *f = *state;
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - 30 * HOUR, NOW);
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - 90 * HOUR, NOW);
    assert_int_equal(look(f).newest_record_ms, NOW - 30 * HOUR);
    assert_int_equal(look(f).status, FRESHNESS_WARN);
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - 5 * HOUR, NOW); /* after 25 h */
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - HOUR, NOW);
    assert_int_equal(look(f).status, FRESHNESS_PASS);
    assert_int_equal(look(f).since_ms, NOW - 5 * HOUR);
    /* What the brokers then fail to tell changes nothing of what is known. */
    freshness_note_told(f->metrics, ENTITY_ACCOUNT, INPUT_REFUSED, NOW);
    freshness_note_told(f->metrics, ENTITY_ACCOUNT, INPUT_EMPTY, NOW);
    assert_int_equal(look(f).status, FRESHNESS_PASS);
    /* The other input is another matter. */
    struct freshness other;
    freshness_look(f->metrics, ENTITY_CUSTOMER, NOW, &other);
    assert_int_equal(other.newest_record_ms, TIMESTAMP_NONE);
}

static void test_freshness__a_wrong_date_does_not_hide_the_age(void **state) {
    struct fixture *f = *state;
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW - 60 * HOUR, NOW);
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, INT64_C(4070908800000), NOW - 7); /* 2099 */
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, INT64_C(4070908800001), NOW - 3);
    struct freshness got = look(f);
    assert_int_equal(got.status, FRESHNESS_WARN);
    assert_int_equal(got.since_ms, NOW - 7);
    assert_int_equal(got.age_s, -1);
    assert_string_equal(got.message,
                        "accounts: a record is dated ahead, 2099-01-01T00:00:00.001Z, so that the "
                        "age of the newest one cannot be told");
}

static void test_freshness__without_a_record(void **state) {
    static const struct {
        enum input_told told;
        enum freshness_status status;
        enum check_status check;
        const char *message, *check_message;
    } cases[] = {
        {INPUT_NOT_ASKED, FRESHNESS_UNKNOWN, CHECK_PASS,
         "accounts: how old the newest record is, is not known yet", ""},
        {INPUT_EMPTY, FRESHNESS_WARN, CHECK_WARN, "accounts: the topic has no record",
         "accounts: the topic has no record"},
        {INPUT_TOLD, FRESHNESS_WARN, CHECK_WARN, "accounts: the topic has no record",
         "accounts: the topic has no record"},
        {INPUT_REFUSED, FRESHNESS_UNKNOWN, CHECK_WARN,
         "accounts: the brokers do not tell how old the newest record is",
         "accounts: the brokers do not tell how old the newest record is"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct check_state check;
        freshness_note_told(f->metrics, ENTITY_ACCOUNT, cases[i].told, NOW - 7);
        freshness_note_told(f->metrics, ENTITY_ACCOUNT, cases[i].told, NOW); /* nothing new */
        struct freshness got = look(f);
        assert_int_equal(got.status, cases[i].status);
        assert_int_equal(got.newest_record_ms, TIMESTAMP_NONE);
        assert_int_equal(got.age_s, -1);
        assert_string_equal(got.message, cases[i].message);
        assert_int_equal(got.since_ms, cases[i].told == INPUT_NOT_ASKED
                                           ? f->metrics->process_start_cs * 10
                                           : NOW - 7);
        freshness_check(f->metrics, ENTITY_ACCOUNT, NOW, &check);
        assert_int_equal(check.status, cases[i].check);
        assert_string_equal(check.message, cases[i].check_message);
        assert_int_equal(check.judged_ms, cases[i].told == INPUT_NOT_ASKED ? 0 : NOW);
    }
}

static void test_freshness__as_a_check(void **state) {
    struct fixture *f = *state;
    struct check_state check;
    freshness_note_record(f->metrics, ENTITY_CUSTOMER, NOW - 50 * HOUR, NOW);
    freshness_check(f->metrics, ENTITY_CUSTOMER, NOW, &check);
    assert_string_equal(check.id, "source.freshness.customers");
    assert_int_equal(check.layer, LAYER_SOURCE);
    assert_int_equal(check.severity, SEVERITY_ERROR);
    assert_int_equal(check.status, CHECK_FAIL);
    assert_int_equal(check.since_ms, NOW - 2 * HOUR);
    assert_string_equal(check.message, "customers: no record for 2 d");
    freshness_note_record(f->metrics, ENTITY_ACCOUNT, NOW, NOW);
    freshness_check(f->metrics, ENTITY_ACCOUNT, NOW, &check);
    assert_string_equal(check.id, "source.freshness.accounts");
    assert_int_equal(check.status, CHECK_PASS);
}

static void test_freshness__words_of_dbt(void **state) {
    (void)state;
    assert_string_equal(freshness_status_name(FRESHNESS_PASS), "pass");
    assert_string_equal(freshness_status_name(FRESHNESS_WARN), "warn");
    assert_string_equal(freshness_status_name(FRESHNESS_ERROR), "error");
    assert_string_equal(freshness_status_name(FRESHNESS_UNKNOWN), "runtime error");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(test_freshness__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(by_age),
        CASE(the_newest_record_counts),
        CASE(a_wrong_date_does_not_hide_the_age),
        CASE(without_a_record),
        CASE(as_a_check),
        CASE(words_of_dbt),
    };
    return cmocka_run_group_tests_name("freshness", tests, NULL, NULL);
}
