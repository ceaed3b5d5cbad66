#include "state/keys.h"

#include <assert.h>

static void add_u64(struct buf *out, uint64_t v) {
    char *p = buf_reserve(out, 8);
    for (int i = 0; i < 8; i++)
        p[i] = (char)(v >> (56 - 8 * i));
    out->n += 8;
}

static uint64_t get_u64(const char *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static uint64_t flip(int64_t v) {
    return (uint64_t)v ^ (UINT64_C(1) << 63);
}
static int64_t unflip(uint64_t v) {
    return (int64_t)(v ^ (UINT64_C(1) << 63));
}

void key_partition(struct buf *out, int32_t partition) {
    assert(partition >= 0 && partition <= KEY_STORE_PARTITION);
    buf_clear(out);
    buf_put_byte(out, (char)(partition >> 8));
    buf_put_byte(out, (char)partition);
}

void key_text(struct buf *out, int32_t partition, struct slice text) {
    key_partition(out, partition);
    buf_put_slice(out, text);
}

void key_customer(struct buf *out, int32_t partition, int64_t customer_id) {
    key_partition(out, partition);
    add_u64(out, flip(customer_id));
}

void key_customer_account(struct buf *out, int32_t partition, int64_t customer_id,
                          struct slice account_id) {
    key_customer(out, partition, customer_id);
    buf_put_slice(out, account_id);
}

struct slice key_stored(struct buf *out, enum family f, struct slice key) {
    buf_clear(out);
    buf_put_byte(out, (char)f);
    buf_put_slice(out, key);
    return buf_slice(out);
}

void key_add_terminator(struct buf *out) {
    buf_put_byte(out, 0);
}
void key_add_time(struct buf *out, int64_t ms) {
    add_u64(out, flip(ms));
}

void key_replace_time(struct buf *key, int64_t ms) {
    assert(key->n >= 8);
    key->n -= 8;
    key_add_time(key, ms);
}

int64_t key_time(struct slice key) {
    assert(key.n >= 10);
    return unflip(get_u64(key.p + key.n - 8));
}

struct slice key_account(struct slice key) {
    assert(key.n >= 2);
    return slice_of(key.p + 2, key.n - 2);
}

struct slice key_account_of_customer(struct slice key) {
    assert(key.n >= 10);
    return slice_of(key.p + 10, key.n - 10);
}

int64_t key_customer_id(struct slice key) {
    assert(key.n >= 10);
    return unflip(get_u64(key.p + 2));
}

int32_t key_partition_of(struct slice key) {
    assert(key.n >= 2);
    return (unsigned char)key.p[0] << 8 | (unsigned char)key.p[1];
}
