#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/service/lineage_event.h"
#include "streamer/service/openlineage.h"
#include "support.h"
#include "web_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* That events are what OpenLineage's own client makes of them is shown by system/openlineage. */

/* --- events */

static void config_begin(struct config *c) {
    struct err e = {0};
    const char *sets[] = {"app.id=bank",
                          "kafka.bootstrap.servers=PLAINTEXT://k1.example.com:9093 , k2:9092",
                          "topic.accounts=bank.accounts"};
    if (!config_load(c, NULL, sets, sizeof sets / sizeof *sets, &e))
        fail_msg("%s", e.text);
}

static void test_openlineage__names_job_run_and_datasets(void **state) {
    (void)state;
    struct config c;
    struct buf out = {0};
    struct json j;
    json_init(&j);
    config_begin(&c);
    const struct lineage_event event = {LINEAGE_FAIL, "0190-x", 1795800000000, "a \"b\""};
    lineage_put_event(&c, &event, &out);
    const cJSON *root = json_parse(&j, buf_slice(&out));
    if (root == NULL)
        fail_msg("%s: %s", j.error, buf_cstr(&out));
    assert_string_equal(json_member(root, "eventType")->valuestring, "FAIL");
    assert_string_equal(json_member(root, "eventTime")->valuestring, "2026-11-27T17:20:00.000Z");
    const cJSON *job = json_member(root, "job"), *run = json_member(root, "run");
    assert_string_equal(json_member(job, "namespace")->valuestring, "kafka://k1.example.com:9093");
    assert_string_equal(json_member(job, "name")->valuestring, "bank");
    const cJSON *error = json_member(json_member(run, "facets"), "errorMessage");
    assert_string_equal(json_member(error, "message")->valuestring, "a \"b\"");
    const cJSON *input = cJSON_GetArrayItem(json_member(root, "inputs"), 1);
    assert_string_equal(json_member(input, "name")->valuestring, "bank.accounts");
    assert_int_equal(cJSON_GetArraySize(json_member(root, "outputs")), 6);
    json_release(&j);
    buf_release(&out);
    config_release(&c);
}

static void test_openlineage__run_ids_are_uuids_of_version_7(void **state) {
    (void)state;
    static const unsigned char random[10] = {0xff, 1, 0xff, 3, 4, 5, 6, 7, 8, 9};
    char id[LINEAGE_RUN_ID_SIZE];
    lineage_run_id(INT64_C(0x0123456789ab), random, id);
    assert_string_equal(id, "01234567-89ab-7f01-bf03-040506070809");
}

/* --- the thread */

struct scene {
    struct web_server *server;
    struct config config;
    struct clock clock;
    pthread_mutex_t lock; /* over what follows */
    struct buf heard;     /* the types of all events, "START RUNNING "; refused ones in brackets */
    int refusals;
};

static void receive(void *context, const struct web_request *q, struct web_reply *reply) {
    struct scene *s = context;
    struct json j;
    json_init(&j);
    assert_string_equal(q->target, "/base/api/v1/lineage");
    bool is_old = strstr(q->head, "Authorization: Bearer s3cret\r") != NULL;
    assert_true(is_old || strstr(q->head, "Authorization: Bearer fresh\r") != NULL);
    assert_non_null(strstr(q->body, "\"job\":{\"namespace\":\"kafka://first:9092\""));
    const char *type = json_member(json_parse(&j, slice_str(q->body)), "eventType")->valuestring;
    (void)pthread_mutex_lock(&s->lock);
    reply->status = s->refusals > 0 ? 503 : 201;
    buf_printf(&s->heard, s->refusals > 0 ? "(%s) " : is_old ? "%s " : "fresh %s ", type);
    s->refusals -= s->refusals > 0;
    (void)pthread_mutex_unlock(&s->lock);
    json_release(&j);
}

static void scene_begin(struct scene *s, int refusals) {
    *s = (struct scene){.refusals = refusals, .clock = *clock_of_machine()};
    (void)pthread_mutex_init(&s->lock, NULL);
    s->server = web_server_start(receive, s);
    struct buf url = {0};
    struct err e = {0};
    buf_printf(&url, "openlineage.url=%s/base/", web_server_url(s->server));
    const char *sets[] = {buf_cstr(&url), "openlineage.api.key=s3cret",
                          "kafka.bootstrap.servers=first"};
    if (!config_load(&s->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    buf_release(&url);
}

static struct openlineage *start(struct scene *s, int64_t running_ms) {
    struct err e = {0};
    const struct openlineage_options o = {&s->config, &s->clock, running_ms};
    struct openlineage *l = openlineage_start(&o, &e);
    if (l == NULL)
        fail_msg("%s", e.text);
    return l;
}

/* The limit only guards against a test that never ends. */
static void wait_heard(struct scene *s, const char *beginning) {
    bool is_so = false;
    for (int i = 0; i < 60000 && !is_so; i++) {
        (void)pthread_mutex_lock(&s->lock);
        is_so = strncmp(buf_cstr(&s->heard), beginning, strlen(beginning)) == 0;
        (void)pthread_mutex_unlock(&s->lock);
        (void)usleep(1000);
    }
    if (!is_so)
        fail_msg("heard \"%s\", not \"%s\"", buf_cstr(&s->heard), beginning);
}

static void scene_end(struct scene *s) {
    web_server_stop(s->server);
    config_release(&s->config);
    buf_release(&s->heard);
    (void)pthread_mutex_destroy(&s->lock);
}

static void test_openlineage__start_running_complete(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 0);
    struct openlineage *l = start(&s, 10);
    wait_heard(&s, "START RUNNING RUNNING ");
    openlineage_end(l, NULL);
    assert_string_equal(buf_cstr(&s.heard) + s.heard.n - strlen(" COMPLETE "), " COMPLETE ");
    scene_end(&s);
}

static void test_openlineage__fails_with_the_error(void **state) {
    (void)state;
    struct scene s;
    struct err why;
    (void)err_set(&why, ERR_STOP, "the disk is full");
    scene_begin(&s, 0);
    struct openlineage *l = start(&s, OPENLINEAGE_RUNNING_MS);
    wait_heard(&s, "START ");
    openlineage_end(l, &why);
    wait_heard(&s, "START FAIL ");
    scene_end(&s);
}

static void test_openlineage__a_new_key_is_used_from_the_next_attempt_on(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 0);
    struct openlineage *l = start(&s, OPENLINEAGE_RUNNING_MS);
    wait_heard(&s, "START ");
    openlineage_renew(l, "fresh");
    openlineage_end(l, NULL);
    wait_heard(&s, "START fresh COMPLETE ");
    scene_end(&s);
}

static int64_t stopped_us(const struct clock *c, clockid_t id) {
    (void)c, (void)id;
    return 1;
}

/* A stop does not wait for the retries of an event that is not the last one. The clock stands
 * still, so that there is time for the last one however slow the machine is. */
static void test_openlineage__retries(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 2);
    s.clock.now_us = stopped_us;
    struct openlineage *l = start(&s, OPENLINEAGE_RUNNING_MS);
    wait_heard(&s, "(START) ");
    openlineage_end(l, NULL);
    wait_heard(&s, "(START) (COMPLETE) COMPLETE ");
    scene_end(&s);
}

static void test_openlineage__a_start_that_was_lost_is_made_up_for(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 1);
    struct openlineage *l = start(&s, 10);
    wait_heard(&s, "(START) START RUNNING ");
    openlineage_end(l, NULL);
    scene_end(&s);
}

/* A reload replaces the brokers' names while the thread runs. The names of the run stay. */
static void test_openlineage__a_reload_changes_no_name(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 0);
    struct openlineage *l = start(&s, 10);
    free(s.config.bootstrap);
    s.config.bootstrap = strdup("second");
    wait_heard(&s, "START RUNNING RUNNING ");
    openlineage_end(l, NULL);
    scene_end(&s);
}

static void test_openlineage__nobody_listens(void **state) {
    (void)state;
    struct scene s;
    scene_begin(&s, 0);
    free(s.config.openlineage_url);
    s.config.openlineage_url = strdup(WEB_NOBODY);
    openlineage_end(start(&s, OPENLINEAGE_RUNNING_MS), NULL); /* which returns */
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openlineage__names_job_run_and_datasets),
        cmocka_unit_test(test_openlineage__run_ids_are_uuids_of_version_7),
        cmocka_unit_test(test_openlineage__start_running_complete),
        cmocka_unit_test(test_openlineage__fails_with_the_error),
        cmocka_unit_test(test_openlineage__a_new_key_is_used_from_the_next_attempt_on),
        cmocka_unit_test(test_openlineage__retries),
        cmocka_unit_test(test_openlineage__a_start_that_was_lost_is_made_up_for),
        cmocka_unit_test(test_openlineage__a_reload_changes_no_name),
        cmocka_unit_test(test_openlineage__nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
