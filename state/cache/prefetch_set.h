/* prefetch_set: keys to prefetch together: one sorted multi-get is cheaper than single reads. Owned
 * by one batch; one thread. */
#ifndef STREAMER_STATE_CACHE_PREFETCH_SET_H
#define STREAMER_STATE_CACHE_PREFETCH_SET_H

#include "state/cache/key_sort.h"
#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdint.h>

/* Zero-initialized it is empty. */
struct prefetch_set {
    struct buf bytes; /* of the keys, one after the other */
    struct prefetch_key {
        size_t at; /* where in `bytes` */
        uint32_t n, hash;
    } * keys, *spare; /* both of `cap` */
    size_t count, cap;
    struct key_sort sort;
};
void prefetch_set_release(struct prefetch_set *set);

/* Copies the key. `hash` is kept with it for the caller. */
void prefetch_set_add(struct prefetch_set *set, struct slice key, uint32_t hash);
/* Sorts keys 0 … count - 1, and removes duplicates. */
void prefetch_set_sort(struct prefetch_set *set);
/* Key number i. Valid until the next prefetch_set_add or prefetch_set_clear. */
struct slice prefetch_set_at(const struct prefetch_set *set, size_t i);
void prefetch_set_clear(struct prefetch_set *set);

#endif
