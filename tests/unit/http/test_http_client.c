#include "support.h"

#include "slow_resolver.h"
#include "streamer/base/mem.h"
#include "streamer/http/http.h"
#include "streamer/http/http_client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The answer to one request, as the client's thread hands it over. */
struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_there;
    struct http_answer answer;
};

static void on_answer(void *context, struct http_answer *answer) {
    struct outcome *o = context;
    (void)pthread_mutex_lock(&o->lock);
    assert_false(o->is_there); /* it comes once */
    o->answer = *answer;
    o->is_there = true;
    (void)pthread_cond_signal(&o->wake);
    (void)pthread_mutex_unlock(&o->lock);
}

static void outcome_init(struct outcome *o) {
    *o = (struct outcome){0};
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->wake, NULL);
}

static void outcome_wait(struct outcome *o) {
    (void)pthread_mutex_lock(&o->lock);
    while (!o->is_there)
        (void)pthread_cond_wait(&o->wake, &o->lock);
    (void)pthread_mutex_unlock(&o->lock);
}

/* --- the server that is asked */

static void handle(void *context, const struct http_request *request, struct http_reply *reply) {
    (void)context;
    *reply = (struct http_reply){.status = 200, .content_type = "text/x-test; charset=utf-8"};
    if (strcmp(request->path, "/moved") == 0) {
        reply->status = 307;
        buf_put_str(&reply->location, "/elsewhere");
    } else if (strcmp(request->path, "/broken") == 0) {
        http_reply_error(reply, 503, "broken");
    } else if (strcmp(request->path, "/much") == 0) {
        memset(buf_reserve(&reply->body, (size_t)65 << 20), 'x', (size_t)65 << 20);
        reply->body.n = (size_t)65 << 20;
    } else {
        buf_printf(&reply->body, "%s as_of=%s", request->path, http_parameter(request, "as_of"));
    }
}

static enum http_class classify(void *context, const char *path) {
    (void)context, (void)path;
    return HTTP_GUARDED;
}

static struct http_server *start_server(void) {
    struct http_options o = {.listen = "127.0.0.1:0",
                             .max_connections = 64,
                             .hosts = "",
                             .token = "s3cret",
                             .classify = classify,
                             .handler = handle};
    struct err e = {0};
    struct http_server *s = http_start(&o, &e);
    assert_non_null(s);
    return s;
}

static struct http_client *make_client(void) {
    struct err e = {0};
    struct http_client *c = http_client_new("", &e);
    assert_non_null(c);
    return c;
}

static void ask(struct http_client *c, const char *host, const char *target, const char *token,
                struct outcome *o) {
    char url[256];
    (void)snprintf(url, sizeof url, "http://%s%s", host, target);
    outcome_init(o);
    http_client_get(c, url, token, on_answer, o);
}

static void ask_for(struct http_client *c, const char *host, int64_t total_ms, struct outcome *o) {
    char url[256];
    (void)snprintf(url, sizeof url, "http://%s/", host);
    outcome_init(o);
    http_client_ask(c, &(struct http_question){.url = url,
                                               .total_ms = total_ms,
                                               .bytes_max = 1000,
                                               .answered = on_answer,
                                               .context = o});
}

static void assert_outcome(struct outcome *o, int status, const char *type, const char *body) {
    outcome_wait(o);
    if (o->answer.status != status)
        fail_msg("%d %s", o->answer.status, o->answer.problem);
    assert_string_equal(o->answer.content_type, type);
    if (body != NULL)
        assert_string_equal(buf_cstr(&o->answer.body), body);
    buf_release(&o->answer.body);
}

static void test_http_client__passes_answers_on(void **state) {
    (void)state;
    struct http_server *server = start_server();
    struct http_client *c = make_client();
    struct outcome o;
    ask(c, http_address(server), "/v1/x?as_of=a%26b", "s3cret", &o);
    assert_outcome(&o, 200, "text/x-test; charset=utf-8", "/v1/x as_of=a&b");
    ask(c, http_address(server), "/v1/x", "wrong", &o);
    assert_outcome(&o, 401, "application/json", NULL);
    ask(c, http_address(server), "/v1/x", NULL, &o);
    assert_outcome(&o, 401, "application/json", NULL);
    ask(c, http_address(server), "/broken", "s3cret", &o);
    assert_outcome(&o, 503, "application/json", "{\"error\": \"broken\"}\n");
    ask(c, http_address(server), "/moved", "s3cret", &o); /* not followed */
    assert_outcome(&o, 307, "text/x-test; charset=utf-8", "");
    http_client_free(c);
    http_stop(server);
}

static void test_http_client__failures_are_told(void **state) {
    static const char *const nobody[] = {"127.0.0.1:1", "no.such.host.invalid:1"};
    (void)state;
    struct http_server *server = start_server();
    struct http_client *c = make_client();
    struct outcome o;
    for (size_t i = 0; i < ARRAY_LEN(nobody); i++) {
        ask(c, nobody[i], "/", NULL, &o);
        outcome_wait(&o);
        assert_int_equal(o.answer.status, 0);
        assert_string_not_equal(o.answer.problem, "");
        buf_release(&o.answer.body);
    }
    ask(c, http_address(server), "/much", "s3cret", &o);
    outcome_wait(&o);
    assert_int_equal(o.answer.status, 0);
    buf_release(&o.answer.body);
    http_client_free(c);
    http_stop(server);
}

/* A request that is under way at the stop, and a later one, get an answer. */
static void test_http_client__stops_with_requests_under_way(void **state) {
    (void)state;
    struct outcome outcomes[50];
    for (int round = 0; round < 10; round++) {
        struct http_server *server = start_server();
        struct http_client *c = make_client();
        for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
            if (i == ARRAY_LEN(outcomes) - 1)
                http_client_stop(c);
            ask(c, http_address(server), "/v1/x", "s3cret", &outcomes[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
            outcome_wait(&outcomes[i]);
            assert_true(outcomes[i].answer.status == 200 || outcomes[i].answer.status == 0);
            buf_release(&outcomes[i].answer.body);
        }
        assert_int_equal(outcomes[ARRAY_LEN(outcomes) - 1].answer.status, 0);
        http_client_free(c);
        http_stop(server);
    }
    http_client_stop(NULL);
    http_client_free(NULL);
}

/* --- instances that hang --- */

#define LONG_MS 30000

/* A server that lets clients connect and never answers. */
struct hanging {
    int fd;
    char host[32];
};

static void hanging_begin(struct hanging *h, int last_byte_of_ip) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(0x7f000000 | (uint32_t)last_byte_of_ip)};
    socklen_t n = sizeof at;
    h->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(h->fd, 64), 0);
    assert_int_equal(getsockname(h->fd, (struct sockaddr *)&at, &n), 0);
    (void)snprintf(h->host, sizeof h->host, "127.0.0.%d:%d", last_byte_of_ip, ntohs(at.sin_port));
}

static bool is_there(struct outcome *o) {
    (void)pthread_mutex_lock(&o->lock);
    bool there = o->is_there;
    (void)pthread_mutex_unlock(&o->lock);
    return there;
}

static void assert_none(struct outcome *o, const char *problem) {
    outcome_wait(o);
    assert_int_equal(o->answer.status, 0);
    assert_string_equal(o->answer.problem, problem);
    buf_release(&o->answer.body);
}

/* Its time counts from the question on, although four requests have all connections to the other
 * instance. */
static void test_http_client__the_time_of_a_request_that_waits_is_bounded(void **state) {
    (void)state;
    struct hanging h;
    struct http_client *c = make_client();
    struct outcome longer[4], shorter;
    hanging_begin(&h, 1);
    for (size_t i = 0; i < ARRAY_LEN(longer); i++)
        ask_for(c, h.host, LONG_MS, &longer[i]);
    ask_for(c, h.host, 200, &shorter);
    assert_none(&shorter, "no answer within 200 ms");
    for (size_t i = 0; i < ARRAY_LEN(longer); i++)
        assert_false(is_there(&longer[i]));
    http_client_free(c);
    for (size_t i = 0; i < ARRAY_LEN(longer); i++)
        assert_none(&longer[i], "this instance stops");
    (void)close(h.fd);
}

static void test_http_client__instances_that_hang_do_not_hold_up_others(void **state) {
    (void)state;
    struct hanging hanging[5];
    struct http_server *server = start_server();
    struct http_client *c = make_client();
    struct outcome outcomes[ARRAY_LEN(hanging) * 4], o;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        if (i % 4 == 0)
            hanging_begin(&hanging[i / 4], (int)(2 + i / 4));
        ask_for(c, hanging[i / 4].host, LONG_MS, &outcomes[i]);
    }
    ask(c, http_address(server), "/v1/x", "s3cret", &o);
    assert_outcome(&o, 200, "text/x-test; charset=utf-8", NULL);
    http_client_free(c);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        assert_none(&outcomes[i], "this instance stops");
    for (size_t i = 0; i < ARRAY_LEN(hanging); i++)
        (void)close(hanging[i].fd);
    http_stop(server);
}

/* While the system's resolver hangs, the request that waits for it ends in its time, others are
 * answered, and a stop does not wait. */
static void test_http_client__a_resolver_that_hangs_holds_up_nobody(void **state) {
    (void)state;
    struct http_server *server = start_server();
    struct http_client *c = make_client();
    struct outcome slow, other, last;
    ask_for(c, SLOW_NAME ":1", 200, &slow);
    assert_none(&slow, "no answer within 200 ms");
    ask(c, http_address(server), "/v1/x", "s3cret", &other);
    assert_outcome(&other, 200, "text/x-test; charset=utf-8", NULL);
    ask_for(c, SLOW_NAME ":1", LONG_MS, &last);
    http_client_free(c);
    assert_none(&last, "this instance stops");
    slow_resolver_assert_hangs();
    http_stop(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_client__passes_answers_on),
        cmocka_unit_test(test_http_client__failures_are_told),
        cmocka_unit_test(test_http_client__stops_with_requests_under_way),
        cmocka_unit_test(test_http_client__the_time_of_a_request_that_waits_is_bounded),
        cmocka_unit_test(test_http_client__instances_that_hang_do_not_hold_up_others),
        cmocka_unit_test(test_http_client__a_resolver_that_hangs_holds_up_nobody),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
