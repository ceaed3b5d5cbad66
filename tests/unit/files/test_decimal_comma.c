#include "streamer/files/decimal_comma.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct test_case {
    const char *text, *expected;
};

static void check(const struct test_case *cases, size_t n) {
    struct buf out = {0};
    for (size_t i = 0; i < n; i++) {
        buf_set(&out, slice_str("x"));
        decimal_comma_put(&out, slice_str(cases[i].text));
        if (buf_cstr(&out)[0] != 'x' || strcmp(buf_cstr(&out) + 1, cases[i].expected) != 0)
            fail_msg("\"%s\": \"%s\"", cases[i].text, buf_cstr(&out));
    }
    buf_release(&out);
}

static void test_decimal_comma__amounts(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"1.234,56", "1234.56"},
        {"1234,56", "1234.56"},
        {"0,5", "0.5"},
        {",56", ".56"},
        {"-1.234.567,00", "-1234567.00"},
        {"+12,3", "+12.3"},
        {"1.234", "1234"},
        {"12.345.678", "12345678"},
        {"1234", "1234"},
        {"007", "007"},
        {"0", "0"},
        {"1,2345", "1.2345"},
        {" 1.234,56\t", "1234.56"},
        {"1 234,56", "1234.56"},
        {"1\xC2\xA0"
         "234\xC2\xA0"
         "567,8",
         "1234567.8"},
        {"1\xE2\x80\xAF"
         "234,5",
         "1234.5"},
        {"9999999999999999,99", "9999999999999999.99"},
    };
    check(cases, ARRAY_LEN(cases));
}

/* What is no amount is not mended, and never read as one. */
static void test_decimal_comma__others(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"", ""},
        {" ", " "},
        {"null", "null"},
        {"N/A", "N/A"},
        {"none", "none"},
        {"abc", "abc"},
        {"1,234.56", "1,234.56"},
        {"1,234,567", "1,234,567"},
        {"1.23,45", "1.23,45"},
        {"1234.567,8", "1234.567,8"},
        {"1.234 567,8", "1.234 567,8"},
        {"0.123,4", "0.123,4"},
        {"1,5e3", "1,5e3"},
        {"5,", "5,"},
        {",", ","},
        {"-", "-"},
        {"1.234,56-", "1.234,56-"},
        {"1.234,56 EUR", "1.234,56 EUR"},
        {"1..234", "1..234"},
        {"1.234.", "1.234."},
        {"12.34", "12.34 (decimal point?)"},
        {" 12.34 ", " 12.34  (decimal point?)"},
        {"0.500", "0.500 (decimal point?)"},
        {"1234.567", "1234.567 (decimal point?)"},
        {".5", ".5 (decimal point?)"},
        {"5.", "5. (decimal point?)"},
        {"-1.5E+3", "-1.5E+3 (decimal point?)"},
        {"1e5", "1e5"},
    };
    check(cases, ARRAY_LEN(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_comma__amounts),
        cmocka_unit_test(test_decimal_comma__others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
