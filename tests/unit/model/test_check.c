#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/model/check.h"

static void test_check__summary(void **state) {
    static const struct {
        int64_t counts[CHECK_STATUS_COUNT];
        const char *summary;
    } cases[] = {
        {{[CHECK_PASS] = 27, [CHECK_FAIL] = 1},
         "{\"total\":28,\"passed\":27,\"warned\":0,\"failed\":1,\"pass_rate\":0.9643}"},
        {{[CHECK_WARN] = 3},
         "{\"total\":3,\"passed\":0,\"warned\":3,\"failed\":0,\"pass_rate\":0.0000}"},
        {{[CHECK_PASS] = 5},
         "{\"total\":5,\"passed\":5,\"warned\":0,\"failed\":0,\"pass_rate\":1.0000}"},
        {{0}, "{\"total\":0,\"passed\":0,\"warned\":0,\"failed\":0,\"pass_rate\":null}"},
    };
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        check_put_summary(&out, cases[i].counts);
        assert_string_equal(buf_cstr(&out), cases[i].summary);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check__summary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
