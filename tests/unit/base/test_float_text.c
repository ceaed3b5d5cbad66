#include "streamer/base/float_text.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "support.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double double_of(const char *hex) {
    uint64_t bits = htobe64(strtoull(hex, NULL, 16)); /* the bytes, least significant first */
    double v;
    bits = le64toh(bits);
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The digits of a number's text without its zeros at both ends: these are as many in each way to
 * write it. */
static void put_significant(struct buf *out, const char *text, size_t n) {
    buf_clear(out);
    for (size_t i = 0; i < n && text[i] != 'e'; i++)
        if (text[i] >= '0' && text[i] <= '9' && (text[i] != '0' || out->n > 0))
            buf_put_byte(out, text[i]);
    while (out->n > 0 && out->p[out->n - 1] == '0')
        out->n--;
}

/* The texts of Python's repr, which are the shortest, too. */
static void test_float_text__is_the_shortest(void **state) {
    struct json json;
    struct buf text = {0}, out = {0}, digits = {0}, expected = {0};
    FILE *file = fopen(SOURCE_DIR "/tests/data/avro/doubles.json", "rb");
    int count = 0;
    (void)state;
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        buf_put_byte(&text, (char)c);
    (void)fclose(file);
    json_init(&json);
    const cJSON *item;
    cJSON_ArrayForEach(item, json_parse(&json, buf_slice(&text))) {
        double v = double_of(item->child->valuestring);
        const char *repr = item->child->next->valuestring;
        buf_clear(&out);
        float_put_double(&out, v);
        assert_true(out.n <= FLOAT_TEXT_MAX);
        if (strtod(buf_cstr(&out), NULL) != v)
            fail_msg("%s does not read back to %s", out.p, repr);
        put_significant(&digits, out.p, out.n);
        put_significant(&expected, repr, strlen(repr));
        if (!slice_eq(buf_slice(&digits), buf_slice(&expected)))
            fail_msg("%s, not %s", out.p, repr);
        count++;
    }
    assert_true(count > 200);
    json_release(&json);
    struct buf *bufs[] = {&text, &out, &digits, &expected};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
}

static void test_float_text__forms(void **state) {
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {12.25, "12.25"},
                 {-0.5, "-0.5"},
                 {-12, "-12"},
                 {0.07, "0.07"},
                 {0.001, "0.001"},
                 {1e-6, "0.000001"},
                 {1e-7, "0.0000001"},
                 {1.5e-30, "1.5e-30"},
                 {1795800000000, "1795800000000"},
                 {9.5e14, "950000000000000"},
                 {1.7958000000001234e18, "1795800000000123400"},
                 {1e22, "1e+22"},
                 {1.5e300, "1.5e+300"},
                 {NAN, "NaN"},
                 {INFINITY, "Infinity"},
                 {-INFINITY, "-Infinity"}};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        float_put_double(&out, cases[i].v);
        assert_text(buf_slice(&out), cases[i].text);
    }
    buf_release(&out);
}

/* Of a float: no text with fewer digits reads back to it. */
static void test_float_text__floats(void **state) {
    struct rng rng = rng_seeded(5);
    struct buf out = {0}, digits = {0};
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)rng_next(&rng);
        float v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v) || v == 0)
            continue;
        buf_clear(&out);
        float_put_float(&out, v);
        assert_true(strtof(buf_cstr(&out), NULL) == v);
        put_significant(&digits, out.p, out.n);
        for (int n = 1; n < (int)digits.n; n++) {
            char shorter[40];
            (void)snprintf(shorter, sizeof shorter, "%.*e", n - 1, (double)v);
            if (strtof(shorter, NULL) == v)
                fail_msg("%s is shorter than %s", shorter, out.p);
        }
    }
    buf_release(&out);
    buf_release(&digits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_text__is_the_shortest),
        cmocka_unit_test(test_float_text__forms),
        cmocka_unit_test(test_float_text__floats),
    };
    return cmocka_run_group_tests_name("float_text", tests, NULL, NULL);
}
