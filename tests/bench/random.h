/* random: numbers that follow from a seed (splitmix64). */
#ifndef TESTS_BENCH_RANDOM_H
#define TESTS_BENCH_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline int64_t random_below(uint64_t *state, int64_t n) {
    return (int64_t)(random_next(state) % (uint64_t)n);
}

/* 0 up to 1. */
static inline double random_unit(uint64_t *state) {
    return (double)(random_next(state) >> 11) / 9007199254740992.0;
}

/* Another number below n (less than 2^31) for each i below n, in no order. */
static inline int64_t random_scatter(int64_t i, int64_t n) {
    return i * INT64_C(2147483647) % n; /* a prime */
}

#endif
