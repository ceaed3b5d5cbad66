#include "streamer/base/mem.h"
#include "streamer/service/json_post.h"
#include "support.h"
#include "web_server.h"

#include <string.h>

struct scene {
    struct web_server *server;
    int status;
    bool hangs;
    int requests;
};

static void receive(void *context, const struct web_request *q, struct web_reply *reply) {
    struct scene *s = context;
    assert_string_equal(q->target, "/s3cret?key=s3cret");
    s->requests++;
    reply->status = s->status;
    reply->hangs = s->hangs;
    buf_put_str(&reply->body, "what the receiver says of s3cret");
}

static bool post(struct scene *s, const char *place, int64_t total_ms, struct err *e) {
    struct buf url = {0};
    buf_printf(&url, "%s/s3cret?key=s3cret", place);
    const struct json_post p = {.setting = "alert.webhook.url",
                                .url = buf_cstr(&url),
                                .token = "s3cret",
                                .body = "{}",
                                .total_ms = total_ms};
    *e = (struct err){0};
    s->requests = 0;
    bool ok = json_post(&p, e);
    buf_release(&url);
    return ok;
}

/* One line that names the setting and the reason, and that tells no secret. */
static void assert_says(const struct err *e, const char *why) {
    assert_int_equal(e->class, ERR_RETRY);
    assert_int_equal(strncmp(e->text, "alert.webhook.url: ", 19), 0);
    if (strstr(e->text, why) == NULL || strstr(e->text, "s3cret") != NULL ||
        strchr(e->text, '\n') != NULL)
        fail_msg("%s", e->text);
}

static void test_json_post__only_statuses_of_success_are_a_success(void **state) {
    static const struct {
        int status;
        const char *why; /* NULL: it is well */
    } cases[] = {
        {200, NULL},
        {204, NULL},
        {299, NULL},
        {301, "answers 301, and no redirect is followed; set the URL that it leads to"},
        {308, "answers 308, and no redirect is followed"},
        {401, "answers 401; check the URL"},
        {404, "answers 404; check the URL"},
        {500, "answers 500; check the URL"},
    };
    (void)state;
    struct scene s = {0};
    s.server = web_server_start(receive, &s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        s.status = cases[i].status;
        assert_int_equal(post(&s, web_server_url(s.server), 20000, &e), cases[i].why == NULL);
        assert_int_equal(s.requests, 1);
        if (cases[i].why != NULL)
            assert_says(&e, cases[i].why);
    }
    web_server_stop(s.server);
}

static void test_json_post__no_answer(void **state) {
    (void)state;
    struct scene s = {.hangs = true};
    struct err e;
    s.server = web_server_start(receive, &s);
    assert_false(post(&s, web_server_url(s.server), 50, &e));
    assert_says(&e, "timed out");
    assert_false(post(&s, WEB_NOBODY, 20000, &e));
    assert_says(&e, "check the URL, and that something answers there");
    web_server_stop(s.server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_post__only_statuses_of_success_are_a_success),
        cmocka_unit_test(test_json_post__no_answer),
    };
    return cmocka_run_group_tests_name("json_post", tests, NULL, NULL);
}
