#include "streamer/base/words.h"

#include "streamer/base/mem.h"

#include <stdio.h>
#include <string.h>

struct words words_duration(int64_t seconds) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    struct words w;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && seconds < 2 * units[i].seconds)
        i++;
    (void)snprintf(w.text, sizeof w.text, "%lld %s", (long long)(seconds / units[i].seconds),
                   units[i].name);
    return w;
}

struct words words_count(int64_t n) {
    char digits[24];
    struct words w = {{0}};
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        w.text[at++] = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-')
            w.text[at++] = ',';
    }
    return w;
}

struct words words_bytes(int64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct words w;
    size_t unit = 0;
    int64_t tenths = bytes, rest = bytes;
    for (; rest >= 1024 && unit + 1 < ARRAY_LEN(units); unit++) {
        tenths = rest * 10 / 1024;
        rest /= 1024;
    }
    if (unit == 0)
        (void)snprintf(w.text, sizeof w.text, "%lld B", (long long)bytes);
    else
        (void)snprintf(w.text, sizeof w.text, "%lld.%lld %s", (long long)(tenths / 10),
                       (long long)(tenths % 10), units[unit]);
    return w;
}
