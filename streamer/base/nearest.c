#include "streamer/base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct nearest nearest_to(const char *word) {
    /* A name that is farther away is another word, not a typing error. */
    return (struct nearest){.word = word, .distance = 2 + strlen(word) / 5};
}

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t rows[3][NEAREST_NAME_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *recycled = before;
        before = above;
        above = row;
        row = recycled;
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = min(row[j], before[j - 2] + 1);
        }
    }
    return row[b_len];
}

static bool is_tail_of(const char *word, size_t n, const char *name, size_t name_len) {
    return n > 0 && name_len > n && name[name_len - n - 1] == '.' &&
           strcasecmp(name + name_len - n, word) == 0;
}

void nearest_offer(struct nearest *n, const char *name) {
    size_t word_len = strlen(n->word), name_len = strlen(name);
    if (word_len > NEAREST_NAME_MAX || name_len > NEAREST_NAME_MAX)
        return;
    size_t distance = is_tail_of(n->word, word_len, name, name_len)
                          ? 1
                          : edit_distance(n->word, word_len, name, name_len);
    if (distance < n->distance) {
        n->distance = distance;
        memcpy(n->best, name, name_len + 1);
    }
}
