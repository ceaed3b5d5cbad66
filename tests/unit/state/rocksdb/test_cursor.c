/* Cursors over the rows of one owner: in a large batch, and after a wipe. */
#include "store_rig.h"

#include "state/keys.h"

#include <stdio.h>

/* Counts the links of a customer. They must come in order. */
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

/* Puts links from … to - 1, of which link i belongs to customer i % OWNERS. They come in scattered
 * order, and every third one is erased again. Returns how many customer 0 has more than before. */
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

static void test_cursor__owners_in_a_large_batch(void **state) {
    (void)state;
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    int64_t kept = 0;
    for (int64_t to = OWNERS; to <= OWNERS * 400; to *= 2) { /* the index grows each time */
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

static bool owner_has_rows(struct batch *b, int64_t customer_id) {
    return rows_of_owner(b, customer_id) > 0;
}

static void put_link(struct batch *b, int64_t customer_id) {
    struct buf key = {0};
    key_customer_account(&key, 1, customer_id, slice_str("A"));
    kv_put(batch_kv(b), FAMILY_LINKS, buf_slice(&key), slice_str("x"));
    buf_release(&key);
}

/* Cursors skip the files without rows of their owner. Rows that were wiped must not come back
 * because the wipe lies in a file or a buffer that is skipped. */
static void test_cursor__wiped_owners(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor__owners_in_a_large_batch),
        cmocka_unit_test(test_cursor__wiped_owners),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
