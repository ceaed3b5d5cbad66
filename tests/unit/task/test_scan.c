/* A scan against the rows that were put: in the memory's kv, and in a snapshot of the store. */
#include "state/keys.h"
#include "state/memory.h"
#include "state/rocksdb/store.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/scan.h"
#include "streamer/task/task.h"
#include "support.h"

#include <stdio.h>

#define PARTITION 1
#define IDS 40
#define FROM INT64_C(1707955200000)

/* What is put for number i; each part is there or not by a bit of i. */
static bool has_current(int i) {
    return i % 2 == 1;
}
static bool has_joined(int i) {
    return i / 2 % 2 == 1;
}
static bool has_mart(int i) {
    return i / 4 % 2 == 1;
}

/* In the order of the keys: numbers below zero come first; as texts, of one length. */
static int64_t customer_id_of(int i) {
    return i - IDS / 2;
}
static struct slice account_id_of(int i, char text[8]) {
    return slice_of(text, (size_t)snprintf(text, 8, "A%02d", i));
}

static struct timeline timeline_of(int i, const struct buf *attributes) {
    return (struct timeline){.newest_event_at = FROM + i,
                             .has_current = has_current(i),
                             .current = {.from = FROM + i,
                                         .to = TIMESTAMP_NONE,
                                         .loaded_at = FROM + 1000 + i,
                                         .attributes = buf_slice(attributes)},
                             .outside_oldest = TIMESTAMP_NONE,
                             .memory = {.before_end = TIMESTAMP_NONE}};
}

static void put_row(struct kv *kv, enum family f, const struct buf *key,
                    const struct buf *encoded) {
    struct buf value = {0};
    buf_put_byte(&value, STATE_FORMAT);
    buf_put_slice(&value, buf_slice(encoded));
    kv_put(kv, f, buf_slice(key), buf_slice(&value));
    buf_release(&value);
}

static void put_account(struct kv *kv, int32_t partition, int i) {
    struct buf key = {0}, attributes = {0}, encoded = {0};
    struct account_attributes a = {i, 100 + i, slice_str("savings")};
    char text[8];
    struct slice id = account_id_of(i, text);
    account_attributes_encode(&a, &attributes);
    struct account_row row = {
        .timeline = timeline_of(i, &attributes),
        .has_joined = has_joined(i),
        .has_summary = has_mart(i),
        .joined = {id, i, slice_str("ann"), true, i, slice_str("checking"), FROM - i},
        .summary = {id, i, 1, 15, 2, 3, FROM + i},
    };
    account_row_encode(&row, &encoded);
    key_text(&key, partition, id);
    put_row(kv, FAMILY_ACCOUNTS, &key, &encoded);
    buf_release(&key), buf_release(&attributes), buf_release(&encoded);
}

static void put_customer(struct kv *kv, int32_t partition, int i) {
    struct buf key = {0}, attributes = {0}, encoded = {0};
    struct customer_attributes a = {slice_str("ann"), i % 3 == 0};
    row_put_avro(&customer_attributes_type, &a, &attributes);
    struct customer_row row = {
        .timeline = timeline_of(i, &attributes),
        .has_profile = has_mart(i),
        .profile = {customer_id_of(i), slice_str("bob"), true, i, 5, 7, FROM + i},
    };
    customer_row_encode(&row, &encoded);
    key_customer(&key, partition, customer_id_of(i));
    put_row(kv, FAMILY_CUSTOMERS, &key, &encoded);
    buf_release(&key), buf_release(&attributes), buf_release(&encoded);
}

/* The partitions beside it have rows, too, which no scan of PARTITION may see. */
static void put_all(struct kv *kv) {
    for (int i = 0; i < IDS; i++) {
        for (int32_t p = PARTITION - 1; p <= PARTITION + 1; p++) {
            put_account(kv, p, i);
            put_customer(kv, p, i);
        }
    }
}

static void assert_row(const struct scan *s, const struct row_type *type, bool exists,
                       const void *expected) {
    const void *row = scan_row(s, type);
    assert_int_equal(row != NULL, exists);
    if (exists)
        assert_true(row_same_content(type, row, expected));
}

static void check_account(const struct scan *s, int i) {
    char text[8];
    struct slice id = account_id_of(i, text), savings = slice_str("savings");
    struct account_history_row current = {
        id, i, 100 + i, savings, FROM + 1000 + i, FROM + i, TIMESTAMP_NONE};
    struct account_with_customer_row joined = {
        id, i, slice_str("ann"), true, i, slice_str("checking"), FROM - i};
    struct account_summary_row summary = {id, i, 1, 15, 2, 3, FROM + i};
    assert_true(slice_eq(buf_slice(&s->id), id));
    assert_row(s, &account_history_type, has_current(i), &current);
    assert_row(s, &account_with_customer_type, has_joined(i), &joined);
    assert_row(s, &account_summary_type, has_mart(i), &summary);
    assert_null(scan_row(s, &customer_history_type));
    assert_null(scan_row(s, &customer_profile_type));
}

static void check_customer(const struct scan *s, int i) {
    char text[16];
    (void)snprintf(text, sizeof text, "%lld", (long long)customer_id_of(i));
    struct customer_history_row current = {customer_id_of(i), slice_str("ann"), i % 3 == 0,
                                           FROM + 1000 + i,   FROM + i,         TIMESTAMP_NONE};
    struct customer_profile_row profile = {customer_id_of(i), slice_str("bob"), true, i, 5, 7,
                                           FROM + i};
    assert_text(buf_slice(&s->id), text);
    assert_row(s, &customer_history_type, has_current(i), &current);
    assert_row(s, &customer_profile_type, has_mart(i), &profile);
    assert_null(scan_row(s, &account_history_type));
    assert_null(scan_row(s, &account_summary_type));
}

/* The last `left` ids of a scan. */
static void check_rest(struct scan *s, int left) {
    for (int i = IDS - left; i < IDS; i++) {
        assert_true(scan_next(s));
        (s->entity == ENTITY_ACCOUNT ? check_account : check_customer)(s, i);
    }
    assert_false(scan_next(s));
    assert_false(scan_next(s)); /* an end stays one */
    assert_false(kv_failed(s->kv));
}

static void check_all(struct kv *reader) {
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct scan s;
        scan_init(&s, reader, PARTITION, (enum entity)e);
        check_rest(&s, IDS);
        scan_release(&s);
        scan_init(&s, reader, PARTITION + 2, (enum entity)e); /* an empty one, behind all rows */
        check_rest(&s, 0);
        scan_release(&s);
    }
}

static void test_scan__memory(void **state) {
    (void)state;
    struct memory *m = memory_new();
    put_all(memory_kv(m));
    check_all(memory_kv(m));
    memory_free(m);
}

static void commit(struct batch *b) {
    struct err e = {0};
    if (!batch_commit(b, &e))
        fail_msg("%s", e.text);
}

/* Two scans of one reader, one of them begun before the state changes, see the same moment. */
static void test_scan__snapshot(void **state) {
    (void)state;
    struct err e = {0};
    char *dir = make_scratch();
    struct store *store = store_open(dir, 8 << 20, 1, &e);
    assert_non_null(store);
    struct batch *b = batch_new(store);
    put_all(batch_kv(b));
    commit(b);
    struct kv *reader = store_reader_new(store);
    struct scan begun;
    scan_init(&begun, reader, PARTITION, ENTITY_ACCOUNT);
    assert_true(scan_next(&begun));
    check_account(&begun, 0);
    put_account(batch_kv(b), PARTITION, IDS); /* one more */
    struct buf key = {0};
    key_text(&key, PARTITION, slice_str("A07"));
    kv_erase(batch_kv(b), FAMILY_ACCOUNTS, buf_slice(&key));
    commit(b);
    batch_free(b);
    check_rest(&begun, IDS - 1);
    check_all(reader);
    scan_release(&begun);
    store_reader_free(reader);
    store_close(store);
    buf_release(&key);
    remove_scratch(dir);
}

/* A row that cannot be read ends the scan with an error: by its format, by what follows, and by its
 * current version. */
static void test_scan__damaged(void **state) {
    static const struct slice values[] = {
        {"", 0}, {"\1", 1}, {"\3", 1}, {"\3\xff", 2}, {"\3\2\0\0\2x\0\0\0\0\0\0\0\0", 14}};
    (void)state;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            struct memory *m = memory_new();
            struct kv *kv = memory_kv(m);
            struct buf key = {0};
            struct scan s;
            put_all(kv);
            if (e == ENTITY_ACCOUNT)
                key_text(&key, PARTITION, slice_str("A01"));
            else
                key_customer(&key, PARTITION, customer_id_of(1));
            kv_put(kv, e == ENTITY_ACCOUNT ? FAMILY_ACCOUNTS : FAMILY_CUSTOMERS, buf_slice(&key),
                   values[i]);
            scan_init(&s, kv, PARTITION, (enum entity)e);
            assert_true(scan_next(&s));
            assert_false(scan_next(&s));
            assert_int_equal(kv->err.class, ERR_STOP);
            assert_false(scan_next(&s));
            scan_release(&s);
            buf_release(&key);
            memory_free(m);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan__memory),
        cmocka_unit_test(test_scan__snapshot),
        cmocka_unit_test(test_scan__damaged),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
