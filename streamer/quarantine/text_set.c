#include "streamer/quarantine/text_set.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"

#include <stdlib.h>

#define SLOT_BITS_MIN 8

void text_set_release(struct text_set *s) {
    for (size_t i = 0; i < s->count; i++)
        buf_release(&s->texts[i]);
    free(s->texts);
    free(s->slots);
    *s = (struct text_set){0};
}

struct slice text_set_at(const struct text_set *s, size_t number) {
    return buf_slice(&s->texts[number]);
}

/* The slot of the text, or the free slot where it belongs. Ids of one partition have much of their
 * hash in common, so the slot is taken from the high bits of a product, which differ. */
static uint32_t *find_slot(const struct text_set *s, struct slice text) {
    uint32_t mask = (UINT32_C(1) << s->slot_bits) - 1;
    uint32_t at = ((uint32_t)murmur2(text) * UINT32_C(0x9e3779b1)) >> (32 - s->slot_bits);
    while (s->slots[at] != 0 && !slice_eq(text_set_at(s, s->slots[at] - 1), text))
        at = (at + 1) & mask;
    return &s->slots[at];
}

static void grow_table(struct text_set *s) {
    s->slot_bits = s->slots == NULL ? SLOT_BITS_MIN : s->slot_bits + 1;
    free(s->slots);
    s->slots = mem_calloc((size_t)1 << s->slot_bits, sizeof *s->slots);
    for (size_t i = 0; i < s->count; i++)
        *find_slot(s, text_set_at(s, i)) = (uint32_t)(i + 1);
}

bool text_set_find(const struct text_set *s, struct slice text, size_t *number) {
    if (s->count == 0)
        return false;
    uint32_t found = *find_slot(s, text);
    *number = found - 1;
    return found != 0;
}

size_t text_set_add(struct text_set *s, struct slice text) {
    if (s->slots == NULL || s->count >= (size_t)1 << (s->slot_bits - 1))
        grow_table(s);
    uint32_t *slot = find_slot(s, text);
    if (*slot != 0)
        return *slot - 1;
    s->texts = mem_grow(s->texts, &s->cap, s->count + 1, sizeof *s->texts);
    s->texts[s->count] = (struct buf){0};
    buf_set(&s->texts[s->count], text);
    *slot = (uint32_t)++s->count;
    return s->count - 1;
}
