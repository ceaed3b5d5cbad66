#include "state/row_cache.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 1024
#define SLACK 16 /* bytes that a value may grow by in place */
#define STEPS 16

/* --- hash table --- */

/* Eight bytes at a time: multiply and fold (FNV-1a with a larger word; the constant is 2^64 / golden ratio). */
static uint32_t hash_of(enum table t, struct slice key) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)t;
    const char *p = key.p;
    size_t n = key.n;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    uint64_t tail = n;
    for (; n > 0; n--, p++)
        tail = tail << 8 | (unsigned char)*p;
    h = (h ^ tail) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

/* One of 64 bits: rows of one bucket mostly differ there, so most that are not in memory are told without a look at a
 * row. */
static uint64_t tag_of(uint32_t hash) {
    return UINT64_C(1) << (hash >> 26);
}

static struct bucket *bucket_of(struct row_cache *c, uint32_t hash) {
    return &c->buckets[hash & (c->bucket_count - 1)];
}

static struct row *find(struct row_cache *c, uint32_t hash, enum table t, struct slice key) {
    const struct bucket *bucket = bucket_of(c, hash);
    if ((bucket->tags & tag_of(hash)) == 0)
        return NULL;
    struct row *r = bucket->first;
    while (r != NULL && !(r->hash == hash && r->table == t && slice_eq(row_key(r), key)))
        r = r->next;
    return r;
}

static void put_in_bucket(struct row_cache *c, struct row *r) {
    struct bucket *bucket = bucket_of(c, r->hash);
    r->next = bucket->first;
    bucket->first = r;
    bucket->tags |= tag_of(r->hash);
}

static void take_from_bucket(struct row_cache *c, const struct row *r) {
    struct bucket *bucket = bucket_of(c, r->hash);
    struct row **at = &bucket->first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (bucket->first == NULL)
        bucket->tags = 0;
}

static void grow_table(struct row_cache *c) {
    struct bucket *old = c->buckets;
    size_t old_count = c->bucket_count;
    c->bucket_count = old_count == 0 ? BUCKETS_MIN : old_count * 2;
    c->buckets = mem_calloc(c->bucket_count, sizeof *c->buckets);
    for (size_t i = 0; i < old_count; i++) {
        for (struct row *r = old[i].first, *next; r != NULL; r = next) {
            next = r->next;
            put_in_bucket(c, r);
        }
    }
    free(old);
}

/* --- by age --- */

static void unlink_age(struct row_cache *c, struct row *r) {
    if (c->hand == r)
        c->hand = r->newer;
    *(r->newer != NULL ? &r->newer->older : &c->newest) = r->older;
    *(r->older != NULL ? &r->older->newer : &c->oldest) = r->newer;
}

static void link_newest(struct row_cache *c, struct row *r) {
    r->newer = NULL;
    r->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = r;
    c->newest = r;
}

static bool is_outgrown(const struct row *r) {
    return r->value != r->bytes + r->key_n;
}

static size_t size_of(const struct row *r) {
    return sizeof *r + r->cap + (is_outgrown(r) ? r->value_cap : 0);
}

static void free_row(struct row *r) {
    if (is_outgrown(r))
        free(r->value);
    free(r);
}

static void remove_row(struct row_cache *c, struct row *r) {
    take_from_bucket(c, r);
    unlink_age(c, r);
    c->count--;
    c->bytes -= size_of(r);
    free_row(r);
}

/* SIEVE (Zhang et al., NSDI 2024): a hand goes from the oldest row to the newest and around, takes away those that nobody
 * has used since it was there last, and nothing is moved where a row is used. At most `steps`: where many rows are dirty
 * it goes on another time. */
static void shrink(struct row_cache *c, size_t steps) {
    for (; c->bytes > c->max_bytes && c->oldest != NULL && steps > 0; steps--) {
        struct row *r = c->hand != NULL ? c->hand : c->oldest;
        c->hand = r->newer;
        if (!r->dirty && !r->used)
            remove_row(c, r);
        else
            r->used = false;
    }
}

/* --- rows --- */

static void rows_add(struct rows *rows, struct row *r) {
    if (rows->n == rows->cap) {
        rows->cap = rows->cap == 0 ? 64 : rows->cap * 2;
        rows->p = mem_realloc(rows->p, rows->cap * sizeof(struct row *));
    }
    rows->p[rows->n++] = r;
}

void row_cache_init(struct row_cache *c, size_t max_bytes) {
    *c = (struct row_cache){.max_bytes = max_bytes};
    grow_table(c);
}

void row_cache_release(struct row_cache *c) {
    for (struct row *r = c->newest, *older; r != NULL; r = older) {
        older = r->older;
        free_row(r);
    }
    for (int t = 0; t < TABLE_COUNT; t++) {
        free(c->dirty[t].p);
        free(c->unindexed[t].p);
    }
    free(c->buckets);
}

struct row *row_cache_find(struct row_cache *c, enum table t, struct slice key) {
    struct row *r = find(c, hash_of(t, key), t, key);
    if (r != NULL)
        r->used = true;
    return r;
}

static struct row *add_row(struct row_cache *c, enum table t, uint32_t hash, struct slice key,
                           size_t value_n) {
    if (c->count >= c->bucket_count)
        grow_table(c);
    size_t cap = key.n + value_n + SLACK;
    struct row *r = mem_alloc(sizeof *r + cap);
    *r = (struct row){.value = r->bytes + key.n,
                      .hash = hash,
                      .key_n = (uint32_t)key.n,
                      .value_cap = (uint32_t)(cap - key.n),
                      .cap = (uint32_t)cap,
                      .table = (uint8_t)t};
    memcpy(r->bytes, key.p, key.n);
    put_in_bucket(c, r);
    link_newest(c, r);
    c->count++;
    c->bytes += size_of(r);
    return r;
}

/* The row itself stays where it is: others point to it. */
static void make_room(struct row_cache *c, struct row *r, size_t value_n) {
    c->bytes -= size_of(r);
    if (is_outgrown(r))
        free(r->value);
    r->value_cap = (uint32_t)(value_n + value_n / 4 + SLACK);
    r->value = mem_alloc(r->value_cap);
    c->bytes += size_of(r);
}

static void set_value(struct row_cache *c, struct row *r, struct slice value) {
    if (value.n > r->value_cap)
        make_room(c, r, value.n);
    r->there = value.p != NULL;
    r->value_n = (uint32_t)value.n;
    if (value.p != NULL && value.n > 0)
        memcpy(r->value, value.p, value.n);
}

struct row *row_cache_keep(struct row_cache *c, enum table t, struct slice key, struct slice value,
                           uint64_t epoch) {
    uint32_t hash = hash_of(t, key);
    struct row *r = find(c, hash, t, key);
    if (r == NULL) {
        shrink(c, STEPS);
        r = add_row(c, t, hash, key, value.n);
    }
    assert(!r->dirty);
    set_value(c, r, value);
    r->epoch = epoch;
    return r;
}

struct row *row_cache_own(struct row_cache *c, enum table t, struct slice key, size_t value_n) {
    uint32_t hash = hash_of(t, key);
    struct row *r = find(c, hash, t, key);
    return r != NULL ? r : add_row(c, t, hash, key, value_n);
}

void row_cache_change(struct row_cache *c, struct row *r, struct slice value) {
    set_value(c, r, value);
    if (!r->dirty)
        rows_add(&c->dirty[r->table], r);
    if (!r->dirty || r->indexed)
        rows_add(&c->unindexed[r->table], r);
    r->used = true;
    r->dirty = true;
    r->indexed = false;
}

static int by_key(const void *a, const void *b) {
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    size_t n = x->key_n < y->key_n ? x->key_n : y->key_n;
    int order = memcmp(x->bytes, y->bytes, n);
    return order != 0 ? order : (x->key_n > y->key_n) - (x->key_n < y->key_n);
}

const struct rows *row_cache_sorted(struct row_cache *c, enum table t) {
    if (c->dirty[t].n > 1)
        qsort(c->dirty[t].p, c->dirty[t].n, sizeof(struct row *), by_key);
    return &c->dirty[t];
}

void row_cache_written(struct row_cache *c, uint64_t (*epoch_of)(void *, struct slice key), void *arg) {
    for (int t = 0; t < TABLE_COUNT; t++) {
        for (size_t i = 0; i < c->dirty[t].n; i++) {
            struct row *r = c->dirty[t].p[i];
            r->dirty = false;
            r->indexed = false;
            r->epoch = epoch_of(arg, row_key(r));
        }
        c->dirty[t].n = c->unindexed[t].n = 0;
    }
    shrink(c, SIZE_MAX);
}

void row_cache_drop_dirty(struct row_cache *c) {
    for (int t = 0; t < TABLE_COUNT; t++) {
        for (size_t i = 0; i < c->dirty[t].n; i++)
            remove_row(c, c->dirty[t].p[i]);
        c->dirty[t].n = c->unindexed[t].n = 0;
    }
}
