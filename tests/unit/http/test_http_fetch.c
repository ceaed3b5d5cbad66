#include "support.h"

#include "slow_resolver.h"
#include "streamer/base/mem.h"
#include "streamer/http/http_fetch.h"
#include "web_server.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 1000

/* What the server has been asked last, and what it answers. */
struct scene {
    struct web_server *server;
    int status;
    const char *answer;
    size_t times; /* how often the answer is written */
    bool hangs;
    struct buf request; /* method, target, head and body */
};

static void handle(void *context, const struct web_request *q, struct web_reply *reply) {
    struct scene *s = context;
    buf_clear(&s->request);
    buf_printf(&s->request, "%s %s\r\n%s\r\n%s", q->method, q->target, q->head, q->body);
    reply->status = s->status;
    reply->hangs = s->hangs;
    for (size_t i = 0; i < s->times; i++)
        buf_put_str(&reply->body, s->answer);
}

static void scene_begin(struct scene *s) {
    *s = (struct scene){.status = 200, .answer = "{\"a\": 1}", .times = 1};
    s->server = web_server_start(handle, s);
}

static void scene_end(struct scene *s) {
    web_server_stop(s->server);
    buf_release(&s->request);
}

/* A request to that server. The caller releases the URL. */
static struct http_fetch to(const struct scene *s, struct buf *url, const char *target) {
    buf_clear(url);
    buf_printf(url, "%s%s", web_server_url(s->server), target);
    return (struct http_fetch){
        .url = buf_cstr(url), .connect_ms = 5000, .total_ms = 20000, .bytes_max = ANSWER_MAX};
}

static void assert_answer(const struct http_fetch *f, int status, const char *text) {
    struct buf body = {0};
    struct err e = {0};
    int got = 0;
    buf_put_str(&body, "of before");
    if (!http_fetch(f, &got, &body, &e))
        fail_msg("%s", e.text);
    assert_int_equal(got, status);
    assert_string_equal(buf_cstr(&body), text);
    buf_release(&body);
}

/* There is no answer. The error has all of these texts. */
static void assert_fails(const struct http_fetch *f, const char *place, const char *why) {
    struct buf body = {0};
    struct err e = {0};
    int status = 0;
    assert_false(http_fetch(f, &status, &body, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_int_equal(strncmp(e.text, place, strlen(place)), 0);
    if (strstr(e.text, why) == NULL || strchr(e.text, '\n') != NULL)
        fail_msg("%s", e.text);
    buf_release(&body);
}

static bool was_sent(struct scene *s, const char *text) {
    return strstr(buf_cstr(&s->request), text) != NULL;
}

static void test_http_fetch__gets(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/v1/status?all=true");
    assert_answer(&f, 200, "{\"a\": 1}");
    assert_true(was_sent(&s, "GET /v1/status?all=true\r\n"));
    assert_true(was_sent(&s, "Accept: application/json\r\n"));
    assert_false(was_sent(&s, "Authorization"));
    f.token = "s3cret";
    assert_answer(&f, 200, "{\"a\": 1}");
    assert_true(was_sent(&s, "Authorization: Bearer s3cret\r\n"));
    buf_release(&url);
    scene_end(&s);
}

static void test_http_fetch__posts_json(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/hook");
    f.body = "{\"text\": \"\xe5\xb1\xb1\xe7\x94\xb0\"}";
    assert_answer(&f, 200, "{\"a\": 1}");
    assert_true(was_sent(&s, "POST /hook\r\n"));
    assert_true(was_sent(&s, "Content-Type: application/json\r\n"));
    assert_true(was_sent(&s, "\r\n{\"text\": \"\xe5\xb1\xb1\xe7\x94\xb0\"}"));
    f.body = "";
    assert_answer(&f, 200, "{\"a\": 1}");
    assert_true(was_sent(&s, "POST /hook\r\n"));
    /* A receiver may answer what it likes where only the status counts. */
    s.times = 2 * ANSWER_MAX;
    f.bytes_max = 0;
    assert_answer(&f, 200, "");
    buf_release(&url);
    scene_end(&s);
}

/* A status of a failure is an answer, too, and a redirect is not followed. */
static void test_http_fetch__any_status_is_an_answer(void **state) {
    static const int statuses[] = {200, 204, 301, 307, 401, 404, 429, 503};
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/");
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        s.status = statuses[i];
        s.times = statuses[i] != 204;
        assert_answer(&f, statuses[i], s.times == 1 ? s.answer : "");
    }
    buf_release(&url);
    scene_end(&s);
}

static void test_http_fetch__the_size_of_an_answer_is_bounded(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/");
    struct buf body = {0};
    struct err e = {0};
    int status = 0;
    s.answer = "0123456789";
    s.times = ANSWER_MAX / 10;
    assert_true(http_fetch(&f, &status, &body, &e));
    assert_int_equal(body.n, ANSWER_MAX);
    s.times++;
    assert_fails(&f, "GET http://127.0.0.1:", "the answer has more than 1000 bytes");
    buf_release(&body);
    buf_release(&url);
    scene_end(&s);
}

static void test_http_fetch__no_answer_says_who_and_why(void **state) {
    static const struct {
        const char *url, *place, *why;
    } cases[] = {
        {WEB_NOBODY "/secret", "GET http://127.0.0.1:1: ", "connect"},
        {"http://user:pw@127.0.0.1:1/secret", "GET http://127.0.0.1:1: ", "connect"},
        {"http://no.such.host.invalid:1?secret", "GET http://no.such.host.invalid:1: ", "resolve"},
        {"file:///etc/passwd", "GET file://: ", "disabled"},
        {"", "GET : ", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_fetch f = {
            .url = cases[i].url, .connect_ms = 2000, .total_ms = 5000, .bytes_max = ANSWER_MAX};
        assert_fails(&f, cases[i].place, cases[i].why);
        f.authorities = "/no/such/file.pem"; /* only TLS needs it */
        assert_fails(&f, cases[i].place, cases[i].why);
    }
}

static void test_http_fetch__the_time_is_bounded(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/");
    s.hangs = true;
    f.total_ms = 50;
    assert_fails(&f, "GET http://127.0.0.1:", "timed out");
    buf_release(&url);
    scene_end(&s);
}

/* Also where the system's resolver hangs. */
static void test_http_fetch__the_time_of_a_resolver_that_hangs_is_bounded(void **state) {
    (void)state;
    struct http_fetch f = {.url = "http://" SLOW_NAME "/hook",
                           .body = "{}",
                           .connect_ms = 200,
                           .total_ms = 200,
                           .bytes_max = ANSWER_MAX};
    assert_fails(&f, "POST http://" SLOW_NAME ": ", "timed out");
    slow_resolver_assert_hangs();
}

static void *cancel_soon(void *flag) {
    (void)usleep(50000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void test_http_fetch__another_thread_ends_it(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0};
    atomic_bool flag = false;
    pthread_t thread;
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/");
    s.hangs = true;
    f.total_ms = 600000;
    f.is_cancelled = &flag;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &flag), 0);
    assert_fails(&f, "GET http://127.0.0.1:", "given up");
    assert_int_equal(pthread_join(thread, NULL), 0);
    scene_end(&s);
    scene_begin(&s);
    f.url = to(&s, &url, "/").url;
    assert_fails(&f, "GET http://127.0.0.1:", "given up"); /* it is not even sent */
    assert_int_equal(s.request.n, 0);
    buf_release(&url);
    scene_end(&s);
}

static void test_http_fetch__headers(void **state) {
    (void)state;
    struct scene s;
    struct buf url = {0}, headers = {0};
    scene_begin(&s);
    struct http_fetch f = to(&s, &url, "/x");
    f.headers = &headers;
    assert_answer(&f, 200, "{\"a\": 1}");
    assert_text(http_fetch_header(&headers, "content-length"), "8");
    assert_text(http_fetch_header(&headers, "Content-Length"), "8");
    assert_null(http_fetch_header(&headers, "Content").p);
    assert_null(http_fetch_header(&headers, "X-Other").p);
    scene_end(&s);
    buf_release(&url);
    buf_release(&headers);
}

static void test_http_fetch__finds_headers(void **state) {
    (void)state;
    struct buf headers = {0};
    assert_null(http_fetch_header(&headers, "a").p);
    buf_put_str(&headers, "HTTP/1.1 200 OK\r\na: 1\r\nAB:2: 3 \r\nempty:\r\nlast: x");
    assert_text(http_fetch_header(&headers, "A"), "1");
    assert_text(http_fetch_header(&headers, "ab"), "2: 3");
    assert_text(http_fetch_header(&headers, "empty"), "");
    assert_text(http_fetch_header(&headers, "last"), "x");
    assert_null(http_fetch_header(&headers, "b").p);
    buf_release(&headers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_fetch__gets),
        cmocka_unit_test(test_http_fetch__posts_json),
        cmocka_unit_test(test_http_fetch__any_status_is_an_answer),
        cmocka_unit_test(test_http_fetch__the_size_of_an_answer_is_bounded),
        cmocka_unit_test(test_http_fetch__no_answer_says_who_and_why),
        cmocka_unit_test(test_http_fetch__the_time_is_bounded),
        cmocka_unit_test(test_http_fetch__the_time_of_a_resolver_that_hangs_is_bounded),
        cmocka_unit_test(test_http_fetch__another_thread_ends_it),
        cmocka_unit_test(test_http_fetch__headers),
        cmocka_unit_test(test_http_fetch__finds_headers),
    };
    return cmocka_run_group_tests_name("http_fetch", tests, NULL, NULL);
}
