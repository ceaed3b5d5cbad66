/* Errors that are no damage: the store is refused, but its state stays good. */
#include "store_rig.h"

#include "streamer/base/mem.h"

#include <errno.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool disk_fails;

/* Replaces libc's pread, with which RocksDB reads tables. */
ssize_t pread(int fd, void *p, size_t n, off_t at) {
    if (!atomic_load(&disk_fails))
        return syscall(SYS_pread64, fd, p, n, at);
    errno = EIO;
    return -1;
}

static void assert_whole(const char *dir) {
    struct store *s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    assert_committed(s, FAMILY_LINKS, 1, "00000000", "0 0 0");
    store_close(s);
}

static void test_store_error__unreadable_disk(void **state) {
    (void)state;
    char *dir = make_full_store();
    atomic_store(&disk_fails, true);
    assert_refused(dir, ERR_STOP, "Input/output error");
    atomic_store(&disk_fails, false);
    assert_whole(dir);
    remove_scratch(dir);
}

static void test_store_error__lock_cannot_be_opened(void **state) {
    (void)state;
    char *dir = make_full_store(), *lock = find_file(dir, "LOCK");
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(mkdir(lock, 0700), 0);
    assert_refused(dir, ERR_STOP, "Is a directory");
    free(find_file(dir, "CLEAN")); /* the seal is still there */
    assert_int_equal(rmdir(lock), 0);
    assert_whole(dir);
    free(lock);
    remove_scratch(dir);
}

/* Opens the store as a user who owns nothing in the directory, and may read it or not even look
 * into it. Returns 7 if that is refused as it should be. */
static int be_nobody(const char *dir) {
    struct err e = {0};
    bool refused = setuid(65534) == 0 && store_open(dir, MEMORY_BYTES, 1, &e) == NULL &&
                   e.class == ERR_CONFIG && strstr(e.text, "Permission denied") != NULL;
    if (!refused)
        fprintf(stderr, "class %d: %s\n", (int)e.class, e.text);
    return refused ? 7 : 1;
}

static void test_store_error__no_permission(void **state) {
    static const mode_t modes[] = {0755, 0744};
    (void)state;
    char *dir = make_full_store();
    for (size_t i = 0; i < ARRAY_LEN(modes) && geteuid() == 0; i++) {
        assert_int_equal(chmod(dir, modes[i]), 0);
        assert_int_equal(in_other_process("nobody", dir), 7);
    }
    assert_whole(dir);
    remove_scratch(dir);
}

static void test_store_error__too_many_open_files(void **state) {
    (void)state;
    char *dir = make_full_store();
    rlim_t before = set_limit(RLIMIT_NOFILE, 0);
    assert_refused(dir, ERR_STOP, "too many open files");
    (void)set_limit(RLIMIT_NOFILE, before);
    assert_whole(dir);
    remove_scratch(dir);
}

static int compare_backwards(void *state, const char *a, size_t an, const char *b, size_t bn) {
    (void)state;
    return slice_compare(slice_of(b, bn), slice_of(a, an));
}

static const char *name_backwards(void *state) {
    (void)state;
    return "backwards";
}

static void no_state(void *state) {
    (void)state;
}

/* A database that was made with options which do not go together with ours is refused, but it is
 * not damaged. */
static void test_store_error__options_that_do_not_fit(void **state) {
    (void)state;
    char *dir = make_scratch(), *text = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_comparator_t *backwards =
        rocksdb_comparator_create(NULL, no_state, compare_backwards, name_backwards);
    rocksdb_options_set_comparator(options, backwards);
    rocksdb_options_set_create_if_missing(options, 1);
    for (int i = 0; i < 2; i++) { /* it opens with its own options before and after */
        rocksdb_t *db = rocksdb_open(options, dir, &text);
        assert_null(text);
        rocksdb_close(db);
        assert_refused(dir, ERR_STOP, "Invalid argument");
    }
    rocksdb_options_destroy(options);
    rocksdb_comparator_destroy(backwards);
    remove_scratch(dir);
}

/* The words of a path are no error text. */
static void test_store_error__name_that_sounds_like_damage(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct buf path = {0};
    buf_printf(&path, "%s/Corruption: No such file or directory", dir);
    store_close(open_store(buf_cstr(&path)));
    buf_printf(&path, "/LOCK");
    assert_int_equal(unlink(buf_cstr(&path)), 0);
    assert_int_equal(mkdir(buf_cstr(&path), 0700), 0);
    path.n -= strlen("/LOCK");
    assert_refused(buf_cstr(&path), ERR_STOP, "Is a directory");
    buf_release(&path);
    remove_scratch(dir);
}

int main(int argc, char **argv) {
    if (argc == 3)
        _exit(be_nobody(argv[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_error__unreadable_disk),
        cmocka_unit_test(test_store_error__lock_cannot_be_opened),
        cmocka_unit_test(test_store_error__no_permission),
        cmocka_unit_test(test_store_error__too_many_open_files),
        cmocka_unit_test(test_store_error__options_that_do_not_fit),
        cmocka_unit_test(test_store_error__name_that_sounds_like_damage),
    };
    return cmocka_run_group_tests_name("store_error", tests, NULL, NULL);
}
