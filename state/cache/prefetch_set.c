#include "state/cache/prefetch_set.h"

#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

void prefetch_set_release(struct prefetch_set *w) {
    buf_release(&w->bytes);
    free(w->keys);
    free(w->spare);
    key_sort_release(&w->sort);
    *w = (struct prefetch_set){0};
}

void prefetch_set_clear(struct prefetch_set *w) {
    buf_clear(&w->bytes);
    w->count = 0;
}

void prefetch_set_add(struct prefetch_set *w, struct slice key, uint32_t hash) {
    if (w->count == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        w->keys = mem_realloc(w->keys, w->cap * sizeof *w->keys);
        w->spare = mem_realloc(w->spare, w->cap * sizeof *w->spare);
    }
    w->keys[w->count++] = (struct prefetch_key){w->bytes.n, (uint32_t)key.n, hash};
    buf_put_slice(&w->bytes, key);
}

static struct slice key_of(const struct prefetch_set *w, const struct prefetch_key *k) {
    return slice_of(w->bytes.p + k->at, k->n);
}

struct slice prefetch_set_at(const struct prefetch_set *w, size_t i) {
    return key_of(w, &w->keys[i]);
}

static struct slice key_of_item(const void *w, const void *item) {
    return key_of(w, item);
}

void prefetch_set_sort(struct prefetch_set *w) {
    size_t kept = 0;
    struct sorted_item *items = key_sort_room(&w->sort, w->count);
    for (size_t i = 0; i < w->count; i++)
        items[i].item = &w->keys[i];
    const struct sorted_item *sorted = key_sort(&w->sort, w->count, key_of_item, w);
    for (size_t i = 0; i < w->count; i++) {
        const struct prefetch_key *k = sorted[i].item;
        if (kept == 0 || !slice_eq(key_of(w, k), key_of(w, &w->spare[kept - 1])))
            w->spare[kept++] = *k;
    }
    struct prefetch_key *keys = w->keys;
    w->keys = w->spare;
    w->spare = keys;
    w->count = kept;
}
