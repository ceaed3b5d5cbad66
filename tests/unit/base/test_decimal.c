#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "support.h"

#include <stdio.h>

#define INT128_MAX ((int128)(~(unsigned __int128)0 >> 1))
#define INT128_MIN (-INT128_MAX - 1)

static void test_decimal__parse_money(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t cents;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.00", 0},
        {"+7", 700},
        {"007", 700},
        {"5.", 500},
        {".5", 50},
        {"-.5", -50},
        {"1000.10", 100010},
        {"16500.00", 1650000},
        {"1e3", 100000},
        {"1E+3", 100000},
        {"12345e-2", 12345},
        {"1.5e1", 1500},
        {"0.005", 1}, /* half away from zero */
        {"-0.005", -1},
        {"0.00499999999999999999999999999999999999999", 0},
        {"-0.004", 0},
        {"1.004999", 100},
        {"1.005", 101},
        {"-1.005", -101},
        {"2.675", 268}, /* binary floating point would say 2.67 */
        {"999.995", 100000},
        {"0.0005", 0},
        {"9e-3", 1},
        {"9e-4", 0},
        {"9999999999999999.99", INT64_C(999999999999999999)},
        {"-9999999999999999.99", INT64_C(-999999999999999999)},
        {"9999999999999999.994", INT64_C(999999999999999999)},
        {"00000000000000000000000000000000000000001.10000000000000000000000000000000000", 110},
        {"100000000000000000000000000000e-27", 10000},
        {"0.000000000000000000000000000000123e30", 12},
        {"0e99999999999999999999", 0},
        {"0e-99999999999999999999", 0},
        {"0.000e999999999", 0},
        {"1e-999999999", 0},
        {"1e-99999999999999999999999", 0},
        {"-1e-99999999999999999999999", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = -12345;
        assert_int_equal(decimal_parse(slice_str(cases[i].text), 18, 2, &v), DECIMAL_OK);
        if (v != cases[i].cents)
            fail_msg("%s: %lld, not %lld", cases[i].text, (long long)v, (long long)cases[i].cents);
    }
}

static void test_decimal__parse_out_of_range(void **state) {
    (void)state;
    static const char *const cases[] = {
        "9999999999999999.995", /* rounds to nineteen digits */
        "10000000000000000",
        "-10000000000000000",
        "-9999999999999999.995",
        "1e16",
        "1e999999999",
        "-1e999999999",
        "1e99999999999999999999999",
        "1e9223372036854775807",
        "1e9223372036854775808",
        "99999999999999999999999999999999999999999999999999",
        "0.1e18",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v;
        if (decimal_parse(slice_str(cases[i]), 18, 2, &v) != DECIMAL_OUT_OF_RANGE)
            fail_msg("%s", cases[i]);
    }
}

static const char *const not_numbers[] = {
    "",      " ",     ".",     "+",     "-",    "e5",   ".e5",  "1e",  "1e+", "1e-",
    "1e1.5", "1.2.3", "1,000", "0x1",   "0x10", "NaN",  "nan",  "inf", "1 ",  " 1",
    "1_0",   "++1",   "+-1",   "1e++1", "$5",   "1e5x", "١",    "½",   "--1", "1d",
    "1e5e5", "true",  "null",  "1-",    "1..",  "..1",  "1e 5", "1.e",
};

static void test_decimal__parse_not_a_number(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_numbers); i++) {
        int64_t v;
        if (decimal_parse(slice_str(not_numbers[i]), 18, 2, &v) != DECIMAL_NOT_A_NUMBER ||
            decimal_parse_integer(slice_str(not_numbers[i]), &v) != DECIMAL_NOT_A_NUMBER)
            fail_msg("%s", not_numbers[i]);
    }
    int64_t v;
    assert_int_equal(decimal_parse(slice_null(), 18, 2, &v), DECIMAL_NOT_A_NUMBER);
    assert_int_equal(decimal_parse(slice_of("1\0", 2), 18, 2, &v), DECIMAL_NOT_A_NUMBER);
    /* Reads no further than n. */
    assert_int_equal(decimal_parse(slice_of("123", 2), 18, 2, &v), DECIMAL_OK);
    assert_int_equal(v, 1200);
}

static void test_decimal__parse_other_precisions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int precision, scale;
        enum decimal_result result;
        int64_t value;
    } cases[] = {
        {"0.015", 5, 3, DECIMAL_OK, 15},
        {"99.9994", 5, 3, DECIMAL_OK, 99999},
        {"99.9995", 5, 3, DECIMAL_OUT_OF_RANGE, 0},
        {"9", 1, 0, DECIMAL_OK, 9},
        {"9.5", 1, 0, DECIMAL_OUT_OF_RANGE, 0},
        {"0.5", 1, 0, DECIMAL_OK, 1},
        {"0.49", 1, 0, DECIMAL_OK, 0},
        {"0.123456789", 9, 9, DECIMAL_OK, 123456789},
        {"1", 9, 9, DECIMAL_OUT_OF_RANGE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        assert_int_equal(
            decimal_parse(slice_str(cases[i].text), cases[i].precision, cases[i].scale, &v),
            cases[i].result);
        if (cases[i].result == DECIMAL_OK)
            assert_int_equal(v, cases[i].value);
    }
}

static void test_decimal__parse_long_text(void **state) {
    (void)state;
    enum { ZEROS = 1000000 };
    struct buf text = {0};
    buf_printf(&text, "1.%0*de2", ZEROS, 1); /* 1.000…1e2 */
    int64_t v = 0;
    assert_int_equal(decimal_parse(buf_slice(&text), 18, 2, &v), DECIMAL_OK);
    assert_int_equal(v, 10000);
    assert_int_equal(decimal_parse_integer(buf_slice(&text), &v), DECIMAL_OUT_OF_RANGE);

    buf_clear(&text);
    buf_printf(&text, "0.%0*de%d", ZEROS, 7, ZEROS); /* 0.000…7, brought back to 7 */
    assert_int_equal(decimal_parse(buf_slice(&text), 18, 2, &v), DECIMAL_OK);
    assert_int_equal(v, 700);
    assert_int_equal(decimal_parse_integer(buf_slice(&text), &v), DECIMAL_OK);
    assert_int_equal(v, 7);
    buf_release(&text);
}

static void test_decimal__parse_integer(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum decimal_result result;
        int64_t value;
    } cases[] = {
        {"1001", DECIMAL_OK, 1001},
        {"1001.0", DECIMAL_OK, 1001},
        {"1e3", DECIMAL_OK, 1000},
        {"+7", DECIMAL_OK, 7},
        {"-5", DECIMAL_OK, -5},
        {"12.50e1", DECIMAL_OK, 125},
        {"-0", DECIMAL_OK, 0},
        {"0e99999999999999999999", DECIMAL_OK, 0},
        {"1000e-3", DECIMAL_OK, 1},
        {"9007199254740993", DECIMAL_OK, INT64_C(9007199254740993)},
        {"9223372036854775807", DECIMAL_OK, INT64_MAX},
        {"-9223372036854775808", DECIMAL_OK, INT64_MIN},
        {"9223372036854775808", DECIMAL_OUT_OF_RANGE, 0},
        {"-9223372036854775809", DECIMAL_OUT_OF_RANGE, 0},
        {"9999999999999999999", DECIMAL_OUT_OF_RANGE, 0},
        {"18446744073709551617", DECIMAL_OUT_OF_RANGE, 0},
        {"1e18", DECIMAL_OK, INT64_C(1000000000000000000)},
        {"1e19", DECIMAL_OUT_OF_RANGE, 0},
        {"1e999999999", DECIMAL_OUT_OF_RANGE, 0},
        {"1.5", DECIMAL_OUT_OF_RANGE, 0},
        {"1e-1", DECIMAL_OUT_OF_RANGE, 0},
        {"1e-999999999999999999999", DECIMAL_OUT_OF_RANGE, 0},
        {"1000.5e0", DECIMAL_OUT_OF_RANGE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        if (decimal_parse_integer(slice_str(cases[i].text), &v) != cases[i].result ||
            (cases[i].result == DECIMAL_OK && v != cases[i].value))
            fail_msg("%s: %lld", cases[i].text, (long long)v);
    }
}

static void test_decimal__parse_unsigned(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum decimal_result result;
        uint64_t value;
    } cases[] = {
        {"0", DECIMAL_OK, 0},
        {"-0", DECIMAL_OK, 0},
        {"1e3", DECIMAL_OK, 1000},
        {"9223372036854775808", DECIMAL_OK, UINT64_C(9223372036854775808)},
        {"9999999999999999999.0", DECIMAL_OK, UINT64_C(9999999999999999999)},
        {"10000000000000000000", DECIMAL_OUT_OF_RANGE, 0},
        {"-1", DECIMAL_OUT_OF_RANGE, 0},
        {"-9999999999999999999", DECIMAL_OUT_OF_RANGE, 0},
        {"1.5", DECIMAL_OUT_OF_RANGE, 0},
        {"x", DECIMAL_NOT_A_NUMBER, 0},
        {"", DECIMAL_NOT_A_NUMBER, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 0;
        assert_int_equal(decimal_parse_unsigned(slice_str(cases[i].text), &v), cases[i].result);
        if (cases[i].result == DECIMAL_OK)
            assert_true(v == cases[i].value);
    }
}

static void test_decimal__put(void **state) {
    (void)state;
    const struct {
        int128 value;
        int scale;
        const char *text;
    } cases[] = {
        {1650000, 2, "16500.00"},
        {-5, 2, "-0.05"},
        {0, 2, "0.00"},
        {0, 0, "0"},
        {7, 0, "7"},
        {-7, 0, "-7"},
        {15, 3, "0.015"},
        {100, 2, "1.00"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {(int128)UINT64_MAX + 1, 2, "184467440737095516.16"},
        {INT128_MAX, 2, "1701411834604692317316873037158841057.27"},
        {INT128_MIN, 38, "-1.70141183460469231731687303715884105728"},
        {1, 38, "0.00000000000000000000000000000000000001"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        decimal_put(&out, cases[i].value, cases[i].scale);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_release(&out);
}

/* Integers of any size, around the powers of ten and of two. */
static void test_decimal__integers_there_and_back(void **state) {
    (void)state;
    struct rng r = rng_seeded(3);
    struct buf out = {0};
    for (int i = 0; i < 100000; i++) {
        int64_t v = rng_any(&r);
        char expected[32], with_sign[40];
        (void)snprintf(expected, sizeof expected, "%lld", (long long)v);
        (void)snprintf(with_sign, sizeof with_sign, "%+lld", (long long)v);
        int64_t back = 0, back_with_sign = 0;
        buf_clear(&out);
        buf_put_int(&out, v);
        assert_string_equal(buf_cstr(&out), expected);
        assert_int_equal(decimal_parse_integer(buf_slice(&out), &back), DECIMAL_OK);
        /* a sign is not for the short way that plain digits take */
        assert_int_equal(decimal_parse_integer(slice_str(with_sign), &back_with_sign), DECIMAL_OK);
        assert_true(back == v && back_with_sign == v);
    }
    buf_release(&out);
}

/* Texts of a few digits and points; a sign is not for the short way that plain numbers take. */
static void test_decimal__parse_agrees_with_a_sign(void **state) {
    (void)state;
    struct rng r = rng_seeded(6);
    int numbers = 0;
    for (int i = 0; i < 200000; i++) {
        char text[24] = "+";
        size_t n = (size_t)rng_below(&r, 21);
        int points = (int)rng_below(&r, 8);
        for (size_t k = 1; k <= n; k++)
            text[k] = "0123456789.e"[rng_chance(&r, points) ? 10
                                     : rng_chance(&r, 1)    ? 11
                                                            : rng_below(&r, 10)];
        int precision = (int)rng_below(&r, 18) + 1, scale = (int)rng_below(&r, 10);
        struct slice plain = slice_of(text + 1, n), with_sign = slice_of(text, n + 1);
        int64_t a = 7, b = 7;
        enum decimal_result result = decimal_parse(with_sign, precision, scale, &a);
        if (decimal_parse(plain, precision, scale, &b) != result || a != b)
            fail_msg("%s precision %d scale %d: %lld %lld", text, precision, scale, (long long)a,
                     (long long)b);
        numbers += result == DECIMAL_OK;
        a = b = 7;
        result = decimal_parse_integer(with_sign, &a);
        assert_true(decimal_parse_integer(plain, &b) == result && a == b);
    }
    assert_true(numbers > 10000);
}

/* The amount's digits, filled up with zeros and with the point put in. */
static void test_decimal__put_agrees_with_its_digits(void **state) {
    (void)state;
    struct rng r = rng_seeded(4);
    struct buf out = {0};
    for (int i = 0; i < 100000; i++) {
        int128 v = (int128)rng_any(&r);
        if (rng_chance(&r, 30))
            v = v * (rng_below(&r, INT64_MAX) + 1); /* wider than 64 bits */
        int scale = (int)rng_below(&r, 39);
        char digits[48];
        size_t n = 0;
        for (int128 rest = v; rest != 0 || n < (size_t)scale + 1; rest /= 10) {
            int digit = (int)(rest % 10);
            digits[n++] = (char)('0' + (digit < 0 ? -digit : digit));
        }
        char expected[64], *p = expected;
        if (v < 0)
            *p++ = '-';
        while (n > 0) {
            *p++ = digits[--n];
            if (n == (size_t)scale && n > 0)
                *p++ = '.';
        }
        *p = '\0';
        buf_clear(&out);
        decimal_put(&out, v, scale);
        assert_string_equal(buf_cstr(&out), expected);
    }
    buf_release(&out);
}

/* Both a power of two as large, which takes 128 bits, give the same. */
static void test_decimal__divide_agrees_in_64_and_128_bits(void **state) {
    (void)state;
    const int128 larger = (int128)1 << 62;
    struct rng r = rng_seeded(5);
    for (int i = 0; i < 100000; i++) {
        int64_t a = rng_any(&r), b = rng_below(&r, rng_chance(&r, 50) ? 2000 : INT64_MAX) + 1;
        assert_true(decimal_divide(a, b) == decimal_divide(a * larger, b * larger));
    }
}

static void test_decimal__divide_rounds_half_away_from_zero(void **state) {
    (void)state;
    static const struct {
        int64_t numerator, denominator, quotient;
    } cases[] = {
        {0, 1000, 0},    {499, 1000, 0},  {500, 1000, 1},   {501, 1000, 1},    {1499, 1000, 1},
        {1500, 1000, 2}, {-499, 1000, 0}, {-500, 1000, -1}, {-1499, 1000, -1}, {-1500, 1000, -2},
        {1, 3, 0},       {2, 3, 1},       {-2, 3, -1},      {5, 3, 2},         {7, 1, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(decimal_divide(cases[i].numerator, cases[i].denominator) == cases[i].quotient);
    assert_true(decimal_divide(INT128_MAX, INT128_MAX) == 1);
    assert_true(decimal_divide(INT128_MIN, INT128_MAX) == -1);
    /* Twice the rest would overflow. */
    assert_true(decimal_divide(INT128_MAX - 1, INT128_MAX) == 1);
    assert_true(decimal_divide(INT128_MIN, 1) == INT128_MIN);
}

static void test_decimal__bytes(void **state) {
    (void)state;
    const struct {
        int128 value;
        const char *bytes;
        size_t n;
    } cases[] = {
        {0, "\x00", 1},
        {1, "\x01", 1},
        {127, "\x7f", 1},
        {128, "\x00\x80", 2},
        {255, "\x00\xff", 2},
        {256, "\x01\x00", 2},
        {-1, "\xff", 1},
        {-128, "\x80", 1},
        {-129, "\xff\x7f", 2},
        {-256, "\xff\x00", 2},
        {1650000, "\x19\x2d\x50", 3},
        {INT64_MIN, "\x80\x00\x00\x00\x00\x00\x00\x00", 8},
        {INT128_MAX, "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16},
        {INT128_MIN, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 16},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        decimal_put_bytes(&out, cases[i].value);
        assert_int_equal(out.n, cases[i].n);
        assert_memory_equal(out.p, cases[i].bytes, cases[i].n);
        int128 back = 99;
        assert_true(decimal_get_bytes(buf_slice(&out), &back));
        assert_true(back == cases[i].value);
    }
    buf_release(&out);
}

/* Any width, there and back, and with a byte less it is another number. */
static void test_decimal__bytes_are_the_fewest(void **state) {
    (void)state;
    struct rng r = rng_seeded(7);
    struct buf out = {0};
    for (int i = 0; i < 100000; i++) {
        int128 v = (int128)((unsigned __int128)rng_any(&r) << 64 | (uint64_t)rng_next(&r)) >>
                   rng_below(&r, 128);
        if (rng_chance(&r, 30))
            v = (int128)1 << rng_below(&r, 127);
        if (rng_chance(&r, 50))
            v = -v - rng_below(&r, 2);
        int128 back = 0;
        buf_clear(&out);
        decimal_put_bytes(&out, v);
        assert_true(decimal_get_bytes(buf_slice(&out), &back) && back == v);
        struct slice shorter = slice_of(out.p + 1, out.n - 1);
        assert_true(!decimal_get_bytes(shorter, &back) || back != v);
    }
    buf_release(&out);
}

static void check_scaled(struct slice bytes, int32_t scale, const char *expected) {
    struct buf out = {0};
    assert_true(decimal_put_scaled(&out, bytes, scale));
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
}

/* Written out within 38 places, else with an exponent: exact and never long. */
static void test_decimal__put_scaled(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int32_t scale;
        const char *text;
    } cases[] = {
        {"\x19\x2d\x50", 3, 2, "16500.00"},
        {"\x00", 1, 2, "0.00"},
        {"\xff", 1, 2, "-0.01"},
        {"\x05", 1, 0, "5"},
        {"\x05", 1, -2, "500"},
        {"\xfb", 1, -2, "-500"},
        {"\x00", 1, -2, "0"},
        {"\x05", 1, -38, "500000000000000000000000000000000000000"},
        {"\x05", 1, -39, "5e39"},
        {"\x05", 1, 38, "0.00000000000000000000000000000000000005"},
        {"\x05", 1, 39, "5e-39"},
        {"\xfb", 1, INT32_MAX, "-5e-2147483647"},
        {"\x05", 1, INT32_MIN, "5e2147483648"},
        {"\x00", 1, INT32_MIN, "0e2147483648"},
        /* more bytes than the number needs, and more than 128 bits of it */
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05", 20, 1, "0.5"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb", 18, 38,
         "-0.00000000000000000000000000000000000005"},
        {"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17, 2, "3402823669209384634633746074317682114.56"},
        {"\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17, -1,
         "-3402823669209384634633746074317682114560"},
        {"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17, 39,
         "340282366920938463463374607431768211456e-39"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_scaled(slice_of(cases[i].bytes, cases[i].n), cases[i].scale, cases[i].text);
    char bytes[DECIMAL_BYTES_MAX + 1] = {0};
    struct buf out = {0};
    assert_false(decimal_put_scaled(&out, slice_of(bytes, 0), 2));
    assert_false(decimal_put_scaled(&out, slice_of(bytes, sizeof bytes), 2));
    assert_int_equal(out.n, 0);
}

/* The smallest and largest of as many bytes as there may be, which have the most digits. */
static void test_decimal__put_scaled_of_64_bytes(void **state) {
    (void)state;
    char bytes[DECIMAL_BYTES_MAX];
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (char)0x80;
    check_scaled(slice_of(bytes, sizeof bytes), 0,
                 "-67039039649712985497870124991029230637396829102961966888617807218608820150367"
                 "73488400937149083451713845015929093243025426876941405973284973216824503042048");
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 0x7f;
    check_scaled(slice_of(bytes, sizeof bytes), 3,
                 "670390396497129854978701249910292306373968291029619668886178072186088201503677"
                 "3488400937149083451713845015929093243025426876941405973284973216824503042.047");
}

/* Any number with its sign put before it over and over is the same number. */
static void test_decimal__put_scaled_agrees_with_put(void **state) {
    (void)state;
    struct rng r = rng_seeded(8);
    struct buf bytes = {0}, expected = {0}, out = {0};
    for (int i = 0; i < 20000; i++) {
        int128 v = (int128)((unsigned __int128)rng_any(&r) << 64 | (uint64_t)rng_next(&r)) >>
                   rng_below(&r, 128);
        int scale = (int)rng_below(&r, 39);
        buf_clear(&bytes);
        for (int64_t n = rng_below(&r, 48); n > 0; n--)
            buf_put_byte(&bytes, v < 0 ? (char)0xff : 0);
        decimal_put_bytes(&bytes, v);
        buf_clear(&expected);
        decimal_put(&expected, v, scale);
        buf_clear(&out);
        assert_true(decimal_put_scaled(&out, buf_slice(&bytes), scale));
        assert_string_equal(buf_cstr(&out), buf_cstr(&expected));
    }
    buf_release(&bytes);
    buf_release(&expected);
    buf_release(&out);
}

static void test_decimal__get_bytes_takes_any_length_up_to_16(void **state) {
    (void)state;
    char bytes[17] = {0};
    int128 v = 99;
    assert_false(decimal_get_bytes(slice_of(bytes, 0), &v));
    assert_false(decimal_get_bytes(slice_of(bytes, 17), &v));
    bytes[15] = 5;
    assert_true(decimal_get_bytes(slice_of(bytes, 16), &v));
    assert_true(v == 5);
    assert_true(decimal_get_bytes(slice_of("\xff\xff\xfe", 3), &v));
    assert_true(v == -2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal__parse_money),
        cmocka_unit_test(test_decimal__parse_out_of_range),
        cmocka_unit_test(test_decimal__parse_not_a_number),
        cmocka_unit_test(test_decimal__parse_other_precisions),
        cmocka_unit_test(test_decimal__parse_long_text),
        cmocka_unit_test(test_decimal__parse_integer),
        cmocka_unit_test(test_decimal__parse_unsigned),
        cmocka_unit_test(test_decimal__put),
        cmocka_unit_test(test_decimal__integers_there_and_back),
        cmocka_unit_test(test_decimal__parse_agrees_with_a_sign),
        cmocka_unit_test(test_decimal__put_agrees_with_its_digits),
        cmocka_unit_test(test_decimal__divide_agrees_in_64_and_128_bits),
        cmocka_unit_test(test_decimal__divide_rounds_half_away_from_zero),
        cmocka_unit_test(test_decimal__bytes),
        cmocka_unit_test(test_decimal__bytes_are_the_fewest),
        cmocka_unit_test(test_decimal__put_scaled),
        cmocka_unit_test(test_decimal__put_scaled_of_64_bytes),
        cmocka_unit_test(test_decimal__put_scaled_agrees_with_put),
        cmocka_unit_test(test_decimal__get_bytes_takes_any_length_up_to_16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
