#include "state/cache/dirty_by_owner.h"

#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ROOTS_MIN ((size_t)256) /* a power of two */

void dirty_by_owner_release(struct dirty_by_owner *o) {
    free(o->roots);
    free(o->nodes);
}

void dirty_by_owner_clear(struct dirty_by_owner *o) {
    if (o->known > 0)
        memset(o->roots, 0, o->root_count * sizeof *o->roots);
    o->known = 0;
}

static uint32_t *root_of(const struct dirty_by_owner *o, enum family f, struct slice owner) {
    return &o->roots[row_cache_hash(f, owner) & (o->root_count - 1)];
}

/* Makes as many trees as there are rows, so that few owners share a tree. */
static void make_room(struct dirty_by_owner *o, size_t rows) {
    o->nodes = mem_grow(o->nodes, &o->node_cap, rows, sizeof *o->nodes);
    if (o->root_count >= rows && o->root_count > 0)
        return;
    o->root_count = o->root_count > 0 ? o->root_count : ROOTS_MIN;
    while (o->root_count < rows)
        o->root_count *= 2;
    free(o->roots);
    o->roots = mem_calloc(o->root_count, sizeof *o->roots);
    o->known = 0;
}

/* --- treaps (Seidel and Aragon 1996) ---
 *
 * A treap is a search tree by key and a heap by priority. With random priorities its depth is
 * logarithmic. */

static struct slice key_at(const struct rows *dirty, uint32_t link) {
    return row_key(dirty->p[link - 1]);
}

/* As good as random. The function is one to one, so no two rows have the same priority. */
static uint32_t priority_of(uint32_t link) {
    uint32_t x = link * UINT32_C(0x9e3779b1);
    x ^= x >> 15;
    return x * UINT32_C(0x85ebca77);
}

static void insert(struct dirty_by_owner *o, const struct rows *dirty, uint32_t *at,
                   uint32_t link) {
    struct slice key = key_at(dirty, link);
    struct dirty_by_owner_node *node = &o->nodes[link - 1];
    while (*at != 0 && priority_of(*at) > priority_of(link))
        at = slice_compare(key, key_at(dirty, *at)) < 0 ? &o->nodes[*at - 1].left
                                                        : &o->nodes[*at - 1].right;
    uint32_t rest = *at, *lower = &node->left, *higher = &node->right;
    *at = link;
    while (rest != 0) { /* splits the subtree that was there */
        struct dirty_by_owner_node *r = &o->nodes[rest - 1];
        bool is_lower = slice_compare(key_at(dirty, rest), key) < 0;
        *(is_lower ? lower : higher) = rest;
        rest = is_lower ? r->right : r->left;
        if (is_lower)
            lower = &r->right;
        else
            higher = &r->left;
    }
    *lower = *higher = 0;
}

static void add_new_ones(struct dirty_by_owner *o, enum family f, const struct rows *dirty) {
    make_room(o, dirty->n);
    for (; o->known < dirty->n; o->known++) {
        struct slice key = row_key(dirty->p[o->known]);
        size_t n = family_owner_n(f, key);
        if (n > 0) /* a row without an owner is found by scans of the whole family only */
            insert(o, dirty, root_of(o, f, slice_of(key.p, n)), (uint32_t)o->known + 1);
    }
}

const struct row *dirty_by_owner_find(struct dirty_by_owner *o, enum family f,
                                      const struct rows *dirty, struct slice key, size_t owner_n,
                                      enum dirty_by_owner_side side) {
    struct slice owner = slice_of(key.p, owner_n);
    bool is_upward = side == DIRTY_FROM || side == DIRTY_BEHIND;
    bool takes_equal = side == DIRTY_FROM || side == DIRTY_UP_TO;
    uint32_t best = 0;
    add_new_ones(o, f, dirty);
    for (uint32_t at = *root_of(o, f, owner); at != 0;) {
        int order = slice_compare(key_at(dirty, at), key);
        if (order == 0 && takes_equal)
            return dirty->p[at - 1];
        bool is_good = is_upward ? order > 0 : order < 0;
        if (is_good)
            best = at; /* a nearer row can only be on the side of the key */
        at = is_good == is_upward ? o->nodes[at - 1].left : o->nodes[at - 1].right;
    }
    return best != 0 && slice_has_prefix(key_at(dirty, best), owner) ? dirty->p[best - 1] : NULL;
}
