/* words: figures as people read them. Pure. */
#ifndef STREAMER_BASE_WORDS_H
#define STREAMER_BASE_WORDS_H

#include <stdint.h>

struct words {
    char text[40];
};

/* A duration in its largest unit that makes at least 2 of it, cut: "45 s", "119 s", "2 min",
 * "26 h", "3 d". It is not negative. */
struct words words_duration(int64_t seconds);

/* A number with its thousands apart: "1,234,567". */
struct words words_count(int64_t n);

/* Bytes in the largest unit that makes at least 1 of it, with one decimal: "512 B", "1.5 MiB". They
 * are not negative. */
struct words words_bytes(int64_t bytes);

#endif
