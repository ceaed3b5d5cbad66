#include "streamer/base/decimal.h"

#include "streamer/base/digits.h"

#include <assert.h>
#include <endian.h>

typedef unsigned __int128 uint128;

/* An exponent beyond this is not read further. It is far outside of what any number of digits could
 * bring back into range, and far enough from INT64_MAX that adding one more digit and the lengths
 * of texts cannot overflow. */
#define EXPONENT_LIMIT INT64_C(100000000000000000)

#define INT64_DIGITS_MAX 19
#define PUT_SCALE_MAX DECIMAL_PLAIN_SCALE_MAX
#define BYTES_MAX 16

/* A number as it is written. Its value is ±(significant digits) × 10^power. Leading and trailing
 * zeros are not significant, so zero has no significant digit. */
struct number {
    bool negative;
    struct slice whole, fraction; /* digits before and after the point */
    int64_t exponent;
    size_t first, count; /* significant digits, counted over whole and fraction */
    int64_t power;       /* of ten, of the last significant digit */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void skip(struct slice *s) {
    s->p++;
    s->n--;
}

static bool take_sign(struct slice *s) {
    bool negative = s->n > 0 && s->p[0] == '-';
    if (negative || (s->n > 0 && s->p[0] == '+'))
        skip(s);
    return negative;
}

static struct slice take_digits(struct slice *s) {
    struct slice digits = {s->p, 0};
    while (s->n > 0 && is_digit(s->p[0])) {
        skip(s);
        digits.n++;
    }
    return digits;
}

static int64_t exponent_value(struct slice digits, bool negative) {
    int64_t e = 0;
    for (size_t i = 0; i < digits.n && e < EXPONENT_LIMIT; i++)
        e = e * 10 + (digits.p[i] - '0');
    return negative ? -e : e;
}

static bool take_exponent(struct slice *s, int64_t *exponent) {
    *exponent = 0;
    if (s->n == 0 || (s->p[0] != 'e' && s->p[0] != 'E'))
        return true;
    skip(s);
    bool negative = take_sign(s);
    struct slice digits = take_digits(s);
    *exponent = exponent_value(digits, negative);
    return digits.n > 0;
}

static int digit_at(const struct number *x, size_t i) {
    char c = i < x->whole.n ? x->whole.p[i] : x->fraction.p[i - x->whole.n];
    return c - '0';
}

static void find_significant(struct number *x) {
    size_t total = x->whole.n + x->fraction.n;
    size_t first = 0, end = total;
    while (first < total && digit_at(x, first) == 0)
        first++;
    while (end > first && digit_at(x, end - 1) == 0)
        end--;
    x->first = first;
    x->count = end - first;
    x->power = x->exponent - (int64_t)x->fraction.n + (int64_t)(total - end);
}

static bool number_parse(struct slice text, struct number *x) {
    x->negative = take_sign(&text);
    x->whole = take_digits(&text);
    x->fraction = (struct slice){NULL, 0};
    if (text.n > 0 && text.p[0] == '.') {
        skip(&text);
        x->fraction = take_digits(&text);
    }
    if (x->whole.n + x->fraction.n == 0 || !take_exponent(&text, &x->exponent) || text.n > 0)
        return false;
    find_significant(x);
    return true;
}

static uint64_t power_of_ten(int64_t n) {
    uint64_t p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

/* The first `n` significant digits as an integer; n is at most INT64_DIGITS_MAX. */
static uint64_t leading_digits(const struct number *x, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (uint64_t)digit_at(x, x->first + i);
    return v;
}

/* |x| × 10^scale, rounded half up. It has at most 18 digits before rounding. `shift` = x->power +
 * scale. A negative shift drops that many digits, and the first of them decides how to round. */
static uint64_t scaled_magnitude(const struct number *x, int64_t shift) {
    if (shift >= 0)
        return leading_digits(x, x->count) * power_of_ten(shift);
    int64_t kept = (int64_t)x->count + shift;
    if (kept < 0)
        return 0;
    uint64_t v = leading_digits(x, (size_t)kept);
    return digit_at(x, x->first + (size_t)kept) >= 5 ? v + 1 : v;
}

/* The fast path for nearly all numbers: digits with at most one point among them, so few of them
 * that nothing is rounded or out of range. */
static bool parse_plain(struct slice text, int precision, int scale, int64_t *value) {
    if ((int64_t)text.n > precision - scale)
        return false;
    int64_t v = 0;
    size_t i = 0;
    for (; i < text.n && is_digit(text.p[i]); i++)
        v = v * 10 + (text.p[i] - '0');
    if (i == 0)
        return false;
    if (i < text.n && text.p[i] == '.') {
        for (i++; i < text.n && is_digit(text.p[i]) && scale > 0; i++, scale--)
            v = v * 10 + (text.p[i] - '0');
    }
    if (i < text.n)
        return false;
    *value = v * (int64_t)power_of_ten(scale);
    return true;
}

enum decimal_result decimal_parse(struct slice text, int precision, int scale, int64_t *value) {
    assert(precision >= 1 && precision <= 18 && scale >= 0 && scale <= 9);
    if (parse_plain(text, precision, scale, value))
        return DECIMAL_OK;
    struct number x;
    if (!number_parse(text, &x))
        return DECIMAL_NOT_A_NUMBER;
    *value = 0;
    if (x.count == 0)
        return DECIMAL_OK;
    int64_t shift = x.power + scale;
    if ((int64_t)x.count + shift > precision)
        return DECIMAL_OUT_OF_RANGE;
    uint64_t v = scaled_magnitude(&x, shift);
    if (v >= power_of_ten(precision))
        return DECIMAL_OUT_OF_RANGE;
    *value = x.negative ? -(int64_t)v : (int64_t)v;
    return DECIMAL_OK;
}

/* The absolute value of an integer of at most INT64_DIGITS_MAX digits, which fits into uint64_t. */
static enum decimal_result parse_magnitude(struct slice text, bool *negative, uint64_t *size) {
    struct number x;
    if (!number_parse(text, &x))
        return DECIMAL_NOT_A_NUMBER;
    *negative = x.negative && x.count > 0;
    *size = 0;
    if (x.count == 0)
        return DECIMAL_OK;
    if (x.power < 0 || (int64_t)x.count + x.power > INT64_DIGITS_MAX)
        return DECIMAL_OUT_OF_RANGE;
    *size = leading_digits(&x, x.count) * power_of_ten(x.power);
    return DECIMAL_OK;
}

enum decimal_result decimal_parse_integer(struct slice text, int64_t *value) {
    if (parse_plain(text, INT64_DIGITS_MAX - 1, 0, value))
        return DECIMAL_OK;
    bool negative;
    uint64_t size;
    enum decimal_result result = parse_magnitude(text, &negative, &size);
    if (result != DECIMAL_OK)
        return result;
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return DECIMAL_OUT_OF_RANGE;
    *value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return DECIMAL_OK;
}

enum decimal_result decimal_parse_unsigned(struct slice text, uint64_t *value) {
    int64_t plain;
    if (parse_plain(text, INT64_DIGITS_MAX - 1, 0, &plain)) {
        *value = (uint64_t)plain;
        return DECIMAL_OK;
    }
    bool negative;
    enum decimal_result result = parse_magnitude(text, &negative, value);
    return result == DECIMAL_OK && negative ? DECIMAL_OUT_OF_RANGE : result;
}

/* Puts a digit before p. Puts the point before the digit if that is the last of the `decimals`. */
static char *put_digit(char *p, int digit, int *decimals) {
    *--p = (char)('0' + digit);
    if (--*decimals == 0)
        *--p = '.';
    return p;
}

void decimal_put(struct buf *out, int128 value, int scale) {
    assert(scale >= 0 && scale <= PUT_SCALE_MAX);
    char text[42]; /* a sign, 39 digits, a point */
    char *end = text + sizeof text, *p = end;
    uint128 rest = value < 0 ? 0 - (uint128)value : (uint128)value;
    /* Dividing 128 bits is slow, and almost every amount fits in 64. */
    for (; rest > UINT64_MAX; rest /= 10)
        p = put_digit(p, (int)(rest % 10), &scale);
    uint64_t low = (uint64_t)rest;
    for (; scale > 0; low /= 10)
        p = put_digit(p, (int)(low % 10), &scale);
    p = digits_put_before(p, low);
    if (value < 0)
        *--p = '-';
    buf_put(out, p, (size_t)(end - p));
}

/* Dividing 128 bits is slow, and almost every amount fits in 64. */
static void divide(int128 a, int128 b, int128 *quotient, int128 *rest) {
    int64_t low = (int64_t)a, low_b = (int64_t)b;
    if (a == low && b == low_b) {
        *quotient = low / low_b;
        *rest = low % low_b;
    } else {
        *quotient = a / b;
        *rest = a % b;
    }
}

int128 decimal_divide(int128 numerator, int128 denominator) {
    assert(denominator > 0);
    int128 quotient, rest;
    divide(numerator, denominator, &quotient, &rest);
    int128 size = rest < 0 ? -rest : rest;
    if (size < denominator - size)
        return quotient;
    return numerator < 0 ? quotient - 1 : quotient + 1;
}

/* How many of the last bytes of v are needed for its bits and the sign. */
static size_t bytes_needed(int64_t v) {
    uint64_t bits = (uint64_t)(v ^ (v >> 63)) | 1;
    return (size_t)(64 - __builtin_clzll(bits)) / 8 + 1;
}

/* The last n bytes (1 … 8) of v, with room for 8. */
static void put_last_bytes(char *to, uint64_t v, size_t n) {
    uint64_t big_endian = htobe64(v << (64 - 8 * n));
    memcpy(to, &big_endian, 8);
}

void decimal_put_bytes(struct buf *out, int128 value) {
    char *p = buf_reserve(out, BYTES_MAX);
    int64_t low = (int64_t)value, high = (int64_t)(value >> 64);
    bool is_wide = value != low;
    size_t n = bytes_needed(is_wide ? high : low);
    put_last_bytes(p, (uint64_t)(is_wide ? high : low), n);
    if (is_wide) {
        put_last_bytes(p + n, (uint64_t)low, 8);
        n += 8;
    }
    out->n += n;
}

bool decimal_get_bytes(struct slice bytes, int128 *value) {
    if (bytes.n < 1 || bytes.n > BYTES_MAX)
        return false;
    uint64_t sign = (bytes.p[0] & 0x80) != 0 ? UINT64_MAX : 0;
    if (bytes.n <= 8) { /* as nearly always */
        uint64_t v = sign;
        for (size_t i = 0; i < bytes.n; i++)
            v = v << 8 | (uint8_t)bytes.p[i];
        *value = (int64_t)v;
        return true;
    }
    uint128 v = (uint128)sign << 64 | sign;
    for (size_t i = 0; i < bytes.n; i++)
        v = v << 8 | (uint8_t)bytes.p[i];
    *value = (int128)v;
    return true;
}

#define LIMBS (DECIMAL_BYTES_MAX / 4)
#define LIMB_DIGITS 9 /* one division by 10^9 takes off so many digits */
#define DIGITS_MAX ((DECIMAL_BYTES_MAX * 8 / 29 + 1) * LIMB_DIGITS)

/* The absolute value of a number of many bytes, as words of 32 bits, the lowest first. */
struct big {
    bool negative;
    uint32_t limbs[LIMBS];
};

static void negate(struct big *x) {
    uint64_t carry = 1;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint32_t)~x->limbs[i];
        x->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static struct big big_of_bytes(struct slice bytes) {
    struct big x = {.negative = (bytes.p[0] & 0x80) != 0};
    memset(x.limbs, x.negative ? 0xff : 0, sizeof x.limbs);
    for (size_t i = 0; i < bytes.n; i++) {
        uint32_t byte = (uint8_t)bytes.p[bytes.n - 1 - i];
        size_t shift = i % 4 * 8;
        x.limbs[i / 4] = (x.limbs[i / 4] & ~(UINT32_C(0xff) << shift)) | byte << shift;
    }
    if (x.negative)
        negate(&x);
    return x;
}

/* Divides x and returns the remainder. */
static uint32_t big_divide(struct big *x, uint32_t divisor) {
    uint64_t rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 32 | x->limbs[i];
        x->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static bool big_is_zero(const struct big *x) {
    for (size_t i = 0; i < LIMBS; i++)
        if (x->limbs[i] != 0)
            return false;
    return true;
}

/* Writes the digits so that they end before `end`; returns where they begin, "0" for zero. */
static char *put_big_before(char *end, struct big x) {
    char *p = end;
    do {
        uint32_t rest = big_divide(&x, 1000000000);
        for (int i = 0; i < LIMB_DIGITS; i++, rest /= 10)
            *--p = (char)('0' + rest % 10);
    } while (!big_is_zero(&x));
    while (p < end - 1 && *p == '0')
        p++;
    return p;
}

static void put_zeros(struct buf *out, int64_t n) {
    for (; n > 0; n--)
        buf_put_byte(out, '0');
}

/* The digits with a point before the last `scale` (> 0) of them. */
static void put_with_point(struct buf *out, struct slice digits, int32_t scale) {
    size_t decimals = (size_t)scale;
    size_t whole = digits.n > decimals ? digits.n - decimals : 0;
    buf_put(out, digits.p, whole);
    put_zeros(out, whole == 0);
    buf_put_byte(out, '.');
    put_zeros(out, (int64_t)decimals - (int64_t)(digits.n - whole));
    buf_put(out, digits.p + whole, digits.n - whole);
}

static void put_digits(struct buf *out, struct slice digits, int32_t scale) {
    bool is_zero = digits.p[0] == '0';
    if (scale > 0 && scale <= DECIMAL_PLAIN_SCALE_MAX) {
        put_with_point(out, digits, scale);
        return;
    }
    buf_put_slice(out, digits);
    if (scale < 0 && scale >= -DECIMAL_PLAIN_SCALE_MAX)
        put_zeros(out, is_zero ? 0 : -(int64_t)scale);
    else if (scale != 0)
        buf_printf(out, "e%lld", -(long long)scale);
}

bool decimal_put_scaled(struct buf *out, struct slice bytes, int32_t scale) {
    int128 value;
    if (bytes.n < 1 || bytes.n > DECIMAL_BYTES_MAX)
        return false;
    if (scale >= 0 && scale <= PUT_SCALE_MAX &&
        decimal_get_bytes(bytes, &value)) { /* as nearly always */
        decimal_put(out, value, scale);
        return true;
    }
    char text[DIGITS_MAX];
    char *end = text + sizeof text;
    struct big x = big_of_bytes(bytes);
    char *p = put_big_before(end, x);
    if (x.negative)
        buf_put_byte(out, '-');
    put_digits(out, slice_of(p, (size_t)(end - p)), scale);
    return true;
}
