/* text_set: a set of texts in memory. Each has a number: how many were there when it was added. It
 * belongs to one thread. */
#ifndef STREAMER_QUARANTINE_TEXT_SET_H
#define STREAMER_QUARANTINE_TEXT_SET_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialized is empty. */
struct text_set {
    struct buf *texts; /* by number */
    size_t count, cap;
    /* A hash table with open addressing: 1 + the number of a text; 0: free. It has 2^slot_bits
     * slots. */
    uint32_t *slots;
    unsigned slot_bits;
};
void text_set_release(struct text_set *s);

/* Adds a copy of the text, unless it is there. Returns its number. At most 2^31 texts. */
size_t text_set_add(struct text_set *s, struct slice text);
/* False: the text is not there. */
bool text_set_find(const struct text_set *s, struct slice text, size_t *number);
/* Good until the next text is added. */
struct slice text_set_at(const struct text_set *s, size_t number);

#endif
