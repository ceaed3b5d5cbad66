#include "state/cache/key_sort.h"

#include "streamer/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 16 /* bytes of a key that are sorted by */

struct keys {
    struct slice (*of)(const void *context, const void *item);
    const void *context;
};

static struct slice key_of(const struct keys *keys, const struct sorted_item *i) {
    return keys->of(keys->context, i->item);
}

void key_sort_release(struct key_sort *s) {
    for (int i = 0; i < 2; i++)
        free(s->p[i]);
    *s = (struct key_sort){0};
}

struct sorted_item *key_sort_room(struct key_sort *s, size_t n) {
    if (n > s->cap) {
        s->cap = n + n / 8;
        for (int i = 0; i < 2; i++)
            s->p[i] = mem_realloc(s->p[i], s->cap * sizeof *s->p[i]);
    }
    return s->p[0];
}

/* The length of the prefix that all keys share. There must be at least one key. */
static size_t common_prefix(const struct sorted_item *p, size_t n, const struct keys *keys) {
    struct slice first = key_of(keys, &p[0]);
    size_t common = first.n;
    for (size_t i = 1; i < n; i++) {
        struct slice key = key_of(keys, &p[i]);
        size_t same = 0;
        while (same < common && same < key.n && key.p[same] == first.p[same])
            same++;
        common = same;
    }
    return common;
}

/* Eight bytes of the key from `at` on, as a number. Bytes behind its end count as 0. */
static uint64_t digits_at(struct slice key, size_t at) {
    uint64_t digits = 0;
    for (size_t i = at; i < at + 8; i++)
        digits = digits << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
    return digits;
}

static size_t byte_of(const struct sorted_item *i, int byte) {
    return i->digits[byte / 8] >> (56 - byte % 8 * 8) & 0xff;
}

/* One stable pass, by one byte of the digits. Returns false and does nothing if that byte is the
 * same in all items. */
static bool sort_by_byte(const struct sorted_item *from, struct sorted_item *to, size_t n,
                         int byte) {
    size_t begin[256] = {0};
    for (size_t i = 0; i < n; i++)
        begin[byte_of(&from[i], byte)]++;
    if (begin[byte_of(&from[0], byte)] == n)
        return false;
    size_t sum = 0;
    for (int b = 0; b < 256; b++) {
        size_t count = begin[b];
        begin[b] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[begin[byte_of(&from[i], byte)]++] = from[i];
    return true;
}

static int by_key(const void *a, const void *b, void *keys) {
    return slice_compare(key_of(keys, a), key_of(keys, b));
}

/* Sorts items with the same digits by their whole keys. */
static void sort_ties(struct sorted_item *p, size_t n, struct keys *keys) {
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && memcmp(p[to].digits, p[from].digits, sizeof p->digits) == 0;
             to++)
            ;
        if (to - from > 1)
            qsort_r(p + from, to - from, sizeof *p, by_key, keys);
    }
}

const struct sorted_item *key_sort(struct key_sort *s, size_t n,
                                   struct slice (*of)(const void *context, const void *item),
                                   const void *context) {
    struct keys keys = {of, context};
    struct sorted_item *from = s->p[0], *to = s->p[1];
    size_t common = n > 0 ? common_prefix(from, n, &keys) : 0;
    for (size_t i = 0; i < n; i++) {
        struct slice key = key_of(&keys, &from[i]);
        from[i].digits[0] = digits_at(key, common);
        from[i].digits[1] = digits_at(key, common + 8);
    }
    for (int byte = DIGITS - 1; byte >= 0 && n > 1; byte--) {
        if (!sort_by_byte(from, to, n, byte))
            continue;
        struct sorted_item *sorted = to;
        to = from;
        from = sorted;
    }
    sort_ties(from, n, &keys);
    return from;
}
