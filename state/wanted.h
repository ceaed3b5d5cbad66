/* wanted: keys of a table that will be read soon, to be read together: RocksDB finds neighbours for half of what single
 * reads cost. Owned by one batch; one thread. */
#ifndef STATE_WANTED_H
#define STATE_WANTED_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

struct wanted {
    struct buf bytes;
    struct wanted_key {
        size_t at, n; /* in `bytes` */
    } * keys;
    size_t count, cap;
};
void wanted_release(struct wanted *w);

/* Copies the key. */
void wanted_add(struct wanted *w, struct slice key);
/* Puts them in order, each once; then they are 0 … count - 1, and good until the next wanted_add or wanted_clear. */
void wanted_sort(struct wanted *w);
struct slice wanted_at(const struct wanted *w, size_t i);
void wanted_clear(struct wanted *w);

#endif
