/* marks: each mark is found, and no other one is. */
#include "streamer/quarantine/marks.h"

#include "streamer/base/timestamp.h"
#include "support.h"

#define MANY 100000

static struct slice name_of(struct buf *text, int i) {
    buf_clear(text);
    buf_printf(text, "accounts/%d@%d#%016x", i % 7, i, (unsigned)i);
    return buf_slice(text);
}

static void test_marks__are_found(void **state) {
    struct marks *m = marks_new();
    struct buf text = {0};
    (void)state;
    assert_int_equal(marks_find(m, slice_str("")), TIMESTAMP_NONE);
    for (int i = 0; i < MANY; i++)
        marks_add(m, name_of(&text, i), i);
    for (int i = 0; i < 2 * MANY; i++)
        assert_int_equal(marks_find(m, name_of(&text, i)), i < MANY ? i : TIMESTAMP_NONE);
    marks_add(m, name_of(&text, 5), 77);
    assert_int_equal(marks_find(m, name_of(&text, 5)), 77);
    buf_release(&text);
    marks_free(m);
    marks_free(NULL);
}

static void test_marks__value(void **state) {
    struct buf text = {0};
    (void)state;
    marks_put_value(&text, 1707955200000);
    assert_text(buf_slice(&text), "{\"replayed_at\":\"2024-02-15T00:00:00.000Z\"}");
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks__are_found),
        cmocka_unit_test(test_marks__value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
