/* mem: allocation that never returns NULL. Running out of memory ends the process. That loses
 * nothing, because the state is a cache of committed topics (ARCHITECTURE.md, "Exactly once: the
 * cycle"). */
#ifndef STREAMER_BASE_MEM_H
#define STREAMER_BASE_MEM_H

#include <stddef.h>

/* Each returns memory that the caller frees with free(). */
void *mem_alloc(size_t n);
void *mem_calloc(size_t count, size_t size);
void *mem_realloc(void *p, size_t n);
char *mem_strdup(const char *s);

void *mem_grow_now(void *p, size_t *cap, size_t need, size_t size); /* only for mem_grow */
/* Makes room for `need` elements of `size` bytes in the array `p`, whose capacity is *cap elements
 * (at first NULL and 0). Returns where the array is now. A full array at least doubles, so that
 * adding n elements one by one copies O(n) of them. */
static inline void *mem_grow(void *p, size_t *cap, size_t need, size_t size) {
    return need <= *cap ? p : mem_grow_now(p, cap, need, size);
}

/* The number of elements of an array object (not of a pointer). */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
