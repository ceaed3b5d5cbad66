/* hour: the figures of the last hour, and the rates and quantiles that it consists of. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/metrics/hour.h"

#include <string.h>

#define STEP HOUR_STEP_MS
#define NOW INT64_C(1795867200000) /* 2026-11-28T12:00:00Z */

static void test_hour__rates(void **state) {
    static const struct {
        int64_t before, after, us, milli;
    } cases[] = {
        {0, 0, 10000000, 0},
        {5, 25, 10000000, 2000},
        {0, 1, 10000000, 100},
        {0, 1, 3000000, 333},
        {0, 10, 0, 0},
        {10, 5, 1000000, 0},
        {0, INT64_C(1) << 50, 1000000, (INT64_C(1) << 50) * 1000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(figures_rate_milli(cases[i].before, cases[i].after, cases[i].us),
                         cases[i].milli);
}

static void test_hour__latencies(void **state) {
    static const struct {
        int64_t us[4]; /* observations; 0: no further one */
        int percent;
        int64_t expected;
    } cases[] = {
        {{0}, 50, -1},
        {{3000}, 50, 5000},       /* alone in its bucket of 2 to 5 ms: its bound */
        {{3000, 3000}, 50, 3500}, /* the first of two: half of the way */
        {{500, 1500, 3000, 9000}, 50, 2000},
        {{500, 1500, 3000, 9000}, 99, 10000},
        {{500, 90000000}, 99, 60000000}, /* above all bounds: the last one */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct metrics *m = metrics_new(&(struct config){0});
        struct figures before, after;
        histogram_observe(&m->processing_latency, 40000, 1000); /* earlier, so it does not count */
        figures_read(m, 0, &before);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].us) && cases[i].us[k] > 0; k++)
            histogram_observe(&m->processing_latency, cases[i].us[k], 1);
        figures_read(m, 1, &after);
        assert_int_equal(figures_latency_us(&before, &after, cases[i].percent), cases[i].expected);
        metrics_free(m);
    }
}

/* What each figure of a step is made from. */
static void test_hour__a_step(void **state) {
    struct metrics *m = metrics_new(&(struct config){0});
    struct figures before, after;
    (void)state;
    figures_read(m, 5000000, &before);
    metric_add(&m->consumed[TOPIC_CUSTOMERS], 10);
    metric_add(&m->consumed[TOPIC_ACCOUNTS], 20);
    metric_add(&m->consumed[TOPIC_ACCOUNT_LINKS], 1000); /* no input */
    metric_add(&m->emitted[TOPIC_ACCOUNT_HISTORY], 40);
    metric_add(&m->emitted[TOPIC_CUSTOMER_PROFILE], 2);
    metric_add(&m->emitted[TOPIC_QUARANTINE], 1000);
    metric_add(&m->emitted[TOPIC_CUSTOMER_REFS], 1000);
    metric_add(&m->quarantined[ENTITY_CUSTOMER][REASON_MALFORMED], 3);
    metric_add(&m->quarantined[ENTITY_ACCOUNT][REASON_INVALID_BALANCE], 4);
    metric_add(&m->applied[ENTITY_ACCOUNT], 5);
    metric_add(&m->unchanged[ENTITY_ACCOUNT], 6);
    metric_add(&m->transactions[TRANSACTION_COMMITTED], 1);
    metric_add(&m->transactions[TRANSACTION_ABORTED], 1000);
    figures_read(m, 15000000, &after);
    struct hour_point p = hour_point_of(&before, &after, 77);
    assert_int_equal(p.values[HOUR_CONSUMED], 3000);
    assert_int_equal(p.values[HOUR_EMITTED], 4200);
    assert_int_equal(p.values[HOUR_QUARANTINED], 700);
    assert_int_equal(p.values[HOUR_COMMITS], 100);
    assert_int_equal(p.values[HOUR_LATENCY_P50], HOUR_UNKNOWN);
    assert_int_equal(p.values[HOUR_LATENCY_P99], HOUR_UNKNOWN);
    assert_int_equal(p.values[HOUR_LAG], 77);
    assert_int_equal(figures_judged(&after, ENTITY_ACCOUNT), 15);
    metrics_free(m);
}

/* The lags of all steps, the series that is easiest to tell apart. */
static void put_lags(const struct hour *h, struct buf *out) {
    struct buf all = {0};
    hour_put_json(h, &all);
    const char *start = strstr(buf_cstr(&all), "\"lag_records\":[");
    assert_non_null(start);
    start += strlen("\"lag_records\":[");
    buf_set(out, slice_of(start, strcspn(start, "]")));
    buf_release(&all);
}

static void add(struct hour *h, int64_t now_ms, int64_t lag) {
    hour_add(h, now_ms, &(struct hour_point){{[HOUR_LAG] = lag}});
}

/* `count` times null, and then `text`. */
static void assert_lags(const struct hour *h, int count, const char *text) {
    struct buf expected = {0}, got = {0};
    for (int i = 0; i < count; i++)
        buf_put_str(&expected, "null,");
    buf_put_str(&expected, text);
    put_lags(h, &got);
    assert_string_equal(buf_cstr(&got), buf_cstr(&expected));
    buf_release(&expected);
    buf_release(&got);
}

static void test_hour__oldest_first(void **state) {
    struct hour *h = mem_calloc(1, sizeof *h);
    (void)state;
    assert_lags(h, HOUR_STEPS - 1, "null");
    add(h, NOW, 1);
    assert_lags(h, HOUR_STEPS - 1, "1");
    add(h, NOW + STEP + 200, 2);
    add(h, NOW + 2 * STEP - 200, 3);
    assert_lags(h, HOUR_STEPS - 3, "1,2,3");
    add(h, NOW + 5 * STEP, 4); /* two steps were missed: the machine slept */
    assert_lags(h, HOUR_STEPS - 6, "1,2,3,null,null,4");
    add(h, NOW + STEP, 5); /* the clock was set back */
    assert_lags(h, HOUR_STEPS - 7, "1,2,3,null,null,4,5");
    free(h);
}

static void test_hour__what_is_older_than_an_hour_goes(void **state) {
    struct hour *h = mem_calloc(1, sizeof *h);
    struct buf expected = {0}, got = {0};
    (void)state;
    for (int i = 0; i < HOUR_STEPS + 5; i++) {
        add(h, NOW + i * STEP, i);
        if (i >= 5)
            buf_printf(&expected, "%s%d", i > 5 ? "," : "", i);
    }
    put_lags(h, &got);
    assert_string_equal(buf_cstr(&got), buf_cstr(&expected));
    add(h, NOW + 100 * HOUR_STEPS * (int64_t)STEP, 9); /* days later */
    assert_lags(h, HOUR_STEPS - 1, "9");
    buf_release(&expected);
    buf_release(&got);
    free(h);
}

static void test_hour__json(void **state) {
    struct hour *h = mem_calloc(1, sizeof *h);
    struct buf out = {0};
    const char *const parts[] = {
        "{\"step_seconds\":10,\"until\":\"2026-11-28T12:00:00.000Z\",\"series\":{",
        "\"series\":{\"consumed_per_second\":[null,",
        ",1.500],\"emitted_per_second\":[",
        ",0.002],\"quarantined_per_second\":[",
        ",0.003],\"commits_per_second\":[",
        ",12.000],\"latency_p50_seconds\":[",
        ",0.001500],\"latency_p99_seconds\":[",
        ",null],\"lag_records\":[",
        ",5]}}"};
    (void)state;
    hour_put_json(h, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"until\":null"));
    buf_clear(&out);
    hour_add(h, NOW, &(struct hour_point){{1500, 2, 3, 12000, 1500, HOUR_UNKNOWN, 5}});
    hour_put_json(h, &out);
    const char *at = buf_cstr(&out);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        at = strstr(at, parts[i]);
        assert_non_null(at);
    }
    assert_string_equal(at, ",5]}}");
    buf_release(&out);
    free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hour__rates),
        cmocka_unit_test(test_hour__latencies),
        cmocka_unit_test(test_hour__a_step),
        cmocka_unit_test(test_hour__oldest_first),
        cmocka_unit_test(test_hour__what_is_older_than_an_hour_goes),
        cmocka_unit_test(test_hour__json),
    };
    return cmocka_run_group_tests_name("hour", tests, NULL, NULL);
}
