/* Batches and readers: what they see of committed and uncommitted rows. The twin in memory says
 * what they must see. */
#include "store_rig.h"

#include "state/keys.h"
#include "state/memory.h"
#include "streamer/base/mem.h"

#include <pthread.h>
#include <string.h>

struct twins {
    struct store *store;
    struct batch *batch;
    struct memory *memory;
};

/* The key of a row of one of a few owners (family_owner_n); now and then the part for the owner
 * alone. */
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

/* One of a few keys, many of which are prefixes of each other. */
static struct slice random_key(struct rng *r, enum family f, struct buf *out) {
    if (f != FAMILY_ACCOUNTS && rng_chance(r, 60))
        return random_owned_key(r, f, out);
    key_partition(out, (int32_t)rng_below(r, 3));
    for (int64_t n = rng_below(r, 4); n > 0; n--)
        buf_put_byte(out, "ab\xff"[rng_below(r, 3)]);
    return buf_slice(out);
}

/* Both cursors must be at the same row, or have both left the keys that begin with `owner`. */
static void assert_same_place(struct kv_cursor *a, struct kv_cursor *b, struct slice owner) {
    bool is_in = cursor_in(a, owner);
    assert_int_equal(is_in, cursor_in(b, owner));
    if (!is_in)
        return;
    assert_true(slice_eq(cursor_key(a), cursor_key(b)));
    assert_true(slice_eq(cursor_value(a), cursor_value(b)));
}

/* Seeks with both cursors, and then moves both as long as there are rows. */
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

/* Asks for some rows together. Some keys come twice, some rows are in memory, some do not exist.
 * Now and then there are more keys than one call of RocksDB gets. */
static void want_some(struct rng *r, struct kv *kv, enum family f) {
    struct buf key = {0};
    for (int64_t n = rng_below(r, rng_chance(r, 10) ? 1000 : 10); n > 0; n--)
        kv_want(kv, f, random_key(r, f, &key));
    if (rng_chance(r, 80)) /* otherwise a later call fetches them, or none */
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

/* A store whose batches have memory for only a few clean rows. */
static struct store *open_forgetful_store(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1000, &e);
    assert_non_null(s);
    return s;
}

static void test_batch__twin(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct twins t = {open_forgetful_store(dir), NULL, memory_new()};
    t.batch = batch_new(t.store);
    struct rng r = rng_seeded(1);
    for (int reopened = 0; reopened < 3; reopened++) {
        for (int i = 0; i < 6000; i++)
            twins_step(&r, &t);
        batch_free(t.batch); /* drops what was not committed */
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

/* Partitions go from one batch to the other and back, or are wiped. A batch must not use the rows
 * that it has in memory from before. */
static void test_batch__batches_take_turns(void **state) {
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

static void test_batch__nothing_is_visible_before_commit(void **state) {
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
    assert_value(before, FAMILY_LINKS, 1, "k", "1"); /* a reader sees the state of one moment */
    assert_value(before, FAMILY_ACCOUNTS, 1, "k", NULL);
    store_reader_free(before);
    put_text(b, FAMILY_LINKS, 1, "k", "4");
    batch_clear(b);
    assert_value(batch_kv(b), FAMILY_LINKS, 1, "k", "2");
    commit(b); /* an empty commit */
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

/* Several workers commit at once. No commit is lost, and the count of commits agrees. */
static void test_batch__many_writers(void **state) {
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

/* A failed batch reads nothing and writes nothing, and its commit says why. */
static void test_batch__failed_batch(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch__twin),
        cmocka_unit_test(test_batch__batches_take_turns),
        cmocka_unit_test(test_batch__nothing_is_visible_before_commit),
        cmocka_unit_test(test_batch__many_writers),
        cmocka_unit_test(test_batch__failed_batch),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
