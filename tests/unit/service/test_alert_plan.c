#include "streamer/base/mem.h"
#include "streamer/service/alert_plan.h"
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A receiver and a clock. What is sent is written down as "<second> <check> <before>><status>",
 * with "!" behind it if the receiver did not take it, one after the other. */
struct scene {
    struct alert_plan plan;
    int64_t now_ms;
    int failures; /* how many attempts the receiver will refuse, from now on */
    char sent[2000];
};

static void scene_begin(struct scene *s) {
    memset(s, 0, sizeof *s);
    s->now_ms = 1000000;
}

static void note(struct scene *s, const struct alert *a, bool is_ok) {
    size_t n = strlen(s->sent);
    (void)snprintf(s->sent + n, sizeof s->sent - n, "%s%lld %s %s>%s%s", n > 0 ? ", " : "",
                   (long long)(s->now_ms - 1000000) / 1000, a->now.id, check_status_name(a->before),
                   check_status_name(a->now.status), is_ok ? "" : "!");
}

static void attempt(struct scene *s, const struct alert *a) {
    bool is_ok = s->failures == 0;
    if (!is_ok)
        s->failures--;
    note(s, a, is_ok);
    (void)alert_plan_end(&s->plan, a, is_ok, s->now_ms);
}

/* Lets the time go on, in seconds, and sends what is due. */
static void pass(struct scene *s, int seconds) {
    int64_t end_ms = s->now_ms + (int64_t)seconds * 1000;
    for (;;) {
        const struct alert *a;
        while ((a = alert_plan_begin(&s->plan, s->now_ms)) != NULL)
            attempt(s, a);
        int64_t due_ms = alert_plan_due_ms(&s->plan);
        if (due_ms > end_ms)
            break;
        assert_true(due_ms > s->now_ms); /* else it would have been sent */
        s->now_ms = due_ms;
    }
    s->now_ms = end_ms;
}

static void see(struct scene *s, const char *id, enum check_status status, enum alert_duty duty) {
    const struct check_state now = {.id = id, .status = status, .since_ms = s->now_ms};
    alert_plan_see(&s->plan, &now, duty, s->now_ms);
}

static void change(struct scene *s, const char *id, enum check_status status) {
    see(s, id, status, ALERT_HERE);
}

static void test_alert_plan__one_message_for_a_change(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    pass(&s, 100);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 500);
    change(&s, "a", CHECK_PASS);
    pass(&s, 500);
    assert_string_equal(s.sent, "100 a pass>fail, 600 a fail>pass");
}

static void test_alert_plan__a_minute_between_two_messages_of_a_check(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 10);
    change(&s, "a", CHECK_PASS);
    change(&s, "b", CHECK_WARN); /* another check does not wait */
    pass(&s, 20);
    change(&s, "a", CHECK_WARN);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail, 10 b pass>warn, 60 a fail>warn");
}

static void test_alert_plan__nothing_if_it_is_again_what_was_told(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 10);
    change(&s, "a", CHECK_PASS);
    pass(&s, 10);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 500);
    change(&s, "a", CHECK_PASS); /* and the pause is long over */
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail, 520 a fail>pass");
}

static void test_alert_plan__the_pause_is_of_sixty_seconds(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 60);
    change(&s, "a", CHECK_WARN);
    pass(&s, 59);
    change(&s, "a", CHECK_PASS);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail, 60 a fail>warn, 120 a warn>pass");
}

static void test_alert_plan__three_retries(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = 3;
    change(&s, "a", CHECK_FAIL);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail!, 1 a pass>fail!, 3 a pass>fail!, 7 a pass>fail");
}

/* A retry says what the first attempt said, because the receiver may have it. What has changed
 * meanwhile is another message. */
static void test_alert_plan__a_retry_says_the_same(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = 2;
    change(&s, "a", CHECK_FAIL);
    pass(&s, 2);
    change(&s, "a", CHECK_PASS);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail!, 1 a pass>fail!, 3 a pass>fail, 63 a fail>pass");
}

static void test_alert_plan__others_are_sent_while_one_is_retried(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = 2;
    change(&s, "a", CHECK_FAIL);
    pass(&s, 2);
    change(&s, "b", CHECK_WARN);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail!, 1 a pass>fail!, 2 b pass>warn, 3 a pass>fail");
}

/* Nobody knows what the receiver has heard: it is told the state of a minute later. */
static void test_alert_plan__what_was_given_up_is_told_a_minute_later(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = 4;
    change(&s, "a", CHECK_FAIL);
    pass(&s, 500);
    assert_string_equal(s.sent, "0 a pass>fail!, 1 a pass>fail!, 3 a pass>fail!, 7 a pass>fail!, "
                                "67 a fail>fail");
    s.sent[0] = '\0';
    s.failures = 4;
    change(&s, "a", CHECK_WARN);
    pass(&s, 10);
    change(&s, "a", CHECK_FAIL); /* what it had been told before */
    pass(&s, 500);
    assert_string_equal(s.sent, "500 a fail>warn!, 501 a fail>warn!, 503 a fail>warn!, "
                                "507 a fail>warn!, 567 a warn>fail");
}

/* Four attempts, and a minute later again, with the state of then. */
static void test_alert_plan__an_hour_without_a_receiver(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = INT_MAX;
    change(&s, "a", CHECK_FAIL);
    for (int minute = 0; minute < 60; minute++) {
        pass(&s, 60);
        s.sent[0] = '\0';
        change(&s, "a", minute % 2 == 0 ? CHECK_WARN : CHECK_FAIL);
    }
    assert_true(s.failures > INT_MAX - 4 * 60);
    change(&s, "a", CHECK_WARN);
    s.failures = 0;
    pass(&s, 67);
    assert_string_equal(s.sent + strlen(s.sent) - strlen(">warn"), ">warn");
    s.sent[0] = '\0';
    pass(&s, 500);
    assert_string_equal(s.sent, "");
}

static void test_alert_plan__who_waits_longest_is_first(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "b", CHECK_FAIL);
    s.now_ms += 1;
    change(&s, "a", CHECK_FAIL);
    s.now_ms += 1;
    change(&s, "b", CHECK_WARN); /* does not lose its place */
    pass(&s, 10);
    assert_string_equal(s.sent, "0 b pass>warn, 0 a pass>fail");
}

/* Another instance tells of the check for a while. It counts as a start when it is here again. */
static void test_alert_plan__what_another_instance_tells_is_forgotten(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 100);
    see(&s, "a", CHECK_FAIL, ALERT_ELSEWHERE);
    see(&s, "a", CHECK_PASS, ALERT_ELSEWHERE);
    pass(&s, 100);
    see(&s, "a", CHECK_PASS, ALERT_HERE); /* is no recovery */
    pass(&s, 100);
    see(&s, "a", CHECK_FAIL, ALERT_ELSEWHERE);
    pass(&s, 100);
    see(&s, "a", CHECK_FAIL, ALERT_HERE);
    pass(&s, 100);
    assert_string_equal(s.sent, "0 a pass>fail, 400 a pass>fail");
}

static void test_alert_plan__nothing_is_told_or_forgotten_while_it_is_not_clear(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    change(&s, "a", CHECK_FAIL);
    pass(&s, 100);
    see(&s, "a", CHECK_FAIL, ALERT_UNCLEAR);
    see(&s, "a", CHECK_FAIL, ALERT_HERE); /* was told */
    pass(&s, 100);
    see(&s, "a", CHECK_PASS, ALERT_UNCLEAR);
    pass(&s, 100);
    see(&s, "a", CHECK_PASS, ALERT_HERE);
    pass(&s, 100);
    assert_string_equal(s.sent, "0 a pass>fail, 300 a fail>pass");
}

/* Wherever it goes to, what waits for its minute is not sent from here. */
static void test_alert_plan__what_waits_is_not_sent_when_it_goes_away(void **state) {
    static const enum alert_duty away[] = {ALERT_UNCLEAR, ALERT_ELSEWHERE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(away); i++) {
        struct scene s;
        scene_begin(&s);
        change(&s, "a", CHECK_FAIL);
        pass(&s, 10);
        change(&s, "a", CHECK_WARN);
        see(&s, "a", CHECK_WARN, away[i]);
        pass(&s, 500);
        assert_string_equal(s.sent, "0 a pass>fail");
    }
}

/* The receiver may have got it. It is tried again as often as any other, and no more. */
static void test_alert_plan__a_message_goes_away_while_it_is_being_sent(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s);
    s.failures = INT_MAX;
    change(&s, "a", CHECK_FAIL);
    for (int i = 0; i < 100; i++) {
        pass(&s, 1);
        see(&s, "a", CHECK_FAIL, ALERT_ELSEWHERE);
    }
    assert_int_equal(s.failures, INT_MAX - 4);
}

static void test_alert_plan__is_bounded(void **state) {
    (void)state;
    static char ids[ALERT_CHECKS_MAX + 10][8];
    struct scene s;
    scene_begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)snprintf(ids[i], sizeof ids[i], "c%zu", i);
        change(&s, ids[i], CHECK_FAIL);
    }
    pass(&s, 0);
    assert_int_equal(s.plan.count, ALERT_CHECKS_MAX);
    assert_int_equal(alert_plan_due_ms(&s.plan), INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert_plan__one_message_for_a_change),
        cmocka_unit_test(test_alert_plan__a_minute_between_two_messages_of_a_check),
        cmocka_unit_test(test_alert_plan__nothing_if_it_is_again_what_was_told),
        cmocka_unit_test(test_alert_plan__the_pause_is_of_sixty_seconds),
        cmocka_unit_test(test_alert_plan__three_retries),
        cmocka_unit_test(test_alert_plan__a_retry_says_the_same),
        cmocka_unit_test(test_alert_plan__others_are_sent_while_one_is_retried),
        cmocka_unit_test(test_alert_plan__what_was_given_up_is_told_a_minute_later),
        cmocka_unit_test(test_alert_plan__an_hour_without_a_receiver),
        cmocka_unit_test(test_alert_plan__who_waits_longest_is_first),
        cmocka_unit_test(test_alert_plan__what_another_instance_tells_is_forgotten),
        cmocka_unit_test(test_alert_plan__nothing_is_told_or_forgotten_while_it_is_not_clear),
        cmocka_unit_test(test_alert_plan__what_waits_is_not_sent_when_it_goes_away),
        cmocka_unit_test(test_alert_plan__a_message_goes_away_while_it_is_being_sent),
        cmocka_unit_test(test_alert_plan__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
