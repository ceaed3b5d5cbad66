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
        {"2024-02-29", FEB_15 + INT64_C(14) * 86400000},
        {"2000-02-29", INT64_C(951782400000)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"1900-03-01", INT64_C(-2203891200000)},
        {"0001-01-01", TIMESTAMP_MIN},
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
        "2024-02-15t12:34",
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
        "2024-02-15Z",
        "2024-02-15T12:34:56Zx",
        " 2024-02-15",
        "2024-02-15 ",
        "0001-01-01T00:00+00:01",    /* before MIN */
        "9999-12-31T23:59:59-00:01", /* after MAX */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms;
        if (timestamp_parse_iso(slice_str(cases[i]), &ms) || timestamp_parse(slice_str(cases[i]), &ms))
            fail_msg("%s", cases[i]);
    }
    int64_t ms;
    assert_false(timestamp_parse(slice_null(), &ms));
    assert_true(timestamp_parse_iso(slice_of("2024-02-15T", 10), &ms)); /* reads no further than n */
}

static void test_timestamp__parse_epoch_ms(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"1707955200000", true, FEB_15},
        {"1707955200000.0", true, FEB_15},
        {"1.7079552e12", true, FEB_15},
        {"+1707955200000", true, FEB_15},
        {"2024", true, 2024},
        {"-62135596800000", true, TIMESTAMP_MIN},
        {"-62135596800001", false, 0},
        {"253402300799999", true, TIMESTAMP_MAX},
        {"253402300800000", false, 0},
        {"1707955200000000", false, 0}, /* microseconds */
        {"1707955200000.5", false, 0},
        {"1e999999999", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 42;
        if (timestamp_parse(slice_str(cases[i].text), &ms) != cases[i].ok ||
            (cases[i].ok && ms != cases[i].ms))
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
        assert_false(timestamp_parse_iso(slice_str(cases[i].text), &ms));
    }
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
        cmocka_unit_test(test_timestamp__parse_epoch_ms),
        cmocka_unit_test(test_timestamp__put_iso),
        cmocka_unit_test(test_timestamp__every_day_agrees_with_libc),
        cmocka_unit_test(test_timestamp__any_time_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
