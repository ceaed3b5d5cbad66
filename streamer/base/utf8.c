#include "streamer/base/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>
#include <uniwidth.h>

static const uint8_t *bytes(struct slice s) {
    return (const uint8_t *)s.p;
}

size_t utf8_char_length(struct slice s) {
    if (s.n == 0)
        return 0;
    ucs4_t c;
    int n = u8_mbtoucr(&c, bytes(s), s.n);
    return n > 0 ? (size_t)n : 0;
}

bool utf8_is_valid(struct slice s) {
    return s.n == 0 || u8_check(bytes(s), s.n) == NULL;
}

int utf8_char_columns(struct slice s) {
    ucs4_t c;
    (void)u8_mbtouc(&c, bytes(s), s.n);
    int n = uc_width(c, "UTF-8");
    return n > 0 ? n : 0;
}

bool utf8_is_blank(struct slice s) {
    ucs4_t c;
    for (size_t i = 0; i < s.n;) {
        i += (size_t)u8_mbtouc(&c, bytes(s) + i, s.n - i);
        if (!uc_is_property_white_space(c) && c != 0xfeff && c != 0x200b)
            return false;
    }
    return true;
}

static bool continues_char(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

struct slice utf8_cut(struct slice s, size_t max) {
    if (s.n <= max)
        return s;
    s.n = max;
    while (s.n > 0 && continues_char(s.p[s.n]))
        s.n--;
    return s;
}

static char lower_ascii(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Writes at most `room` bytes to `to`; returns how many. */
static size_t lower_char(ucs4_t c, uint8_t *to, size_t room) {
    int n = u8_uctomb(to, uc_tolower(c), (ptrdiff_t)room);
    assert(n > 0);
    return (size_t)n;
}

void utf8_put_lower(struct buf *out, struct slice s) {
    /* ASCII stays one byte long; anything else has two or more bytes and becomes four at most. */
    size_t room = 2 * s.n;
    char *to = buf_reserve(out, room);
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        if ((unsigned char)s.p[i] < 0x80) {
            to[n++] = lower_ascii(s.p[i++]);
            continue;
        }
        ucs4_t c;
        i += (size_t)u8_mbtouc(&c, bytes(s) + i, s.n - i);
        n += lower_char(c, (uint8_t *)to + n, room - n);
    }
    out->n += n;
}
