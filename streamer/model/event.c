#include "streamer/model/event.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stdarg.h>

bool account_type_find(struct slice name, enum account_type *type) {
    *type = slice_eq(name, slice_str(account_type_name(ACCOUNT_SAVINGS))) ? ACCOUNT_SAVINGS
                                                                          : ACCOUNT_CHECKING;
    return slice_eq(name, slice_str(account_type_name(*type)));
}

const char *reason_code_name(enum reason_code code) {
    static const char *const names[REASON_COUNT] = {
        [REASON_NONE] = "none",
        [REASON_MALFORMED] = "malformed",
        [REASON_UNSUPPORTED_OP] = "unsupported_op",
        [REASON_UNKNOWN_SCHEMA] = "unknown_schema",
        [REASON_TOO_LARGE] = "too_large",
        [REASON_INVALID_CUSTOMER_ID] = "invalid_customer_id",
        [REASON_INVALID_NAME] = "invalid_name",
        [REASON_INVALID_HAS_LOAN] = "invalid_has_loan",
        [REASON_INVALID_ACCOUNT_ID] = "invalid_account_id",
        [REASON_INVALID_BALANCE] = "invalid_balance",
        [REASON_INVALID_ACCOUNT_TYPE] = "invalid_account_type",
        [REASON_INVALID_UPDATED_AT] = "invalid_updated_at",
        [REASON_TOO_LATE] = "too_late",
        [REASON_TOO_EARLY] = "too_early",
    };
    assert(code < REASON_COUNT);
    return names[code];
}

bool reason_set(struct reason *r, enum reason_code code, const char *format, ...) {
    r->code = code;
    buf_clear(&r->text);
    va_list args;
    va_start(args, format);
    buf_vprintf(&r->text, format, args);
    va_end(args);
    return false;
}
