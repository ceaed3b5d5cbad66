#include "state/cache/row_cache.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64 /* the number of slots is a multiple of four */
#define SLACK 2      /* bytes that a value can always grow by in place */
#define STEPS 16     /* rows that the clock hand passes at most when a row is added */

/* GCC drops calls of a function that only prefetches, because it has no effect. The empty assembler
 * statement counts as an effect: without it 5 of 7 prefetches are missing in the program
 * (objdump -d build/release/tests/cycle | grep -c prefetch). */
static inline void prefetch(const void *p) {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

/* --- hash table --- */

/* FNV-1a with words of eight bytes: each is multiplied in, and the upper half is folded into the
 * lower one. The constant is 2^64 divided by the golden ratio. */
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

/* The slot of the row with that key, or NO_SLOT. */
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

/* Frees a slot. The rows in the slots behind it move up where that brings them nearer to their home
 * (Knuth, TAOCP 6.4, algorithm R). */
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

/* --- eviction --- */

/* The size of a row, rounded up as an allocator would. */
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

/* Slot under the clock hand: groups of four adjacent slots, visited in scattered order, so that
 * evictions leave no long gaps. With long gaps behind the hand the rows before it would be crowded,
 * and look-ups there would probe many slots. */
static size_t slot_at(const struct row_cache *c, size_t hand) {
    /* The factor is a prime, so all groups are visited. */
    size_t group = (hand >> 2) * 0x9e3779b1 % (c->slot_count / 4);
    return group * 4 + hand % 4;
}

static void prefetch_slot(const struct row_cache *c, size_t i) {
    prefetch(&c->tags[i]);
    prefetch(&c->rows[i]);
}

/* To be called when the hand is on the first slot of a group: prefetches the group that comes four
 * groups later, and of the group two groups later the rows that may be evicted. */
static void prefetch_evictions(const struct row_cache *c) {
    prefetch_slot(c, slot_at(c, c->hand + 16));
    size_t group = slot_at(c, c->hand + 8);
    for (size_t i = group; i < group + 4; i++)
        if (c->tags[i] != 0 && !(c->tags[i] & USED))
            prefetch(c->rows[i]);
}

/* Evicts clean rows until the cache is within its memory (CLOCK). A hand goes round over the slots
 * and evicts the rows that nobody has used since it was there last. A new row counts as unused, so
 * that rows which are asked for once are evicted first, as with SIEVE (Zhang et al., NSDI 2024).
 * The hand passes at most `steps` rows, because many of them may be dirty. */
static void evict(struct row_cache *c, size_t steps) {
    while (c->bytes > c->max_bytes && c->count > 0 && steps > 0) {
        if (c->hand % 4 == 0)
            prefetch_evictions(c);
        size_t i = slot_at(c, c->hand);
        bool taken = c->tags[i] != 0;
        steps -= taken;
        if (taken && !(c->tags[i] & USED) && !c->rows[i]->dirty) {
            remove_at(c, i); /* another row may have moved to this slot: look again */
            continue;
        }
        c->tags[i] &= ~USED;
        c->hand++;
    }
}

/* --- rows --- */

/* Returns the place of the row in the list. */
static uint32_t rows_add(struct rows *rows, struct row *r) {
    rows->p = mem_grow(rows->p, &rows->cap, rows->n + 1, sizeof(struct row *));
    rows->p[rows->n] = r;
    return (uint32_t)rows->n++;
}

static void places_add(struct places *places, uint32_t place) {
    places->p = mem_grow(places->p, &places->cap, places->n + 1, sizeof *places->p);
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

/* The row, which counts as used from now on. NULL: it is not in memory, and `hash` is set. */
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

/* The row must not be in memory. The new row is absent, and has room for a value of `value_n`
 * bytes. */
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

/* Makes room in a row for a larger value. Returns where the row is now; all pointers of the cache
 * to it are updated. */
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

struct row *row_cache_put_clean(struct row_cache *c, enum family f, struct slice key,
                                struct slice value, uint32_t epoch) {
    uint32_t hash;
    struct row *r = find_again(c, f, key, &hash);
    if (r == NULL) {
        evict(c, STEPS);
        r = add_row(c, f, hash, key, value.p != NULL ? value.n : c->typical_size[f]);
    }
    assert(!r->dirty);
    r = set_value(c, r, value);
    r->epoch = epoch;
    return r;
}

static struct row *find_or_add(struct row_cache *c, enum family f, struct slice key,
                               size_t value_n) {
    uint32_t hash;
    struct row *r = find_again(c, f, key, &hash);
    size_t room = value_n > c->typical_size[f] ? value_n : c->typical_size[f];
    return r != NULL ? r : add_row(c, f, hash, key, room);
}

void row_cache_put_dirty(struct row_cache *c, enum family f, struct slice key, struct slice value) {
    struct row *r = find_or_add(c, f, key, value.n);
    bool is_listed = r->dirty && !r->indexed; /* in `unindexed` */
    r = set_value(c, r, value);
    if (!r->dirty) {
        r->dirty_at = rows_add(&c->dirty[f], r);
        c->dirty_bytes += size_of(r);
    }
    if (!is_listed)
        places_add(&c->unindexed[f], r->dirty_at);
    r->dirty = true;
    r->indexed = false;
}

/* --- the dirty rows --- */

static struct slice key_of(const void *context, const void *item) {
    (void)context;
    return row_key(item);
}

const struct rows *row_cache_sort_dirty(struct row_cache *c, enum family f) {
    struct rows *rows = &c->dirty[f];
    struct sorted_item *items = key_sort_room(&c->sort, rows->n);
    for (size_t i = 0; i < rows->n; i++)
        items[i].item = rows->p[i];
    const struct sorted_item *sorted = key_sort(&c->sort, rows->n, key_of, NULL);
    for (size_t i = 0; i < rows->n; i++)
        rows->p[i] = (struct row *)(uintptr_t)sorted[i].item;
    return rows;
}

void row_cache_mark_clean(struct row_cache *c, uint32_t (*epoch_of)(void *, struct slice key),
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
    evict(c, SIZE_MAX);
}

void row_cache_drop_dirty(struct row_cache *c) {
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < c->dirty[f].n; i++)
            remove_row(c, c->dirty[f].p[i]);
        c->dirty[f].n = c->unindexed[f].n = 0;
    }
    c->dirty_bytes = 0;
}
