/* The board and its report: what checks find, when they fail and are well again, what is shown. */
#include "streamer/base/json.h"
#include "streamer/quality/doubts.h"
#include "streamer/quality/report.h"
#include "support.h"

#include <string.h>

#define NOW INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

struct rig {
    struct config config;
    struct metrics *metrics;
    struct board board;
    struct buf text;
    struct json json;
};

static void rig_init(struct rig *g) {
    *g = (struct rig){0};
    g->metrics = metrics_new(&g->config);
    board_init(&g->board, g->metrics, NOW);
    json_init(&g->json);
}

static void rig_release(struct rig *g) {
    json_release(&g->json);
    buf_release(&g->text);
    board_release(&g->board);
    metrics_free(g->metrics);
}

static void find(struct rig *g, enum check_id id, const char *account, int64_t now_ms) {
    struct subject of = {.entity = ENTITY_ACCOUNT, .partition = 2, .id = slice_str(account)};
    struct sample sample;
    sample_set(&sample, &of, "annual_interest_amount", "1.00", "2.00");
    board_found(&g->board, id, &sample, now_ms);
}

static enum check_status status_of(const struct rig *g, enum check_id id) {
    return g->board.standings[id].status;
}

static const cJSON *report(struct rig *g, bool shows_values) {
    struct report_head head = {"bank", "one", NOW, shows_values};
    buf_clear(&g->text);
    report_put(&g->board, &head, &g->text);
    const cJSON *root = json_parse(&g->json, slice_trim(buf_slice(&g->text)));
    assert_non_null(root);
    return root;
}

static void assert_member(const cJSON *object, const char *name, const char *expected) {
    assert_text(json_text(json_member(object, name)), expected);
}

static void test_report__fails_at_once_and_recovers_with_a_whole_pass(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    board_begin_pass(&g.board, NOW);
    find(&g, CHECK_INTEREST, "A1", NOW + 1);
    assert_int_equal(status_of(&g, CHECK_INTEREST), CHECK_FAIL);
    board_end_pass(&g.board, 10, NOW + 2);
    board_begin_pass(&g.board, NOW);
    assert_int_equal(status_of(&g, CHECK_INTEREST), CHECK_FAIL);
    board_begin_pass(&g.board, NOW); /* the one before did not end */
    assert_int_equal(status_of(&g, CHECK_INTEREST), CHECK_FAIL);
    assert_int_equal(g.board.standings[CHECK_INTEREST].since_ms, NOW + 1);
    board_end_pass(&g.board, 10, NOW + 3);
    assert_int_equal(status_of(&g, CHECK_INTEREST), CHECK_PASS);
    assert_int_equal(g.board.standings[CHECK_INTEREST].since_ms, NOW + 3);
    rig_release(&g);
}

static void test_report__severity_warn_warns(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    find(&g, CHECK_ORPHANS, "A1", NOW);
    assert_int_equal(status_of(&g, CHECK_ORPHANS), CHECK_WARN);
    int64_t warned =
        metric_get(&g.metrics->quality_checks[LAYER_INTERMEDIATE][SEVERITY_WARN][CHECK_WARN]);
    assert_int_equal(warned, 1);
    rig_release(&g);
}

static void test_report__has_the_shape_that_is_promised(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 15; i++)
        find(&g, CHECK_INTEREST, "A1", NOW);
    const cJSON *root = report(&g, true);
    assert_member(root, "timestamp", "2024-02-15T00:00:00.000Z");
    assert_member(root, "app", "bank");
    assert_member(root, "instance", "one");
    const cJSON *summary = json_member(root, "summary");
    assert_member(summary, "total", "26"); /* freshness is not known */
    assert_member(summary, "passed", "25");
    assert_member(summary, "failed", "1");
    assert_member(summary, "warned", "0");
    assert_member(summary, "pass_rate", "0.9615");
    const cJSON *layers = json_member(root, "layers");
    assert_int_equal(cJSON_GetArraySize(layers), LAYER_COUNT);
    const cJSON *failures = json_member(root, "failures");
    assert_int_equal(cJSON_GetArraySize(failures), 1);
    const cJSON *check = cJSON_GetArrayItem(failures, 0);
    assert_member(check, "id", "marts.interest");
    assert_member(check, "layer", "marts");
    assert_member(check, "severity", "error");
    assert_member(check, "status", "fail");
    assert_member(json_member(check, "counts"), "found", "15");
    const cJSON *samples = json_member(check, "samples");
    assert_int_equal(cJSON_GetArraySize(samples), SAMPLES_MAX);
    const cJSON *sample = cJSON_GetArrayItem(samples, 0);
    assert_member(sample, "table", "accounts");
    assert_member(sample, "id", "A1");
    assert_member(sample, "found", "2.00");
    rig_release(&g);
}

static void test_report__values_are_masked(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    find(&g, CHECK_INTEREST, "A1", NOW);
    const cJSON *root = report(&g, false);
    const cJSON *check = cJSON_GetArrayItem(json_member(root, "failures"), 0);
    const cJSON *sample = cJSON_GetArrayItem(json_member(check, "samples"), 0);
    assert_member(sample, "expected", "***");
    assert_member(sample, "found", "***");
    assert_member(sample, "id", "A1");
    assert_null(strstr(buf_cstr(&g.text), "2.00"));
    rig_release(&g);
}

static void test_report__failures_come_before_warnings(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    find(&g, CHECK_ORPHANS, "A1", NOW);
    find(&g, CHECK_SUMMARY_JOINED, "A1", NOW);
    const cJSON *failures = json_member(report(&g, false), "failures");
    assert_int_equal(cJSON_GetArraySize(failures), 2);
    assert_member(cJSON_GetArrayItem(failures, 0), "status", "fail");
    assert_member(cJSON_GetArrayItem(failures, 1), "status", "warn");
    rig_release(&g);
}

/* Freshness is kept over restarts, so its time is not when the board hears of it. */
static void test_report__a_check_that_somebody_else_judges(void **state) {
    (void)state;
    struct rig g;
    const struct check_state old = {.status = CHECK_WARN, .since_ms = NOW - 7, .message = "old"},
                             fresh = {.status = CHECK_PASS, .since_ms = NOW - 1};
    rig_init(&g);
    board_set_state(&g.board, CHECK_FRESHNESS_ACCOUNTS, &old);
    const cJSON *check = cJSON_GetArrayItem(json_member(report(&g, false), "failures"), 0);
    assert_member(check, "id", "source.freshness.accounts");
    assert_member(check, "status", "warn");
    assert_member(check, "since", "2024-02-14T23:59:59.993Z");
    assert_member(check, "message", "old");
    board_set_state(&g.board, CHECK_FRESHNESS_ACCOUNTS, &fresh);
    assert_int_equal(cJSON_GetArraySize(json_member(report(&g, false), "failures")), 0);
    assert_member(json_member(report(&g, false), "summary"), "total", "27");
    rig_release(&g);
}

static void test_report__states(void **state) {
    (void)state;
    struct rig g;
    struct check_state states[64];
    rig_init(&g);
    find(&g, CHECK_RATE, "A1", NOW + 5);
    size_t count = board_states(&g.board, states, 64);
    assert_int_equal(count, 26);
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        if (states[i].status != CHECK_PASS) {
            failed++;
            assert_string_equal(states[i].id, "marts.rate");
            assert_int_equal(states[i].since_ms, NOW + 5);
        }
    assert_int_equal(failed, 1);
    assert_int_equal(board_states(&g.board, states, 3), 3);
    rig_release(&g);
}

/* Since when what the check says is so; 0: it was not judged. */
static int64_t judged_ms(struct rig *g, enum check_id id) {
    struct check_state states[64];
    size_t count = board_states(&g->board, states, 64);
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].id, check_of(id)->id) == 0)
            return states[i].judged_ms;
    fail_msg("%s does not exist", check_of(id)->id);
    return -1;
}

static void test_report__rows_are_judged_after_two_whole_passes(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int pass = 1; pass <= 4; pass++) {
        board_begin_pass(&g.board, NOW + pass);
        assert_int_equal(judged_ms(&g, CHECK_INTEREST), pass <= 2 ? 0 : NOW + pass - 2);
        board_begin_pass(&g.board, NOW + pass); /* the one before did not end */
        board_end_pass(&g.board, 10, NOW + 100);
    }
    /* One that spans tasks, not before a moment without a find that is not certain. */
    assert_int_equal(judged_ms(&g, CHECK_LINKS), 0);
    board_set_certain(&g.board, CHECK_LINKS);
    assert_int_equal(judged_ms(&g, CHECK_LINKS), NOW + 3);
    board_begin_pass(&g.board, NOW + 5);
    board_end_pass(&g.board, 10, NOW + 100);
    assert_int_equal(judged_ms(&g, CHECK_LINKS), NOW + 3);
    rig_release(&g);
}

static void test_report__streams_are_judged_by_a_thousand_records(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    assert_int_equal(judged_ms(&g, CHECK_CONSERVATION), 0);
    board_set(&g.board, CHECK_CONSERVATION, CHECK_PASS, "", 999, 0, NOW + 1);
    assert_int_equal(judged_ms(&g, CHECK_CONSERVATION), 0);
    board_set(&g.board, CHECK_CONSERVATION, CHECK_PASS, "", 1000, 0, NOW + 1);
    assert_int_equal(judged_ms(&g, CHECK_CONSERVATION), NOW + 1);
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report__rows_are_judged_after_two_whole_passes),
        cmocka_unit_test(test_report__streams_are_judged_by_a_thousand_records),
        cmocka_unit_test(test_report__fails_at_once_and_recovers_with_a_whole_pass),
        cmocka_unit_test(test_report__severity_warn_warns),
        cmocka_unit_test(test_report__has_the_shape_that_is_promised),
        cmocka_unit_test(test_report__values_are_masked),
        cmocka_unit_test(test_report__failures_come_before_warnings),
        cmocka_unit_test(test_report__a_check_that_somebody_else_judges),
        cmocka_unit_test(test_report__states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
