#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/service/alert.h"
#include "streamer/service/alert_text.h"
#include "streamer/service/readiness_check.h"
#include "support.h"

#include <string.h>

/* --- changes */

static void write_down(void *context, const struct alert *a) {
    buf_printf(context, "%s %s>%s, ", a->now.id, check_status_name(a->before),
               check_status_name(a->now.status));
}

static struct check_state state_of(const char *id, enum check_status status) {
    return (struct check_state){.id = id, .status = status, .since_ms = 5};
}

static void test_alert__each_change_is_told(void **state) {
    (void)state;
    struct buf told = {0};
    struct alert_watch w = {.changed = write_down, .context = &told};
    struct check_state states[2];
    static const enum check_status looks[][2] = {
        {CHECK_PASS, CHECK_FAIL}, /* at a start only what is wrong */
        {CHECK_PASS, CHECK_FAIL}, {CHECK_WARN, CHECK_FAIL},
        {CHECK_FAIL, CHECK_PASS}, {CHECK_PASS, CHECK_PASS},
    };
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        states[0] = state_of("a", looks[i][0]);
        states[1] = state_of("b", looks[i][1]);
        alert_watch_look(&w, states, 2);
    }
    assert_string_equal(buf_cstr(&told),
                        "b pass>fail, a pass>warn, a warn>fail, b fail>pass, a fail>pass, ");
    buf_release(&told);
}

static void keep(void *context, const struct alert *a) {
    *(struct alert *)context = *a;
}

static void test_alert__tells_since_when_it_was_before(void **state) {
    (void)state;
    struct alert last;
    struct alert_watch w = {.changed = keep, .context = &last};
    struct check_state now = state_of("a", CHECK_FAIL);
    alert_watch_look(&w, &now, 1);
    now = (struct check_state){.id = "a", .status = CHECK_PASS, .since_ms = 9};
    alert_watch_look(&w, &now, 1);
    assert_int_equal(last.now.since_ms, 9);
    assert_int_equal(last.before_since_ms, 5);
}

/* --- words */

static int64_t ms_of(const char *iso) {
    int64_t ms;
    assert_true(timestamp_parse_iso(slice_str(iso), &ms));
    return ms;
}

static const struct alert_sender sender = {"bank", "rack-1"};

/* The text that people read; valid until `j` is used again. */
static const char *text_of(const struct alert *a, struct json *j, struct buf *json) {
    buf_clear(json);
    alert_put_json(a, &sender, json);
    const cJSON *root = json_parse(j, buf_slice(json));
    assert_non_null(root);
    return json_member(root, "text")->valuestring;
}

static struct alert stale(enum check_status status) {
    return (struct alert){
        .now = {.id = "source.freshness.accounts",
                .layer = LAYER_SOURCE,
                .severity = SEVERITY_ERROR,
                .status = status,
                .since_ms = ms_of("2026-11-28T03:17:05.250Z"),
                .message = "accounts: no event for 50 h <& \"\xe5\xb1\xb1\xe7\x94\xb0\">"},
        .before = CHECK_WARN,
        .before_since_ms = ms_of("2026-11-27T03:17:05Z")};
}

static void test_alert__says_what_where_since_when_and_what_to_do(void **state) {
    (void)state;
    struct json j;
    struct buf json = {0};
    json_init(&j);
    struct alert a = stale(CHECK_FAIL);
    const char *text = text_of(&a, &j, &json);
    const char *start = "*FAIL* source.freshness.accounts: accounts: no event for 50 h "
                        "&lt;&amp; \"\xe5\xb1\xb1\xe7\x94\xb0\"&gt;\n"
                        "bank on rack-1, since 2026-11-28T03:17:05Z\n"
                        "What to do: ";
    assert_int_equal(strncmp(text, start, strlen(start)), 0);
    assert_non_null(strstr(text, " Runbook: docker/README.md#streamerfeeddead"));
    json_release(&j);
    buf_release(&json);
}

static void test_alert__of_a_recovery_says_how_long_it_was_wrong(void **state) {
    (void)state;
    struct json j;
    struct buf json = {0};
    json_init(&j);
    struct alert a = stale(CHECK_PASS);
    a.now.message[0] = '\0';
    assert_string_equal(text_of(&a, &j, &json),
                        "*RECOVERED* source.freshness.accounts\n"
                        "bank on rack-1, since 2026-11-28T03:17:05Z; it was warn since "
                        "2026-11-27T03:17:05Z");
    json_release(&j);
    buf_release(&json);
}

static void test_alert__has_fields_for_programs(void **state) {
    (void)state;
    static const char *const fields[][2] = {
        {"app", "bank"},
        {"instance", "rack-1"},
        {"check", "source.freshness.accounts"},
        {"layer", "source"},
        {"severity", "error"},
        {"status", "fail"},
        {"previous", "warn"},
        {"since", "2026-11-28T03:17:05.250Z"},
        {"message", "accounts: no event for 50 h <& \"\xe5\xb1\xb1\xe7\x94\xb0\">"},
        {"runbook", "docker/README.md#streamerfeeddead"},
    };
    struct json j;
    struct buf json = {0};
    json_init(&j);
    struct alert a = stale(CHECK_FAIL);
    (void)text_of(&a, &j, &json);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_string_equal(json_member(j.root, fields[i][0])->valuestring, fields[i][1]);
    assert_int_equal(cJSON_GetArraySize(j.root), ARRAY_LEN(fields) + 1);
    json_release(&j);
    buf_release(&json);
}

static void test_alert__each_layer_has_help_of_its_own(void **state) {
    (void)state;
    assert_string_equal(alert_help_of("readiness")->runbook,
                        "docker/README.md#streamernotcommitting");
    assert_string_equal(alert_help_of("source.rejected.customers")->runbook,
                        "docker/README.md#streamerquarantinehigh");
    assert_string_equal(alert_help_of("intermediate.orphans")->runbook,
                        "docker/README.md#streamerorphanaccounts");
    assert_string_equal(alert_help_of("marts.interest")->runbook,
                        "docker/README.md#streamerqualityfailing");
}

/* --- readiness */

#define NOW_MS 10000000

static struct check_state checked(bool is_ready, enum worker_phase phase, int64_t for_ms) {
    struct readiness r = {
        .is_ready = is_ready, .phase = phase, .since_ms = NOW_MS - for_ms, .reason = "because"};
    struct check_state out;
    readiness_check(&r, NOW_MS, &out);
    assert_string_equal(out.id, "readiness");
    assert_int_equal(out.since_ms, NOW_MS - for_ms);
    assert_string_equal(out.message, out.status == CHECK_PASS ? "" : "not ready: because");
    return out;
}

static void test_alert__readiness(void **state) {
    (void)state;
    static const struct {
        bool is_ready;
        enum worker_phase phase;
        int64_t for_ms;
        enum check_status status;
    } cases[] = {
        {true, WORKER_RUNNING, 0, CHECK_PASS},
        {true, WORKER_RUNNING, 999999, CHECK_PASS},
        {false, WORKER_CONNECTING, 59999, CHECK_PASS},
        {false, WORKER_CONNECTING, 60000, CHECK_FAIL},
        {false, WORKER_RESTORING, 59999, CHECK_PASS},
        {false, WORKER_RESTORING, 60000, CHECK_WARN},
        {false, WORKER_RETRYING, 9999, CHECK_PASS},
        {false, WORKER_RETRYING, 10000, CHECK_FAIL},
        {false, WORKER_RUNNING, 9999, CHECK_PASS}, /* no registry */
        {false, WORKER_RUNNING, 10000, CHECK_FAIL},
        {false, WORKER_STOPPED, 0, CHECK_FAIL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct check_state c = checked(cases[i].is_ready, cases[i].phase, cases[i].for_ms);
        if (c.status != cases[i].status)
            fail_msg("case %zu: %s", i, check_status_name(c.status));
    }
}

static void test_alert__a_long_reason_is_cut_between_characters(void **state) {
    (void)state;
    struct readiness r = {.phase = WORKER_STOPPED};
    for (size_t i = 0; i < 300; i += 3)
        memcpy(r.reason + i, "\xe5\xb1\xb1", 4);
    struct check_state out;
    readiness_check(&r, NOW_MS, &out);
    assert_int_equal((strlen(out.message) - strlen("not ready: ")) % 3, 0);
    assert_true(strlen(out.message) > CHECK_MESSAGE_MAX - 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert__each_change_is_told),
        cmocka_unit_test(test_alert__tells_since_when_it_was_before),
        cmocka_unit_test(test_alert__says_what_where_since_when_and_what_to_do),
        cmocka_unit_test(test_alert__of_a_recovery_says_how_long_it_was_wrong),
        cmocka_unit_test(test_alert__has_fields_for_programs),
        cmocka_unit_test(test_alert__each_layer_has_help_of_its_own),
        cmocka_unit_test(test_alert__readiness),
        cmocka_unit_test(test_alert__a_long_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
