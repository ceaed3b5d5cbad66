#include "support.h"

#include "state/keys.h"
#include "state/memory.h"
#include "state/rocksdb/store.h"
#include "streamer/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_BYTES (4 << 20) /* table files are written soon */

static struct store *open_store(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    return s;
}

static void commit(struct batch *b) {
    struct err e = {0};
    if (!batch_commit(b, &e))
        fail_msg("%s", e.text);
}

static void put_text(struct batch *b, enum family f, int32_t partition, const char *key,
                     const char *value) {
    struct buf k = {0};
    key_text(&k, partition, slice_str(key));
    kv_put(batch_kv(b), f, buf_slice(&k), slice_str(value));
    buf_release(&k);
}

static void assert_value(struct kv *kv, enum family f, int32_t partition, const char *key,
                         const char *expected) {
    struct buf k = {0}, value = {0};
    key_text(&k, partition, slice_str(key));
    bool found = kv_get(kv, f, buf_slice(&k), &value);
    assert_int_equal(found, expected != NULL);
    if (found)
        assert_text(buf_slice(&value), expected);
    buf_release(&k);
    buf_release(&value);
}

static void assert_committed(struct store *s, enum family f, int32_t partition, const char *key,
                             const char *expected) {
    struct kv *reader = store_reader_new(s);
    assert_value(reader, f, partition, key, expected);
    store_reader_free(reader);
}

/* --- the same answers as the twin's --- */

struct twins {
    struct store *store;
    struct batch *batch;
    struct memory *memory;
};

/* Of a few owners, where the family has any (family_owner_n); the owner alone now and then. */
static struct slice random_owned_key(struct rng *r, enum family f, struct buf *out) {
    int32_t partition = (int32_t)rng_below(r, 2);
    struct slice account = slice_str((const char *[]){"a", "ab", "b"}[rng_below(r, 3)]);
    bool alone = rng_chance(r, 20);
    if (f == FAMILY_LINKS) {
        key_customer_account(out, partition, rng_below(r, 3), alone ? slice_str("") : account);
        return buf_slice(out);
    }
    if (f == FAMILY_CUSTOMER_HISTORY) {
        key_customer(out, partition, rng_below(r, 3));
    } else {
        key_text(out, partition, account);
        key_add_terminator(out);
    }
    if (!alone)
        key_add_time(out, rng_below(r, 4));
    return buf_slice(out);
}

/* Few keys, many of them prefixes of each other. */
static struct slice random_key(struct rng *r, enum family f, struct buf *out) {
    if (f != FAMILY_ACCOUNTS && rng_chance(r, 60))
        return random_owned_key(r, f, out);
    key_partition(out, (int32_t)rng_below(r, 3));
    for (int64_t n = rng_below(r, 4); n > 0; n--)
        buf_put_byte(out, "ab\xff"[rng_below(r, 3)]);
    return buf_slice(out);
}

/* Among the keys that begin with `owner`. */
static void assert_same_place(struct kv_cursor *a, struct kv_cursor *b, struct slice owner) {
    bool is_in = cursor_in(a, owner);
    assert_int_equal(is_in, cursor_in(b, owner));
    if (!is_in)
        return;
    assert_true(slice_eq(cursor_key(a), cursor_key(b)));
    assert_true(slice_eq(cursor_value(a), cursor_value(b)));
}

/* One walk: jumps, then steps as long as there is something. */
static void walk(struct rng *r, struct kv *x, struct kv *y, enum family f) {
    struct buf key = {0};
    struct kv_cursor *a = kv_cursor(x, f), *b = kv_cursor(y, f);
    for (int64_t jumps = 1 + rng_below(r, 3); jumps > 0; jumps--) {
        struct slice to = random_key(r, f, &key), owner = slice_of(to.p, family_owner_n(f, to));
        bool backwards = rng_chance(r, 50);
        backwards ? cursor_seek_for_prev(a, to) : cursor_seek(a, to);
        backwards ? cursor_seek_for_prev(b, to) : cursor_seek(b, to);
        assert_same_place(a, b, owner);
        for (int64_t steps = rng_below(r, 8); steps > 0 && cursor_in(a, owner); steps--) {
            bool back = owner.n > 0 ? backwards : rng_chance(r, 50);
            back ? cursor_prev(a) : cursor_next(a);
            back ? cursor_prev(b) : cursor_next(b);
            assert_same_place(a, b, owner);
        }
    }
    cursor_free(a);
    cursor_free(b);
    buf_release(&key);
}

static void read_both(struct rng *r, struct kv *x, struct kv *y, enum family f) {
    struct buf key = {0}, a = {0}, b = {0};
    for (int i = 0; i < 4; i++) {
        (void)random_key(r, f, &key);
        bool found = kv_get(x, f, buf_slice(&key), &a);
        assert_int_equal(found, kv_get(y, f, buf_slice(&key), &b));
        if (found)
            assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
    }
    buf_release(&key);
    buf_release(&a);
    buf_release(&b);
}

/* Some of them twice, some in memory, some nowhere; now and then more than one read takes. */
static void want_some(struct rng *r, struct kv *kv, enum family f) {
    struct buf key = {0};
    for (int64_t n = rng_below(r, rng_chance(r, 10) ? 1000 : 10); n > 0; n--)
        kv_want(kv, f, random_key(r, f, &key));
    if (rng_chance(r, 80)) /* else later, or never */
        kv_fetch(kv);
    buf_release(&key);
}

static void write_both(struct rng *r, struct twins *t, enum family f) {
    struct buf key = {0};
    char value[600];
    size_t n = (size_t)rng_below(r, rng_chance(r, 5) ? 600 : 20);
    memset(value, 'a' + (int)rng_below(r, 26), n);
    (void)random_key(r, f, &key);
    if (rng_chance(r, 35)) {
        kv_erase(batch_kv(t->batch), f, buf_slice(&key));
        kv_erase(memory_kv(t->memory), f, buf_slice(&key));
    } else {
        kv_put(batch_kv(t->batch), f, buf_slice(&key), slice_of(value, n));
        kv_put(memory_kv(t->memory), f, buf_slice(&key), slice_of(value, n));
    }
    buf_release(&key);
}

/* So much that the commit makes a file of its own (commit.c). Not among what assert_same_content
 * prints. */
static void put_much(struct kv *kv, int64_t number) {
    const size_t bytes = 60000;
    struct buf key = {0}, value = {0};
    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "much%02d", i);
        key_text(&key, 1, slice_str(name));
        buf_clear(&value);
        memset(buf_reserve(&value, bytes), 'm', bytes);
        value.n = bytes;
        buf_put_int(&value, number);
        kv_put(kv, FAMILY_META, buf_slice(&key), buf_slice(&value));
    }
    buf_release(&key);
    buf_release(&value);
}

static void write_much(struct rng *r, struct twins *t) {
    int64_t number = rng_below(r, 1000);
    put_much(batch_kv(t->batch), number);
    put_much(memory_kv(t->memory), number);
}

static void assert_same_content(struct kv *x, struct kv *y) {
    struct buf a = {0}, b = {0};
    for (int f = FAMILY_META + 1; f < FAMILY_COUNT; f++) {
        put_family(x, (enum family)f, slice_str(""), &a);
        put_family(y, (enum family)f, slice_str(""), &b);
    }
    assert_string_equal(buf_cstr(&a), buf_cstr(&b));
    buf_release(&a);
    buf_release(&b);
}

static void assert_same_committed(struct twins *t) {
    struct kv *reader = store_reader_new(t->store);
    assert_same_content(reader, memory_kv(t->memory));
    store_reader_free(reader);
}

static void twins_step(struct rng *r, struct twins *t) {
    static const enum family families[] = {FAMILY_LINKS, FAMILY_CUSTOMER_HISTORY,
                                           FAMILY_ACCOUNT_HISTORY, FAMILY_ACCOUNTS};
    enum family f = families[rng_below(r, ARRAY_LEN(families))];
    int64_t what = rng_below(r, 100);
    if (rng_chance(r, 20))
        want_some(r, batch_kv(t->batch), f);
    if (rng_below(r, 300) == 0)
        write_much(r, t);
    if (what < 55)
        write_both(r, t, f);
    else if (what < 75)
        read_both(r, batch_kv(t->batch), memory_kv(t->memory), f);
    else if (what < 92)
        walk(r, batch_kv(t->batch), memory_kv(t->memory), f);
    else if (what < 96) {
        commit(t->batch);
        memory_commit(t->memory);
        assert_same_committed(t);
    } else {
        batch_clear(t->batch);
        memory_rollback(t->memory);
        assert_same_committed(t);
        assert_same_content(batch_kv(t->batch), memory_kv(t->memory));
    }
}

/* Small enough that a batch keeps but a few rows of those that are committed. */
static struct store *open_forgetful_store(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1000, &e);
    assert_non_null(s);
    return s;
}

static void test_store__twin(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct twins t = {open_forgetful_store(dir), NULL, memory_new()};
    t.batch = batch_new(t.store);
    struct rng r = rng_seeded(1);
    for (int reopened = 0; reopened < 3; reopened++) {
        for (int i = 0; i < 6000; i++)
            twins_step(&r, &t);
        batch_free(t.batch); /* what was not committed is gone */
        memory_rollback(t.memory);
        store_close(t.store);
        t.store = reopened == 0 ? open_store(dir) : open_forgetful_store(dir);
        t.batch = batch_new(t.store);
        assert_same_committed(&t);
    }
    batch_free(t.batch);
    store_close(t.store);
    memory_free(t.memory);
    remove_scratch(dir);
}

/* Partitions go from one batch to the other and back, or are wiped: what a batch has kept in memory
 * is never out of date. */
static void test_store__batches_take_turns(void **state) {
    (void)state;
    struct err e;
    char *dir = make_scratch();
    struct twins t = {open_store(dir), NULL, memory_new()};
    struct batch *batches[2] = {batch_new(t.store), batch_new(t.store)};
    struct rng r = rng_seeded(1);
    for (int turn = 0; turn < 300; turn++) {
        t.batch = batches[rng_below(&r, 2)];
        for (int i = 0; i < 20; i++) {
            enum family f = rng_chance(&r, 50) ? FAMILY_LINKS : FAMILY_ACCOUNTS;
            if (rng_chance(&r, 60))
                write_both(&r, &t, f);
            else
                read_both(&r, batch_kv(t.batch), memory_kv(t.memory), f);
        }
        commit(t.batch);
        memory_commit(t.memory);
        if (rng_chance(&r, 10)) {
            int32_t partition = (int32_t)rng_below(&r, 3);
            assert_true(store_wipe(t.store, partition, &e));
            memory_wipe(t.memory, partition);
        }
    }
    assert_same_committed(&t);
    batch_free(batches[0]);
    batch_free(batches[1]);
    store_close(t.store);
    memory_free(t.memory);
    remove_scratch(dir);
}

/* --- batches and readers --- */

static void test_store__nothing_is_visible_before_commit(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s), *other = batch_new(s);
    put_text(b, FAMILY_LINKS, 1, "k", "1");
    commit(b);
    struct kv *before = store_reader_new(s);
    put_text(b, FAMILY_LINKS, 1, "k", "2");
    put_text(b, FAMILY_ACCOUNTS, 1, "k", "3");
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", "2");
    assert_value(batch_kv(other), FAMILY_LINKS, 1, "k", "1");
    assert_committed(s, FAMILY_LINKS, 1, "k", "1");
    assert_committed(s, FAMILY_ACCOUNTS, 1, "k", NULL);
    commit(b);
    assert_committed(s, FAMILY_LINKS, 1, "k", "2");
    assert_committed(s, FAMILY_ACCOUNTS, 1, "k", "3");
    assert_value(batch_kv(other), FAMILY_LINKS, 1, "k", "2");
    assert_value(before, FAMILY_LINKS, 1, "k", "1"); /* a reader is one moment */
    assert_value(before, FAMILY_ACCOUNTS, 1, "k", NULL);
    store_reader_free(before);
    put_text(b, FAMILY_LINKS, 1, "k", "4");
    batch_clear(b);
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", "2");
    commit(b); /* of nothing */
    assert_committed(s, FAMILY_LINKS, 1, "k", "2");
    batch_free(b);
    batch_free(other);
    batch_free(NULL);
    store_close(s);
    remove_scratch(dir);
}

struct writer {
    struct store *store;
    int32_t partition;
    pthread_t thread;
};

static void *write_many(void *arg) {
    struct writer *w = arg;
    struct err e;
    struct batch *b = batch_new(w->store);
    bool ok = true;
    for (int i = 0; i < 1000; i++) {
        put_text(b, FAMILY_LINKS, w->partition, "k", "1");
        ok = batch_commit(b, &e) && ok;
    }
    batch_free(b);
    return ok ? w : NULL;
}

/* Workers side by side: all commits are there, also for the store that counts them. */
static void test_store__many_writers(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct writer writers[4];
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        writers[i] = (struct writer){.store = s, .partition = (int32_t)i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        void *result;
        assert_int_equal(pthread_join(writers[i].thread, &result), 0);
        assert_non_null(result);
    }
    store_close(s);
    s = open_store(dir);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        assert_committed(s, FAMILY_LINKS, (int32_t)i, "k", "1");
    store_close(s);
    remove_scratch(dir);
}

/* A failed batch is neither read nor written, and its commit says why. */
static void test_store__failed_batch(void **state) {
    (void)state;
    struct err e = {0};
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    put_text(b, FAMILY_LINKS, 1, "k", "1");
    commit(b);
    put_text(b, FAMILY_LINKS, 1, "k", "2");
    (void)err_set(&batch_kv(b)->err, ERR_STOP, "as if");
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", NULL);
    put_text(b, FAMILY_LINKS, 1, "l", "2");
    assert_false(batch_commit(b, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_string_equal(e.text, "as if");
    assert_false(kv_failed(batch_kv(b)));
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", "1");
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "l", NULL);
    batch_free(b);
    store_close(s);
    remove_scratch(dir);
}

/* --- facts, rows, partitions --- */

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

/* The neighbours in key order, and the partition of the facts, stay as they are. */
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

/* How many, and that they come in order. */
static int64_t rows_of_owner(struct batch *b, int64_t customer_id) {
    struct buf owner = {0}, last = {0};
    int64_t count = 0;
    key_customer(&owner, 1, customer_id);
    struct kv_cursor *c = kv_cursor(batch_kv(b), FAMILY_LINKS);
    for (cursor_seek(c, buf_slice(&owner)); cursor_in(c, buf_slice(&owner));
         cursor_next(c), count++) {
        assert_true(slice_compare(cursor_key(c), buf_slice(&last)) > 0);
        buf_set(&last, cursor_key(c));
    }
    cursor_free(c);
    buf_release(&owner);
    buf_release(&last);
    return count;
}

#define OWNERS 50

/* Customer c has the accounts c, c + OWNERS, …, in no order; every third one is erased. */
static int64_t put_links_of_all(struct batch *b, int64_t from, int64_t to) {
    struct buf key = {0};
    int64_t kept = 0;
    for (int64_t i = from; i < to; i++) {
        char account[16];
        (void)snprintf(account, sizeof account, "%05lld", (long long)(i * 7919 % 100003));
        key_customer_account(&key, 1, i % OWNERS, slice_str(account));
        kv_put(batch_kv(b), FAMILY_LINKS, buf_slice(&key), slice_str("x"));
        if (i / OWNERS % 3 == 0)
            kv_erase(batch_kv(b), FAMILY_LINKS, buf_slice(&key));
        else
            kept += i % OWNERS == 0;
    }
    buf_release(&key);
    return kept;
}

static void test_store__owners_in_a_large_batch(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    int64_t kept = 0;
    for (int64_t to = OWNERS; to <= OWNERS * 400;
         to *= 2) { /* a cursor now and then: what it uses grows */
        kept += put_links_of_all(b, to == OWNERS ? 0 : to / 2, to);
        for (int64_t owner = 0; owner < OWNERS; owner++)
            assert_int_equal(rows_of_owner(b, owner), kept);
        if (to == OWNERS * 16)
            commit(b);
    }
    assert_true(kept > 150);
    commit(b);
    assert_int_equal(rows_of_owner(b, 1), kept);
    batch_free(b);
    store_close(s);
    remove_scratch(dir);
}

/* Rows that are wiped do not come back where a cursor leaves out the files without its owner. */
static bool owner_has_rows(struct batch *b, int64_t customer_id) {
    return rows_of_owner(b, customer_id) > 0;
}

static void put_link(struct batch *b, int64_t customer_id) {
    struct buf key = {0};
    key_customer_account(&key, 1, customer_id, slice_str("A"));
    kv_put(batch_kv(b), FAMILY_LINKS, buf_slice(&key), slice_str("x"));
    buf_release(&key);
}

static void test_store__wiped_owners(void **state) {
    (void)state;
    struct err e = {0};
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    put_link(b, 1);
    put_much(batch_kv(b), 1); /* into a file */
    commit(b);
    put_link(b, 2); /* into the write buffer */
    commit(b);
    assert_true(owner_has_rows(b, 1) && owner_has_rows(b, 2));
    assert_true(store_wipe(s, 1, &e)); /* into the write buffer */
    assert_false(owner_has_rows(b, 1) || owner_has_rows(b, 2));
    put_link(b, 3);
    put_much(batch_kv(b), 2); /* flushes it, and puts another file on top */
    commit(b);
    assert_false(owner_has_rows(b, 1) || owner_has_rows(b, 2));
    assert_true(owner_has_rows(b, 3));
    batch_free(b);
    store_close(s);
    s = open_store(dir);
    b = batch_new(s);
    assert_false(owner_has_rows(b, 1) || owner_has_rows(b, 2));
    assert_true(owner_has_rows(b, 3));
    batch_free(b);
    store_close(s);
    remove_scratch(dir);
}

/* The path of the largest file whose name holds `part`; the caller frees. */
static char *find_file(const char *dir, const char *part) {
    char *found = NULL;
    off_t largest = -1;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        struct buf path = {0};
        struct stat st;
        buf_printf(&path, "%s/%s", dir, entry->d_name);
        if (strstr(entry->d_name, part) != NULL && stat(buf_cstr(&path), &st) == 0 &&
            st.st_size > largest) {
            largest = st.st_size;
            free(found);
            found = mem_strdup(buf_cstr(&path));
        }
        buf_release(&path);
    }
    (void)closedir(d);
    assert_non_null(found);
    return found;
}

/* --- opening and closing --- */

/* What main() does in a process of its own: this program, started anew. (A fork of a process that
 * has threads may hang in the first lock that one of them held.) Returns the exit code. */
static int in_other_process(const char *what, const char *dir, const char *value) {
    fflush(NULL);
    pid_t pid = vfork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/proc/self/exe", "test_store", what, dir, value, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

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

/* The commit's file is made, but there is no room on the disk for RocksDB's copy of it. Returns 7
 * if that is an error to try again, of which nothing is left, and the next one succeeds once there
 * is room; NO_DISK without the right to mount a disk of its own. */
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

static void test_store__disk_full(void **state) {
    (void)state;
    char *dir = make_scratch();
    int code = in_other_process("disk-full", dir, "");
    remove_scratch(dir);
    if (code == NO_DISK)
        skip();
    assert_int_equal(code, 7);
}

/* Ends without closing the store. */
static int write_and_crash(const char *dir, const char *value) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        return 1;
    struct batch *b = batch_new(s);
    put_text(b, FAMILY_LINKS, 1, "k", value);
    (void)batch_commit(b, &e);
    put_text(b, FAMILY_LINKS, 1, "k", "not committed");
    return 7;
}

/* Writes the same rows again and again: some get into table files on the way, by their number or
 * because much is written with them, the last ones are in the log. */
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

/* Random values, so that they are as large on disk. */
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

/* The most memory that was ever in use since this program was started; -1 if nobody knows. */
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

/* Writes much more than the cache holds and reads it all. Returns 7 if no more memory was ever in
 * use than the cache, as much again for what is not in a table yet, and what the process, its
 * threads and a compaction at work take: all of that does not depend on the size of the state. */
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

/* A user who may read the directory, or may not even look into it, and owns nothing there. */
static int be_nobody(const char *dir) {
    struct err e = {0};
    bool refused = setuid(65534) == 0 && store_open(dir, MEMORY_BYTES, 1, &e) == NULL &&
                   e.class == ERR_CONFIG && strstr(e.text, "Permission denied") != NULL;
    if (!refused)
        fprintf(stderr, "class %d: %s\n", (int)e.class, e.text);
    return refused ? 7 : 1;
}

/* Finds that another process has the store. */
static int be_refused(const char *dir) {
    struct err e = {0};
    bool refused = store_open(dir, MEMORY_BYTES, 1, &e) == NULL && e.class == ERR_CONFIG &&
                   strstr(e.text, "in use by another process") != NULL;
    return refused ? 7 : 1;
}

static void test_store__needs_count(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    assert_false(store_needs_count(s, 1)); /* a new one */
    store_close(s);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    store_close(s);
    assert_int_equal(in_other_process("crash", dir, "1"), 7);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));          /* a crash alone changes nothing */
    assert_committed(s, FAMILY_LINKS, 1, "k", "1"); /* what was committed is there, synced or not */
    store_close(s);
    s = open_store(dir);
    assert_false(store_needs_count(s, 1));
    store_close(s);
    store_close(NULL);
    remove_scratch(dir);
}

/* Returns what the limit was. */
static rlim_t set_limit(__rlimit_resource_t what, rlim_t soft) {
    struct rlimit limit;
    assert_int_equal(getrlimit(what, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(what, &limit), 0);
    return before;
}

/* A commit that makes a file fails under that limit, with that text, and nothing of it is there. */
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

static void test_store__large_commits(void **state) {
    (void)state;
    struct buf key = {0}, value = {0};
    char *dir = make_scratch();
    assert_int_equal(in_other_process("crash-large", dir, ""), 7);
    struct store *s = open_store(dir);
    assert_committed(s, FAMILY_LINKS, 1, "k", "much");
    struct batch *b = batch_new(s);
    key_text(&key, 1, slice_str("much39"));
    assert_true(kv_get(batch_kv(b), FAMILY_META, buf_slice(&key), &value));
    assert_int_equal(value.p[value.n - 1], '1');
    put_text(b, FAMILY_LINKS, 1, "k",
             "little"); /* through the log, then again with much: the last one counts */
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

/* Once for each partition in the life of the store. */
static void test_store__counted_once(void **state) {
    (void)state;
    struct err e = {0};
    char *dir = make_scratch();
    store_close(open_store(dir));
    char *log = find_file(dir, ".log"); /* longer than it was left, with nothing that counts */
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size + 1), 0);
    free(log);
    rlim_t before =
        set_limit(RLIMIT_NOFILE, 0); /* an open that fails does not lose the seal that tells */
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

static void test_store__memory_is_bounded(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* it keeps freed memory */
#endif
    char *dir = make_scratch();
    assert_int_equal(in_other_process("small", dir, ""), 7);
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
    assert_true(store_destroy(buf_cstr(&state_dir), &e)); /* there is none */
    buf_release(&state_dir);
    remove_scratch(dir);
}

static void assert_refused(const char *dir, enum err_class class, const char *part) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s != NULL) {
        store_close(s);
        fail_msg("%s was opened", dir);
    }
    if (e.class != class || strstr(e.text, part) == NULL || strstr(e.text, dir) == NULL)
        fail_msg("class %d: %s", (int)e.class, e.text);
}

/* By this process and by another one. */
static void test_store__in_use(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    assert_refused(dir, ERR_CONFIG, "in use");
    assert_int_equal(in_other_process("refused", dir, ""), 7);
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

/* A state with tables that this version does not have: refused with a word that tells, for the
 * caller to set it aside. */
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
    struct store *s = open_store(buf_cstr(&expected)); /* still whole */
    assert_false(store_needs_count(s, 1));
    store_close(s);
    buf_release(&state_dir);
    buf_release(&aside);
    buf_release(&expected);
    remove_scratch(dir);
}

/* --- what is wanted --- */

static void name_of(char name[16], int i) {
    (void)snprintf(name, 16, "%08d", i);
}

static void fetch_every(struct kv *kv, int from, int to, int step) {
    struct buf key = {0};
    char name[16];
    for (int i = from; i < to; i += step) {
        name_of(name, i);
        key_text(&key, 1, slice_str(name));
        kv_want(kv, FAMILY_LINKS, buf_slice(&key));
    }
    kv_fetch(kv);
    buf_release(&key);
}

/* In the write buffer, of which no estimate tells: what is fetched side by side, every other row
 * being absent, and with so many rows between that the scan gives up, is what is there. */
static void test_store__fetch(void **state) {
    (void)state;
    static const int steps[] = {1, 40};
    char *dir = make_scratch(), name[16];
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    for (int i = 0; i < 8000; i += 2) {
        name_of(name, i);
        put_text(b, FAMILY_LINKS, 1, name, name);
    }
    commit(b);
    batch_free(b);
    for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
        b = batch_new(s); /* has nothing in memory */
        fetch_every(batch_kv(b), 0, 8010, steps[k]);
        for (int i = 0; i < 8010; i += steps[k]) {
            name_of(name, i);
            assert_value(batch_kv(b), FAMILY_LINKS, 1, name, i < 8000 && i % 2 == 0 ? name : NULL);
        }
        assert_false(kv_failed(batch_kv(b)));
        batch_free(b);
    }
    store_close(s);
    remove_scratch(dir);
}

#define ROWS 20000

static void put_rows(struct store *s, int from, int to) {
    struct batch *b = batch_new(s);
    for (int i = from; i < to; i++) {
        char key[16], value[64];
        (void)snprintf(key, sizeof key, "%08d", i);
        (void)snprintf(value, sizeof value, "%d %d %d", i * 7919, i * 104729, i);
        put_text(b, FAMILY_LINKS, 1, key, value);
    }
    commit(b);
    batch_free(b);
}

/* A store whose rows lie in a table file: opening one again writes there what the log held. */
static char *make_full_store(void) {
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    put_rows(s, 0, ROWS);
    store_close(s);
    store_close(open_store(dir));
    return dir;
}

static void overwrite(const char *path, off_t at, const char *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
    assert_int_equal(close(fd), 0);
}

/* --- no damage --- */

static atomic_bool disk_fails;

/* Stands before libc's: what RocksDB reads tables with. */
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

static void test_store__unreadable_disk(void **state) {
    (void)state;
    char *dir = make_full_store();
    atomic_store(&disk_fails, true);
    assert_refused(dir, ERR_STOP, "Input/output error");
    atomic_store(&disk_fails, false);
    assert_whole(dir);
    remove_scratch(dir);
}

static void test_store__lock_cannot_be_opened(void **state) {
    (void)state;
    char *dir = make_full_store(), *lock = find_file(dir, "LOCK");
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(mkdir(lock, 0700), 0);
    assert_refused(dir, ERR_STOP, "Is a directory");
    free(find_file(dir, "CLEAN")); /* it still tells what changes from now on */
    assert_int_equal(rmdir(lock), 0);
    assert_whole(dir);
    free(lock);
    remove_scratch(dir);
}

static void test_store__no_permission(void **state) {
    static const mode_t modes[] = {0755, 0744};
    (void)state;
    char *dir = make_full_store();
    for (size_t i = 0; i < ARRAY_LEN(modes) && geteuid() == 0; i++) {
        assert_int_equal(chmod(dir, modes[i]), 0);
        assert_int_equal(in_other_process("nobody", dir, ""), 7);
    }
    assert_whole(dir);
    remove_scratch(dir);
}

static void test_store__too_many_open_files(void **state) {
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

/* What was made with options that RocksDB does not take together with ours is whole all the
 * same. */
static void test_store__options_that_do_not_fit(void **state) {
    (void)state;
    char *dir = make_scratch(), *text = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_comparator_t *backwards =
        rocksdb_comparator_create(NULL, no_state, compare_backwards, name_backwards);
    rocksdb_options_set_comparator(options, backwards);
    rocksdb_options_set_create_if_missing(options, 1);
    for (int i = 0; i < 2; i++) { /* before and after it is refused */
        rocksdb_t *db = rocksdb_open(options, dir, &text);
        assert_null(text);
        rocksdb_close(db);
        assert_refused(dir, ERR_STOP, "Invalid argument");
    }
    rocksdb_options_destroy(options);
    rocksdb_comparator_destroy(backwards);
    remove_scratch(dir);
}

/* A path is no error text. */
static void test_store__name_that_sounds_like_damage(void **state) {
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

/* --- damage --- */

static void test_store__damaged_current(void **state) {
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

static void test_store__damaged_manifest(void **state) {
    (void)state;
    char *dir = make_full_store();
    char *path = find_file(dir, "MANIFEST");
    overwrite(path, 20, "\xde\xad\xbe\xef", 4);
    assert_refused(dir, ERR_REBUILD, "state.dir=");
    free(path);
    remove_scratch(dir);
}

/* The store is closed cleanly or not, then any part of the end of its MANIFEST gets lost, with
 * which RocksDB itself opens most of the time, at the newest position. The same rows are written
 * anew all the time: their number says nothing. */
static void cut_manifest(bool clean) {
    struct err e;
    bool refused = false;
    for (int64_t part = 0; part < 16; part++) {
        char *dir = make_scratch();
        assert_int_equal(in_other_process(clean ? "grow" : "grow-and-crash", dir, ""), 7);
        char *path = find_file(dir, "MANIFEST");
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        /* How long it is, is for RocksDB's threads to decide. */
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

static void test_store__manifest_cut_short(void **state) {
    (void)state;
    cut_manifest(true);
    cut_manifest(false);
}

/* RocksDB would make a new database of it, with what is in the log. */
static void test_store__missing_current(void **state) {
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

static void test_store__damaged_table(void **state) {
    (void)state;
    struct err e = {0};
    int64_t rows[FAMILY_COUNT];
    char *dir = make_full_store();
    char *path = find_file(dir, ".sst");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 8192; at < st.st_size / 2; at += 1000) /* behind what is read to open it */
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
    fetch_every(batch_kv(b), 3500, 4500, 1); /* side by side: by a scan */
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    batch_clear(b);
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "00004000",
                 NULL); /* nor taken for absent by the scan */
    assert_int_equal(batch_kv(b)->err.class, ERR_STOP);
    assert_non_null(strstr(batch_kv(b)->err.text, "orruption"));
    assert_non_null(strstr(batch_kv(b)->err.text, "start again"));
    assert_false(batch_commit(b, &e)); /* and what was made of nothing found is not kept */
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
    put_text(b, FAMILY_LINKS, 2, "k", "1"); /* has no part in the damage */
    assert_false(batch_commit(b, &e));
    assert_int_equal(e.class, ERR_STOP);
    batch_free(b);
    store_close(s);
    assert_refused(dir, ERR_REBUILD, "orruption"); /* so that it is set aside */
    free(path);
    remove_scratch(dir);
}

static void test_store__missing_table(void **state) {
    (void)state;
    char *dir = make_full_store();
    char *path = find_file(dir, ".sst");
    assert_int_equal(unlink(path), 0);
    assert_refused(dir, ERR_REBUILD, "state.dir=");
    free(path);
    remove_scratch(dir);
}

/* Whoever goes back from Debian 13 to 12 keeps the state: its RocksDB knows formats up to 5. The
 * format lies before the eight bytes that every table ends with. */
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

static void test_store__table_cut_short(void **state) {
    (void)state;
    char *dir = make_full_store(), *path = find_file(dir, ".sst");
    assert_int_equal(truncate(path, 1000), 0);
    assert_refused(dir, ERR_REBUILD, "orruption");
    free(path);
    remove_scratch(dir);
}

/* The last writes are lost, not torn: the families still agree. */
static void test_store__log_cut_short(void **state) {
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

static int as_other_process(const char *what, const char *dir, const char *value) {
    if (strcmp(what, "crash-large") == 0)
        return write_much_and_crash(dir);
    if (strcmp(what, "disk-full") == 0)
        return fill_disk(dir);
    if (strcmp(what, "crash") == 0)
        return write_and_crash(dir, value);
    if (strcmp(what, "nobody") == 0)
        return be_nobody(dir);
    if (strcmp(what, "small") == 0)
        return stay_small(dir);
    if (strncmp(what, "grow", 4) == 0)
        return grow(dir, strcmp(what, "grow") == 0);
    return be_refused(dir);
}

int main(int argc, char **argv) {
    if (argc == 4)
        _exit(as_other_process(argv[1], argv[2], argv[3]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__twin),
        cmocka_unit_test(test_store__batches_take_turns),
        cmocka_unit_test(test_store__nothing_is_visible_before_commit),
        cmocka_unit_test(test_store__many_writers),
        cmocka_unit_test(test_store__failed_batch),
        cmocka_unit_test(test_store__facts),
        cmocka_unit_test(test_store__count_and_wipe),
        cmocka_unit_test(test_store__wiped_owners),
        cmocka_unit_test(test_store__owners_in_a_large_batch),
        cmocka_unit_test(test_store__needs_count),
        cmocka_unit_test(test_store__large_commits),
        cmocka_unit_test(test_store__disk_full),
        cmocka_unit_test(test_store__counted_once),
        cmocka_unit_test(test_store__memory_is_bounded),
        cmocka_unit_test(test_store__destroy),
        cmocka_unit_test(test_store__in_use),
        cmocka_unit_test(test_store__bad_directory),
        cmocka_unit_test(test_store__other_version),
        cmocka_unit_test(test_store__set_aside),
        cmocka_unit_test(test_store__fetch),
        cmocka_unit_test(test_store__unreadable_disk),
        cmocka_unit_test(test_store__lock_cannot_be_opened),
        cmocka_unit_test(test_store__no_permission),
        cmocka_unit_test(test_store__too_many_open_files),
        cmocka_unit_test(test_store__options_that_do_not_fit),
        cmocka_unit_test(test_store__name_that_sounds_like_damage),
        cmocka_unit_test(test_store__damaged_current),
        cmocka_unit_test(test_store__damaged_manifest),
        cmocka_unit_test(test_store__manifest_cut_short),
        cmocka_unit_test(test_store__missing_current),
        cmocka_unit_test(test_store__damaged_table),
        cmocka_unit_test(test_store__missing_table),
        cmocka_unit_test(test_store__table_cut_short),
        cmocka_unit_test(test_store__tables_for_older_systems),
        cmocka_unit_test(test_store__log_cut_short),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
