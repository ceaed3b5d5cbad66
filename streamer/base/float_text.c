#include "streamer/base/float_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 17

/* The number 0.DIGITS × 10^point, without its sign. */
struct digits {
    char text[DIGITS_MAX + 1];
    int count, point;
};

/* A number that is to be written, and of which kind. */
struct number {
    double v; /* above 0 */
    bool is_float;
};

static bool reads_back(const struct number *n, const struct digits *d) {
    char text[DIGITS_MAX + 20];
    (void)snprintf(text, sizeof text, "0.%se%d", d->text, d->point);
    return n->is_float ? strtof(text, NULL) == (float)n->v : strtod(text, NULL) == n->v;
}

/* The `count` digits that are nearest to the number. */
static struct digits nearest(const struct number *n, int count) {
    struct digits d = {.count = count};
    char text[DIGITS_MAX + 20];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, n->v); /* d.ddde±xx */
    d.text[0] = text[0];
    if (count > 1)
        memcpy(d.text + 1, text + 2, (size_t)count - 1);
    d.point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
    return d;
}

/* The next larger number of as many digits. False: it has more. */
static bool next_up(struct digits *d) {
    for (int i = d->count - 1; i >= 0; i--) {
        if (d->text[i] != '9')
            return d->text[i]++, true;
        d->text[i] = '0';
    }
    return false;
}

/* Below a power of two the numbers are closer than above it, so that the nearest digits may not
 * read back where the next larger ones do. */
static bool found_with(const struct number *n, int count, struct digits *d) {
    *d = nearest(n, count);
    if (reads_back(n, d))
        return true;
    struct digits up = *d;
    if (!next_up(&up) || !reads_back(n, &up))
        return false;
    *d = up;
    return true;
}

static struct digits shortest(const struct number *n) {
    /* As many digits come back from any number in the normal range. */
    int surely = n->is_float ? FLT_DIG : DBL_DIG, max = n->is_float ? 9 : DIGITS_MAX;
    bool is_normal = n->v >= (n->is_float ? (double)FLT_MIN : DBL_MIN);
    struct digits d;
    int count = is_normal ? surely : 1;
    while (!found_with(n, count, &d) && count < max)
        count++;
    while (d.count > 1 && d.text[d.count - 1] == '0')
        d.text[--d.count] = '\0';
    return d;
}

static void put_zeros(struct buf *out, int n) {
    while (n-- > 0)
        buf_put_byte(out, '0');
}

static void put_with_exponent(struct buf *out, const struct digits *d) {
    buf_put_byte(out, d->text[0]);
    if (d->count > 1) {
        buf_put_byte(out, '.');
        buf_put(out, d->text + 1, (size_t)d->count - 1);
    }
    buf_printf(out, "e%+d", d->point - 1);
}

static void put_digits(struct buf *out, const struct digits *d) {
    if (d->point > d->count + FLOAT_TEXT_ZEROS_MAX || d->point < -FLOAT_TEXT_ZEROS_MAX) {
        put_with_exponent(out, d);
    } else if (d->point <= 0) {
        buf_put_str(out, "0.");
        put_zeros(out, -d->point);
        buf_put(out, d->text, (size_t)d->count);
    } else if (d->point >= d->count) {
        buf_put(out, d->text, (size_t)d->count);
        put_zeros(out, d->point - d->count);
    } else {
        buf_put(out, d->text, (size_t)d->point);
        buf_put_byte(out, '.');
        buf_put(out, d->text + d->point, (size_t)(d->count - d->point));
    }
}

static void put(struct buf *out, double v, bool is_float) {
    struct number n = {fabs(v), is_float};
    if (signbit(v) != 0 && !isnan(v))
        buf_put_byte(out, '-');
    if (isnan(v)) {
        buf_put_str(out, "NaN");
    } else if (isinf(v)) {
        buf_put_str(out, "Infinity");
    } else if (n.v == 0) {
        buf_put_byte(out, '0');
    } else {
        struct digits d = shortest(&n);
        put_digits(out, &d);
    }
}

/* Most numbers are amounts. v is the double nearest to cents / 100, and cents have at most 15
 * digits, so that no other text with as few digits reads back to v. */
static bool put_cents(struct buf *out, double v) {
    double cents = v * 100;
    if (!(fabs(cents) < 1e15) || cents == 0)
        return false;
    int64_t whole = (int64_t)cents;
    if ((double)whole != cents || (double)whole / 100 != v)
        return false;
    if (whole < 0)
        buf_put_byte(out, '-');
    int64_t size = whole < 0 ? -whole : whole;
    buf_put_int(out, size / 100);
    if (size % 100 != 0) {
        char fraction[3] = {'.', (char)('0' + size % 100 / 10), (char)('0' + size % 10)};
        buf_put(out, fraction, size % 10 == 0 ? 2 : 3);
    }
    return true;
}

void float_put_double(struct buf *out, double v) {
    if (!put_cents(out, v))
        put(out, v, false);
}

void float_put_float(struct buf *out, float v) {
    put(out, (double)v, true);
}
