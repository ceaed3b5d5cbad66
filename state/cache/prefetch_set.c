#include "state/cache/prefetch_set.h"

#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

void prefetch_set_release(struct prefetch_set *set) {
    buf_release(&set->bytes);
    free(set->keys);
    free(set->spare);
    key_sort_release(&set->sort);
    *set = (struct prefetch_set){0};
}

void prefetch_set_clear(struct prefetch_set *set) {
    buf_clear(&set->bytes);
    set->count = 0;
}

void prefetch_set_add(struct prefetch_set *set, struct slice key, uint32_t hash) {
    size_t spare_cap = set->cap;
    set->keys = mem_grow(set->keys, &set->cap, set->count + 1, sizeof *set->keys);
    set->spare = mem_grow(set->spare, &spare_cap, set->count + 1, sizeof *set->spare);
    set->keys[set->count++] = (struct prefetch_key){set->bytes.n, (uint32_t)key.n, hash};
    buf_put_slice(&set->bytes, key);
}

static struct slice key_of(const struct prefetch_set *set, const struct prefetch_key *k) {
    return slice_of(set->bytes.p + k->at, k->n);
}

struct slice prefetch_set_at(const struct prefetch_set *set, size_t i) {
    return key_of(set, &set->keys[i]);
}

static struct slice key_of_item(const void *set, const void *item) {
    return key_of(set, item);
}

void prefetch_set_sort(struct prefetch_set *set) {
    size_t kept = 0;
    struct sorted_item *items = key_sort_room(&set->sort, set->count);
    for (size_t i = 0; i < set->count; i++)
        items[i].item = &set->keys[i];
    const struct sorted_item *sorted = key_sort(&set->sort, set->count, key_of_item, set);
    for (size_t i = 0; i < set->count; i++) {
        const struct prefetch_key *k = sorted[i].item;
        if (kept == 0 || !slice_eq(key_of(set, k), key_of(set, &set->spare[kept - 1])))
            set->spare[kept++] = *k;
    }
    struct prefetch_key *keys = set->keys;
    set->keys = set->spare;
    set->spare = keys;
    set->count = kept;
}
