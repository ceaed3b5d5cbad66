#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define FEB_15 INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

static void test_timestamp__parse_iso(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"2024-02-15", FEB_15},
        {"2024-02-15T00:00:00.000Z", FEB_15},
        {"2024-02-15 00:00", FEB_15},
        {"2024-02-15T12:34", FEB_15 + 45240000},
        {"2024-02-15T12:34:56", FEB_15 + 45296000},
        {"2024-02-15 12:34:56.7", FEB_15 + 45296700},
        {"2024-02-15 12:34:56.78Z", FEB_15 + 45296780},
        {"2024-02-15 12:34:56.789123456Z", FEB_15 + 45296789},
        {"2024-02-15T12:34:56.9999999999999999999999999", FEB_15 + 45296999}, /* cut, not rounded */
        {"2024-02-15T01:00+01", FEB_15},
        {"2024-02-15T01:30+0130", FEB_15},
        {"2024-02-14T18:30:00.000-05:30", FEB_15},
        {"2024-02-15T00:00:00-00:00", FEB_15},
        {"2024-02-15T00:00Z", FEB_15},
        {"2024-02-15t12:34", FEB_15 + 45240000},
        {"2024-02-29", FEB_15 + INT64_C(14) * 86400000},
        {"2000-02-29", INT64_C(951782400000)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"1900-03-01", INT64_C(-2203891200000)},
        {"2024-02-15Z", FEB_15}, /* the beginning of the day in its zone */
        {"2024-02-15+01:00", FEB_15 - 3600000},
        {"2024-02-15+01", FEB_15 - 3600000},
        {"2024-02-15-0530", FEB_15 + 19800000},
        {"2024-02-15-05:30", FEB_15 + 19800000},
        {"20240215", FEB_15},
        {"20240215Z", FEB_15},
        {"20240215+01:00", FEB_15 - 3600000},
        {"20240215-05", FEB_15 + 18000000},
        {"20240215T123456", FEB_15 + 45296000},
        {"20240215t123456", FEB_15 + 45296000},
        {"20240215 123456", FEB_15 + 45296000},
        {"20240215T123456.7Z", FEB_15 + 45296700},
        {"20240215T123456+01", FEB_15 + 45296000 - 3600000},
        {"20240215123456", FEB_15 + 45296000},
        {"20240215123456.789123", FEB_15 + 45296789},
        {"20240215123456Z", FEB_15 + 45296000},
        {"20240215123456.5-0100", FEB_15 + 45296500 + 3600000},
        {"0001-01-01", TIMESTAMP_MIN},
        {"00010101", TIMESTAMP_MIN},
        {"99991231235959.999", TIMESTAMP_MAX},
        {"9999-12-31T23:59:59.999Z", TIMESTAMP_MAX},
        {"9999-12-31T23:59:59.9999", TIMESTAMP_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t iso = 42, any = 42;
        bool ok = timestamp_parse_iso(slice_str(cases[i].text), &iso) &&
                  timestamp_parse(slice_str(cases[i].text), &any);
        if (!ok || iso != cases[i].ms || any != cases[i].ms)
            fail_msg("%s: %lld, not %lld", cases[i].text, (long long)iso, (long long)cases[i].ms);
    }
}

static void test_timestamp__parse_refuses(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "yesterday",
        "2024-2-15",
        "2024-02",
        "24-02-15",
        "2024/02/15",
        "15.02.2024",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-04-31",
        "0000-12-31",
        "10000-01-01",
        "-2024-02-15",
        "+2024-02-15",
        "2024-02-15T",
        "2024-02-15T12",
        "2024-02-15T12:",
        "2024-02-15T1:02",
        "2024-02-15T24:00",
        "2024-02-15T12:60",
        "2024-02-15T12:34:60",
        "2024-02-15T12:34:",
        "2024-02-15T12:34:56.",
        "2024-02-15T12:34:56.Z",
        "2024-02-15T12:34:56,5",
        "2024-02-15T12:34.5",
        "2024-02-15T12:34z",
        "2024-02-15  12:34",
        "2024-02-15T12:34 Z",
        "2024-02-15T12:34ZZ",
        "2024-02-15T12:34+",
        "2024-02-15T12:34+1",
        "2024-02-15T12:34+01:",
        "2024-02-15T12:34+01:6",
        "2024-02-15T12:34+01:60",
        "2024-02-15T12:34+24:00",
        "2024-02-15T12:34+010203",
        "2024-02-15T12:34 UTC",
        "2024-02-15T12:34:56Zx",
        " 2024-02-15",
        "2024-02-15 ",
        "2024-02-15z",
        "2024-02-15 Z",
        "2024-02-15+1",
        "2024-02-15TZ",
        "2024-0215",
        "202402-15",
        "2024-02-15T123456",
        "20240215T12:34:56",
        "20240215T1234",
        "20240215T12",
        "20240215T",
        "20240215T123456.",
        "20240215T1234567",
        "20240230",
        "20230229",
        "20241301",
        "00000101",
        "20240215240000",
        "20240215126000",
        "20240215123460",
        "20240215123456T",
        "20240215T123456 Z",
        "2024021",
        "0001-01-01T00:00+00:01", /* before MIN */
        "0001-01-01+00:01",
        "9999-12-31T23:59:59-00:01", /* after MAX */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms;
        if (timestamp_parse_iso(slice_str(cases[i]), &ms) ||
            timestamp_parse(slice_str(cases[i]), &ms))
            fail_msg("%s", cases[i]);
    }
    int64_t ms;
    assert_false(timestamp_parse(slice_null(), &ms));
    /* Reads no further than n. */
    assert_true(timestamp_parse_iso(slice_of("2024-02-15T", 10), &ms));
}

struct number {
    const char *text;
    bool ok;
    int64_t ms;
};

static void check_numbers(const struct number *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t ms = 42;
        if (timestamp_parse(slice_str(cases[i].text), &ms) != cases[i].ok ||
            (cases[i].ok && ms != cases[i].ms))
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

/* The unit is told by the number of digits, so that each is of 1973 to 2286. */
static void test_timestamp__parse_epoch(void **state) {
    (void)state;
    static const struct number cases[] = {
        {"100000000", true, INT64_C(100000000000)}, /* 9 digits: seconds; 1973-03-03 */
        {"999999999", true, INT64_C(999999999000)},
        {"1707955200", true, FEB_15},
        {"9999999999", true, INT64_C(9999999999000)},  /* 10; 2286-11-20 */
        {"100000000000", true, INT64_C(100000000000)}, /* 12: milliseconds */
        {"1707955200000", true, FEB_15},
        {"9999999999999", true, INT64_C(9999999999999)},
        {"100000000000000", true, INT64_C(100000000000)}, /* 15: microseconds */
        {"1707955200123999", true, FEB_15 + 123},         /* cut */
        {"9999999999999999", true, INT64_C(9999999999999)},
        {"100000000000000000", true, INT64_C(100000000000)}, /* 18: nanoseconds */
        {"1707955200123999999", true, FEB_15 + 123},
        {"9223372036854775808", true, INT64_C(9223372036854)}, /* beyond int64 */
        {"9999999999999999999", true, INT64_C(9999999999999)},
    };
    check_numbers(cases, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms;
        assert_false(timestamp_parse_iso(slice_str(cases[i].text), &ms));
    }
}

static void test_timestamp__parse_numbers_that_equal_an_integer(void **state) {
    (void)state;
    static const struct number cases[] = {
        {"1707955200000.0", true, FEB_15},
        {"1707955200.", true, FEB_15},
        {"1.7079552e12", true, FEB_15},
        {"1.7079552E9", true, FEB_15},
        {"17079552000000e-1", true, FEB_15},
        {"1e18", true, INT64_C(1000000000000)},
        {"20240215.0", true, FEB_15},
        {"2.0240215e7", true, FEB_15},
        {"20240215123456.0", true, FEB_15 + 45296000},
        {"20240215123456.", true, FEB_15 + 45296000},
        {"1707955200000.5", false, 0},
        {"1.70795520000005e12", false, 0},
        {"1e19", false, 0},
        {"1e7", false, 0}, /* no real date */
        {"1e999999999", false, 0},
        {"1.5", false, 0},
    };
    check_numbers(cases, ARRAY_LEN(cases));
}

/* Nothing is ever valid from 1970 by mistake. */
static void test_timestamp__parse_refuses_other_numbers(void **state) {
    (void)state;
    static const struct number cases[] = {
        {"0", false, 0},
        {"-1", false, 0},
        {"5", false, 0},
        {"2024", false, 0},
        {"45337", false, 0},  /* a spreadsheet's day */
        {"930101", false, 0}, /* a year of two digits */
        {"2024021", false, 0},
        {"99999999", false, 0}, /* 8 digits are a date, this one is none */
        {"20240230", false, 0},
        {"17079552000", false, 0},          /* 11 */
        {"20240230000000", false, 0},       /* 14 */
        {"17079552000000000", false, 0},    /* 17 */
        {"10000000000000000000", false, 0}, /* 20 */
        {"+1707955200000", false, 0},
        {"-1707955200000", false, 0},
        {"01707955200000", false, 0},
        {"0000001707955200", false, 0},
        {"0.1707955200e10", false, 0},
        {".1707955200e10", false, 0},
        {"1707955200000 ", false, 0},
        {"1707955200000Z", false, 0},
        {"1,707,955,200", false, 0},
    };
    check_numbers(cases, ARRAY_LEN(cases));
}

static void test_timestamp__put_iso(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {FEB_15, "2024-02-15T00:00:00.000Z"},
        {FEB_15 + 45296789, "2024-02-15T12:34:56.789Z"},
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {TIMESTAMP_MIN, "0001-01-01T00:00:00.000Z"},
        {TIMESTAMP_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        timestamp_put_iso(&out, cases[i].ms);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_release(&out);
}

static void test_timestamp__put_nearest(void **state) {
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {TIMESTAMP_NONE, "0001-01-01T00:00:00.000Z"},
        {TIMESTAMP_MIN - 1, "0001-01-01T00:00:00.000Z"},
        {TIMESTAMP_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    (void)state;
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        timestamp_put_nearest(&out, cases[i].ms);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_release(&out);
}

/* Every day of ten thousand years, against the C library's calendar. */
static void test_timestamp__every_day_agrees_with_libc(void **state) {
    (void)state;
    struct buf out = {0};
    for (int64_t ms = TIMESTAMP_MIN; ms <= TIMESTAMP_MAX; ms += 86400000) {
        time_t seconds = ms / 1000;
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        buf_clear(&out);
        timestamp_put_iso(&out, ms);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00.000Z", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday);
        int64_t back;
        if (strcmp(buf_cstr(&out), expected) != 0 || !timestamp_parse_iso(buf_slice(&out), &back) ||
            back != ms)
            fail_msg("%s, not %s", out.p, expected);
    }
    buf_release(&out);
}

static void test_timestamp__any_time_there_and_back(void **state) {
    (void)state;
    struct buf out = {0};
    /* a prime, so that all hours, minutes, seconds and milliseconds come by */
    for (int64_t ms = TIMESTAMP_MIN; ms <= TIMESTAMP_MAX; ms += INT64_C(2147483647)) {
        int64_t back = 0;
        buf_clear(&out);
        timestamp_put_iso(&out, ms);
        assert_true(timestamp_parse_iso(buf_slice(&out), &back) && back == ms);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timestamp__parse_iso),
        cmocka_unit_test(test_timestamp__parse_refuses),
        cmocka_unit_test(test_timestamp__parse_epoch),
        cmocka_unit_test(test_timestamp__parse_numbers_that_equal_an_integer),
        cmocka_unit_test(test_timestamp__parse_refuses_other_numbers),
        cmocka_unit_test(test_timestamp__put_iso),
        cmocka_unit_test(test_timestamp__put_nearest),
        cmocka_unit_test(test_timestamp__every_day_agrees_with_libc),
        cmocka_unit_test(test_timestamp__any_time_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
