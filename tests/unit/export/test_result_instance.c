/* A table that an instance sends as JSON lines. */
#include "support.h"

#include "streamer/export/result_instance.h"
#include "web_server.h"

#include <string.h>

#define ROWS 5000 /* more than one part of an answer holds */

/* What the instance answers, and what was read of it. */
struct scene {
    struct web_server *server;
    int status;
    struct buf answer;
    struct buf target; /* what was asked for */
    struct buf seen;   /* "key=interest\n" each */
    int patience_ms;
    int busy;         /* so many requests are answered with 503 first */
    int64_t stops_at; /* the row of that number is refused; 0: none */
    int64_t rows;
};

static void handle(void *context, const struct web_request *q, struct web_reply *reply) {
    struct scene *s = context;
    buf_set(&s->target, slice_str(q->target));
    reply->status = s->busy > 0 ? 503 : s->status;
    if (s->busy-- > 0)
        buf_put_str(&reply->body, "busy");
    else
        buf_put_slice(&reply->body, buf_slice(&s->answer));
}

static void begin(struct scene *s) {
    *s = (struct scene){.status = 200};
    s->server = web_server_start(handle, s);
}

static void finish(struct scene *s) {
    web_server_stop(s->server);
    buf_release(&s->answer);
    buf_release(&s->target);
    buf_release(&s->seen);
}

static void put_row(struct scene *s, int i) {
    buf_printf(&s->answer,
               "{\"account_id\":\"A-%d\",\"customer_id\":7,\"original_balance_amount\":\"10.00\","
               "\"interest_rate_pct\":\"0.010\",\"annual_interest_amount\":\"0.%02d\","
               "\"new_balance_amount\":\"10.10\",\"calculated_at\":\"2026-01-01T00:00:00.000Z\"}\n",
               i, i % 100);
}

static bool see(void *context, struct slice key, const void *row, struct err *e) {
    struct scene *s = context;
    const struct account_summary_row *summary = row;
    if (++s->rows == s->stops_at)
        return err_set(e, ERR_STOP, "enough");
    buf_printf(&s->seen, "%.*s=%lld\n", (int)key.n, key.p,
               (long long)summary->annual_interest_amount);
    return true;
}

static bool read_table(struct scene *s, struct err *e) {
    const struct result_instance instance = {
        .url = web_server_url(s->server), .authorities = "", .patience_ms = s->patience_ms};
    return result_instance_read(&instance, ROW_ACCOUNT_SUMMARY, NULL, see, s, e);
}

static void assert_fails(struct scene *s, const char *why) {
    struct err e = {0};
    assert_false(read_table(s, &e));
    assert_int_equal(e.class, ERR_STOP);
    if (strstr(e.text, why) == NULL || strstr(e.text, web_server_url(s->server)) == NULL)
        fail_msg("%s", e.text);
}

static void test_result_instance__all_rows(void **state) {
    (void)state;
    struct scene s;
    struct err e = {0};
    struct buf expected = {0};
    begin(&s);
    for (int i = 0; i < ROWS; i++) {
        put_row(&s, i);
        buf_printf(&expected, "A-%d=%d\n", i, i % 100);
    }
    if (!read_table(&s, &e))
        fail_msg("%s", e.text);
    assert_string_equal(buf_cstr(&s.seen), buf_cstr(&expected));
    assert_string_equal(buf_cstr(&s.target), "/v1/export/account_summary?format=jsonl");
    buf_release(&expected);
    finish(&s);
}

static void test_result_instance__empty(void **state) {
    (void)state;
    struct scene s;
    struct err e = {0};
    begin(&s);
    assert_true(read_table(&s, &e));
    assert_int_equal(s.rows, 0);
    finish(&s);
}

static void test_result_instance__broken_off(void **state) {
    (void)state;
    struct scene s;
    begin(&s);
    put_row(&s, 1);
    s.answer.n -= 10;
    assert_fails(&s, "within a line");
    finish(&s);
}

static void test_result_instance__something_else(void **state) {
    (void)state;
    struct scene s;
    begin(&s);
    buf_put_str(&s.answer, "<html>\n");
    assert_fails(&s, "no row of account_summary");
    finish(&s);
}

static void test_result_instance__refused(void **state) {
    (void)state;
    struct scene s;
    begin(&s);
    s.status = 503;
    buf_put_str(&s.answer, "  {\"error\":\"the state is being restored\"}\n");
    assert_fails(&s, "status 503: {\"error\":\"the state is being restored\"}");
    finish(&s);
}

/* An instance that is busy is asked again. */
static void test_result_instance__busy(void **state) {
    (void)state;
    struct scene s;
    struct err e = {0};
    begin(&s);
    put_row(&s, 1);
    s.busy = 2;
    assert_fails(&s, "status 503: busy");
    s.patience_ms = 60000;
    assert_true(read_table(&s, &e));
    assert_int_equal(s.rows, 1);
    finish(&s);
}

/* The reader's own error is what the caller gets. */
static void test_result_instance__stopped(void **state) {
    (void)state;
    struct scene s;
    begin(&s);
    for (int i = 0; i < ROWS; i++)
        put_row(&s, i);
    s.stops_at = 3;
    assert_fails(&s, "enough");
    assert_int_equal(s.rows, 3);
    finish(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_instance__all_rows),
        cmocka_unit_test(test_result_instance__empty),
        cmocka_unit_test(test_result_instance__broken_off),
        cmocka_unit_test(test_result_instance__something_else),
        cmocka_unit_test(test_result_instance__refused),
        cmocka_unit_test(test_result_instance__busy),
        cmocka_unit_test(test_result_instance__stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
