#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/service/forward.h"

#include <string.h>

static void test_forward__targets(void **state) {
    static const struct {
        struct http_request request;
        const char *target;
    } cases[] = {
        {{.path = "/v1/accounts/A1"}, "/v1/accounts/A1?forwarded=1"},
        {{.path = "/v1/accounts/A1/history/"}, "/v1/accounts/A1/history?forwarded=1"},
        {{.path = "/v1/%61ccounts/%41%2f%20%C3%84"}, "/v1/accounts/A%2F%20%C3%84?forwarded=1"},
        {{.path = "/v1/accounts/..%2F.."}, "/v1/accounts/..%2F..?forwarded=1"},
        {{.path = "/v1/accounts/%0d%0aX-Evil:%20y"},
         "/v1/accounts/%0D%0AX-Evil%3A%20y?forwarded=1"},
        {{.path = "/v1/accounts/a\"b@c"}, "/v1/accounts/a%22b%40c?forwarded=1"},
        {{.path = "/v1/accounts/A",
          .parameters = {{"as_of", "2024-02-15T10:00+01:00&x"}},
          .parameter_count = 1},
         "/v1/accounts/A?as_of=2024-02-15T10%3A00%2B01%3A00%26x&forwarded=1"},
        {{.path = "/v1/accounts/A",
          .parameters = {{"forwarded", "0"}, {"as_of", "2024-02-15"}},
          .parameter_count = 2},
         "/v1/accounts/A?as_of=2024-02-15&forwarded=1"},
    };
    (void)state;
    struct buf target = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&target);
        forward_put_target(&target, &cases[i].request);
        assert_string_equal(buf_cstr(&target), cases[i].target);
    }
    buf_release(&target);
}

struct group {
    bool holds, is_settled;
};

static bool holds(void *context, int32_t partition) {
    assert_int_equal(partition, 3);
    return ((struct group *)context)->holds;
}

static bool is_settled(void *context) {
    return ((struct group *)context)->is_settled;
}

static void test_forward__come_back_later(void **state) {
    static const struct {
        struct group group;
        const char *forwarded; /* NULL: the request has no such parameter */
        const char *reason;
    } cases[] = {
        {{true, true}, NULL, "the id's partition is being restored"},
        {{true, true}, "1", "the id's partition is being restored"},
        {{false, false}, NULL, "the instances are sharing the partitions out"},
        {{false, false}, "1", "the instances are sharing the partitions out"},
        {{false, true}, "1", "this instance does not have the id's partition any more"},
        {{false, true}, NULL, "another instance has the id's partition, and http.peers is not set"},
        {{false, true}, "0", "another instance has the id's partition, and http.peers is not set"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct group group = cases[i].group;
        struct forward f = {.holds = holds, .is_settled = is_settled, .context = &group};
        struct http_request request = {.path = "/v1/accounts/A"};
        struct http_reply reply = {0}, expected = {0};
        if (cases[i].forwarded != NULL)
            request.parameters[request.parameter_count++] =
                (struct http_parameter){ROUTE_FORWARDED, cases[i].forwarded};
        forward_reply(&f, &request, 3, &reply);
        http_reply_later(&expected, cases[i].reason);
        assert_int_equal(reply.status, 503);
        assert_true(reply.is_for_now);
        assert_string_equal(buf_cstr(&reply.body), buf_cstr(&expected.body));
        buf_release(&reply.body);
        buf_release(&expected.body);
    }
}

static void test_forward__answers_of_others(void **state) {
    static const struct {
        int status, expected;
        bool passes, is_for_now;
    } cases[] = {
        {200, 200, true, false},  {400, 400, true, false}, {404, 404, true, false},
        {500, 500, true, false},  {503, 503, true, true},  {0, 503, false, true}, /* no answer */
        {401, 502, false, false}, /* another token */
        {403, 502, false, false}, /* it does not know its own name */
        {307, 502, false, false}, /* never followed */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_answer answer = {.status = cases[i].status, .content_type = "text/x-theirs"};
        struct http_reply reply = {0};
        buf_put_str(&answer.body, "theirs");
        forward_put_answer(&answer, "http://a:1", &reply);
        assert_int_equal(reply.status, cases[i].expected);
        assert_int_equal(reply.is_for_now, cases[i].is_for_now);
        assert_string_equal(reply.content_type,
                            cases[i].passes ? "text/x-theirs" : "application/json");
        assert_int_equal(strcmp(buf_cstr(&reply.body), "theirs") == 0, cases[i].passes);
        buf_release(&answer.body);
        buf_release(&reply.body);
        buf_release(&reply.type);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward__targets),
        cmocka_unit_test(test_forward__come_back_later),
        cmocka_unit_test(test_forward__answers_of_others),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
