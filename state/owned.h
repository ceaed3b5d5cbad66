/* owned: finds the dirty rows of one owner (family_owner_n) among those of a family. A hash table of chains of places, for a
 * cursor: an ordered index over all dirty rows costs several microseconds for each of them, and nearly all of them belong to
 * owners that nobody looks at. Owned by one batch; one thread. */
#ifndef STATE_OWNED_H
#define STATE_OWNED_H

#include "state/row_cache.h"

struct owned {
    uint32_t *heads; /* by hash of the owner: the last place of a chain + 1; 0: none */
    uint32_t *next;  /* by place: the place before it in its chain + 1; 0: none */
    size_t head_count, next_cap;
    size_t known; /* places 0 … known - 1 are in it */
};
void owned_release(struct owned *o);

/* Puts into `out`, which it clears, the places of the dirty rows of that owner, in the order of their keys. `dirty`: all dirty
 * rows of the family; only appended to since the last owned_clear. */
void owned_find(struct owned *o, enum family f, const struct rows *dirty, struct slice owner,
                struct places *out);
/* No row is dirty any more. */
void owned_clear(struct owned *o);

#endif
