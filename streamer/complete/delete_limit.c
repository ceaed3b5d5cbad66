#include "streamer/complete/delete_limit.h"

#include "streamer/base/decimal.h"

#include <string.h>

#define SHARE_PRECISION 5
#define SHARE_SCALE 2
#define SHARE_ALL 10000

static bool parse_share(struct slice number, int64_t *value) {
    return decimal_parse(number, SHARE_PRECISION, SHARE_SCALE, value) == DECIMAL_OK &&
           *value >= 0 && *value <= SHARE_ALL;
}

bool delete_limit_parse(const char *text, struct delete_limit *limit, struct err *e) {
    struct slice number = slice_str(text);
    limit->is_share = number.n > 0 && text[number.n - 1] == '%';
    number.n -= limit->is_share;
    bool ok = limit->is_share
                  ? parse_share(number, &limit->value)
                  : decimal_parse_integer(number, &limit->value) == DECIMAL_OK && limit->value >= 0;
    return ok || err_set(e, ERR_CONFIG,
                         "--max-deletes: \"%.40s\" is neither a number of rows nor a share of "
                         "them, write e.g. 20 or 10%%",
                         text);
}

bool delete_limit_allows(const struct delete_limit *limit, uint64_t deletes, uint64_t current) {
    if (!limit->is_share)
        return deletes <= (uint64_t)limit->value;
    return (unsigned __int128)deletes * SHARE_ALL <=
           (unsigned __int128)current * (uint64_t)limit->value;
}
