#include "streamer/base/mem.h"
#include "streamer/base/whole_file.h"
#include "support.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
    char *dir;
    struct buf path, temporary, text;
};

static void rig_begin(struct rig *r) {
    *r = (struct rig){.dir = make_scratch()};
    buf_printf(&r->path, "%s/FILE", r->dir);
    buf_printf(&r->temporary, "%s/FILE.tmp", r->dir);
}

static void rig_end(struct rig *r) {
    remove_scratch(r->dir);
    buf_release(&r->path);
    buf_release(&r->temporary);
    buf_release(&r->text);
}

static bool read_file(struct rig *r, size_t max) {
    buf_clear(&r->text);
    return whole_file_read(buf_cstr(&r->path), max, &r->text);
}

static void test_whole_file__holds_what_was_written_last(void **state) {
    (void)state;
    struct rig r;
    rig_begin(&r);
    assert_false(read_file(&r, 100));
    assert_int_equal(errno, ENOENT);
    assert_true(whole_file_write(buf_cstr(&r.path), slice_str("a longer text")));
    assert_true(whole_file_write(buf_cstr(&r.path), slice_str("a text")));
    assert_true(read_file(&r, 6));
    assert_string_equal(buf_cstr(&r.text), "a text");
    assert_false(read_file(&r, 5));
    assert_int_equal(errno, EFBIG);
    assert_int_equal(r.text.n, 0);
    assert_int_equal(access(buf_cstr(&r.temporary), F_OK), -1);
    rig_end(&r);
}

/* Nothing can be written where a directory has the temporary name. */
static void test_whole_file__stays_as_it_was_if_it_cannot_be_written(void **state) {
    (void)state;
    struct rig r;
    rig_begin(&r);
    assert_true(whole_file_write(buf_cstr(&r.path), slice_str("before")));
    assert_int_equal(mkdir(buf_cstr(&r.temporary), 0700), 0);
    assert_false(whole_file_write(buf_cstr(&r.path), slice_str("after")));
    assert_int_equal(errno, EISDIR);
    assert_true(read_file(&r, 100));
    assert_string_equal(buf_cstr(&r.text), "before");
    rig_end(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file__holds_what_was_written_last),
        cmocka_unit_test(test_whole_file__stays_as_it_was_if_it_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
