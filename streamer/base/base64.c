#include "streamer/base/base64.h"

/* The digits of up to three bytes, followed by padding. */
static void put_group(struct buf *out, const unsigned char *p, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = (uint32_t)p[0] << 16;
    group |= n > 1 ? (uint32_t)p[1] << 8 : 0;
    group |= n > 2 ? p[2] : 0;
    char *to = buf_reserve(out, 4);
    for (size_t i = 0; i < 4; i++)
        to[i] = i <= n ? digits[group >> (18 - 6 * i) & 63] : '=';
    out->n += 4;
}

void base64_put(struct buf *out, struct slice bytes) {
    for (size_t i = 0; i < bytes.n; i += 3)
        put_group(out, (const unsigned char *)bytes.p + i, bytes.n - i < 3 ? bytes.n - i : 3);
}

static int digit_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

static size_t padding_of(struct slice text) {
    size_t n = 0;
    while (n < 2 && text.p[text.n - 1 - n] == '=')
        n++;
    return n;
}

size_t base64_get(struct slice text, char *bytes, size_t max) {
    if (text.n == 0 || text.n % 4 != 0)
        return 0;
    size_t digits = text.n - padding_of(text), n = digits * 6 / 8;
    if (n > max)
        return 0;
    uint32_t bits = 0;
    for (size_t i = 0, at = 0; i < digits; i++) {
        int digit = digit_value(text.p[i]);
        if (digit < 0)
            return 0;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0)
            bytes[at++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
    }
    return n;
}
