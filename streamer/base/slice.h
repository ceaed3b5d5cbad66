/* slice: a view of bytes that somebody else owns. */
#ifndef STREAMER_BASE_SLICE_H
#define STREAMER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* p == NULL is "no value" (null), which differs from an empty value. No 0 byte follows. */
struct slice {
    const char *p;
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n) {
    return (struct slice){p, n};
}
static inline struct slice slice_str(const char *s) {
    return (struct slice){s, strlen(s)};
}
static inline struct slice slice_null(void) {
    return (struct slice){NULL, 0};
}

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* < 0, 0 or > 0, in the order of bytes. If one slice begins with the other, the shorter comes
 * first. */
static inline int slice_compare(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_has_prefix(struct slice s, struct slice prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool slice_same_nocase(const char *a, const char *b, size_t n); /* only for slice_eq_nocase */
/* Equal without regard to the case of ASCII letters. */
static inline bool slice_eq_nocase(struct slice a, const char *b) {
    return a.n == strlen(b) && slice_same_nocase(a.p, b, a.n);
}

/* Without leading and trailing ASCII white space (space, \t \n \v \f \r). */
struct slice slice_trim(struct slice s);

#endif
