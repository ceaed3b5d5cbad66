/* json_pretty: a line for each member, and not a digit more. */
#include "streamer/base/json_pretty.h"

#include "streamer/base/mem.h"
#include "support.h"

static void test_json_pretty__lines(void **state) {
    static const struct {
        const char *text, *pretty;
    } cases[] = {
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"1.50", "1.50"},
        {"{\"a\":1.50,\"b\":\"x,{\\\"}\"}", "{\n    \"a\": 1.50,\n    \"b\": \"x,{\\\"}\"\n  }"},
        {" {\"a\" : { \"b\":[1,{ }]} }\n",
         "{\n    \"a\": {\n      \"b\": [\n        1,\n        {}\n      ]\n    }\n  }"},
    };
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        json_put_pretty(&out, slice_str(cases[i].text), 2);
        assert_text(buf_slice(&out), cases[i].pretty);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_pretty__lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
