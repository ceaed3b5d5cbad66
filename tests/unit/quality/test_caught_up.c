#include "streamer/base/mem.h"
#include "streamer/quality/caught_up.h"
#include "support.h"

#define SECOND INT64_C(1000)
#define START INT64_C(1800000000000)

struct rig {
    struct config config;
    struct metrics *metrics;
    struct caught_up caught_up;
    int64_t now_ms;
};

static void rig_init(struct rig *g) {
    *g = (struct rig){.now_ms = START};
    g->metrics = metrics_new(&g->config);
    for (int t = 0; t < TOPIC_COUNT; t++)
        metrics_set_partitions(g->metrics, (enum topic)t, 2);
}

static void set_lag(struct rig *g, enum topic topic, int64_t first, int64_t second) {
    metric_set(&g->metrics->lag[topic].lag[0], first);
    metric_set(&g->metrics->lag[topic].lag[1], second);
}

/* Some seconds in each of which so many accounts are read. Returns up to when all is read, in
 * seconds after the start; -1: never yet. */
static int64_t pass(struct rig *g, int seconds, int64_t accounts) {
    for (int i = 0; i < seconds; i++) {
        g->now_ms += SECOND;
        metric_add(&g->metrics->consumed[TOPIC_ACCOUNTS], accounts);
        caught_up_sample(&g->caught_up, g->metrics, g->now_ms);
    }
    return g->caught_up.until_ms == 0 ? -1 : (g->caught_up.until_ms - START) / SECOND;
}

static void test_caught_up__not_with_a_backlog(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g);
    assert_int_equal(pass(&g, 10, 0), -1); /* no partition is here */
    set_lag(&g, TOPIC_CUSTOMERS, 0, 1000000);
    assert_int_equal(pass(&g, 10, 100), -1);
    set_lag(&g, TOPIC_CUSTOMERS, 0, 99);
    assert_int_equal(pass(&g, 2, 100), -1); /* it might have been a moment */
    assert_int_equal(pass(&g, 1, 100), 23);
    assert_int_equal(pass(&g, 7, 100), 30); /* a small lag is usual */
    set_lag(&g, TOPIC_CUSTOMERS, 0, 100);
    assert_int_equal(pass(&g, 60, 100), 30);
    set_lag(&g, TOPIC_CUSTOMERS, 0, 0);
    assert_int_equal(pass(&g, 3, 0), 93);
    metrics_free(g.metrics);
}

static void test_caught_up__the_way_of_a_ref(void **state) {
    static const enum topic topics[] = {TOPIC_ACCOUNT_LINKS, TOPIC_CUSTOMER_REFS};
    struct rig g;
    (void)state;
    rig_init(&g);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        set_lag(&g, topics[i], 0, 0);
    set_lag(&g, TOPIC_CUSTOMERS, 0, 0);
    set_lag(&g, TOPIC_ACCOUNTS, 1000, 1000); /* what waits is not read yet */
    assert_int_equal(pass(&g, 5, 10), 5);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        int64_t until = g.caught_up.until_ms;
        set_lag(&g, topics[i], 1000, 0);
        (void)pass(&g, 5, 10);
        assert_int_equal(g.caught_up.until_ms, until);
        set_lag(&g, topics[i], 0, 0);
        (void)pass(&g, 5, 10);
        assert_int_equal(g.caught_up.until_ms, g.now_ms);
    }
    metrics_free(g.metrics);
}

static void test_caught_up__begins_anew_with_other_partitions(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g);
    set_lag(&g, TOPIC_CUSTOMERS, 0, -1);
    assert_int_equal(pass(&g, 5, 10), 5);
    set_lag(&g, TOPIC_CUSTOMERS, 0, 0);
    assert_int_equal(pass(&g, 3, 10), 5);
    assert_int_equal(pass(&g, 1, 10), 9);
    metrics_free(g.metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caught_up__not_with_a_backlog),
        cmocka_unit_test(test_caught_up__the_way_of_a_ref),
        cmocka_unit_test(test_caught_up__begins_anew_with_other_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
