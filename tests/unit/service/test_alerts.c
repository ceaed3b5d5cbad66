#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/service/alert_plan.h"
#include "streamer/service/alerts.h"
#include "support.h"
#include "web_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The thread with a real receiver, and a clock that the test can set forward. */
struct scene {
    struct clock clock; /* the machine's, and `ahead_us` more */
    _Atomic int64_t ahead_us;
    _Atomic int status; /* of the check "a" (enum check_status) */
    _Atomic bool is_unknown;
    _Atomic int looks;
    struct web_server *server;
    pthread_mutex_t lock; /* over what follows */
    struct buf heard;     /* the status of each message, one after the other: "fail pass " */
    int requests;
    const char *target; /* others are not found */
    int refusals;       /* how many requests are answered with 500, */
    int silences;       /* and how many are not answered, before that */
    char *dir;          /* the state directory */
    struct config config;
    struct metrics *metrics;
    struct alerts *alerts;
};

static int64_t now_us(const struct clock *c, clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    const struct scene *s = (const struct scene *)(const void *)c;
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000 + s->ahead_us;
}

static size_t states(void *context, struct check_state *out, size_t max) {
    struct scene *s = context;
    assert_true(max >= 1);
    out[0] = (struct check_state){.id = "a",
                                  .status = (enum check_status)s->status,
                                  .since_ms = 1,
                                  .is_known = !s->is_unknown};
    s->looks++;
    return 1;
}

static enum alert_duty topics_duty(void *context) {
    (void)context;
    return ALERT_HERE;
}

static void note_status(struct scene *s, const char *body) {
    struct json j;
    json_init(&j);
    const cJSON *root = json_parse(&j, slice_str(body));
    assert_non_null(root);
    buf_printf(&s->heard, "%s ", json_member(root, "status")->valuestring);
    json_release(&j);
}

static void receive(void *context, const struct web_request *q, struct web_reply *reply) {
    struct scene *s = context;
    (void)pthread_mutex_lock(&s->lock);
    assert_string_equal(q->method, "POST");
    assert_non_null(strstr(q->head, "Content-Type: application/json"));
    s->requests++;
    reply->hangs = s->silences > 0;
    reply->status = strcmp(q->target, s->target) != 0  ? 404
                    : s->refusals > 0 && !reply->hangs ? 500
                                                       : 200;
    if (reply->hangs)
        s->silences--;
    else if (reply->status == 500)
        s->refusals--;
    else if (reply->status == 200)
        note_status(s, q->body);
    (void)pthread_mutex_unlock(&s->lock);
}

/* The process begins. */
static void process_begin(struct scene *s) {
    struct err e = {0};
    const struct alerts_options o = {.config = &s->config,
                                     .metrics = s->metrics,
                                     .clock = &s->clock,
                                     .look_ms = 5,
                                     .instance = "rack-1",
                                     .dir = s->dir,
                                     .states = states,
                                     .topics_duty = topics_duty,
                                     .context = s};
    s->alerts = alerts_start(&o, &e);
    if (s->alerts == NULL)
        fail_msg("%s", e.text);
}

static void scene_begin(struct scene *s, bool has_receiver) {
    static char app_id[] = "bank";
    struct buf url = {0};
    memset(s, 0, sizeof *s);
    s->clock.now_us = now_us;
    s->target = "/hook?key=s3cret";
    (void)pthread_mutex_init(&s->lock, NULL);
    s->server = web_server_start(receive, s);
    buf_printf(&url, "%s/hook?key=s3cret", has_receiver ? web_server_url(s->server) : WEB_NOBODY);
    s->config = (struct config){.app_id = app_id, .alert_webhook_url = url.p};
    (void)buf_cstr(&url);
    s->metrics = metrics_new(&s->config);
    s->dir = make_scratch();
    process_begin(s);
}

static void process_end(struct scene *s) {
    alerts_finish(s->alerts);
    alerts_free(s->alerts);
}

static void scene_end(struct scene *s) {
    process_end(s);
    remove_scratch(s->dir);
    web_server_stop(s->server);
    metrics_free(s->metrics);
    buf_release(&s->heard);
    free(s->config.alert_webhook_url);
    (void)pthread_mutex_destroy(&s->lock);
}

static void set(struct scene *s, enum check_status status) {
    s->status = (int)status;
    int looks = s->looks;
    while (s->looks < looks + 2)
        (void)usleep(1000);
}

static bool has_heard(struct scene *s, const char *all) {
    (void)pthread_mutex_lock(&s->lock);
    bool is_so = strcmp(buf_cstr(&s->heard), all) == 0;
    (void)pthread_mutex_unlock(&s->lock);
    return is_so;
}

static int requests(struct scene *s) {
    (void)pthread_mutex_lock(&s->lock);
    int n = s->requests;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

/* Sets the clock forward bit by bit, until the receiver has heard all of that. */
static void wait_heard(struct scene *s, const char *all, int64_t step_ms) {
    for (int i = 0; i < 10000 && !has_heard(s, all); i++) {
        s->ahead_us += step_ms * 1000;
        (void)usleep(10000);
    }
    if (!has_heard(s, all))
        fail_msg("heard \"%s\", not \"%s\"", buf_cstr(&s->heard), all);
}

static void assert_sent(const struct scene *s, int64_t ok, int64_t failed) {
    const counter *sent = s->metrics->alerts_sent;
    for (int i = 0; i < 60000 && (metric_get(&sent[ALERTS_OK]) < ok ||
                                  metric_get(&sent[ALERTS_FAILED]) < failed);
         i++)
        (void)usleep(1000);
    assert_int_equal(metric_get(&sent[ALERTS_OK]), ok);
    assert_int_equal(metric_get(&sent[ALERTS_FAILED]), failed);
}

static void test_alerts__a_change_and_its_recovery_a_minute_later(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    set(&s, CHECK_FAIL);
    wait_heard(&s, "fail ", 0);
    set(&s, CHECK_PASS);
    s.ahead_us += (ALERT_PAUSE_MS - 10000) * INT64_C(1000);
    set(&s, CHECK_PASS); /* two more looks */
    assert_true(has_heard(&s, "fail "));
    wait_heard(&s, "fail pass ", 1000);
    assert_sent(&s, 2, 0);
    scene_end(&s);
}

static void test_alerts__a_receiver_that_fails_is_asked_four_times(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    s.refusals = 3;
    set(&s, CHECK_WARN);
    wait_heard(&s, "warn ", 200);
    assert_int_equal(requests(&s), 4);
    assert_sent(&s, 1, 0);
    scene_end(&s);
}

/* Four refusals: it is given up. The receiver is told how it is a minute later. */
static void test_alerts__what_did_not_get_through_is_told_when_it_can_be(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    s.refusals = 4;
    set(&s, CHECK_FAIL);
    for (int i = 0; i < 10000 && requests(&s) < 4; i++) {
        s.ahead_us += 200000;
        (void)usleep(10000);
    }
    assert_sent(&s, 0, 1);
    set(&s, CHECK_PASS);
    assert_int_equal(requests(&s), 4);
    wait_heard(&s, "pass ", 1000);
    assert_int_equal(requests(&s), 5);
    assert_sent(&s, 1, 1);
    scene_end(&s);
}

/* One that hangs, too: the checks are looked at between two attempts. */
static void test_alerts__a_receiver_that_hangs_is_asked_again(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    s.silences = 1;
    set(&s, CHECK_FAIL);
    wait_heard(&s, "fail ", 200);
    assert_int_equal(requests(&s), 2);
    assert_sent(&s, 1, 0);
    scene_end(&s);
}

static void test_alerts__a_new_url_is_used_from_the_next_attempt_on(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s, true);
    s.target = "/fresh";
    set(&s, CHECK_FAIL);
    while (requests(&s) == 0)
        (void)usleep(1000);
    alerts_renew(s.alerts, ""); /* is no URL */
    buf_printf(&url, "%s/fresh", web_server_url(s.server));
    alerts_renew(s.alerts, buf_cstr(&url));
    buf_release(&url);
    wait_heard(&s, "fail ", 200);
    scene_end(&s);
}

static void test_alerts__the_last_look_is_told_before_the_end(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    s.status = CHECK_FAIL; /* at once after that it stops */
    alerts_finish(s.alerts);
    wait_heard(&s, "fail ", 0);
    scene_end(&s);
}

/* It is retried within the time that a stop has. */
static void test_alerts__a_stop_waits_for_a_silent_receiver_only_for_a_while(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, false);
    set(&s, CHECK_FAIL);
    alerts_finish(s.alerts);
    s.ahead_us += ALERTS_FINISH_MS * INT64_C(1000);
    scene_end(&s); /* which returns */
}

/* A process that has looked at nothing yet does not say that all is well. */
static void test_alerts__a_recovery_is_told_by_the_next_process_once_it_is_known(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    set(&s, CHECK_FAIL);
    wait_heard(&s, "fail ", 0);
    process_end(&s);
    s.status = CHECK_PASS;
    s.is_unknown = true;
    process_begin(&s);
    set(&s, CHECK_PASS);
    process_end(&s); /* nor before it stops, nor the next one */
    process_begin(&s);
    set(&s, CHECK_PASS);
    assert_int_equal(requests(&s), 1);
    s.is_unknown = false;
    wait_heard(&s, "fail pass ", 0);
    process_end(&s);
    process_begin(&s); /* once */
    set(&s, CHECK_PASS);
    assert_int_equal(requests(&s), 2);
    scene_end(&s);
}

static void test_alerts__what_is_as_it_was_told_is_not_told_after_a_restart(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, true);
    set(&s, CHECK_FAIL);
    wait_heard(&s, "fail ", 0);
    process_end(&s);
    process_begin(&s);
    set(&s, CHECK_FAIL);
    assert_int_equal(requests(&s), 1);
    set(&s, CHECK_WARN);
    wait_heard(&s, "fail warn ", 0);
    scene_end(&s);
}

/* As without a file: what is wrong is told anew, and a recovery is not. */
static void test_alerts__a_damaged_file_is_as_none(void **state) {
    static const enum check_status then[] = {CHECK_FAIL, CHECK_PASS};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(then); i++) {
        struct scene s;
        struct buf path = {0};
        scene_begin(&s, true);
        set(&s, CHECK_FAIL);
        wait_heard(&s, "fail ", 0);
        process_end(&s);
        buf_printf(&path, "%s/ALERTS", s.dir);
        assert_int_equal(truncate(buf_cstr(&path), 12), 0);
        s.status = (int)then[i];
        process_begin(&s);
        set(&s, then[i]);
        if (then[i] == CHECK_FAIL)
            wait_heard(&s, "fail fail ", 0);
        assert_int_equal(requests(&s), then[i] == CHECK_FAIL ? 2 : 1);
        buf_release(&path);
        scene_end(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alerts__a_change_and_its_recovery_a_minute_later),
        cmocka_unit_test(test_alerts__a_receiver_that_fails_is_asked_four_times),
        cmocka_unit_test(test_alerts__what_did_not_get_through_is_told_when_it_can_be),
        cmocka_unit_test(test_alerts__a_receiver_that_hangs_is_asked_again),
        cmocka_unit_test(test_alerts__a_new_url_is_used_from_the_next_attempt_on),
        cmocka_unit_test(test_alerts__a_recovery_is_told_by_the_next_process_once_it_is_known),
        cmocka_unit_test(test_alerts__what_is_as_it_was_told_is_not_told_after_a_restart),
        cmocka_unit_test(test_alerts__a_damaged_file_is_as_none),
        cmocka_unit_test(test_alerts__the_last_look_is_told_before_the_end),
        cmocka_unit_test(test_alerts__a_stop_waits_for_a_silent_receiver_only_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
