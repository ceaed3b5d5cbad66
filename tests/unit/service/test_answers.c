/* answers: every route of the table is served by the running process, and nothing else is. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/http/http_client.h"
#include "streamer/http/page.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/metrics/freshness.h"
#include "streamer/service/answers.h"
#include "streamer/service/observer.h"
#include "streamer/service/service.h"
#include "streamer/worker/worker_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- the real process, with a broker inside */

struct running {
    struct config config;
    struct service *service;
    struct http_client *client;
};

static int start(void **state) {
    static const char *const sets[] = {"http.listen=127.0.0.1:0", "http.insecure=true",
                                       "partitions=1", "log.level=error"};
    struct running *r = mem_calloc(1, sizeof *r);
    struct err e = {0};
    if (!config_load(&r->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    r->service = service_start(&r->config, true, &e);
    if (r->service == NULL)
        fail_msg("%s", e.text);
    r->client = http_client_new("", &e);
    assert_non_null(r->client);
    while (!service_running(r->service))
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    *state = r;
    return 0;
}

static int stop(void **state) {
    struct running *r = *state;
    struct err e;
    http_client_free(r->client);
    assert_true(service_stop(r->service, &e));
    config_release(&r->config);
    free(r);
    return 0;
}

/* An answer that the client's thread hands over. */
struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_there;
    struct http_answer answer;
};

static void on_answer(void *context, struct http_answer *answer) {
    struct outcome *o = context;
    (void)pthread_mutex_lock(&o->lock);
    o->answer = *answer;
    o->is_there = true;
    (void)pthread_cond_signal(&o->wake);
    (void)pthread_mutex_unlock(&o->lock);
}

/* The caller releases the body. */
static struct http_answer ask(struct running *r, const char *target) {
    struct outcome o = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    char url[256];
    (void)snprintf(url, sizeof url, "http://%s%s", service_http_address(r->service), target);
    http_client_get(r->client, url, NULL, on_answer, &o);
    (void)pthread_mutex_lock(&o.lock);
    while (!o.is_there)
        (void)pthread_cond_wait(&o.wake, &o.lock);
    (void)pthread_mutex_unlock(&o.lock);
    return o.answer;
}

static void expect(struct running *r, const char *target, int status, const char *part) {
    struct http_answer answer = ask(r, target);
    if (answer.status != status || strstr(buf_cstr(&answer.body), part) == NULL)
        fail_msg("%s: %d %s", target, answer.status, buf_cstr(&answer.body));
    buf_release(&answer.body);
}

#define TABLE "account_history" /* for {table} of exports, which takes as_of */
#define WHY_TABLE "accounts"    /* for {table} of why */

/* 200, or 404 of a route with an id: there is no row. */
static void expect_served(struct running *r, const struct route *route, const char *target) {
    if (strstr(route->pattern, "{id}") != NULL) {
        expect(r, target, 404, "{\"error\": \"no ");
        expect(r, target, 404, route->table != NULL ? route->table : WHY_TABLE);
        return;
    }
    struct http_answer answer = ask(r, target);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, route->content_type);
    buf_release(&answer.body);
}

/* Puts the pattern up to {name}, then the value. Returns what is behind. */
static const char *put_up_to(struct buf *out, const char *pattern, const char *name,
                             const char *value) {
    const char *at = strstr(pattern, name);
    if (at == NULL)
        return pattern;
    buf_printf(out, "%.*s%s", (int)(at - pattern), pattern, value);
    return at + strlen(name);
}

/* "/v1/accounts/1", by the pattern of the route. */
static void put_path(struct buf *out, const struct route *route) {
    buf_clear(out);
    const char *table = route->answer == ROUTE_EXPORT ? TABLE : WHY_TABLE;
    const char *rest = put_up_to(out, route->pattern, "{table}", table);
    rest = put_up_to(out, rest, "{id}", "1");
    buf_put_str(out, rest);
}

static const char *value_for(enum route_parameter_type type) {
    return type == PARAMETER_FORMAT    ? "csv"
           : type == PARAMETER_TIME    ? "2024-02-15"
           : type == PARAMETER_BOOLEAN ? "true"
                                       : "1";
}

static void test_answers__every_route_is_served_with_its_parameters(void **state) {
    struct running *r = *state;
    struct buf path = {0}, target = {0};
    size_t count;
    const struct route *routes = routes_all(&count);
    for (const struct route *route = routes; route < routes + count; route++) {
        put_path(&path, route);
        expect_served(r, route, buf_cstr(&path));
        for (const struct route_parameter *p = route->parameters; p->name != NULL; p++) {
            if (p->place != PARAMETER_IN_QUERY)
                continue;
            buf_clear(&target);
            buf_printf(&target, "%s?%s=%s", buf_cstr(&path), p->name, value_for(p->type));
            expect_served(r, route, buf_cstr(&target));
        }
        buf_put_str(&path, "?other=1");
        expect(r, buf_cstr(&path), 400, "unknown query parameter other");
    }
    buf_release(&path);
    buf_release(&target);
}

/* The page asks with forwarded=0, and gets what every client gets. Only another instance, which
 * sends forwarded=1, gets the part of this one. */
static void test_answers__the_page_is_a_client(void **state) {
    static const char profile[] = "/v1/customer_profile/1?as_of=2024-02-15",
                      none[] = "no row at that time of customer_profile/1";
    struct buf target = {0};
    expect(*state, profile, 404, none);
    buf_printf(&target, "%s&forwarded=0", profile);
    expect(*state, buf_cstr(&target), 404, none);
    buf_clear(&target);
    buf_printf(&target, "%s&forwarded=1", profile);
    expect(*state, buf_cstr(&target), 200, "{\"customer\":null,\"partitions\":[{");
    expect(*state, "/v1/status?all=true&forwarded=0", 200, "{\"instances\":[{");
    expect(*state, "/v1/status?all=true&forwarded=1", 200, "{\"timestamp\":");
    buf_release(&target);
}

static void test_answers__what_is_in_no_table_is_refused(void **state) {
    static const char *const paths[] = {"//", "/v1", "/v1/other/1", "/v1/accounts/1/other",
                                        "/metrics/1"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        expect(*state, paths[i], 404, "{\"error\": \"no such resource\"}");
}

static void test_answers__readiness_has_the_figures_of_the_metrics(void **state) {
    expect(*state, "/readyz", 200,
           ",\"waiting_partitions\":0,\"waiting_for\":null,\"waiting_since\":null,"
           "\"restore_remaining_records\":0,\"invariant_violations\":0}\n");
}

/* --- before there are workers */

static void test_answers__only_health_while_starting(void **state) {
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = {
        {"/healthz", 200, "{\"alive\":true}\n"},
        {"/metrics", 503, "{\"error\": \"starting, see /readyz\"}\n"},
        {"/v1/accounts/1", 503, "{\"error\": \"starting, see /readyz\"}\n"},
        {"/v1/other", 404, "{\"error\": \"no such resource\"}\n"},
        {"/readyz", 503,
         "{\"ready\":false,\"reason\":\"waiting for \\\"x\\\"\",\"since\":"
         "\"2026-11-25T09:00:00.000Z\",\"unreachable_brokers\":[],"
         "\"waiting_partitions\":0,\"waiting_for\":null,\"waiting_since\":null,"
         "\"restore_remaining_records\":null,\"invariant_violations\":0}\n"},
    };
    (void)state;
    struct config config = {.brokers = broker_watch_new()};
    struct starting starting;
    struct workers workers;
    starting_init(&starting, "waiting for the brokers");
    assert_true(starting_set(&starting, "waiting for \"x\""));
    assert_false(starting_set(&starting, "waiting for \"x\""));
    workers_init(&workers);
    workers.absent_since_ms = INT64_C(1795597200000);
    struct answers answers = {.config = &config, .starting = &starting, .workers = &workers};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_reply reply = {0};
        answers_handle(&answers, &(struct http_request){.path = cases[i].path}, &reply);
        assert_int_equal(reply.status, cases[i].status);
        assert_string_equal(buf_cstr(&reply.body), cases[i].body);
        assert_string_equal(reply.content_type, "application/json");
        assert_int_equal(reply.is_for_now, strstr(cases[i].body, "see /readyz") != NULL);
        buf_release(&reply.body);
    }
    workers_release(&workers);
    starting_release(&starting);
    broker_watch_release(config.brokers);
}

/* It says what the start waits for. */
static void test_answers__the_page_is_served_while_starting(void **state) {
    (void)state;
    struct config config = {0};
    struct workers workers;
    workers_init(&workers);
    struct answers answers = {.config = &config, .workers = &workers};
    struct http_reply reply = {0};
    answers_handle(&answers, &(struct http_request){.path = "/"}, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "text/html; charset=utf-8");
    assert_string_equal(reply.etag, page_etag);
    assert_string_equal(reply.policy, page_policy);
    assert_int_equal(reply.body.n, page_html_bytes);
    assert_memory_equal(reply.body.p, page_html, page_html_bytes);
    buf_release(&reply.body);
    workers_release(&workers);
}

/* --- workers that only have a status */

/* Workers whose partitions wait are ready all the same. Of all workers the longest wait is told. */
static void test_answers__readiness_tells_what_is_waited_for(void **state) {
    struct config config = {.brokers = broker_watch_new()};
    struct worker list[] = {
        {.waits = {0}},
        {.waits = {2, INT64_C(1795597201000), "accounts partition 1 offset 7: schema 5"}},
        {.waits = {3, INT64_C(1795597200000), "customers partition 0 offset 11: \"schema 4\""}},
        {.waits = {1, INT64_C(1795597202000), "accounts partition 2 offset 9: schema 5"}},
    };
    struct worker *pointers[ARRAY_LEN(list)];
    struct workers workers;
    struct http_reply reply = {0};
    (void)state;
    workers_init(&workers);
    workers.list = pointers;
    for (; workers.count < ARRAY_LEN(list); workers.count++) {
        pointers[workers.count] = &list[workers.count];
        atomic_store(&list[workers.count].phase, WORKER_RUNNING);
        (void)pthread_mutex_init(&list[workers.count].status_lock, NULL);
    }
    struct answers answers = {
        .config = &config, .workers = &workers, .metrics = metrics_new(&config)};
    atomic_store(&answers.is_open, true);
    answers_handle(&answers, &(struct http_request){.path = "/readyz"}, &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(buf_cstr(&reply.body),
                           ",\"waiting_partitions\":6,"
                           "\"waiting_for\":\"customers partition 0 offset 11: \\\"schema 4\\\"\","
                           "\"waiting_since\":\"2026-11-25T09:00:00.000Z\","));
    buf_release(&reply.body);
    metrics_free(answers.metrics);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        (void)pthread_mutex_destroy(&list[i].status_lock);
    workers.list = NULL;
    workers_release(&workers);
    broker_watch_release(config.brokers);
}

/* --- the status */

static size_t three_checks(struct quality *quality, struct check_state *out, size_t max) {
    assert_ptr_equal(quality, NULL);
    assert_true(max >= 3);
    out[0] = (struct check_state){.id = "marts.interest",
                                  .layer = LAYER_MARTS,
                                  .severity = SEVERITY_ERROR,
                                  .status = CHECK_FAIL,
                                  .since_ms = INT64_C(1795597100000),
                                  .message = "3 summaries have a wrong interest"};
    out[1] = (struct check_state){.id = "source.freshness.accounts", .status = CHECK_PASS};
    out[2] = (struct check_state){.id = "pipeline.rows", .status = CHECK_PASS};
    return 3;
}

/* Two workers, of which the second restores a partition and waits for another one. */
struct restoring {
    struct config config;
    _Atomic enum task_stage stages[2][4];
    struct worker list[2], *pointers[2];
    struct workers workers;
    struct answers answers;
};

static void restoring_begin(struct restoring *r, int32_t partitions) {
    *r = (struct restoring){
        .config = {.brokers = broker_watch_new(), .app_id = mem_strdup("streamer")},
        .stages = {{STAGE_READY}, {STAGE_NONE, STAGE_RESTORING, STAGE_WAITING}},
    };
    for (int t = 0; t < TOPIC_COUNT; t++)
        r->config.topics[t] = mem_strdup("accounts");
    workers_init(&r->workers);
    r->workers.list = r->pointers;
    for (size_t i = 0; i < ARRAY_LEN(r->list); i++) {
        struct worker *w = r->workers.list[r->workers.count++] = &r->list[i];
        w->stages = r->stages[i];
        atomic_store(&w->phase, i == 0 ? WORKER_RUNNING : WORKER_RESTORING);
        atomic_store(&w->ready_changed_ms, INT64_C(1795597200000));
        (void)pthread_mutex_init(&w->status_lock, NULL);
        (void)pthread_mutex_init(&w->rejects_lock, NULL);
    }
    struct metrics *m = metrics_new(&r->config);
    const struct observer_options o = {.config = &r->config, .metrics = m};
    struct err e;
    r->answers = (struct answers){.config = &r->config,
                                  .instance = "host-7",
                                  .workers = &r->workers,
                                  .metrics = m,
                                  .partitions = partitions,
                                  .observer = observer_new(&o, &e),
                                  .quality_states = three_checks};
    metrics_set_partitions(m, TOPIC_ACCOUNT_LINKS, partitions);
    atomic_store(&r->answers.is_open, true);
}

static void restoring_set_figures(struct restoring *r) {
    struct metrics *m = r->answers.metrics;
    metric_set(&m->restore_remaining, 12345);
    metric_set(&m->tasks[0].restored, 7);
    metric_set(&m->tasks[0].remaining, 0);
    metric_set(&m->tasks[1].remaining, 12345);
    freshness_note_told(m, ENTITY_ACCOUNT, INPUT_EMPTY, INT64_C(1795597200000));
    const struct reject reject = {.at_ms = INT64_C(1795597200000),
                                  .entity = ENTITY_ACCOUNT,
                                  .partition = 2,
                                  .offset = 11,
                                  .code = REASON_INVALID_BALANCE};
    rejects_add(&r->list[1].shown_rejects, &reject,
                slice_str("Invalid balance: negative value (-5)"), slice_str("A-1"));
}

static void restoring_end(struct restoring *r) {
    observer_free(r->answers.observer);
    metrics_free(r->answers.metrics);
    for (size_t i = 0; i < ARRAY_LEN(r->list); i++) {
        (void)pthread_mutex_destroy(&r->list[i].status_lock);
        (void)pthread_mutex_destroy(&r->list[i].rejects_lock);
    }
    r->workers.list = NULL;
    workers_release(&r->workers);
    broker_watch_release(r->config.brokers);
    for (int t = 0; t < TOPIC_COUNT; t++)
        free(r->config.topics[t]);
    free(r->config.app_id);
}

static void assert_status_has(struct restoring *r, const char *part) {
    struct http_reply reply = {0};
    answers_handle(&r->answers, &(struct http_request){.path = "/v1/status"}, &reply);
    assert_int_equal(reply.status, 200);
    if (strstr(buf_cstr(&reply.body), part) == NULL)
        fail_msg("%s\nis not in\n%s", part, buf_cstr(&reply.body));
    assert_null(strstr(buf_cstr(&reply.body), "\"history\""));
    buf_release(&reply.body);
}

/* What is wrong comes first, in words; a check of freshness is told once. */
static void test_answers__status_of_a_restore(void **state) {
    static const char *const parts[] = {
        "\"instance\":\"host-7\"",
        "\"ready\":false,\"reason\":\"restoring state\",\"since\":\"2026-11-25T09:00:00.000Z\"",
        ",\"problems\":[{\"text\":\"3 summaries have a wrong interest\",\"status\":\"fail\","
        "\"since\":\"2026-11-25T08:58:20.000Z\",\"subject\":\"marts.interest\"},",
        "{\"text\":\"not ready: restoring state, 12,345 records left\",\"status\":\"warn\","
        "\"since\":\"2026-11-25T09:00:00.000Z\",\"subject\":\"readiness\"}",
        "{\"text\":\"accounts: the topic has no record\",\"status\":\"warn\",",
        ",\"tasks\":["
        "{\"partition\":0,\"worker\":0,\"phase\":\"running\",\"restored\":7,\"remaining\":0},"
        "{\"partition\":1,\"worker\":1,\"phase\":\"restoring\",\"restored\":0,"
        "\"remaining\":12345},"
        "{\"partition\":2,\"worker\":1,\"phase\":\"waiting\",\"restored\":0,\"remaining\":null}"
        "],\"tasks_total\":3",
        "\"newest\":[{\"at\":\"2026-11-25T09:00:00.000Z\",\"topic\":\"accounts\",\"partition\":2,"
        "\"offset\":11,\"code\":\"invalid_balance\","
        "\"reason\":\"Invalid balance: negative value (***)\",\"id\":\"A-1\"}]}",
        ",\"quality\":{\"summary\":{\"total\":3,\"passed\":2,\"warned\":0,\"failed\":1,"
        "\"pass_rate\":0.6667},\"failures\":[{\"id\":\"marts.interest\",\"layer\":\"marts\","
        "\"severity\":\"error\",\"status\":\"fail\","};
    struct restoring r;
    (void)state;
    restoring_begin(&r, 4);
    restoring_set_figures(&r);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_status_has(&r, parts[i]);
    r.config.http_show_values = 1;
    assert_status_has(&r, "\"reason\":\"Invalid balance: negative value (-5)\"");
    restoring_end(&r);
}

/* All checks fail, with messages as long as they can be. */
static size_t long_checks(struct quality *quality, struct check_state *out, size_t max) {
    assert_ptr_equal(quality, NULL);
    for (size_t i = 0; i < max; i++) {
        out[i] = (struct check_state){.id = "snapshots.versions_are_in_order_and_maximal",
                                      .layer = LAYER_SNAPSHOTS,
                                      .severity = SEVERITY_ERROR,
                                      .status = CHECK_FAIL,
                                      .since_ms = INT64_C(1795597100000) + (int64_t)i};
        memset(out[i].message, '"', sizeof out[i].message - 1);
    }
    return max;
}

/* Records of every code, and samples whose ids and values are long. */
static void reject_much(struct restoring *r) {
    char text[4096];
    memset(text, '"', sizeof text);
    for (int e = 0; e < ENTITY_COUNT; e++)
        for (int code = 0; code < REASON_COUNT; code++) {
            const struct reject reject = {.at_ms = INT64_C(1795597200000),
                                          .entity = (enum entity)e,
                                          .partition = 299,
                                          .offset = INT64_MAX,
                                          .code = (enum reason_code)code};
            metric_set(&r->answers.metrics->quarantined[e][code], INT64_MAX / 100);
            for (size_t w = 0; w < ARRAY_LEN(r->list); w++)
                rejects_add(&r->list[w].shown_rejects, &reject, slice_of(text, sizeof text),
                            slice_of(text, sizeof text));
        }
}

/* The page asks for it every two seconds, so it may not grow with the load: whatever the number of
 * partitions and however long ids, values and messages are. */
static void test_answers__the_status_stays_small(void **state) {
    enum { MANY = 300, MOST = 192 << 10 };
    static _Atomic enum task_stage stages[MANY];
    struct restoring r;
    struct http_reply reply = {0};
    (void)state;
    restoring_begin(&r, MANY);
    r.answers.quality_states = long_checks;
    r.config.http_show_values = 1;
    r.workers.count = 1;
    r.list[0].stages = stages;
    for (int p = 0; p < MANY; p++)
        atomic_store(&stages[p], STAGE_RESTORING);
    reject_much(&r);
    answers_handle(&r.answers,
                   &(struct http_request){.path = "/v1/status",
                                          .parameters = {{ROUTE_WITH_HISTORY, "true"}},
                                          .parameter_count = 1},
                   &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(buf_cstr(&reply.body), "\"tasks_total\":300"));
    assert_non_null(strstr(buf_cstr(&reply.body), "{\"partition\":255,"));
    assert_null(strstr(buf_cstr(&reply.body), "{\"partition\":256,"));
    assert_in_range(reply.body.n, 1, MOST);
    buf_release(&reply.body);
    r.workers.count = ARRAY_LEN(r.list);
    restoring_end(&r);
}

static void test_answers__who_may_ask(void **state) {
    static const struct {
        const char *path;
        enum http_class class, class_if_open;
    } cases[] = {
        {"/healthz", HTTP_HEALTH, HTTP_HEALTH},
        {"/readyz", HTTP_HEALTH, HTTP_HEALTH},
        {"/metrics", HTTP_GUARDED, HTTP_OPEN},
        {"/v1/accounts/1", HTTP_GUARDED, HTTP_GUARDED},
        {"/v1/other", HTTP_GUARDED, HTTP_GUARDED},
        {"", HTTP_GUARDED, HTTP_GUARDED},
        {"/", HTTP_OPEN, HTTP_OPEN},
    };
    (void)state;
    struct config closed = {.http_metrics_open = 0}, open = {.http_metrics_open = 1};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answers a = {.config = &closed}, b = {.config = &open};
        assert_int_equal(answers_classify(&a, cases[i].path), cases[i].class);
        assert_int_equal(answers_classify(&b, cases[i].path), cases[i].class_if_open);
    }
}

int main(void) {
    const struct CMUnitTest running[] = {
        cmocka_unit_test(test_answers__every_route_is_served_with_its_parameters),
        cmocka_unit_test(test_answers__the_page_is_a_client),
        cmocka_unit_test(test_answers__what_is_in_no_table_is_refused),
        cmocka_unit_test(test_answers__readiness_has_the_figures_of_the_metrics),
    };
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(test_answers__only_health_while_starting),
        cmocka_unit_test(test_answers__the_page_is_served_while_starting),
        cmocka_unit_test(test_answers__readiness_tells_what_is_waited_for),
        cmocka_unit_test(test_answers__status_of_a_restore),
        cmocka_unit_test(test_answers__the_status_stays_small),
        cmocka_unit_test(test_answers__who_may_ask),
    };
    return cmocka_run_group_tests_name("answers", running, start, stop) +
           cmocka_run_group_tests_name("answers", alone, NULL, NULL);
}
