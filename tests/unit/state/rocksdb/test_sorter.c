/* The sorter, against a model: an array with the last value of each key, sorted by qsort. */
#include "store_rig.h"

#include "state/rocksdb/sorter.h"
#include "streamer/base/mem.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* A sorter in a scratch directory that is $TMPDIR for this test. */
struct rig {
    char *dir;
    struct sorter *sorter;
};

static struct rig rig_new(void) {
    struct err e = {0};
    struct rig r = {.dir = make_scratch()};
    assert_int_equal(setenv("TMPDIR", r.dir, 1), 0);
    r.sorter = sorter_new("test", &e);
    assert_non_null(r.sorter);
    return r;
}

static size_t count_entries(const char *dir) {
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *f = readdir(d); f != NULL; f = readdir(d))
        n += f->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

/* Nothing may be left of the sorter. */
static void rig_free(struct rig *r) {
    sorter_free(r->sorter);
    assert_int_equal(count_entries(r->dir), 0);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    remove_scratch(r->dir);
}

static void put(struct rig *r, struct slice key, struct slice value) {
    struct err e = {0};
    assert_true(sorter_put(r->sorter, key, value, &e));
}

static void put_text_row(struct rig *r, const char *key, const char *value) {
    put(r, slice_str(key), slice_str(value));
}

static void erase(struct rig *r, struct slice key) {
    struct err e = {0};
    assert_true(sorter_erase(r->sorter, key, &e));
}

static void begin(struct rig *r) {
    struct err e = {0};
    assert_true(sorter_begin(r->sorter, &e));
}

static void assert_next(struct rig *r, struct slice key, struct slice value) {
    struct err e = {0};
    struct slice k, v;
    assert_true(sorter_next(r->sorter, &k, &v, &e));
    assert_true(slice_eq(k, key));
    assert_true(slice_eq(v, value));
}

static void assert_end(struct rig *r) {
    struct err e = {.class = ERR_STOP};
    struct slice k, v;
    assert_false(sorter_next(r->sorter, &k, &v, &e));
    assert_int_equal(e.class, ERR_NONE);
}

static void test_sorter__empty(void **state) {
    (void)state;
    struct rig r = rig_new();
    begin(&r);
    assert_end(&r);
    assert_end(&r);
    rig_free(&r);
}

static void test_sorter__order_of_bytes(void **state) {
    (void)state;
    struct rig r = rig_new();
    put(&r, slice_of("a\0b", 3), slice_str("nul"));
    put_text_row(&r, "b", "");
    put_text_row(&r, "\xff", "last");
    put_text_row(&r, "a", "short");
    put_text_row(&r, "", "empty key");
    put(&r, slice_of("\0", 1), slice_of("\0v", 2));
    begin(&r);
    assert_next(&r, slice_str(""), slice_str("empty key"));
    assert_next(&r, slice_of("\0", 1), slice_of("\0v", 2));
    assert_next(&r, slice_str("a"), slice_str("short"));
    assert_next(&r, slice_of("a\0b", 3), slice_str("nul"));
    assert_next(&r, slice_str("b"), slice_str(""));
    assert_next(&r, slice_str("\xff"), slice_str("last"));
    assert_end(&r);
    rig_free(&r);
}

/* The last put or erase of a key counts, also where a reading lies between them. */
static void test_sorter__last_counts(void **state) {
    (void)state;
    struct rig r = rig_new();
    put_text_row(&r, "a", "1");
    put_text_row(&r, "b", "1");
    put_text_row(&r, "c", "1");
    put_text_row(&r, "a", "2");
    erase(&r, slice_str("b"));
    erase(&r, slice_str("never put"));
    begin(&r);
    assert_next(&r, slice_str("a"), slice_str("2"));
    put_text_row(&r, "b", "3");
    erase(&r, slice_str("c"));
    put_text_row(&r, "a", "3");
    for (int i = 0; i < 2; i++) {
        begin(&r);
        assert_next(&r, slice_str("a"), slice_str("3"));
        assert_next(&r, slice_str("b"), slice_str("3"));
        assert_end(&r);
    }
    rig_free(&r);
}

/* --- many rows, in several files, against the model --- */

#define KEYS 40000
#define OPERATIONS 300000

static struct slice key_of(char text[32], int64_t i) {
    /* Scattered, of different lengths, and with a byte 0. */
    int n = snprintf(text, 32, "%llx", (unsigned long long)((uint64_t)i * 0x9e3779b97f4a7c15u));
    text[n - 1] = '\0';
    text[n] = (char)('a' + i % 7);
    return slice_of(text, (size_t)n + 1);
}

static struct slice value_of(char text[256], int64_t version) {
    memset(text, 'x', 256);
    int n = snprintf(text, 32, "%lld|", (long long)version);
    return slice_of(text, (size_t)(n + version % 200));
}

struct model_row {
    struct slice key;
    int64_t version; /* 0: absent */
};

static int by_key(const void *a, const void *b) {
    const struct model_row *x = a, *y = b;
    return slice_compare(x->key, y->key);
}

static void change_at_random(struct rig *r, struct model_row *model) {
    struct rng random = rng_seeded(1);
    char key[32], value[256];
    for (int64_t version = 1; version <= OPERATIONS; version++) {
        int64_t i = rng_below(&random, KEYS);
        bool erased = rng_chance(&random, 30);
        if (erased)
            erase(r, key_of(key, i));
        else
            put(r, key_of(key, i), value_of(value, version));
        model[i].version = erased ? 0 : version;
    }
}

static void assert_model(struct rig *r, const struct model_row *sorted) {
    char value[256];
    begin(r);
    for (size_t i = 0; i < KEYS; i++) {
        if (sorted[i].version != 0)
            assert_next(r, sorted[i].key, value_of(value, sorted[i].version));
    }
    assert_end(r);
}

static void test_sorter__many(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct model_row *model = mem_calloc(KEYS, sizeof *model);
    char(*texts)[32] = mem_calloc(KEYS, sizeof *texts);
    change_at_random(&r, model);
    for (size_t i = 0; i < KEYS; i++)
        model[i].key = key_of(texts[i], (int64_t)i);
    qsort(model, KEYS, sizeof *model, by_key);
    assert_model(&r, model);
    free(texts);
    free(model);
    rig_free(&r);
}

/* --- the directory --- */

static void test_sorter__directory_is_private(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct buf path = {0};
    DIR *d = opendir(r.dir);
    for (const struct dirent *f = readdir(d); f != NULL; f = readdir(d)) {
        if (strncmp(f->d_name, "streamer-test-", strlen("streamer-test-")) == 0)
            buf_printf(&path, "%s/%s", r.dir, f->d_name);
    }
    (void)closedir(d);
    struct stat st;
    assert_int_equal(stat(buf_cstr(&path), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    buf_release(&path);
    rig_free(&r);
}

static void test_sorter__no_directory(void **state) {
    (void)state;
    struct err e = {0};
    assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
    assert_null(sorter_new("test", &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "/nowhere"));
    assert_non_null(strstr(e.text, "TMPDIR"));
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

/* Files that cannot grow stand for a disk that is full. */
static void test_sorter__disk_full(void **state) {
    (void)state;
    struct rig r = rig_new();
    struct err e = {0};
    char value[256];
    (void)signal(SIGXFSZ, SIG_IGN);
    rlim_t before = set_limit(RLIMIT_FSIZE, 100000);
    bool ok = true;
    for (int64_t i = 0; ok && i < OPERATIONS; i++)
        ok = sorter_put(r.sorter, slice_of(&i, sizeof i), value_of(value, i), &e);
    ok = ok && sorter_begin(r.sorter, &e);
    assert_false(ok);
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, r.dir));
    (void)set_limit(RLIMIT_FSIZE, before);
    rig_free(&r);
}

/* Rows of many files, where a shell's limit allows few. */
static void test_sorter__many_files(void **state) {
    (void)state;
    static const char value[1 << 20];
    rlim_t before = set_limit(RLIMIT_NOFILE, 24);
    struct rig r = rig_new();
    for (int64_t i = 0; i < 16 * 20; i++)
        put(&r, slice_of(&i, sizeof i), slice_of(value, sizeof value));
    begin(&r);
    size_t n = 0;
    struct err e = {0};
    for (struct slice k, v; sorter_next(r.sorter, &k, &v, &e);)
        n++;
    assert_int_equal(e.class, ERR_NONE);
    assert_int_equal(n, 16 * 20);
    rig_free(&r);
    (void)set_limit(RLIMIT_NOFILE, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorter__empty),
        cmocka_unit_test(test_sorter__order_of_bytes),
        cmocka_unit_test(test_sorter__last_counts),
        cmocka_unit_test(test_sorter__many),
        cmocka_unit_test(test_sorter__directory_is_private),
        cmocka_unit_test(test_sorter__no_directory),
        cmocka_unit_test(test_sorter__disk_full),
        cmocka_unit_test(test_sorter__many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
