/* wanted: keys of a table that will be read soon, to be read together: RocksDB finds neighbours for
 * less than single reads cost. Owned by one batch; one thread. */
#ifndef STREAMER_STATE_CACHE_PREFETCH_SET_H
#define STREAMER_STATE_CACHE_PREFETCH_SET_H

#include "state/cache/key_sort.h"
#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdint.h>

struct prefetch_set {
    struct buf bytes;
    struct prefetch_key {
        size_t at; /* in `bytes` */
        uint32_t n, hash;
    } * keys, *spare; /* both of `cap` */
    size_t count, cap;
    struct key_sort sort;
};
void prefetch_set_release(struct prefetch_set *w);

/* Copies the key. `hash`: the caller's, kept with it. */
void prefetch_set_add(struct prefetch_set *w, struct slice key, uint32_t hash);
/* Puts keys 0 … count - 1 in order, each once. */
void prefetch_set_sort(struct prefetch_set *w);
/* Good until the next prefetch_set_add or prefetch_set_clear. */
struct slice prefetch_set_at(const struct prefetch_set *w, size_t i);
void prefetch_set_clear(struct prefetch_set *w);

#endif
