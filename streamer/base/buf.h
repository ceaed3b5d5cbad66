/* buf: a growable byte buffer. Appending cannot fail (see mem.h). One thread at a time. */
#ifndef STREAMER_BASE_BUF_H
#define STREAMER_BASE_BUF_H

#include "streamer/base/slice.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialized is a valid empty buffer. The struct owns p. */
struct buf {
    char *p;
    size_t n, cap;
};

void buf_release(struct buf *b);
static inline void buf_clear(struct buf *b) {
    b->n = 0;
}
static inline struct slice buf_slice(const struct buf *b) {
    return (struct slice){b->p != NULL ? b->p : "", b->n};
}

void buf_grow(struct buf *b, size_t n); /* only for buf_reserve */
/* Room for `n` more bytes; returns where they start. The caller then adds what it wrote to b->n. */
static inline char *buf_reserve(struct buf *b, size_t n) {
    if (b->cap - b->n < n)
        buf_grow(b, n);
    return b->p + b->n;
}
static inline void buf_put(struct buf *b, const void *p, size_t n) {
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    b->n += n;
}
static inline void buf_put_slice(struct buf *b, struct slice s) {
    buf_put(b, s.p, s.n);
}
static inline void buf_put_byte(struct buf *b, char c) {
    *buf_reserve(b, 1) = c, b->n++;
}
static inline void buf_put_str(struct buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}
/* Replaces the content by a copy of `s`, which must not be a part of it. */
void buf_set(struct buf *b, struct slice s);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void buf_put_int(struct buf *b, int64_t v); /* decimal text */
/* The content as a C string: a 0 follows it, which n does not count. Valid until a change. */
const char *buf_cstr(struct buf *b);

#endif
