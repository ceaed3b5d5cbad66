#include "streamer/task/replay_buffer.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"

#include <stdlib.h>

#define SLOT_BITS_MIN 8

void replay_buffer_release(struct replay_buffer *s) {
    buf_release(&s->bytes);
    free(s->messages);
    free(s->slots);
    *s = (struct replay_buffer){0};
}

void replay_buffer_clear(struct replay_buffer *s) {
    buf_clear(&s->bytes);
    s->count = 0;
    if (s->slots != NULL)
        memset(s->slots, 0, sizeof *s->slots << s->slot_bits);
}

struct slice replay_buffer_key(const struct replay_buffer *s, size_t i) {
    const struct replay_message *m = &s->messages[i];
    return m->has_key ? slice_of(buf_slice(&s->bytes).p + m->at, m->key_n) : slice_null();
}

struct slice replay_buffer_value(const struct replay_buffer *s, size_t i) {
    const struct replay_message *m = &s->messages[i];
    return m->has_value ? slice_of(buf_slice(&s->bytes).p + m->at + m->key_n, m->value_n)
                        : slice_null();
}

struct history_headers replay_buffer_headers(const struct replay_buffer *s, size_t i) {
    const struct replay_message *m = &s->messages[i];
    const char *p = buf_slice(&s->bytes).p + m->at + m->key_n + m->value_n;
    struct history_headers headers = {slice_null(), slice_null(), slice_null()};
    if (m->position_n > 0)
        headers.position = slice_of(p, m->position_n);
    if (m->origin_n > 0)
        headers.origin = slice_of(p + m->position_n, m->origin_n);
    if (m->split_n > 0)
        headers.split = slice_of(p + m->position_n + m->origin_n, m->split_n);
    return headers;
}

static bool same_key(const struct replay_buffer *s, size_t i, size_t k) {
    const struct replay_message *a = &s->messages[i], *b = &s->messages[k];
    return a->hash == b->hash && a->topic == b->topic && a->ahead == b->ahead &&
           a->has_key == b->has_key && slice_eq(replay_buffer_key(s, i), replay_buffer_key(s, k));
}

/* The slot of message `i`'s key, or the free slot where it belongs. The hashes of the keys of one
 * partition have much in common, because the partition was computed from them (murmur2_partition).
 * So the slot is taken from the high bits of a product, which differ. */
static uint32_t *find_slot(struct replay_buffer *s, size_t i) {
    uint32_t mask = (UINT32_C(1) << s->slot_bits) - 1;
    uint32_t at = (s->messages[i].hash * UINT32_C(0x9e3779b1)) >> (32 - s->slot_bits);
    while (s->slots[at] != 0 && !same_key(s, s->slots[at] - 1, i))
        at = (at + 1) & mask;
    return &s->slots[at];
}

static void grow_table(struct replay_buffer *s) {
    s->slot_bits = s->slots == NULL ? SLOT_BITS_MIN : s->slot_bits + 1;
    free(s->slots);
    s->slots = mem_calloc((size_t)1 << s->slot_bits, sizeof *s->slots);
    for (size_t i = 0; i < s->count; i++)
        if (!s->messages[i].replaced)
            *find_slot(s, i) = (uint32_t)(i + 1);
}

static void add_message(struct replay_buffer *s, struct replay_message m) {
    s->messages = mem_grow(s->messages, &s->cap, s->count + 1, sizeof *s->messages);
    s->messages[s->count++] = m;
}

void replay_buffer_put(struct replay_buffer *s, enum topic topic, bool ahead, struct slice key,
                       struct slice value, struct history_headers headers) {
    if (s->slots == NULL || s->count >= (size_t)1 << (s->slot_bits - 1))
        grow_table(s);
    add_message(s, (struct replay_message){.at = s->bytes.n,
                                           .key_n = (uint32_t)key.n,
                                           .value_n = (uint32_t)value.n,
                                           .position_n = (uint32_t)headers.position.n,
                                           .origin_n = (uint32_t)headers.origin.n,
                                           .split_n = (uint32_t)headers.split.n,
                                           .hash = (uint32_t)murmur2(key) + (uint32_t)topic,
                                           .topic = (uint8_t)topic,
                                           .has_key = key.p != NULL,
                                           .has_value = value.p != NULL,
                                           .ahead = ahead});
    buf_put_slice(&s->bytes, key);
    buf_put_slice(&s->bytes, value);
    buf_put_slice(&s->bytes, headers.position);
    buf_put_slice(&s->bytes, headers.origin);
    buf_put_slice(&s->bytes, headers.split);
    uint32_t *slot = find_slot(s, s->count - 1);
    if (*slot != 0)
        s->messages[*slot - 1].replaced = true;
    *slot = (uint32_t)s->count;
}
