/* row_cache: rows of a store in memory, by family and key: those that a batch has written and not
 * committed, and, as far as `max_bytes` allows, those that it has read or written lately, absence
 * included. Owned by one batch; one thread.
 *
 * A row that is not dirty is only good as long as nobody else writes its partition: it carries the
 * number ("epoch", store.c) that the partition had when it was read or written, and whoever looks
 * it up compares. */
#ifndef STREAMER_STATE_CACHE_ROW_CACHE_H
#define STREAMER_STATE_CACHE_ROW_CACHE_H

#include "state/cache/key_sort.h"
#include "state/kv.h"

#include <stdint.h>

struct row {
    union {
        uint32_t epoch;    /* not dirty */
        uint32_t dirty_at; /* dirty: where in the list of its family, until that is sorted */
    };
    uint32_t key_n, value_n, cap;
    bool exists : 1;  /* else: known to be absent */
    bool dirty : 1;   /* to be written at the next commit */
    bool indexed : 1; /* dirty, and the index that cursors use knows it as it is now */
    char bytes[];     /* `cap` of them: the family, the key, the value */
};
static inline enum family row_family(const struct row *r) {
    return (enum family)r->bytes[0];
}
static inline struct slice row_key(const struct row *r) {
    return slice_of(r->bytes + 1, r->key_n);
}
/* As it is stored (store.h). */
static inline struct slice row_stored_key(const struct row *r) {
    return slice_of(r->bytes, r->key_n + 1);
}
static inline struct slice row_value(const struct row *r) {
    return slice_of(r->bytes + 1 + r->key_n, r->value_n);
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
void places_add(struct places *places, uint32_t place);

struct row_cache {
    /* Open addressing with linear probing, never more than three quarters full. A row's tag is its
     * hash, the lowest bit of which says instead whether it was used since the hand went by; 0: the
     * slot is free. Tags lie close together, and a row is only looked at if it is most likely the
     * one. */
    uint32_t *tags;
    struct row **rows;
    size_t slot_count, count, hand;
    size_t bytes,
        max_bytes;      /* more than that while much is dirty; what has been written may leave */
    size_t dirty_bytes; /* of the dirty rows, about */
    size_t typical_size[FAMILY_COUNT]; /* bytes of a value that was written lately: the room that a
                                          new row gets */
    struct row *last[FAMILY_COUNT];    /* found there: most look-ups ask for the same row again */
    struct rows dirty[FAMILY_COUNT];
    struct key_sort sort;
    struct places unindexed[FAMILY_COUNT]; /* those of them that are not `indexed` */
};
void row_cache_init(struct row_cache *c, size_t max_bytes);
void row_cache_release(struct row_cache *c);

/* NULL: not in memory. Good until the next call. */
struct row *row_cache_find(struct row_cache *c, enum family f, struct slice key);
/* The same with the key's hash known. Rows lie anywhere in memory: prefetch_slot well before, then
 * prefetch_row, hide most of what it costs to get there. */
uint32_t row_cache_hash(enum family f, struct slice key);
void row_cache_prefetch_slot(const struct row_cache *c, uint32_t hash);
void row_cache_prefetch_row(const struct row_cache *c, uint32_t hash);
struct row *row_cache_find_hashed(struct row_cache *c, enum family f, struct slice key,
                                  uint32_t hash);
/* Adds or replaces a row that is as in the store, and not dirty. value.p == NULL: it is absent
 * there. */
struct row *row_cache_keep(struct row_cache *c, enum family f, struct slice key, struct slice value,
                           uint32_t epoch);
/* The row with that key, made if need be, with room for a value of `value_n` bytes: only good for
 * row_cache_change, at once. */
struct row *row_cache_own(struct row_cache *c, enum family f, struct slice key, size_t value_n);
/* Changes a row, which may move; value.p == NULL: erases it. `value` does not lie in the row. */
void row_cache_change(struct row_cache *c, struct row *r, struct slice value);

/* The dirty rows of a family in the order of their keys. */
const struct rows *row_cache_sorted(struct row_cache *c, enum family f);
/* The dirty rows have been written: makes them rows as in the store, with the epochs that
 * `epoch_of` tells. Those of families that are only scanned leave. */
void row_cache_written(struct row_cache *c, uint32_t (*epoch_of)(void *arg, struct slice key),
                       void *arg);
/* Forgets the dirty rows. */
void row_cache_drop_dirty(struct row_cache *c);

#endif
