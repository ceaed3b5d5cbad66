/* mem: allocation that cannot fail halfway. Out of memory ends the process: state is a cache of
 * committed topics, so an abrupt end loses nothing (ARCHITECTURE.md, "Exactly once"). */
#ifndef STREAMER_BASE_MEM_H
#define STREAMER_BASE_MEM_H

#include <stddef.h>

/* Each returns memory that the caller frees with free(); never NULL. */
void *mem_alloc(size_t n);
void *mem_calloc(size_t count, size_t size);
void *mem_realloc(void *p, size_t n);
char *mem_strdup(const char *s);

void *mem_grow_now(void *p, size_t *cap, size_t need, size_t size); /* for mem_grow */
/* Makes room for `need` elements in the array `p`, which has room for `*cap` elements of `size`
 * bytes (NULL and 0 at first). Returns where the array is now. It at least doubles, so that adding
 * n elements one by one copies O(n) elements in all. */
static inline void *mem_grow(void *p, size_t *cap, size_t need, size_t size) {
    return need <= *cap ? p : mem_grow_now(p, cap, need, size);
}

/* The number of elements of an array object (not of a pointer). */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
