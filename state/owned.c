#include "state/owned.h"

#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HEADS_MIN ((size_t)256) /* a power of two */

void owned_release(struct owned *o) {
    free(o->heads);
    free(o->next);
}

void owned_clear(struct owned *o) {
    if (o->known > 0)
        memset(o->heads, 0, o->head_count * sizeof *o->heads);
    o->known = 0;
}

static uint32_t *chain_of(const struct owned *o, enum family f, struct slice owner) {
    return &o->heads[row_cache_hash(f, owner) & (o->head_count - 1)];
}

/* So many chains that they stay short. */
static void make_room(struct owned *o, size_t rows) {
    if (o->next_cap < rows) {
        o->next_cap = rows * 2;
        o->next = mem_realloc(o->next, o->next_cap * sizeof *o->next);
    }
    if (o->head_count >= rows && o->head_count > 0)
        return;
    o->head_count = o->head_count > 0 ? o->head_count : HEADS_MIN;
    while (o->head_count < rows)
        o->head_count *= 2;
    free(o->heads);
    o->heads = mem_calloc(o->head_count, sizeof *o->heads);
    o->known = 0;
}

static void add_new_ones(struct owned *o, enum family f, const struct rows *dirty) {
    make_room(o, dirty->n);
    for (; o->known < dirty->n; o->known++) {
        struct slice key = row_key(dirty->p[o->known]);
        size_t n = family_owner_n(f, key);
        if (n == 0)
            continue; /* only whole scans find it */
        uint32_t *head = chain_of(o, f, slice_of(key.p, n));
        o->next[o->known] = *head;
        *head = (uint32_t)o->known + 1;
    }
}

static int by_key(const void *a, const void *b, void *dirty) {
    const struct rows *rows = dirty;
    return slice_compare(row_key(rows->p[*(const uint32_t *)a]), row_key(rows->p[*(const uint32_t *)b]));
}

static bool in_order(const struct places *places, const struct rows *dirty) {
    for (size_t i = 1; i < places->n; i++)
        if (by_key(&places->p[i - 1], &places->p[i], (void *)(uintptr_t)dirty) > 0)
            return false;
    return true;
}

/* Chains begin with the youngest row. Those of a history come in order, nearly always. */
static void reverse(struct places *places) {
    for (size_t i = 0, j = places->n; i + 1 < j; i++) {
        uint32_t place = places->p[i];
        places->p[i] = places->p[--j];
        places->p[j] = place;
    }
}

void owned_find(struct owned *o, enum family f, const struct rows *dirty, struct slice owner,
                struct places *out) {
    out->n = 0;
    add_new_ones(o, f, dirty);
    for (uint32_t at = *chain_of(o, f, owner); at != 0; at = o->next[at - 1])
        if (slice_has_prefix(row_key(dirty->p[at - 1]), owner))
            places_add(out, at - 1);
    reverse(out);
    if (!in_order(out, dirty))
        qsort_r(out->p, out->n, sizeof *out->p, by_key, (void *)(uintptr_t)dirty);
}
