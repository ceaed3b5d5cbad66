/* The test vectors of RFC 4648, chapter 10, and texts that are no base64. */
#include "streamer/base/base64.h"
#include "streamer/base/mem.h"
#include "support.h"

static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},          {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xff\xfe", "///+"}, {"\x80", "gA=="},
};

static void test_base64__vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct buf out = {0};
        char bytes[8];
        base64_put(&out, slice_str(vectors[i].bytes));
        assert_text(buf_slice(&out), vectors[i].text);
        size_t n = base64_get(slice_str(vectors[i].text), bytes, sizeof bytes);
        assert_text(slice_of(bytes, n), vectors[i].bytes);
        buf_release(&out);
    }
}

static void test_base64__refused(void **state) {
    static const char *const texts[] = {"",     "Z",    "Zg",   "Zg=",  "====", "Z===",   "=Zg=",
                                        "Zg=A", "Zg!=", "Zm 9", "Zm9-", "Zm9_", "\xffm9v"};
    char bytes[3];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (base64_get(slice_str(texts[i]), bytes, sizeof bytes) != 0)
            fail_msg("%s", texts[i]);
    assert_int_equal(base64_get(slice_str("Zm9vYg=="), bytes, sizeof bytes), 0); /* no room */
    assert_int_equal(base64_get(slice_null(), bytes, sizeof bytes), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64__vectors),
        cmocka_unit_test(test_base64__refused),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
