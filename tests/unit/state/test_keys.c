#include "support.h"

#include "state/keys.h"
#include "streamer/base/mem.h"

static void assert_bytes(const struct buf *got, const char *bytes, size_t n) {
    assert_int_equal(got->n, n);
    assert_memory_equal(got->p, bytes, n);
}

static void test_keys__layout(void **state) {
    struct buf key = {0};
    (void)state;
    key_partition(&key, 0x0102);
    assert_bytes(&key, "\1\2", 2);
    key_partition(&key, KEY_STORE_PARTITION);
    assert_bytes(&key, "\xff\xff", 2);
    key_text(&key, 3, slice_str("A001"));
    assert_bytes(&key, "\0\3A001", 6);
    key_add_terminator(&key);
    key_add_time(&key, 1);
    assert_bytes(&key, "\0\3A001\0\x80\0\0\0\0\0\0\1", 15);
    key_replace_time(&key, -1);
    assert_bytes(&key, "\0\3A001\0\x7f\xff\xff\xff\xff\xff\xff\xff", 15);
    key_customer(&key, 256, 7);
    assert_bytes(&key, "\1\0\x80\0\0\0\0\0\0\7", 10);
    key_customer_account(&key, 256, INT64_MIN, slice_str("x|y"));
    assert_bytes(&key, "\1\0\0\0\0\0\0\0\0\0x|y", 13);
    key_text(&key, 0, slice_str(""));
    assert_bytes(&key, "\0\0", 2);
    buf_release(&key);
}

static void test_keys__read_back(void **state) {
    struct rng r = rng_seeded(1);
    struct buf key = {0};
    (void)state;
    for (int i = 0; i < 2000; i++) {
        int32_t partition = (int32_t)rng_below(&r, KEY_PARTITION_MAX + 1);
        int64_t customer = rng_any(&r), time = rng_any(&r);
        key_customer_account(&key, partition, customer, slice_str("Ä|7"));
        assert_int_equal(key_partition_of(buf_slice(&key)), partition);
        assert_true(key_customer_id(buf_slice(&key)) == customer);
        assert_text(key_account_of_customer(buf_slice(&key)), "Ä|7");
        key_text(&key, partition, slice_str("Ä|7"));
        assert_text(key_account(buf_slice(&key)), "Ä|7");
        key_customer(&key, partition, customer);
        key_add_time(&key, time);
        assert_true(key_time(buf_slice(&key)) == time);
        assert_true(key_customer_id(buf_slice(&key)) == customer);
    }
    buf_release(&key);
}

static int order(const struct buf *a, const struct buf *b) {
    int c = slice_compare(buf_slice(a), buf_slice(b));
    return (c > 0) - (c < 0);
}

static int compare(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* Byte order is the order of (partition, customer, time). */
static void test_keys__order_of_numbers(void **state) {
    struct rng r = rng_seeded(2);
    struct buf a = {0}, b = {0};
    (void)state;
    for (int i = 0; i < 20000; i++) {
        int32_t p = (int32_t)rng_below(&r, 3) * 0x7f81, q = (int32_t)rng_below(&r, 3) * 0x7f81;
        int64_t c = rng_any(&r), d = rng_chance(&r, 50) ? c : rng_any(&r);
        int64_t s = rng_any(&r), t = rng_any(&r);
        key_customer(&a, p, c);
        key_customer(&b, q, d);
        key_add_time(&a, s);
        key_add_time(&b, t);
        int expected = p != q ? compare(p, q) : c != d ? compare(c, d) : compare(s, t);
        assert_int_equal(order(&a, &b), expected);
    }
    buf_release(&a);
    buf_release(&b);
}

/* The versions of an account lie together. No other account's come between, even if one id is a
 * prefix of the other. */
static void test_keys__order_of_accounts(void **state) {
    static const char *const ids[] = {"A",  "A\1", "A\1\1", "A\x7f", "A0",
                                      "AA", "A|",  "B",     "Ä",     "\xf4\x8f\xbf\xbf"};
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    struct buf before = {0}, prefix = {0}, key = {0}, behind = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        for (size_t j = 0; j < ARRAY_LEN(ids); j++) {
            key_text(&prefix, 1, slice_str(ids[i]));
            key_add_terminator(&prefix);
            buf_clear(&before);
            for (size_t k = 0; k < ARRAY_LEN(times); k++) {
                key_text(&key, 1, slice_str(ids[j]));
                key_add_terminator(&key);
                key_add_time(&key, times[k]);
                assert_int_equal(slice_has_prefix(buf_slice(&key), buf_slice(&prefix)), i == j);
                assert_true(order(&before, &key) < 0);
                buf_set(&before, buf_slice(&key));
            }
        }
        /* A listing of a customer's accounts goes on here after ids[i]. */
        key_customer_account(&behind, 1, 5, slice_str(ids[i]));
        key_add_terminator(&behind);
        for (size_t j = 0; j < ARRAY_LEN(ids); j++) {
            key_customer_account(&key, 1, 5, slice_str(ids[j]));
            key_customer_account(&prefix, 1, 5, slice_str(ids[i]));
            assert_int_equal(order(&key, &behind) >= 0, order(&key, &prefix) > 0);
        }
    }
    buf_release(&before);
    buf_release(&prefix);
    buf_release(&key);
    buf_release(&behind);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys__layout),
        cmocka_unit_test(test_keys__read_back),
        cmocka_unit_test(test_keys__order_of_numbers),
        cmocka_unit_test(test_keys__order_of_accounts),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
