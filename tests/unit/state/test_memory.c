/* The twin in memory does what kv.h says. test_batch.c compares it with the store. */
#include "support.h"

#include "state/memory.h"
#include "streamer/base/mem.h"

static void put(struct memory *m, enum family f, const char *key, const char *value) {
    kv_put(memory_kv(m), f, slice_str(key), slice_str(value));
}

static void assert_value(struct memory *m, enum family f, const char *key, const char *expected) {
    struct buf value = {0};
    buf_set(&value, slice_str("before"));
    bool found = kv_get(memory_kv(m), f, slice_str(key), &value);
    assert_int_equal(found, expected != NULL);
    if (found)
        assert_text(buf_slice(&value), expected);
    buf_release(&value);
}

static void test_memory__get_put_erase(void **state) {
    struct memory *m = memory_new();
    (void)state;
    assert_value(m, FAMILY_META, "a", NULL);
    put(m, FAMILY_META, "a", "1");
    put(m, FAMILY_LINKS, "a", "2");
    put(m, FAMILY_META, "b", "");
    assert_value(m, FAMILY_META, "a", "1");
    assert_value(m, FAMILY_LINKS, "a", "2");
    assert_value(m, FAMILY_META, "b", "");
    assert_value(m, FAMILY_META, "", NULL);
    put(m, FAMILY_META, "a", "longer than before");
    assert_value(m, FAMILY_META, "a", "longer than before");
    kv_erase(memory_kv(m), FAMILY_META, slice_str("a"));
    kv_erase(memory_kv(m), FAMILY_META, slice_str("never there"));
    assert_value(m, FAMILY_META, "a", NULL);
    assert_value(m, FAMILY_LINKS, "a", "2");
    memory_free(m);
    memory_free(NULL);
}

static void test_memory__rollback(void **state) {
    struct memory *m = memory_new();
    (void)state;
    put(m, FAMILY_META, "kept", "1");
    put(m, FAMILY_META, "changed", "1");
    put(m, FAMILY_META, "erased", "1");
    memory_commit(m);
    put(m, FAMILY_META, "new", "2");
    put(m, FAMILY_META, "changed", "2");
    put(m, FAMILY_META, "changed", "3");
    kv_erase(memory_kv(m), FAMILY_META, slice_str("erased"));
    put(m, FAMILY_META, "erased", "4");
    kv_erase(memory_kv(m), FAMILY_META, slice_str("erased"));
    memory_rollback(m);
    assert_value(m, FAMILY_META, "kept", "1");
    assert_value(m, FAMILY_META, "changed", "1");
    assert_value(m, FAMILY_META, "erased", "1");
    assert_value(m, FAMILY_META, "new", NULL);
    memory_rollback(m); /* there is nothing left to undo */
    assert_value(m, FAMILY_META, "kept", "1");
    memory_free(m);
}

/* After an error reads find nothing and writes do nothing, until a rollback. */
static void test_memory__sticky_error(void **state) {
    struct memory *m = memory_new();
    (void)state;
    put(m, FAMILY_META, "a", "1");
    memory_commit(m);
    put(m, FAMILY_META, "b", "1");
    (void)err_set(&memory_kv(m)->err, ERR_RETRY, "as if");
    assert_true(kv_failed(memory_kv(m)));
    assert_value(m, FAMILY_META, "a", NULL);
    put(m, FAMILY_META, "a", "2");
    kv_erase(memory_kv(m), FAMILY_META, slice_str("a"));
    memory_rollback(m);
    assert_false(kv_failed(memory_kv(m)));
    assert_value(m, FAMILY_META, "a", "1");
    assert_value(m, FAMILY_META, "b", NULL);
    memory_free(m);
}

static void assert_at(struct kv_cursor *c, const char *key) {
    assert_int_equal(cursor_in(c, slice_str("")), key != NULL);
    if (key != NULL)
        assert_text(cursor_key(c), key);
}

static void test_memory__cursor(void **state) {
    struct memory *m = memory_new();
    (void)state;
    struct kv_cursor *c = kv_cursor(memory_kv(m), FAMILY_META);
    cursor_seek(c, slice_str(""));
    assert_at(c, NULL);
    cursor_seek_for_prev(c, slice_str("x"));
    assert_at(c, NULL);
    cursor_free(c);
    put(m, FAMILY_META, "b", "2");
    put(m, FAMILY_META, "a", "1");
    put(m, FAMILY_META, "bb", "3");
    put(m, FAMILY_META, "\xff", "4");
    c = kv_cursor(memory_kv(m), FAMILY_META);
    cursor_seek(c, slice_str("b"));
    assert_at(c, "b");
    assert_text(cursor_value(c), "2");
    assert_true(cursor_in(c, slice_str("b")));
    assert_false(cursor_in(c, slice_str("bb")));
    cursor_next(c);
    assert_at(c, "bb");
    cursor_next(c);
    assert_at(c, "\xff");
    cursor_prev(c);
    assert_at(c, "bb");
    cursor_seek_for_prev(c, slice_str("bb"));
    assert_at(c, "bb");
    cursor_seek_for_prev(c, slice_str("ba"));
    assert_at(c, "b");
    cursor_seek_for_prev(c, slice_str("A"));
    assert_at(c, NULL);
    cursor_seek(c, slice_str("c"));
    assert_at(c, "\xff");
    cursor_next(c);
    assert_at(c, NULL);
    cursor_seek(c, slice_str("a"));
    cursor_prev(c);
    assert_at(c, NULL);
    cursor_free(c);
    memory_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__get_put_erase),
        cmocka_unit_test(test_memory__rollback),
        cmocka_unit_test(test_memory__sticky_error),
        cmocka_unit_test(test_memory__cursor),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
