#include "streamer/base/buf.h"

#include "streamer/base/digits.h"
#include "streamer/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void buf_release(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

void buf_grow(struct buf *b, size_t n) {
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap - b->n < n)
        cap *= 2;
    b->p = mem_realloc(b->p, cap);
    b->cap = cap;
}

void buf_set(struct buf *b, struct slice s) {
    b->n = 0;
    buf_put(b, s.p, s.n);
}

void buf_vprintf(struct buf *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n > 0) {
        (void)vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_put_int(struct buf *b, int64_t v) {
    char text[1 + DIGITS_UINT64_MAX];
    char *end = text + sizeof text;
    char *p = digits_put_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    if (v < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(end - p));
}

const char *buf_cstr(struct buf *b) {
    *buf_reserve(b, 1) = '\0';
    return b->p;
}
