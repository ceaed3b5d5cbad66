/* Large commits, each of which makes a file of its own; a commit that fails leaves nothing
 * behind. */
#include "store_rig.h"

#include "state/keys.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Ends without closing the store. */
static int write_much_and_crash(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        return 1;
    struct batch *b = batch_new(s);
    put_much(batch_kv(b), 1);
    put_text(b, FAMILY_LINKS, 1, "k", "much");
    (void)batch_commit(b, &e);
    put_much(batch_kv(b), 2);
    return 7;
}

static unsigned long free_blocks(const char *dir) {
    struct statvfs disk;
    return statvfs(dir, &disk) == 0 ? disk.f_bfree : 0;
}

#define NO_DISK 77

/* The commit's file is made, but the disk has no room for RocksDB's copy of it. Returns 7 if that
 * fails with ERR_RETRY, leaves nothing behind, and the next commit succeeds once there is room.
 * Returns NO_DISK if this process may not mount a disk of its own. */
static int fill_disk(const char *dir) {
    struct err e = {0};
    struct buf balloon = {0};
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "tmpfs", 0, "size=16m") != 0)
        return NO_DISK;
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    struct batch *b = batch_new(s);
    put_much(batch_kv(b), 1);
    commit(b);
    buf_printf(&balloon, "%s/balloon", dir);
    int fd = open(buf_cstr(&balloon), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char page[4096] = {0};
    while (write(fd, page, sizeof page) > 0)
        ;
    (void)ftruncate(fd, lseek(fd, 0, SEEK_END) - (1 << 20));
    (void)close(fd);
    unsigned long room = free_blocks(dir);
    put_much(batch_kv(b), 2);
    put_text(b, FAMILY_LINKS, 1, "k", "never");
    bool ok = batch_commit(b, &e);
    if (free_blocks(dir) < room)
        fprintf(stderr, "the failed commit left something behind\n");
    if (ok || free_blocks(dir) < room || e.class != ERR_RETRY ||
        strstr(e.text, "No space left") == NULL)
        return 1;
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", NULL);
    (void)unlink(buf_cstr(&balloon));
    put_much(batch_kv(b), 3);
    commit(b);
    batch_free(b);
    store_close(s);
    s = store_open(dir, MEMORY_BYTES, 1, &e);
    bool whole = s != NULL && !store_needs_count(s, 1);
    store_close(s);
    buf_release(&balloon);
    return whole ? 7 : 2;
}

static void test_commit__disk_full(void **state) {
    (void)state;
    char *dir = make_scratch();
    int code = in_other_process("disk-full", dir);
    remove_scratch(dir);
    if (code == NO_DISK)
        skip();
    assert_int_equal(code, 7);
}

/* A large commit must fail under that limit, with that text, and nothing of it may be there. */
static void fail_under_limit(struct store *s, struct batch *b, __rlimit_resource_t what,
                             rlim_t soft, const char *says) {
    struct err e = {0};
    put_much(batch_kv(b), 4);
    put_text(b, FAMILY_LINKS, 1, "k", "never");
    rlim_t before = set_limit(what, soft);
    bool ok = batch_commit(b, &e);
    (void)set_limit(what, before);
    assert_false(ok);
    assert_int_equal(e.class, ERR_RETRY);
    assert_non_null(strstr(e.text, says));
    assert_committed(s, FAMILY_LINKS, 1, "k", "much again");
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", "much again");
}

static void test_commit__large_commits(void **state) {
    (void)state;
    struct buf key = {0}, value = {0};
    char *dir = make_scratch();
    assert_int_equal(in_other_process("crash", dir), 7);
    struct store *s = open_store(dir);
    assert_committed(s, FAMILY_LINKS, 1, "k", "much");
    struct batch *b = batch_new(s);
    key_text(&key, 1, slice_str("much39"));
    assert_true(kv_get(batch_kv(b), FAMILY_META, buf_slice(&key), &value));
    assert_int_equal(value.p[value.n - 1], '1');
    /* Goes through the log; the next commit, which is large, replaces it. */
    put_text(b, FAMILY_LINKS, 1, "k", "little");
    commit(b);
    put_much(batch_kv(b), 3);
    put_text(b, FAMILY_LINKS, 1, "k", "much again");
    assert_true(batch_is_full(b));
    commit(b);
    assert_false(batch_is_full(b));
    assert_committed(s, FAMILY_LINKS, 1, "k", "much again");
    (void)signal(SIGXFSZ, SIG_IGN);
    fail_under_limit(s, b, RLIMIT_FSIZE, 64 << 10, "File too large");
    (void)signal(SIGXFSZ, SIG_DFL);
    fail_under_limit(s, b, RLIMIT_NOFILE, 0, "cannot make a file in memory: Too many open files");
    put_much(batch_kv(b), 5);
    commit(b);
    batch_free(b);
    store_close(s);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    store_close(s);
    buf_release(&key);
    buf_release(&value);
    remove_scratch(dir);
}

int main(int argc, char **argv) {
    if (argc == 3)
        _exit(strcmp(argv[1], "crash") == 0 ? write_much_and_crash(argv[2]) : fill_disk(argv[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit__disk_full),
        cmocka_unit_test(test_commit__large_commits),
    };
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
