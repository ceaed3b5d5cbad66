#include "streamer/model/reason_mask.h"

#include "streamer/base/mem.h"

#include <string.h>

#define MASK "***"

/* Only these reasons quote a value of a field: staging says what is wrong with it. */
static bool quotes_a_value(enum reason_code code) {
    switch (code) {
    case REASON_INVALID_CUSTOMER_ID:
    case REASON_INVALID_NAME:
    case REASON_INVALID_HAS_LOAN:
    case REASON_INVALID_ACCOUNT_ID:
    case REASON_INVALID_BALANCE:
    case REASON_INVALID_ACCOUNT_TYPE:
    case REASON_INVALID_UPDATED_AT:
        return true;
    default:
        return false;
    }
}

static bool ends_with(struct slice text, const char *ending) {
    size_t n = strlen(ending);
    return text.n >= n && memcmp(text.p + text.n - n, ending, n) == 0;
}

static size_t behind(struct slice text, const char *part) {
    const char *found = memmem(text.p, text.n, part, strlen(part));
    return found != NULL ? (size_t)(found - text.p) + strlen(part) : text.n;
}

/* Where the value begins; text.n: there is none. It is in a bracket at the end, or behind the
 * colon. What is searched for comes before the value, which may hold the same text again. */
static size_t value_at(enum reason_code code, struct slice text) {
    static const char *const before[] = {"value (", "representation (", "Checking ("};
    size_t colon = behind(text, ": "), first = text.n;
    if (code == REASON_INVALID_UPDATED_AT || code == REASON_INVALID_HAS_LOAN)
        return colon;
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        size_t at = behind(text, before[i]);
        first = at < first ? at : first;
    }
    bool is_null =
        slice_has_prefix(slice_of(text.p + colon, text.n - colon), slice_str("null or empty"));
    return first < text.n || is_null ? first : colon;
}

void reason_put_masked(struct buf *out, enum reason_code code, struct slice text) {
    size_t at = quotes_a_value(code) ? value_at(code, text) : text.n;
    buf_put(out, text.p, at);
    if (at == text.n)
        return;
    buf_put_str(out, MASK);
    if (text.p[at - 1] == '(' && ends_with(text, ")"))
        buf_put_byte(out, ')');
}
