#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/service/problems.h"
#include "streamer/service/status_flow.h"

#include <string.h>

static void assert_texts(const struct problems *p, const char *texts) {
    struct buf got = {0};
    for (size_t i = 0; i < p->count; i++)
        buf_printf(&got, "%s%s", i > 0 ? " " : "", p->list[i].text);
    assert_string_equal(buf_cstr(&got), texts);
    buf_release(&got);
}

static void test_problems__worst_and_oldest_first(void **state) {
    struct problems p = {0};
    (void)state;
    problems_add(&p, CHECK_WARN, 5, "s", "w5");
    problems_add(&p, CHECK_FAIL, 9, "s", "f9");
    problems_add(&p, CHECK_WARN, 1, "s", "w%d", 1);
    problems_add(&p, CHECK_FAIL, 2, "s", "f2");
    problems_add(&p, CHECK_FAIL, 2, "s", "f2b"); /* of two the first stays first */
    problems_add(&p, CHECK_FAIL, 2, "s", "f2");  /* known already */
    assert_texts(&p, "f2 f2b f9 w1 w5");
    problems_add_check(&p, &(struct check_state){.id = "x", .status = CHECK_PASS, .message = "p"});
    problems_add_check(
        &p, &(struct check_state){.id = "x", .status = CHECK_WARN, .since_ms = 3, .message = "c"});
    problems_add_check(&p, &(struct check_state){.id = "y", .status = CHECK_FAIL, .since_ms = 1});
    assert_texts(&p, "y f2 f2b f9 w1 c w5");
}

static void test_problems__the_last_ones_are_left_out(void **state) {
    struct problems p = {0};
    (void)state;
    for (int i = 0; i < 30; i++)
        problems_add(&p, CHECK_WARN, 100 - i, "s", "%d", i);
    assert_int_equal(p.count, PROBLEMS_MAX);
    assert_string_equal(p.list[0].text, "29");
    assert_string_equal(p.list[PROBLEMS_MAX - 1].text, "10");
    problems_add(&p, CHECK_WARN, 1000, "s", "late");
    assert_string_equal(p.list[PROBLEMS_MAX - 1].text, "10");
    problems_add(&p, CHECK_FAIL, 1000, "s", "bad");
    assert_string_equal(p.list[0].text, "bad");
    assert_string_equal(p.list[PROBLEMS_MAX - 1].text, "11");
}

static void test_problems__json(void **state) {
    struct problems p = {0};
    struct buf out = {0}, text = {0};
    (void)state;
    problems_put_json(&p, &out);
    assert_string_equal(buf_cstr(&out), "[]");
    for (int i = 0; i < 300; i++)
        buf_put_str(&text, "\xc3\xa4"); /* 600 bytes are cut at a character */
    problems_add(&p, CHECK_WARN, 0, "waiting", "%s", buf_cstr(&text));
    assert_int_equal(strlen(p.list[0].text), 510);
    problems_add(&p, CHECK_FAIL, INT64_C(1795867200000), "brokers", "a \"b\"");
    buf_clear(&out);
    problems_put_json(&p, &out);
    const char *start = "[{\"text\":\"a \\\"b\\\"\",\"status\":\"fail\","
                        "\"since\":\"2026-11-28T12:00:00.000Z\",\"subject\":\"brokers\"},{";
    assert_memory_equal(buf_cstr(&out), start, strlen(start));
    buf_release(&text);
    buf_release(&out);
}

/* Of each node and edge, what goes through it. */
static void test_problems__flow(void **state) {
    struct config config = {
        .topics = {[TOPIC_CUSTOMERS] = "kunden", [TOPIC_ACCOUNTS] = "accounts"}};
    struct figures before = {.at_us = 1000000}, now;
    struct buf out = {0};
    (void)state;
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (config.topics[t] == NULL)
            config.topics[t] = config.topics[TOPIC_ACCOUNTS];
    now = before;
    now.at_us = 11000000;
    now.consumed[TOPIC_CUSTOMERS] = 100;
    now.consumed[TOPIC_CUSTOMER_REFS] = 30;
    now.consumed[TOPIC_ACCOUNT_LINKS] = 40;
    now.applied[ENTITY_ACCOUNT] = 5;
    now.unchanged[ENTITY_ACCOUNT] = 6;
    now.quarantined[ENTITY_ACCOUNT] = 7;
    now.emitted[TOPIC_ACCOUNT_SUMMARY] = 50;
    now.emitted[TOPIC_QUARANTINE] = 7;
    const struct flow f = {&config, &now, &before, &now};
    static const char *const nodes[] = {
        "{\"id\":\"customers\",\"layer\":\"source\",\"topic\":\"kunden\",\"records\":100,"
        "\"per_second\":10.000}",
        "{\"id\":\"staging.accounts\",\"layer\":\"staging\",\"topic\":null,\"records\":18,"
        "\"per_second\":1.800}",
        "{\"id\":\"quarantine\",\"layer\":\"staging\",\"topic\":\"accounts\",\"records\":7,"
        "\"per_second\":0.700}",
        "{\"id\":\"account_summary\",\"layer\":\"marts\",\"topic\":\"accounts\",\"records\":50,"
        "\"per_second\":5.000}",
    };
    static const char *const edges[] = {
        "{\"from\":\"accounts\",\"to\":\"staging.accounts\",\"records\":18,",
        "{\"from\":\"staging.accounts\",\"to\":\"quarantine\",\"records\":7,",
        "{\"from\":\"staging.accounts\",\"to\":\"account_history\",\"records\":11,",
        "{\"from\":\"customer_history\",\"to\":\"account_with_customer\",\"records\":30,",
        "{\"from\":\"account_history\",\"to\":\"account_with_customer\",\"records\":5,",
        "{\"from\":\"account_with_customer\",\"to\":\"account_summary\",\"records\":50,",
        "{\"from\":\"account_summary\",\"to\":\"customer_profile\",\"records\":40,",
    };
    flow_put_nodes(&f, &out);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        assert_non_null(strstr(buf_cstr(&out), nodes[i]));
    buf_clear(&out);
    flow_put_edges(&f, &out);
    for (size_t i = 0; i < ARRAY_LEN(edges); i++)
        assert_non_null(strstr(buf_cstr(&out), edges[i]));
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems__worst_and_oldest_first),
        cmocka_unit_test(test_problems__the_last_ones_are_left_out),
        cmocka_unit_test(test_problems__json),
        cmocka_unit_test(test_problems__flow),
    };
    return cmocka_run_group_tests_name("problems", tests, NULL, NULL);
}
