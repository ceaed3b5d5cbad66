#include "state/cache/row_cache.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64 /* the number of slots is a multiple of four */
#define SLACK 2      /* bytes that a value may at least grow by in place */
#define STEPS 16

/* GCC takes a function that only prefetches for one without effects, and may drop calls of it: the
 * empty statement is one. */
static inline void prefetch(const void *p) {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

/* --- hash table --- */

/* Eight bytes at a time: multiply and fold (FNV-1a with a larger word; the constant is 2^64 /
 * golden ratio). */
uint32_t row_cache_hash(enum family f, struct slice key) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)f;
    const char *p = key.p;
    size_t n = key.n;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    uint64_t tail = n;
    for (; n > 0; n--, p++)
        tail = tail << 8 | (unsigned char)*p;
    h = (h ^ tail) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

#define USED 1u
#define NO_SLOT SIZE_MAX

static uint32_t tag_of(uint32_t hash) {
    uint32_t tag = hash & ~USED;
    return tag != 0 ? tag : 2;
}

static size_t home_of(const struct row_cache *c, uint32_t tag) {
    return (size_t)((uint64_t)(tag >> 1) * c->slot_count >> 31);
}

static size_t next_slot(const struct row_cache *c, size_t i) {
    return i + 1 < c->slot_count ? i + 1 : 0;
}

static bool has_key(const struct row *r, enum family f, struct slice key) {
    return row_family(r) == f && slice_eq(row_key(r), key);
}

/* The slot with that row, or NO_SLOT. */
static size_t find(const struct row_cache *c, uint32_t hash, enum family f, struct slice key) {
    uint32_t tag = tag_of(hash);
    for (size_t i = home_of(c, tag); c->tags[i] != 0; i = next_slot(c, i))
        if ((c->tags[i] & ~USED) == tag && has_key(c->rows[i], f, key))
            return i;
    return NO_SLOT;
}

static void put_in_slot(struct row_cache *c, uint32_t tag, struct row *r) {
    size_t i = home_of(c, tag);
    while (c->tags[i] != 0)
        i = next_slot(c, i);
    c->tags[i] = tag;
    c->rows[i] = r;
}

static size_t distance(const struct row_cache *c, size_t from, size_t to) {
    return to >= from ? to - from : to + c->slot_count - from;
}

/* Those behind it move up, as far as that brings them nearer to where they belong (Knuth,
 * TAOCP 6.4, algorithm R). */
static void take_from_slot(struct row_cache *c, size_t gap) {
    for (size_t i = next_slot(c, gap); c->tags[i] != 0; i = next_slot(c, i)) {
        if (distance(c, home_of(c, c->tags[i]), i) < distance(c, gap, i))
            continue;
        c->tags[gap] = c->tags[i];
        c->rows[gap] = c->rows[i];
        gap = i;
    }
    c->tags[gap] = 0;
}

static void grow_slots(struct row_cache *c) {
    uint32_t *tags = c->tags;
    struct row **rows = c->rows;
    size_t old_count = c->slot_count;
    c->slot_count = old_count == 0 ? SLOTS_MIN : (old_count / 2 * 3 + 3) / 4 * 4;
    c->bytes += (c->slot_count - old_count) * (sizeof *tags + sizeof(struct row *));
    c->tags = mem_calloc(c->slot_count, sizeof *c->tags);
    c->rows = mem_calloc(c->slot_count, sizeof(struct row *));
    for (size_t i = 0; i < old_count; i++)
        if (tags[i] != 0)
            put_in_slot(c, tags[i], rows[i]);
    free(tags);
    free(rows);
}

/* --- what leaves --- */

/* What an allocator would round up to anyway. */
static size_t size_for(size_t key_n, size_t value_n) {
    return (offsetof(struct row, bytes) + 1 + key_n + value_n + SLACK + 15) & ~(size_t)15;
}

static size_t size_of(const struct row *r) {
    return offsetof(struct row, bytes) + r->cap;
}

static void remove_at(struct row_cache *c, size_t slot) {
    struct row *r = c->rows[slot];
    take_from_slot(c, slot);
    if (c->last[row_family(r)] == r)
        c->last[row_family(r)] = NULL;
    c->count--;
    c->bytes -= size_of(r);
    free(r);
}

static size_t slot_of(const struct row_cache *c, const struct row *r) {
    size_t i = home_of(c, tag_of(row_cache_hash(row_family(r), row_key(r))));
    while (c->rows[i] != r || c->tags[i] == 0)
        i = next_slot(c, i);
    return i;
}

static void remove_row(struct row_cache *c, const struct row *r) {
    remove_at(c, slot_of(c, r));
}

/* Where the hand stands then: four neighbours after each other, the fours in no order. Else most
 * rows behind the hand would be gone and those before it be crowded together, and look-ups there
 * would go far. */
static size_t slot_at(const struct row_cache *c, size_t hand) {
    size_t four =
        (hand >> 2) * 0x9e3779b1 % (c->slot_count / 4); /* a prime: it comes to all of them */
    return four * 4 + hand % 4;
}

static void prefetch_slot(const struct row_cache *c, size_t i) {
    prefetch(&c->tags[i]);
    prefetch(&c->rows[i]);
}

/* With the hand on the first of a four: the slots that it comes to soon, and before them the rows
 * that may leave. */
static void prefetch_leaving(const struct row_cache *c) {
    prefetch_slot(c, slot_at(c, c->hand + 16));
    size_t four = slot_at(c, c->hand + 8);
    for (size_t i = four; i < four + 4; i++)
        if (c->tags[i] != 0 && !(c->tags[i] & USED))
            prefetch(c->rows[i]);
}

/* CLOCK over the slots, which lie in no order of time: a hand goes round and takes away those rows
 * that nobody has used since it was there last. A new one counts as unused, so that rows which are
 * asked for once leave first, as with SIEVE (Zhang et al., NSDI 2024). At most `steps` rows: where
 * many are dirty it goes on another time. */
static void shrink(struct row_cache *c, size_t steps) {
    while (c->bytes > c->max_bytes && c->count > 0 && steps > 0) {
        if (c->hand % 4 == 0)
            prefetch_leaving(c);
        size_t i = slot_at(c, c->hand);
        bool taken = c->tags[i] != 0;
        steps -= taken;
        if (taken && !(c->tags[i] & USED) && !c->rows[i]->dirty) {
            remove_at(c, i); /* another one may have moved there */
            continue;
        }
        c->tags[i] &= ~USED;
        c->hand++;
    }
}

/* --- rows --- */

/* Returns its place. */
static uint32_t rows_add(struct rows *rows, struct row *r) {
    if (rows->n == rows->cap) {
        rows->cap = rows->cap == 0 ? 64 : rows->cap * 2;
        rows->p = mem_realloc(rows->p, rows->cap * sizeof(struct row *));
    }
    rows->p[rows->n] = r;
    return (uint32_t)rows->n++;
}

void places_add(struct places *places, uint32_t place) {
    if (places->n == places->cap) {
        places->cap = places->cap == 0 ? 64 : places->cap * 2;
        places->p = mem_realloc(places->p, places->cap * sizeof *places->p);
    }
    places->p[places->n++] = place;
}

void row_cache_init(struct row_cache *c, size_t max_bytes) {
    *c = (struct row_cache){.max_bytes = max_bytes};
    grow_slots(c);
}

void row_cache_release(struct row_cache *c) {
    for (size_t i = 0; i < c->slot_count; i++)
        if (c->tags[i] != 0)
            free(c->rows[i]);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        free(c->dirty[f].p);
        free(c->unindexed[f].p);
    }
    key_sort_release(&c->sort);
    free(c->tags);
    free(c->rows);
}

void row_cache_prefetch_slot(const struct row_cache *c, uint32_t hash) {
    prefetch_slot(c, home_of(c, tag_of(hash)));
}

void row_cache_prefetch_row(const struct row_cache *c, uint32_t hash) {
    uint32_t tag = tag_of(hash);
    size_t i = home_of(c, tag);
    while (c->tags[i] != 0 && (c->tags[i] & ~USED) != tag)
        i = next_slot(c, i);
    if (c->tags[i] != 0)
        prefetch(c->rows[i]);
}

struct row *row_cache_find_hashed(struct row_cache *c, enum family f, struct slice key,
                                  uint32_t hash) {
    size_t i = find(c, hash, f, key);
    if (i == NO_SLOT)
        return NULL;
    c->tags[i] |= USED;
    return c->last[f] = c->rows[i];
}

/* The row, or NULL; `hash` is set only then. It counts as used. */
static struct row *find_again(struct row_cache *c, enum family f, struct slice key,
                              uint32_t *hash) {
    struct row *r = c->last[f];
    if (r != NULL && has_key(r, f, key))
        return r;
    *hash = row_cache_hash(f, key);
    return row_cache_find_hashed(c, f, key, *hash);
}

struct row *row_cache_find(struct row_cache *c, enum family f, struct slice key) {
    uint32_t hash;
    return find_again(c, f, key, &hash);
}

static struct row *add_row(struct row_cache *c, enum family f, uint32_t hash, struct slice key,
                           size_t value_n) {
    if (c->count >= c->slot_count / 4 * 3)
        grow_slots(c);
    size_t size = size_for(key.n, value_n);
    struct row *r = mem_alloc(size);
    *r = (struct row){.key_n = (uint32_t)key.n,
                      .cap = (uint32_t)(size - offsetof(struct row, bytes))};
    r->bytes[0] = (char)f;
    memcpy(r->bytes + 1, key.p, key.n);
    put_in_slot(c, tag_of(hash), r);
    c->last[f] = r;
    c->count++;
    c->bytes += size_of(r);
    return r;
}

/* Returns the row where it is now; everything that pointed to it follows. */
static struct row *make_room(struct row_cache *c, struct row *r, size_t value_n) {
    size_t slot = slot_of(c, r), size = size_for(r->key_n, value_n);
    bool was_last = c->last[row_family(r)] == r;
    c->bytes -= size_of(r);
    r = mem_realloc(r, size);
    r->cap = (uint32_t)(size - offsetof(struct row, bytes));
    c->bytes += size_of(r);
    c->rows[slot] = r;
    if (was_last)
        c->last[row_family(r)] = r;
    if (r->dirty)
        c->dirty[row_family(r)].p[r->dirty_at] = r;
    return r;
}

static struct row *set_value(struct row_cache *c, struct row *r, struct slice value) {
    if (1 + r->key_n + value.n > r->cap)
        r = make_room(c, r, value.n);
    r->exists = value.p != NULL;
    r->value_n = (uint32_t)value.n;
    if (value.p != NULL && value.n > 0)
        memcpy(r->bytes + 1 + r->key_n, value.p, value.n);
    return r;
}

struct row *row_cache_keep(struct row_cache *c, enum family f, struct slice key, struct slice value,
                           uint32_t epoch) {
    uint32_t hash;
    struct row *r = find_again(c, f, key, &hash);
    if (r == NULL) {
        shrink(c, STEPS);
        r = add_row(c, f, hash, key, value.p != NULL ? value.n : c->typical_size[f]);
    }
    assert(!r->dirty);
    r = set_value(c, r, value);
    r->epoch = epoch;
    return r;
}

struct row *row_cache_own(struct row_cache *c, enum family f, struct slice key, size_t value_n) {
    uint32_t hash;
    struct row *r = find_again(c, f, key, &hash);
    return r != NULL ? r
                     : add_row(c, f, hash, key,
                               value_n > c->typical_size[f] ? value_n : c->typical_size[f]);
}

void row_cache_change(struct row_cache *c, struct row *r, struct slice value) {
    bool listed = r->dirty && !r->indexed; /* as not indexed */
    r = set_value(c, r, value);
    enum family f = row_family(r);
    if (!r->dirty) {
        r->dirty_at = rows_add(&c->dirty[f], r);
        c->dirty_bytes += size_of(r);
    }
    if (!listed)
        places_add(&c->unindexed[f], r->dirty_at);
    r->dirty = true;
    r->indexed = false;
}

/* --- in the order of keys --- */

static struct slice key_of(const void *context, const void *item) {
    (void)context;
    return row_key(item);
}

const struct rows *row_cache_sorted(struct row_cache *c, enum family f) {
    struct rows *rows = &c->dirty[f];
    struct sorted_item *items = key_sort_room(&c->sort, rows->n);
    for (size_t i = 0; i < rows->n; i++)
        items[i].item = rows->p[i];
    const struct sorted_item *sorted = key_sort(&c->sort, rows->n, key_of, NULL);
    for (size_t i = 0; i < rows->n; i++)
        rows->p[i] = (struct row *)(uintptr_t)sorted[i].item;
    return rows;
}

/* --- what becomes of the dirty ones --- */

void row_cache_written(struct row_cache *c, uint32_t (*epoch_of)(void *, struct slice key),
                       void *arg) {
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < c->dirty[f].n; i++) {
            struct row *r = c->dirty[f].p[i];
            if (family_is_only_scanned((enum family)f)) {
                remove_row(c, r);
                continue;
            }
            c->typical_size[f] += r->value_n / 8 - c->typical_size[f] / 8;
            r->dirty = false;
            r->indexed = false;
            r->epoch = epoch_of(arg, row_key(r));
        }
        c->dirty[f].n = c->unindexed[f].n = 0;
    }
    c->dirty_bytes = 0;
    shrink(c, SIZE_MAX);
}

void row_cache_drop_dirty(struct row_cache *c) {
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < c->dirty[f].n; i++)
            remove_row(c, c->dirty[f].p[i]);
        c->dirty[f].n = c->unindexed[f].n = 0;
    }
    c->dirty_bytes = 0;
}
