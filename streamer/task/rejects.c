#include "streamer/task/rejects.h"

#include "streamer/base/utf8.h"

#include <assert.h>
#include <string.h>

void rejects_clear(struct rejects *r) {
    r->next = 0;
    r->count = 0;
}

static struct reject *next_place(struct rejects *r) {
    struct reject *place = &r->list[r->next];
    r->next = (r->next + 1) % REJECTS_MAX;
    r->count += r->count < REJECTS_MAX;
    return place;
}

static void set_text(char *to, size_t size, struct slice text) {
    struct slice cut = utf8_is_valid(text) ? utf8_cut(text, size - 1) : slice_str("?");
    if (cut.n > 0) /* of an id that could not be read there is not even a pointer */
        memcpy(to, cut.p, cut.n);
    to[cut.n] = '\0';
}

void rejects_add(struct rejects *r, const struct reject *what, struct slice reason,
                 struct slice id) {
    struct reject *place = next_place(r);
    place->at_ms = what->at_ms;
    place->entity = what->entity;
    place->partition = what->partition;
    place->offset = what->offset;
    place->code = what->code;
    set_text(place->reason, sizeof place->reason, reason);
    set_text(place->id, sizeof place->id, id);
}

void rejects_append(struct rejects *to, const struct rejects *from) {
    for (int i = from->count - 1; i >= 0; i--)
        *next_place(to) = *rejects_newest(from, i);
}

void rejects_merge(struct rejects *to, const struct rejects *from) {
    struct rejects newest_first = {0}, all = {0};
    for (int a = 0, b = 0;
         newest_first.count < REJECTS_MAX && (a < to->count || b < from->count);) {
        bool takes_a = b == from->count || (a < to->count && rejects_newest(to, a)->at_ms >=
                                                                 rejects_newest(from, b)->at_ms);
        *next_place(&newest_first) = takes_a ? *rejects_newest(to, a) : *rejects_newest(from, b);
        a += takes_a;
        b += !takes_a;
    }
    for (int i = 0; i < newest_first.count; i++)
        *next_place(&all) = *rejects_newest(&newest_first, i);
    *to = all;
}

const struct reject *rejects_newest(const struct rejects *r, int i) {
    assert(i >= 0 && i < r->count);
    return &r->list[(r->next - 1 - i + 2 * REJECTS_MAX) % REJECTS_MAX];
}
