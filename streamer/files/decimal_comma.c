#include "streamer/files/decimal_comma.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"

#define REMARK " (decimal point?)"

/* Takes one of the separators from the front of `s`. Returns it; a null slice: there is none. */
static struct slice take_separator(struct slice *s) {
    static const char *const separators[] = {".", " ", "\xC2\xA0", "\xE2\x80\xAF"};
    for (size_t i = 0; i < ARRAY_LEN(separators); i++) {
        struct slice separator = slice_str(separators[i]);
        if (!slice_has_prefix(*s, separator))
            continue;
        *s = slice_of(s->p + separator.n, s->n - separator.n);
        return separator;
    }
    return slice_null();
}

static struct slice take_digits(struct slice *s) {
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    struct slice digits = slice_of(s->p, n);
    *s = slice_of(s->p + n, s->n - n);
    return digits;
}

static bool take_byte(struct slice *s, char byte) {
    if (s->n == 0 || s->p[0] != byte)
        return false;
    *s = slice_of(s->p + 1, s->n - 1);
    return true;
}

/* The groups behind the first one. */
static bool put_groups(struct buf *out, struct slice *s) {
    struct slice first = slice_null(), separator;
    while ((separator = take_separator(s)).p != NULL) {
        struct slice group = take_digits(s);
        if (group.n != 3 || (first.p != NULL && !slice_eq(first, separator)))
            return false;
        first = separator;
        buf_put_slice(out, group);
    }
    return true;
}

static bool put_amount(struct buf *out, struct slice s) {
    if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-')) {
        buf_put_byte(out, s.p[0]);
        (void)take_byte(&s, s.p[0]);
    }
    struct slice whole = take_digits(&s);
    size_t before = out->n;
    buf_put_slice(out, whole);
    if (!put_groups(out, &s))
        return false;
    bool is_grouped = out->n - before > whole.n;
    if (is_grouped && (whole.n == 0 || whole.n > 3 || whole.p[0] == '0'))
        return false;
    if (!take_byte(&s, ','))
        return whole.n > 0 && s.n == 0;
    struct slice fraction = take_digits(&s);
    buf_put_byte(out, '.');
    buf_put_slice(out, fraction);
    return fraction.n > 0 && s.n == 0;
}

/* Whether the processor reads the text as a number with a decimal point. */
static bool reads_as_pointed(struct slice text) {
    int64_t value;
    return text.n > 0 && memchr(text.p, '.', text.n) != NULL &&
           decimal_parse(text, 18, 2, &value) != DECIMAL_NOT_A_NUMBER;
}

void decimal_comma_put(struct buf *out, struct slice text) {
    struct slice trimmed = slice_trim(text);
    size_t before = out->n;
    if (put_amount(out, trimmed))
        return;
    out->n = before;
    buf_put_slice(out, text);
    if (reads_as_pointed(trimmed))
        buf_put_str(out, REMARK);
}
