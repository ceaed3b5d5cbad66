/* key_sort: sorts items by their keys (slice_compare). Radix sort on the 16 bytes after the common
 * prefix; only ties are compared in full. Items with equal keys come in any order. One thread at a
 * time. */
#ifndef STREAMER_STATE_CACHE_KEY_SORT_H
#define STREAMER_STATE_CACHE_KEY_SORT_H

#include "streamer/base/slice.h"

#include <stdint.h>

/* Zero-initialized it has no memory yet. */
struct key_sort {
    struct sorted_item {
        uint64_t digits[2]; /* the 16 bytes */
        const void *item;
    } * p[2]; /* the items, and as much room to sort them into */
    size_t cap;
};
void key_sort_release(struct key_sort *s);

/* Room for `n` items, of which the caller sets `item`. Valid until the next call. */
struct sorted_item *key_sort_room(struct key_sort *s, size_t n);
/* Sorts the `n` items that were set, and returns them. Valid until the next call. `key_of` returns
 * the key of an item. */
const struct sorted_item *key_sort(struct key_sort *s, size_t n,
                                   struct slice (*key_of)(const void *context, const void *item),
                                   const void *context);

#endif
