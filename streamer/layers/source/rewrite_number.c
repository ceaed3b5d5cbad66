#include "streamer/base/timestamp.h"
#include "streamer/layers/source/rewrite_parts.h"

int rewrite_scale_of(struct slice text) {
    const char *point = text.n > 0 ? memchr(text.p, '.', text.n) : NULL;
    return point != NULL ? (int)(text.p + text.n - point - 1) : 0;
}

static bool add_digit(int128 *value, int digit) {
    int128 limit = (((int128)1 << 126) - 1) / 5; /* int128's largest value / 10 */
    if (*value > limit - 1)
        return false;
    *value = *value * 10 + digit;
    return true;
}

bool rewrite_decimal(struct slice text, int scale, int128 *value) {
    bool is_negative = text.n > 0 && text.p[0] == '-', has_digits = false;
    size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+');
    int left = -1; /* the digits that may follow; -1: before the point */
    for (*value = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_point = c == '.' && left < 0;
        if (is_point) {
            left = scale;
            continue;
        }
        if (c < '0' || c > '9' || (left == 0 && c != '0'))
            return false;
        has_digits = true;
        if (left != 0 && !add_digit(value, c - '0'))
            return false;
        left -= left > 0;
    }
    for (left = left < 0 ? scale : left; left > 0; left--)
        if (!add_digit(value, 0))
            return false;
    *value = is_negative ? -*value : *value;
    return has_digits;
}

bool rewrite_time(const struct time_type *type, struct slice text, int64_t *number) {
    int64_t ms;
    return decimal_parse_integer(text, number) == DECIMAL_OK ||
           (timestamp_parse_iso(text, &ms) && connect_time_number(type, ms, number));
}
