#include "streamer/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p, size_t n) {
    if (p == NULL) {
        (void)fprintf(stderr, "level=fatal msg=\"out of memory\" bytes=%zu\n", n);
        abort();
    }
    return p;
}

void *mem_alloc(size_t n) {
    return check(malloc(n != 0 ? n : 1), n);
}

void *mem_calloc(size_t count, size_t size) {
    return check(calloc(count != 0 ? count : 1, size != 0 ? size : 1), count * size);
}

void *mem_realloc(void *p, size_t n) {
    return check(realloc(p, n != 0 ? n : 1), n);
}

void *mem_grow_now(void *p, size_t *cap, size_t need, size_t size) {
    size_t doubled = *cap == 0 ? 8 : *cap * 2;
    *cap = need > doubled ? need : doubled;
    return mem_realloc(p, *cap * size);
}

char *mem_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}
