#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/task/rejects.h"

#include <string.h>

static void add(struct rejects *r, int64_t at_ms) {
    rejects_add(r, &(struct reject){.at_ms = at_ms, .offset = at_ms}, slice_str("why"),
                slice_str("id"));
}

/* The times, newest first. */
static void assert_times(const struct rejects *r, const char *times) {
    struct buf got = {0};
    for (int i = 0; i < r->count; i++)
        buf_printf(&got, "%s%lld", i > 0 ? " " : "", (long long)rejects_newest(r, i)->at_ms);
    assert_string_equal(buf_cstr(&got), times);
    buf_release(&got);
}

static void test_rejects__only_the_newest_stay(void **state) {
    struct rejects r = {0};
    (void)state;
    assert_times(&r, "");
    for (int i = 1; i <= 3; i++)
        add(&r, i);
    assert_times(&r, "3 2 1");
    for (int i = 4; i <= 14; i++)
        add(&r, i);
    assert_times(&r, "14 13 12 11 10 9 8 7 6 5");
    rejects_clear(&r);
    assert_times(&r, "");
    add(&r, 20);
    assert_times(&r, "20");
}

static void test_rejects__appended_and_merged(void **state) {
    struct rejects a = {0}, b = {0}, c = {0};
    (void)state;
    for (int i = 1; i <= 9; i += 2)
        add(&a, i);
    for (int i = 2; i <= 24; i += 2)
        add(&b, i);
    c = a;
    rejects_append(&c, &b);
    assert_times(&c, "24 22 20 18 16 14 12 10 8 6");
    rejects_merge(&a, &b);
    assert_times(&a, "24 22 20 18 16 14 12 10 9 8");
    rejects_clear(&b);
    rejects_merge(&a, &b);
    assert_times(&a, "24 22 20 18 16 14 12 10 9 8");
    rejects_merge(&b, &a);
    assert_times(&b, "24 22 20 18 16 14 12 10 9 8");
    add(&b, 30); /* and goes on as a ring */
    assert_times(&b, "30 24 22 20 18 16 14 12 10 9");
}

/* Texts are cut at a character, and what is no text does not get to JSON. */
static void test_rejects__texts(void **state) {
    struct rejects r = {0};
    struct buf text = {0};
    (void)state;
    for (int i = 0; i < 200; i++)
        buf_put_str(&text, "\xc3\xa4"); /* 400 bytes */
    const struct reject what = {
        .at_ms = 7, .entity = ENTITY_ACCOUNT, .partition = 3, .offset = 5, .code = REASON_TOO_LATE};
    rejects_add(&r, &what, buf_slice(&text), buf_slice(&text));
    const struct reject *got = rejects_newest(&r, 0);
    assert_int_equal(strlen(got->reason), 254);
    assert_int_equal(strlen(got->id), 126);
    assert_int_equal(got->entity, ENTITY_ACCOUNT);
    assert_int_equal(got->partition, 3);
    assert_int_equal(got->offset, 5);
    assert_int_equal(got->code, REASON_TOO_LATE);
    rejects_add(&r, &what, slice_str("\xff"), slice_null());
    assert_string_equal(rejects_newest(&r, 0)->reason, "?");
    assert_string_equal(rejects_newest(&r, 0)->id, "");
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejects__only_the_newest_stay),
        cmocka_unit_test(test_rejects__appended_and_merged),
        cmocka_unit_test(test_rejects__texts),
    };
    return cmocka_run_group_tests_name("rejects", tests, NULL, NULL);
}
