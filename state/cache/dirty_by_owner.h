/* dirty_by_owner: index of a batch's uncommitted rows by owner (hash table, chained), for cursors
 * that stay with one owner (family_owner_n). A chain is a search tree over the keys of the rows.
 * Most owners have a row or two, which cost next to nothing. For an owner with many thousands, a
 * look-up costs the logarithm of that. One ordered index over all dirty rows would cost several
 * microseconds for each row, though no cursor looks at the owners of nearly all of them. Owned by
 * one batch; one thread. */
#ifndef STREAMER_STATE_CACHE_DIRTY_BY_OWNER_H
#define STREAMER_STATE_CACHE_DIRTY_BY_OWNER_H

#include "state/cache/row_cache.h"

/* Of the row at the same place in the list of dirty rows. A link to a row is its place + 1; 0 means
 * none. */
struct dirty_by_owner_node {
    uint32_t left, right; /* the subtrees with lower and with higher keys */
};

/* Zero-initialized it is empty. */
struct dirty_by_owner {
    uint32_t *roots; /* by the hash of the owner, so owners may share a tree */
    size_t root_count;
    struct dirty_by_owner_node *nodes;
    size_t node_cap;
    size_t known; /* rows at places 0 … known - 1 are in the index */
};
void dirty_by_owner_release(struct dirty_by_owner *o);

/* Which key is looked for. */
enum dirty_by_owner_side {
    DIRTY_FROM,   /* the lowest key >= `key` */
    DIRTY_BEHIND, /* the lowest key > `key` */
    DIRTY_UP_TO,  /* the highest key <= `key` */
    DIRTY_BEFORE, /* the highest key < `key` */
};

/* The dirty row with that key among those of the owner, or NULL. The owner is the first `owner_n`
 * bytes of `key`. `dirty` are all dirty rows of family `f`; since the last dirty_by_owner_clear
 * rows may only have been appended to it. */
const struct row *dirty_by_owner_find(struct dirty_by_owner *o, enum family f,
                                      const struct rows *dirty, struct slice key, size_t owner_n,
                                      enum dirty_by_owner_side side);
/* To be called when the rows are not dirty any more. */
void dirty_by_owner_clear(struct dirty_by_owner *o);

#endif
