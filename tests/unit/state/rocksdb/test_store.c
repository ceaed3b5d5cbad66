/* A store as a whole: facts, partitions, its directory, its memory. */
#include "store_rig.h"

#include "state/keys.h"
#include "streamer/base/mem.h"

#include <dirent.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_store__facts(void **state) {
    (void)state;
    struct err e = {0};
    struct buf value = {0};
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    buf_set(&value, slice_str("before"));
    assert_true(store_get_fact(s, "app.id", &value, &e));
    assert_int_equal(value.n, 0);
    assert_true(store_put_fact(s, "app.id", slice_str("streamer"), &e));
    assert_true(store_put_fact(s, "app.i", slice_str("other"), &e));
    store_close(s);
    s = open_store(dir);
    assert_true(store_get_fact(s, "app.id", &value, &e));
    assert_text(buf_slice(&value), "streamer");
    store_close(s);
    buf_release(&value);
    remove_scratch(dir);
}

static void fill_partitions(struct batch *b, const int32_t *partitions, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (int f = 0; f < FAMILY_COUNT; f++) {
            put_text(b, (enum family)f, partitions[i], "x", "1");
            for (int k = 0; k < f; k++) {
                char key[8];
                (void)snprintf(key, sizeof key, "%d\xff", k);
                put_text(b, (enum family)f, partitions[i], key, "1");
            }
        }
    }
    commit(b);
}

static void assert_counts(struct store *s, int32_t partition, bool filled) {
    struct err e = {0};
    int64_t rows[FAMILY_COUNT];
    memset(rows, 0xff, sizeof rows);
    assert_true(store_count_rows(s, partition, rows, &e));
    for (int f = 0; f < FAMILY_COUNT; f++)
        assert_int_equal(rows[f], filled ? f + 1 : 0);
}

/* Wiping a partition leaves its neighbours in key order and the facts as they are. */
static void test_store__count_and_wipe(void **state) {
    static const int32_t partitions[] = {0, 1, 2, 0xff, 0x100, 0x1ff, KEY_PARTITION_MAX};
    (void)state;
    struct err e = {0};
    struct buf fact = {0};
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    assert_true(store_put_fact(s, "app.id", slice_str("streamer"), &e));
    fill_partitions(b, partitions, ARRAY_LEN(partitions));
    for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
        assert_counts(s, partitions[i], true);
    assert_counts(s, 3, false);
    for (size_t wiped = 0; wiped < ARRAY_LEN(partitions); wiped++) {
        assert_true(store_wipe(s, partitions[wiped], &e));
        for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
            assert_counts(s, partitions[i], i > wiped);
        assert_value(batch_kv(b), FAMILY_LINKS, partitions[wiped], "x", NULL);
    }
    assert_true(store_get_fact(s, "app.id", &fact, &e));
    assert_text(buf_slice(&fact), "streamer");
    fill_partitions(b, partitions, 1); /* a wiped partition can be filled again */
    assert_counts(s, partitions[0], true);
    assert_true(store_bytes(s) > 0);
    batch_free(b);
    store_close(s);
    s = open_store(dir);
    assert_counts(s, partitions[0], true);
    assert_counts(s, partitions[1], false);
    store_close(s);
    buf_release(&fact);
    remove_scratch(dir);
}

/* Ends without closing the store. */
static int write_and_crash(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        return 1;
    struct batch *b = batch_new(s);
    put_text(b, FAMILY_LINKS, 1, "k", "1");
    (void)batch_commit(b, &e);
    put_text(b, FAMILY_LINKS, 1, "k", "not committed");
    return 7;
}

static void test_store__needs_count(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    assert_false(store_needs_count(s, 1)); /* it is new */
    store_close(s);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    store_close(s);
    assert_int_equal(in_other_process("crash", dir), 7);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));          /* not after a crash */
    assert_committed(s, FAMILY_LINKS, 1, "k", "1"); /* committed, though not synced */
    store_close(s);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    store_close(s);
    store_close(NULL);
    remove_scratch(dir);
}

/* The rows of each partition need to be counted once as long as the store is open. */
static void test_store__counted_once(void **state) {
    (void)state;
    struct err e = {0};
    char *dir = make_scratch();
    store_close(open_store(dir));
    char *log = find_file(dir, ".log"); /* made longer, which changes no row */
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size + 1), 0);
    free(log);
    rlim_t before = set_limit(RLIMIT_NOFILE, 0); /* an open that fails leaves the seal in place */
    assert_null(store_open(dir, MEMORY_BYTES, 1, &e));
    (void)set_limit(RLIMIT_NOFILE, before);
    struct store *s = open_store(dir);
    store_note_counted(s, 0);
    assert_true(store_wipe(s, KEY_PARTITION_MAX, &e));
    assert_false(store_needs_count(s, 0));
    assert_false(store_needs_count(s, KEY_PARTITION_MAX));
    assert_true(store_needs_count(s, 1));
    store_close(s);
    remove_scratch(dir);
}

/* The values are random, so that they cannot be compressed. */
static bool put_random(struct store *s, struct rng *r, int from, int to) {
    struct err e = {0};
    struct batch *b = batch_new(s);
    for (int i = from; i < to; i++) {
        struct buf key = {0};
        uint64_t value[64];
        for (size_t k = 0; k < ARRAY_LEN(value); k++)
            value[k] = rng_next(r);
        key_customer(&key, 1, (int64_t)(rng_next(r) >> 1));
        kv_put(batch_kv(b), (enum family)(FAMILY_CUSTOMERS + i % 4), buf_slice(&key),
               slice_of(value, sizeof value));
        buf_release(&key);
    }
    bool ok = batch_commit(b, &e);
    batch_free(b);
    return ok;
}

/* The most memory that this process ever used. -1 if that cannot be read. */
static long peak_kib(void) {
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        (void)sscanf(line, "VmHWM: %ld", &kib);
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

/* Writes much more than the store may keep in memory, and reads it all. Returns 7 if the process
 * never used more than a limit: the memory of the store, and what the process, its threads and a
 * compaction need. None of that depends on the size of the state. */
static int stay_small(const char *dir) {
    struct err e = {0};
    int64_t rows[FAMILY_COUNT];
    struct rng r = rng_seeded(1);
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    bool ok = s != NULL;
    for (int i = 0; ok && i < 300; i++)
        ok = put_random(s, &r, i * 1000, (i + 1) * 1000);
    ok = ok && store_count_rows(s, 1, rows, &e) && store_bytes(s) > 100 << 20;
    store_close(s);
    long peak = peak_kib();
    if (peak >= 48 << 10)
        fprintf(stderr, "%ld KiB in use\n", peak);
    return ok && peak > 0 && peak < 48 << 10 ? 7 : 1;
}

static void test_store__memory_is_bounded(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the sanitizer keeps freed memory */
#endif
    char *dir = make_scratch();
    assert_int_equal(in_other_process("small", dir), 7);
    remove_scratch(dir);
}

static void test_store__destroy(void **state) {
    (void)state;
    struct err e = {0};
    struct buf state_dir = {0};
    char *dir = make_scratch();
    buf_printf(&state_dir, "%s/state", dir);
    store_close(open_store(buf_cstr(&state_dir)));
    assert_true(store_destroy(buf_cstr(&state_dir), &e));
    assert_int_not_equal(access(buf_cstr(&state_dir), F_OK), 0);
    assert_true(store_destroy(buf_cstr(&state_dir), &e)); /* there is no store any more */
    buf_release(&state_dir);
    remove_scratch(dir);
}

static void test_store__set_aside(void **state) {
    (void)state;
    struct err e = {0};
    struct buf state_dir = {0}, aside = {0}, expected = {0};
    char *dir = make_scratch();
    buf_printf(&state_dir, "%s/state//", dir);
    store_close(open_store(buf_cstr(&state_dir)));
    assert_true(store_set_aside(buf_cstr(&state_dir), 1234567, &aside, &e));
    buf_printf(&expected, "%s/state.aside-1234567", dir);
    assert_string_equal(buf_cstr(&aside), buf_cstr(&expected));
    assert_int_equal(access(buf_cstr(&aside), F_OK), 0);
    assert_int_not_equal(access(buf_cstr(&state_dir), F_OK), 0);
    assert_false(store_set_aside(buf_cstr(&state_dir), 1234568, &aside, &e));
    assert_int_equal(e.class, ERR_STOP);
    struct store *s = open_store(buf_cstr(&expected)); /* it is still whole */
    assert_false(store_needs_count(s, 1));
    store_close(s);
    buf_release(&state_dir);
    buf_release(&aside);
    buf_release(&expected);
    remove_scratch(dir);
}

/* Returns 7 if store_open says that another process has the store. */
static int be_refused(const char *dir) {
    struct err e = {0};
    bool refused = store_open(dir, MEMORY_BYTES, 1, &e) == NULL && e.class == ERR_CONFIG &&
                   strstr(e.text, "in use by another process") != NULL;
    return refused ? 7 : 1;
}

/* A store that is open can be opened neither by its own process nor by another one. */
static void test_store__in_use(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    assert_refused(dir, ERR_CONFIG, "in use");
    assert_int_equal(in_other_process("refused", dir), 7);
    store_close(s);
    remove_scratch(dir);
}

static void test_store__bad_directory(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct buf path = {0};
    buf_printf(&path, "%s/file", dir);
    FILE *f = fopen(buf_cstr(&path), "w");
    assert_non_null(f);
    (void)fclose(f);
    assert_refused(buf_cstr(&path), ERR_CONFIG, "not a directory");
    buf_printf(&path, "/state");
    assert_refused(buf_cstr(&path), ERR_CONFIG, "Not a directory");
    if (geteuid() != 0) { /* root may write anywhere */
        buf_clear(&path);
        buf_printf(&path, "%s/closed", dir);
        assert_int_equal(mkdir(buf_cstr(&path), 0500), 0);
        assert_refused(buf_cstr(&path), ERR_CONFIG, "cannot write");
    }
    buf_release(&path);
    remove_scratch(dir);
}

/* A state with column families that this version does not know is refused with ERR_REBUILD, so that
 * the caller sets it aside. */
static void test_store__other_version(void **state) {
    (void)state;
    char *dir = make_scratch(), *text = NULL;
    struct err e = {0};
    store_close(open_store(dir));
    rocksdb_options_t *options = rocksdb_options_create();
    size_t n;
    char **names = rocksdb_list_column_families(options, dir, &n, &text);
    assert_null(text);
    const rocksdb_options_t *each[32];
    rocksdb_column_family_handle_t *families[32];
    assert_true(n <= ARRAY_LEN(each));
    for (size_t i = 0; i < n; i++)
        each[i] = options;
    rocksdb_options_set_uint64add_merge_operator(options);
    rocksdb_t *db = rocksdb_open_column_families(options, dir, (int)n, (const char *const *)names,
                                                 each, families, &text);
    assert_null(text);
    rocksdb_column_family_handle_destroy(
        rocksdb_create_column_family(db, options, "customer_totals", &text));
    assert_null(text);
    for (size_t i = 0; i < n; i++)
        rocksdb_column_family_handle_destroy(families[i]);
    rocksdb_close(db);
    rocksdb_list_column_families_destroy(names, n);
    rocksdb_options_destroy(options);
    assert_null(store_open(dir, MEMORY_BYTES, 1, &e));
    assert_int_equal(e.class, ERR_REBUILD);
    assert_non_null(strstr(e.text, "written by another version"));
    remove_scratch(dir);
}

/* A user who goes back from Debian 13 to 12 keeps the state, because its tables have format 5, the
 * newest one that Debian 12 reads. The format lies before the eight bytes that every table ends
 * with. */
static void test_store__tables_for_older_systems(void **state) {
    (void)state;
    char *dir = make_full_store(), *path = find_file(dir, ".sst");
    unsigned char end[12];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fseek(f, -(long)sizeof end, SEEK_END), 0);
    assert_int_equal(fread(end, 1, sizeof end, f), sizeof end);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(end[0] | end[1] << 8 | end[2] << 16 | end[3] << 24, 5);
    free(path);
    remove_scratch(dir);
}

/* --- only to read --- */

static int be_refused_to_read(const char *dir) {
    struct err e = {0};
    bool refused = store_open_to_read(dir, &e) == NULL;
    return refused && e.class == ERR_CONFIG && strstr(e.text, "in use") != NULL ? 7 : 1;
}

/* Appends the name, the time of the last change and the bytes of each file, and of the directory
 * the time. */
static void put_files(const char *dir, struct buf *out) {
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; free(list[i++])) {
        struct buf path = {0};
        struct stat st;
        if (strcmp(list[i]->d_name, "..") == 0)
            continue;
        buf_printf(&path, "%s/%s", dir, list[i]->d_name);
        assert_int_equal(stat(buf_cstr(&path), &st), 0);
        buf_printf(out, "%s %lld %lld\n", list[i]->d_name, (long long)st.st_mtim.tv_sec,
                   (long long)st.st_mtim.tv_nsec);
        FILE *f = S_ISREG(st.st_mode) ? fopen(buf_cstr(&path), "re") : NULL;
        for (int c; f != NULL && (c = fgetc(f)) != EOF;)
            buf_put_byte(out, (char)c);
        if (f != NULL)
            (void)fclose(f);
        buf_release(&path);
    }
    free(list);
}

/* The rows of `dir` can be read, and nothing there changes. */
static void assert_read(const char *dir) {
    struct buf before = {0}, after = {0};
    struct err e = {0};
    put_files(dir, &before);
    struct store *s = store_open_to_read(dir, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    assert_committed(s, FAMILY_LINKS, 1, "k", "1");
    store_close(s);
    put_files(dir, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_release(&before);
    buf_release(&after);
}

static void assert_not_read(const char *dir, enum err_class class, const char *part) {
    struct err e = {0};
    assert_null(store_open_to_read(dir, &e));
    assert_int_equal(e.class, class);
    if (strstr(e.text, part) == NULL)
        fail_msg("%s", e.text);
}

static void test_store__to_read(void **state) {
    (void)state;
    char *dir = make_scratch();
    assert_not_read(dir, ERR_CONFIG, "there is no state");
    assert_not_read("/nowhere/at/all", ERR_CONFIG, "there is no state");
    assert_int_equal(in_other_process("crash", dir), 7);
    assert_read(dir);
    struct store *s = open_store(dir);
    assert_int_equal(in_other_process("read", dir), 7);
    store_close(s);
    assert_read(dir);
    assert_read(dir);
    char *log = find_file(dir, ".log");
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size + 1), 0);
    assert_not_read(dir, ERR_REBUILD, "files have changed since it was closed");
    free(log);
    remove_scratch(dir);
}

static int as_other_process(const char *what, const char *dir) {
    if (strcmp(what, "read") == 0)
        return be_refused_to_read(dir);
    if (strcmp(what, "crash") == 0)
        return write_and_crash(dir);
    return strcmp(what, "small") == 0 ? stay_small(dir) : be_refused(dir);
}

int main(int argc, char **argv) {
    if (argc == 3)
        _exit(as_other_process(argv[1], argv[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__facts),
        cmocka_unit_test(test_store__count_and_wipe),
        cmocka_unit_test(test_store__needs_count),
        cmocka_unit_test(test_store__counted_once),
        cmocka_unit_test(test_store__memory_is_bounded),
        cmocka_unit_test(test_store__destroy),
        cmocka_unit_test(test_store__set_aside),
        cmocka_unit_test(test_store__in_use),
        cmocka_unit_test(test_store__bad_directory),
        cmocka_unit_test(test_store__other_version),
        cmocka_unit_test(test_store__tables_for_older_systems),
        cmocka_unit_test(test_store__to_read),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
