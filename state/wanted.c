#include "state/wanted.h"

#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

void wanted_release(struct wanted *w) {
    buf_release(&w->bytes);
    free(w->keys);
    *w = (struct wanted){0};
}

void wanted_clear(struct wanted *w) {
    buf_clear(&w->bytes);
    w->count = 0;
}

void wanted_add(struct wanted *w, struct slice key, uint32_t hash) {
    if (w->count == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        w->keys = mem_realloc(w->keys, w->cap * sizeof *w->keys);
    }
    w->keys[w->count++] = (struct wanted_key){w->bytes.n, (uint32_t)key.n, hash};
    buf_put_slice(&w->bytes, key);
}

static struct slice key_of(const struct wanted *w, const struct wanted_key *k) {
    return slice_of(w->bytes.p + k->at, k->n);
}

struct slice wanted_at(const struct wanted *w, size_t i) {
    return key_of(w, &w->keys[i]);
}

static int by_key(const void *a, const void *b, void *wanted) {
    return slice_compare(key_of(wanted, a), key_of(wanted, b));
}

void wanted_sort(struct wanted *w) {
    size_t kept = 0;
    if (w->count > 1)
        qsort_r(w->keys, w->count, sizeof *w->keys, by_key, w);
    for (size_t i = 0; i < w->count; i++)
        if (kept == 0 || !slice_eq(wanted_at(w, i), wanted_at(w, kept - 1)))
            w->keys[kept++] = w->keys[i];
    w->count = kept;
}
