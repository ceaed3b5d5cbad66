/* row_cache: rows of a store in memory, found by family and key. It holds all rows that a batch has
 * written and not committed ("dirty" rows), and, as far as `max_bytes` allows, "clean" rows, which
 * are as in the store: those that the batch has read or written lately. It also knows rows that are
 * absent. Owned by one batch; one thread.
 *
 * A clean row is valid only as long as nobody else writes its partition. It carries the epoch
 * (store_internal.h) that the partition had when the row was read or written; whoever looks a row
 * up compares that with the partition's epoch now (row_is_valid). */
#ifndef STREAMER_STATE_CACHE_ROW_CACHE_H
#define STREAMER_STATE_CACHE_ROW_CACHE_H

#include "state/cache/key_sort.h"
#include "state/kv.h"

#include <stdint.h>

struct row {
    union {
        /* Of a clean row. */
        uint32_t epoch;
        /* Of a dirty row: its place in the list of its family, until the list is sorted. */
        uint32_t dirty_at;
    };
    uint32_t key_n, value_n, cap;
    bool exists : 1;  /* false: the row is known to be absent */
    bool dirty : 1;   /* the next commit writes it */
    bool indexed : 1; /* dirty, and RocksDB's index of the batch has it as it is now */
    /* `cap` bytes:  family: 1 byte | key: key_n bytes | value: value_n bytes | room */
    char bytes[];
};
static inline enum family row_family(const struct row *r) {
    return (enum family)r->bytes[0];
}
static inline struct slice row_key(const struct row *r) {
    return slice_of(r->bytes + 1, r->key_n);
}
/* The key as RocksDB stores it (keys.h). */
static inline struct slice row_stored_key(const struct row *r) {
    return slice_of(r->bytes, r->key_n + 1);
}
static inline struct slice row_value(const struct row *r) {
    return slice_of(r->bytes + 1 + r->key_n, r->value_n);
}
/* Whether a row that was found (or NULL) is dirty, or still as in the store. `epoch`: its
 * partition's now. */
static inline bool row_is_valid(const struct row *r, uint32_t epoch) {
    return r != NULL && (r->dirty || r->epoch == epoch);
}

struct rows {
    struct row **p;
    size_t n, cap;
};

/* Places in a list of rows. */
struct places {
    uint32_t *p;
    size_t n, cap;
};

struct row_cache {
    /* A hash table with open addressing and linear probing, never more than three quarters full.
     * Slot i is tags[i] and rows[i]. A tag of 0 means that the slot is free. Else it is the hash of
     * the row, but its lowest bit says whether the row was used since the clock hand went by. Tags
     * lie close together, and a row is only looked at if its tag fits. */
    uint32_t *tags;
    struct row **rows;
    size_t slot_count, count;
    size_t hand; /* of the clock that says which rows are evicted */
    /* Memory in use. May exceed max_bytes while many rows are dirty; clean rows are evicted to get
     * below it. */
    size_t bytes, max_bytes;
    size_t dirty_bytes; /* of these, by dirty rows, about */
    /* Running average value size per family: the initial capacity of a new row. */
    size_t typical_size[FAMILY_COUNT];
    struct row *last[FAMILY_COUNT]; /* found last: most look-ups ask for the same row again */
    struct rows dirty[FAMILY_COUNT];
    struct places unindexed[FAMILY_COUNT]; /* of the dirty rows that are not `indexed` */
    struct key_sort sort;
};
void row_cache_init(struct row_cache *c, size_t max_bytes);
void row_cache_release(struct row_cache *c);

/* The row with that key. NULL: it is not in memory. Valid until the next call. */
struct row *row_cache_find(struct row_cache *c, enum family f, struct slice key);
/* The same for a key whose hash is known. Rows lie anywhere in memory. For a batch of look-ups,
 * row_cache_prefetch_slot well before the look-up and row_cache_prefetch_row a little before it
 * hide most of the wait for memory. Without all prefetches of this module a record costs about
 * 5 % more CPU with 48 MiB of memory, a change 8 %, and about 4 % more with 256 MiB
 * (`build/release/tests/cycle 1000000 100000 50331648`, and 268435456). */
uint32_t row_cache_hash(enum family f, struct slice key);
void row_cache_prefetch_slot(const struct row_cache *c, uint32_t hash);
void row_cache_prefetch_row(const struct row_cache *c, uint32_t hash);
struct row *row_cache_find_hashed(struct row_cache *c, enum family f, struct slice key,
                                  uint32_t hash);

/* Adds or replaces a clean row. value.p == NULL: the row is absent in the store. It must not be
 * dirty. Returns the row, which is valid until the next call. */
struct row *row_cache_put_clean(struct row_cache *c, enum family f, struct slice key,
                                struct slice value, uint32_t epoch);
/* Adds or replaces a row that the next commit writes. value.p == NULL: the commit erases it.
 * `value` must not lie in the cache. */
void row_cache_put_dirty(struct row_cache *c, enum family f, struct slice key, struct slice value);

/* Sorts the dirty rows of a family by key, and returns them. After that no row may be put before
 * the dirty rows are marked as clean or dropped. */
const struct rows *row_cache_sort_dirty(struct row_cache *c, enum family f);
/* To be called after the dirty rows were written: makes them clean, with the epochs that `epoch_of`
 * returns for their keys. Rows of families that are only scanned (family_is_only_scanned) are
 * evicted. */
void row_cache_mark_clean(struct row_cache *c, uint32_t (*epoch_of)(void *arg, struct slice key),
                          void *arg);
/* Removes the dirty rows. */
void row_cache_drop_dirty(struct row_cache *c);

#endif
