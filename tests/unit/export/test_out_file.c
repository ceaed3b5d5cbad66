/* An output file is there whole, or as it was before. */
#include "store_rig.h"

#include "streamer/base/whole_file.h"
#include "streamer/export/out_file.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
    char *dir;
    struct buf path, totals;
};

static struct rig rig_new(void) {
    struct rig r = {.dir = make_scratch()};
    buf_printf(&r.path, "%s/out.csv", r.dir);
    buf_printf(&r.totals, "%s/out.csv.totals.json", r.dir);
    return r;
}

static void rig_free(struct rig *r) {
    buf_release(&r->path);
    buf_release(&r->totals);
    remove_scratch(r->dir);
}

static size_t count_files(const char *dir) {
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *f = readdir(d); f != NULL; f = readdir(d))
        n += f->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void assert_content(struct buf *path, const char *expected) {
    struct buf content = {0};
    assert_true(whole_file_read(buf_cstr(path), 1 << 20, &content));
    assert_string_equal(buf_cstr(&content), expected);
    buf_release(&content);
}

static void write_before(struct rig *r) {
    assert_true(whole_file_write(buf_cstr(&r->path), slice_str("before")));
    assert_true(whole_file_write(buf_cstr(&r->totals), slice_str("totals before")));
}

static void test_out_file__placed(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    char hex[OUT_FILE_SHA256_HEX + 1];
    write_before(&r);
    struct out_file *f = out_file_new(buf_cstr(&r.path), &e);
    assert_non_null(f);
    assert_true(out_file_put(f, slice_str("ab"), &e));
    assert_true(out_file_put(f, slice_str("c"), &e));
    assert_true(out_file_flush(f, &e));
    assert_content(&r.path, "before"); /* until it gets its place */
    assert_content(&r.totals, "totals before");
    out_file_sha256(f, hex);
    /* NIST's example for "abc". */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(out_file_bytes(f), 3);
    if (!out_file_place(f, slice_str("totals"), &e))
        fail_msg("%s", e.text);
    out_file_free(f);
    assert_content(&r.path, "abc");
    assert_content(&r.totals, "totals");
    assert_int_equal(count_files(r.dir), 2);
    rig_free(&r);
}

static void test_out_file__given_up(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    write_before(&r);
    struct out_file *f = out_file_new(buf_cstr(&r.path), &e);
    assert_true(out_file_put(f, slice_str("abc"), &e));
    assert_true(out_file_flush(f, &e));
    out_file_free(f);
    assert_content(&r.path, "before");
    assert_content(&r.totals, "totals before");
    assert_int_equal(count_files(r.dir), 2);
    rig_free(&r);
}

/* Totals of before that cannot be removed would lie beside a file that they do not describe. */
static void test_out_file__totals_that_stay(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    assert_true(whole_file_write(buf_cstr(&r.path), slice_str("before")));
    assert_int_equal(mkdir(buf_cstr(&r.totals), 0700), 0);
    struct out_file *f = out_file_new(buf_cstr(&r.path), &e);
    assert_true(out_file_put(f, slice_str("abc"), &e) && out_file_flush(f, &e));
    assert_false(out_file_place(f, slice_str("totals"), &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "its totals of before"));
    out_file_free(f);
    assert_content(&r.path, "before");
    assert_int_equal(count_files(r.dir), 2);
    rig_free(&r);
}

/* Files that cannot grow stand for a disk that is full. */
static void test_out_file__disk_full(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    char bytes[1000] = {0};
    bool ok = true;
    write_before(&r);
    (void)signal(SIGXFSZ, SIG_IGN);
    rlim_t before = set_limit(RLIMIT_FSIZE, 1 << 20);
    struct out_file *f = out_file_new(buf_cstr(&r.path), &e);
    for (int i = 0; ok && i < 5000; i++)
        ok = out_file_put(f, slice_of(bytes, sizeof bytes), &e);
    assert_false(ok);
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, buf_cstr(&r.path)));
    out_file_free(f);
    (void)set_limit(RLIMIT_FSIZE, before);
    assert_content(&r.path, "before");
    assert_int_equal(count_files(r.dir), 2);
    rig_free(&r);
}

static void assert_no_output(const char *path, const char *why) {
    struct err e = {0};
    assert_null(out_file_new(path, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    if (strstr(e.text, path) == NULL || strstr(e.text, why) == NULL)
        fail_msg("%s", e.text);
}

static void test_out_file__refused(void **state) {
    (void)state;
    struct rig r = rig_new();
    assert_no_output(r.dir, "it is a folder");
    assert_no_output("/dev/null", "it is no regular file");
    assert_no_output("/nowhere/out.csv", "No such file or directory");
    assert_int_equal(count_files(r.dir), 0);
    rig_free(&r);
}

static void place(const char *path) {
    struct err e = {0};
    struct out_file *f = out_file_new(path, &e);
    assert_true(out_file_put(f, slice_str("abc"), &e) && out_file_flush(f, &e));
    assert_true(out_file_place(f, slice_str("totals"), &e));
    out_file_free(f);
}

/* A link stays, and what it points to is replaced. */
static void test_out_file__link(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct stat st;
    struct buf link = {0};
    write_before(&r);
    buf_printf(&link, "%s/link", r.dir);
    assert_int_equal(symlink("out.csv", buf_cstr(&link)), 0);
    place(buf_cstr(&link));
    assert_content(&r.path, "abc");
    assert_content(&r.totals, "totals");
    assert_int_equal(lstat(buf_cstr(&link), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    buf_release(&link);
    rig_free(&r);
}

static void assert_rights(struct buf *path, mode_t expected) {
    struct stat st;
    assert_int_equal(stat(buf_cstr(path), &st), 0);
    assert_int_equal(st.st_mode & 0777, expected);
}

/* A new file has the usual rights. Later ones have those of the file of before, so that who could
 * not read that can read neither the rows nor the totals. */
static void test_out_file__rights(void **state) {
    (void)state;
    struct rig r = rig_new();
    mode_t mask = umask(027);
    place(buf_cstr(&r.path));
    (void)umask(mask);
    assert_rights(&r.path, 0640);
    assert_rights(&r.totals, 0640);
    assert_int_equal(chmod(buf_cstr(&r.path), 0600), 0);
    place(buf_cstr(&r.path));
    assert_rights(&r.path, 0600);
    assert_rights(&r.totals, 0600);
    rig_free(&r);
}

/* Another program writes the file, even as a new one of the same name. */
static void test_out_file__written_by_another(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    char hex[OUT_FILE_SHA256_HEX + 1];
    struct out_file *f = out_file_new(buf_cstr(&r.path), &e);
    assert_true(whole_file_write(out_file_temporary(f), slice_str("abc")));
    assert_true(out_file_measure(f, &e));
    out_file_sha256(f, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(out_file_bytes(f), 3);
    assert_true(out_file_place(f, slice_str("totals"), &e));
    out_file_free(f);
    assert_content(&r.path, "abc");
    rig_free(&r);
}

static void test_out_file__hash(void **state) {
    (void)state;
    char hex[OUT_FILE_SHA256_HEX + 1];
    sha256_hex(slice_str(""), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_file__placed),
        cmocka_unit_test(test_out_file__given_up),
        cmocka_unit_test(test_out_file__totals_that_stay),
        cmocka_unit_test(test_out_file__disk_full),
        cmocka_unit_test(test_out_file__refused),
        cmocka_unit_test(test_out_file__link),
        cmocka_unit_test(test_out_file__rights),
        cmocka_unit_test(test_out_file__written_by_another),
        cmocka_unit_test(test_out_file__hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
