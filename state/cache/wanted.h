/* wanted: keys of a table that will be read soon, to be read together: RocksDB finds neighbours for less than single
 * reads cost. Owned by one batch; one thread. */
#ifndef STATE_WANTED_H
#define STATE_WANTED_H

#include "state/cache/key_sort.h"
#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdint.h>

struct wanted {
    struct buf bytes;
    struct wanted_key {
        size_t at; /* in `bytes` */
        uint32_t n, hash;
    } * keys, *spare; /* both of `cap` */
    size_t count, cap;
    struct key_sort sort;
};
void wanted_release(struct wanted *w);

/* Copies the key. `hash`: the caller's, kept with it. */
void wanted_add(struct wanted *w, struct slice key, uint32_t hash);
/* Puts keys 0 … count - 1 in order, each once. */
void wanted_sort(struct wanted *w);
/* Good until the next wanted_add or wanted_clear. */
struct slice wanted_at(const struct wanted *w, size_t i);
void wanted_clear(struct wanted *w);

#endif
