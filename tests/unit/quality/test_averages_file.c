/* The file of averages: when it is written, and that no trouble with it costs more than a line in
 * the log. */
#include "streamer/quality/averages_file.h"
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE_US INT64_C(60000000)

static int syncs;
static bool disk_fails;

/* Replaces libc's. */
int fsync(int fd) {
    (void)fd;
    syncs++;
    if (!disk_fails)
        return 0;
    errno = EIO;
    return -1;
}

struct rig {
    char *dir;
    struct averages_file file;
    struct averages averages;
    struct stderr_capture capture;
    struct buf log;
    int64_t now_us;
};

static void open_file(struct rig *g) {
    averages_file_init(&g->file, g->dir);
    averages_file_read(&g->file, &g->averages);
}

static void rig_init(struct rig *g) {
    *g = (struct rig){.dir = make_scratch(), .now_us = 12345};
    g->capture = stderr_capture_begin();
    open_file(g);
}

/* Another process. */
static void restart(struct rig *g) {
    averages_file_release(&g->file);
    open_file(g);
}

static int lines_of(const struct buf *log) {
    int lines = 0;
    for (size_t i = 0; i < log->n; i++)
        lines += log->p[i] == '\n';
    return lines;
}

/* The log must have so many lines, and say this. */
static void rig_release(struct rig *g, int lines, const char *says) {
    stderr_capture_end(&g->capture, &g->log);
    if (lines_of(&g->log) != lines || strstr(buf_cstr(&g->log), says) == NULL)
        fail_msg("%s", buf_cstr(&g->log));
    averages_file_release(&g->file);
    buf_release(&g->log);
    remove_scratch(g->dir);
}

static const char *path_of(const struct rig *g, const char *name) {
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", g->dir, name);
    return path;
}

static void put_file(const struct rig *g, const char *text) {
    FILE *f = fopen(path_of(g, "AVERAGES"), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void assert_file(const struct rig *g, const char *expected) {
    char text[4096];
    FILE *f = fopen(path_of(g, "AVERAGES"), "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    assert_int_equal(fclose(f), 0);
    assert_text(slice_of(text, n), expected);
}

static void assert_no_file(const struct rig *g, const char *name) {
    assert_int_equal(access(path_of(g, name), F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

static void set(struct rig *g, int64_t nulls) {
    g->averages.of[CHECK_NULL_RATE_HAS_LOAN] = nulls;
}

static void keep_after(struct rig *g, int64_t us) {
    g->now_us += us;
    averages_file_keep(&g->file, &g->averages, g->now_us);
}

#define TEXT(value) "averages 1\nstaging.null_rate.has_loan " value "\nend\n"

static void test_averages_file__once_a_minute_when_they_moved(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    keep_after(&g, 0);
    assert_no_file(&g, "AVERAGES"); /* nothing is known */
    set(&g, 1);
    syncs = 0;
    keep_after(&g, 0); /* kill -9 soon after the first 1,000 records does not forget them */
    assert_file(&g, TEXT("1"));
    assert_int_equal(syncs, 1);
    set(&g, 2);
    keep_after(&g, MINUTE_US - 1);
    assert_file(&g, TEXT("1"));
    keep_after(&g, 1);
    assert_file(&g, TEXT("2"));
    for (int i = 0; i < 10; i++)
        keep_after(&g, MINUTE_US);
    assert_int_equal(syncs, 2);
    assert_no_file(&g, "AVERAGES.tmp");
    rig_release(&g, 0, "");
}

static void test_averages_file__a_stop_and_a_start(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    set(&g, 1);
    keep_after(&g, 0);
    set(&g, 2);
    averages_file_write(&g.file, &g.averages); /* within the same minute */
    restart(&g);
    assert_int_equal(g.averages.of[CHECK_NULL_RATE_HAS_LOAN], 2);
    syncs = 0;
    averages_file_write(&g.file, &g.averages);
    assert_int_equal(syncs, 0); /* nothing has moved */
    rig_release(&g, 0, "");
}

/* The file is damaged, another program's, too long, or cannot be read. */
static void test_averages_file__begins_anew(void **state) {
    (void)state;
    char longer[5000];
    memset(longer, ' ', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const texts[] = {"", "averages 1\n", "averages 2\nend\n", longer};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct rig g;
        rig_init(&g);
        put_file(&g, texts[i]);
        restart(&g);
        assert_int_equal(g.averages.of[CHECK_NULL_RATE_HAS_LOAN], -1);
        set(&g, 5);
        keep_after(&g, 0);
        assert_file(&g, TEXT("5"));
        rig_release(&g, 1, "/AVERAGES\" error=\"the file is damaged\"");
    }
}

static void test_averages_file__unreadable(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    assert_int_equal(mkdir(path_of(&g, "AVERAGES"), 0700), 0);
    restart(&g);
    assert_int_equal(g.averages.of[CHECK_NULL_RATE_HAS_LOAN], -1);
    rig_release(&g, 1, "/AVERAGES\" error=\"Is a directory\"");
}

/* /dev/full says what a full disk says. */
static void fill_disk(const struct rig *g) {
    assert_int_equal(symlink("/dev/full", path_of(g, "AVERAGES.tmp")), 0);
}

static void test_averages_file__a_full_disk_is_told_once(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    set(&g, 1);
    keep_after(&g, 0);
    for (int64_t i = 2; i < 10; i++) {
        fill_disk(&g);
        set(&g, i);
        keep_after(&g, MINUTE_US);
        assert_file(&g, TEXT("1"));
        assert_no_file(&g, "AVERAGES.tmp");
    }
    keep_after(&g, MINUTE_US - 1); /* not tried before its minute */
    assert_file(&g, TEXT("1"));
    keep_after(&g, 1);
    assert_file(&g, TEXT("9"));
    fill_disk(&g);
    set(&g, 10);
    keep_after(&g, MINUTE_US); /* it is full again */
    rig_release(&g, 2, "/AVERAGES\" error=\"No space left on device\"");
}

static void test_averages_file__a_disk_that_fails(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    set(&g, 1);
    keep_after(&g, 0);
    disk_fails = true;
    set(&g, 2);
    averages_file_write(&g.file, &g.averages);
    disk_fails = false;
    assert_file(&g, TEXT("1")); /* only what is on the disk replaces it */
    rig_release(&g, 1, "/AVERAGES\" error=\"Input/output error\"");
}

static void test_averages_file__removed(void **state) {
    (void)state;
    struct rig g;
    struct err e = {0};
    rig_init(&g);
    set(&g, 1);
    keep_after(&g, 0);
    assert_true(averages_file_remove(g.dir, &e));
    assert_no_file(&g, "AVERAGES");
    assert_true(averages_file_remove(g.dir, &e));
    assert_int_equal(mkdir(path_of(&g, "AVERAGES"), 0700), 0);
    assert_false(averages_file_remove(g.dir, &e));
    assert_int_equal(e.class, ERR_STOP);
    rig_release(&g, 0, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_averages_file__once_a_minute_when_they_moved),
        cmocka_unit_test(test_averages_file__a_stop_and_a_start),
        cmocka_unit_test(test_averages_file__begins_anew),
        cmocka_unit_test(test_averages_file__unreadable),
        cmocka_unit_test(test_averages_file__a_full_disk_is_told_once),
        cmocka_unit_test(test_averages_file__a_disk_that_fails),
        cmocka_unit_test(test_averages_file__removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
