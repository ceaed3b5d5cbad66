/* owned: index of a batch's dirty rows by their owner (family_owner_n), for cursors. A hash table
 * of search trees over the keys of the rows. Most owners have a row or two, which cost next to
 * nothing; an owner with many thousands costs each look-up the logarithm of that. One ordered index
 * over all dirty rows would cost several microseconds for each of them, and nearly all of them
 * belong to owners that no cursor looks at. Owned by one batch; one thread. */
#ifndef STREAMER_STATE_CACHE_DIRTY_BY_OWNER_H
#define STREAMER_STATE_CACHE_DIRTY_BY_OWNER_H

#include "state/cache/row_cache.h"

/* A row is known by its place in the list of dirty rows. Links are places + 1; 0: none. */
struct dirty_by_owner_node {
    uint32_t left, right; /* subtrees of the rows with lower and with higher keys */
};

struct dirty_by_owner {
    uint32_t *roots; /* by hash of the owner, so owners may share a tree */
    size_t root_count;
    struct dirty_by_owner_node *nodes; /* by place */
    size_t node_cap;
    size_t known; /* places 0 … known - 1 are in it */
};
void dirty_by_owner_release(struct dirty_by_owner *o);

/* Where a search goes from its key. */
enum dirty_by_owner_side { OWNED_FROM, OWNED_BEHIND, OWNED_UP_TO, OWNED_BEFORE };

/* The owner's dirty row with the lowest key >= `key` (OWNED_FROM) or > `key` (OWNED_BEHIND), or
 * with the highest key <= `key` (OWNED_UP_TO) or < `key` (OWNED_BEFORE). NULL: there is none. The
 * owner is the first `owner_n` bytes of `key`. `dirty`: all dirty rows of the family; only appended
 * to since the last dirty_by_owner_clear. */
const struct row *dirty_by_owner_find(struct dirty_by_owner *o, enum family f,
                                      const struct rows *dirty, struct slice key, size_t owner_n,
                                      enum dirty_by_owner_side side);
/* No row is dirty any more. */
void dirty_by_owner_clear(struct dirty_by_owner *o);

#endif
