/* Damage to the files of a store is found, and the store is refused. */
#include "store_rig.h"

#include "state/keys.h"
#include "streamer/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_damage__damaged_current(void **state) {
    (void)state;
    static const char *const contents[] = {"", "garbage\n", "MANIFEST-999999\n"};
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        char *dir = make_full_store();
        char *path = find_file(dir, "CURRENT");
        assert_int_equal(truncate(path, 0), 0);
        overwrite(path, 0, contents[i], strlen(contents[i]));
        assert_refused(dir, ERR_REBUILD, "state.dir=");
        free(path);
        remove_scratch(dir);
    }
}

static void test_damage__damaged_manifest(void **state) {
    (void)state;
    char *dir = make_full_store();
    char *path = find_file(dir, "MANIFEST");
    overwrite(path, 20, "\xde\xad\xbe\xef", 4);
    assert_refused(dir, ERR_REBUILD, "state.dir=");
    free(path);
    remove_scratch(dir);
}

/* Writes the same rows again and again. Some of them get into table files, because they are many or
 * because they are part of a large commit. The last ones are in the log. */
static int grow(const char *dir, bool then_close) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        return 1;
    struct batch *b = batch_new(s);
    for (int i = 0; i < 20000; i++) {
        char key[16], value[8];
        (void)snprintf(key, sizeof key, "%08d", i % 2000);
        (void)snprintf(value, sizeof value, "%d", i / 2000);
        put_text(b, FAMILY_LINKS, 1, key, value);
        if (i % 5000 == 1000)
            put_much(batch_kv(b), i);
        if (i % 500 == 499 && !batch_commit(b, &e))
            return 1;
    }
    batch_free(b);
    if (then_close)
        store_close(s);
    return 7;
}

/* The store is closed cleanly or not, and then the end of its MANIFEST is cut off, in several
 * lengths. RocksDB itself opens most of these, at the newest position. The number of rows tells
 * nothing, because the same rows are written again and again. */
static void cut_manifest(bool clean) {
    struct err e;
    bool refused = false;
    for (int64_t part = 0; part < 16; part++) {
        char *dir = make_scratch();
        assert_int_equal(in_other_process(clean ? "grow" : "grow-and-crash", dir), 7);
        char *path = find_file(dir, "MANIFEST");
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        /* A part of its length, because that depends on RocksDB's threads. */
        assert_int_equal(truncate(path, st.st_size - 1 - st.st_size * part / 16), 0);
        struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
        if (s == NULL) {
            assert_int_equal(e.class, ERR_REBUILD);
            refused = refused || strstr(e.text, "commits only") != NULL;
        } else {
            assert_int_equal(store_needs_count(s, 1), clean);
            assert_committed(s, FAMILY_LINKS, 1, "00000000", "9");
            assert_committed(s, FAMILY_LINKS, 1, "00001999", "9");
            store_close(s);
        }
        free(path);
        remove_scratch(dir);
    }
    assert_true(refused);
}

static void test_damage__manifest_cut_short(void **state) {
    (void)state;
    cut_manifest(true);
    cut_manifest(false);
}

/* Without CURRENT, RocksDB would make a new database with the content of the log. */
static void test_damage__missing_current(void **state) {
    (void)state;
    char *dir = make_full_store();
    char *path = find_file(dir, "CURRENT");
    assert_int_equal(unlink(path), 0);
    assert_refused(dir, ERR_REBUILD, "CURRENT is missing");
    free(path);
    remove_scratch(dir);
}

static bool cursor_finds(struct kv *kv, enum family f, struct slice key) {
    struct kv_cursor *c = kv_cursor(kv, f);
    cursor_seek(c, key);
    bool found = cursor_in(c, key);
    cursor_free(c);
    return found;
}

static void test_damage__damaged_table(void **state) {
    (void)state;
    struct err e = {0};
    int64_t rows[FAMILY_COUNT];
    char *dir = make_full_store();
    char *path = find_file(dir, ".sst");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 8192; at < st.st_size / 2; at += 1000) /* opening does not read there */
        overwrite(path, at, "\xde\xad\xbe\xef", 4);
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    struct buf owner = {0};
    key_text(&owner, 1, slice_str("00004000"));
    assert_int_equal(family_owner_n(FAMILY_LINKS, buf_slice(&owner)), owner.n);
    assert_false(cursor_finds(batch_kv(b), FAMILY_LINKS, buf_slice(&owner)));
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    assert_non_null(strstr(batch_kv(b)->err.text, "orruption"));
    buf_release(&owner);
    batch_clear(b);
    fetch_every(batch_kv(b), 3500, 4500, 1); /* neighbours, which are scanned */
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    batch_clear(b);
    /* The scan has not noted it as absent. */
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "00004000", NULL);
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    assert_non_null(strstr(batch_kv(b)->err.text, "orruption"));
    assert_non_null(strstr(batch_kv(b)->err.text, "start again"));
    assert_false(batch_commit(b, &e)); /* what followed from the missing row is not written */
    assert_int_equal(e.class, ERR_STOP);
    struct kv_cursor *c = kv_cursor(batch_kv(b), FAMILY_LINKS);
    cursor_seek(c, slice_of("\0\1", 2));
    while (cursor_in(c, slice_of("\0\1", 2)))
        cursor_next(c);
    cursor_free(c);
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    struct kv *reader = store_reader_new(s);
    assert_value(reader, FAMILY_LINKS, 1, "00004000", NULL);
    assert_int_equal(reader->err.class, ERR_STOP);
    store_reader_free(reader);
    assert_false(store_count_rows(s, 1, rows, &e));
    assert_int_equal(e.class, ERR_STOP);
    put_text(b, FAMILY_LINKS, 2, "k", "1"); /* is not damaged */
    assert_false(batch_commit(b, &e));
    assert_int_equal(e.class, ERR_STOP);
    batch_free(b);
    store_close(s);
    assert_refused(dir, ERR_REBUILD, "orruption"); /* the caller then sets it aside */
    free(path);
    remove_scratch(dir);
}

static void test_damage__missing_table(void **state) {
    (void)state;
    char *dir = make_full_store();
    char *path = find_file(dir, ".sst");
    assert_int_equal(unlink(path), 0);
    assert_refused(dir, ERR_REBUILD, "state.dir=");
    free(path);
    remove_scratch(dir);
}

static void test_damage__table_cut_short(void **state) {
    (void)state;
    char *dir = make_full_store(), *path = find_file(dir, ".sst");
    assert_int_equal(truncate(path, 1000), 0);
    assert_refused(dir, ERR_REBUILD, "orruption");
    free(path);
    remove_scratch(dir);
}

/* The last commits are lost, each as a whole: the families still agree. */
static void test_damage__log_cut_short(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    for (int i = 0; i < 100; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", i);
        put_text(b, FAMILY_LINKS, 1, "k", value);
        put_text(b, FAMILY_ACCOUNTS, 1, "k", value);
        commit(b);
    }
    batch_free(b);
    store_close(s);
    char *path = find_file(dir, ".log");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 400), 0);
    s = open_store(dir);
    assert_true(store_needs_count(s, 1));
    struct kv *reader = store_reader_new(s);
    struct buf links = {0}, accounts = {0};
    assert_true(kv_get(reader, FAMILY_LINKS, slice_of("\0\1k", 3), &links));
    assert_true(kv_get(reader, FAMILY_ACCOUNTS, slice_of("\0\1k", 3), &accounts));
    assert_string_equal(buf_cstr(&links), buf_cstr(&accounts));
    assert_string_not_equal(buf_cstr(&links), "99");
    buf_release(&links);
    buf_release(&accounts);
    store_reader_free(reader);
    store_close(s);
    free(path);
    remove_scratch(dir);
}

int main(int argc, char **argv) {
    if (argc == 3)
        _exit(grow(argv[2], strcmp(argv[1], "grow") == 0));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage__damaged_current),
        cmocka_unit_test(test_damage__damaged_manifest),
        cmocka_unit_test(test_damage__manifest_cut_short),
        cmocka_unit_test(test_damage__missing_current),
        cmocka_unit_test(test_damage__damaged_table),
        cmocka_unit_test(test_damage__missing_table),
        cmocka_unit_test(test_damage__table_cut_short),
        cmocka_unit_test(test_damage__log_cut_short),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
