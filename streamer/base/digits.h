/* digits: decimal printing from the right, two digits at a time, because division dominates; and
 * the values of hexadecimal digits. */
#ifndef STREAMER_BASE_DIGITS_H
#define STREAMER_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_UINT64_MAX 20 /* most digits that a uint64_t has */

extern const char digits_pairs[200]; /* "00" to "99" */

/* Writes v, which is below 100, as two digits. */
static inline void digits_put_pair(char *to, uint32_t v) {
    memcpy(to, &digits_pairs[2 * (size_t)v], 2);
}

/* The value of a hexadecimal digit of either case; -1 if `c` is none. */
int digits_hex_value(char c);

/* Writes v so that its last digit is at end[-1]. Returns where its first digit is. */
static inline char *digits_put_before(char *end, uint64_t v) {
    for (; v > UINT32_MAX; v /= 100)
        digits_put_pair(end -= 2, (uint32_t)(v % 100));
    uint32_t low = (uint32_t)v; /* dividing 32 bits takes half the time */
    for (; low >= 100; low /= 100)
        digits_put_pair(end -= 2, low % 100);
    if (low >= 10)
        digits_put_pair(end -= 2, low);
    else
        *--end = (char)('0' + low);
    return end;
}

#endif
