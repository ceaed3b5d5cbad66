/* key_sort: puts items in the order of their keys (slice_compare). Keys of one kind are much alike,
 * so it is a radix sort over sixteen bytes of them, behind what all begin with; only ties are
 * compared. Items with the same key come in any order. One thread at a time. */
#ifndef STREAMER_STATE_CACHE_KEY_SORT_H
#define STREAMER_STATE_CACHE_KEY_SORT_H

#include "streamer/base/slice.h"

#include <stdint.h>

/* Zero-initialized: no memory yet. */
struct key_sort {
    struct sorted_item {
        uint64_t digits[2];
        const void *item;
    } * p[2];
    size_t cap;
};
void key_sort_release(struct key_sort *s);

/* Room for `n` items, which the caller sets: of each its `item`. Good until the next call. */
struct sorted_item *key_sort_room(struct key_sort *s, size_t n);
/* The `n` items that were set, in order. Good until the next call. `key_of` tells an item's key. */
const struct sorted_item *key_sort(struct key_sort *s, size_t n,
                                   struct slice (*key_of)(const void *context, const void *item),
                                   const void *context);

#endif
