#include "state/keys.h"
#include "state/kv.h"

#include <assert.h>
#include <string.h>

const char *family_name(enum family f) {
    static const char *const names[FAMILY_COUNT] = {
        [FAMILY_META] = "meta",
        [FAMILY_CUSTOMERS] = "customers",
        [FAMILY_ACCOUNTS] = "accounts",
        [FAMILY_CUSTOMER_HISTORY] = "customer_history",
        [FAMILY_ACCOUNT_HISTORY] = "account_history",
        [FAMILY_CUSTOMER_REFS] = "customer_refs",
        [FAMILY_ACCOUNTS_BY_CUSTOMER] = "accounts_by_customer",
        [FAMILY_LINKS] = "links",
        [FAMILY_LINKS_AHEAD] = "links_ahead",
        [FAMILY_REFS_AHEAD] = "refs_ahead",
        [FAMILY_CUSTOMER_CONFIRMATIONS] = "customer_confirmations",
        [FAMILY_ACCOUNT_CONFIRMATIONS] = "account_confirmations",
        [FAMILY_FORMER_ACCOUNTS] = "former_accounts",
    };
    assert(f < FAMILY_COUNT);
    return names[f];
}

bool family_is_only_scanned(enum family f) {
    return f == FAMILY_CUSTOMER_HISTORY || f == FAMILY_ACCOUNT_HISTORY ||
           f == FAMILY_ACCOUNTS_BY_CUSTOMER || f == FAMILY_CUSTOMER_CONFIRMATIONS ||
           f == FAMILY_ACCOUNT_CONFIRMATIONS;
}

/* An account_id ends with a terminator where a time follows. */
static size_t account_owner_n(struct slice key) {
    const char *end = key.n > KEY_PARTITION_BYTES
                          ? memchr(key.p + KEY_PARTITION_BYTES, 0, key.n - KEY_PARTITION_BYTES)
                          : NULL;
    return end != NULL ? (size_t)(end - key.p) + 1 : 0;
}

size_t family_owner_n(enum family f, struct slice key) {
    switch (f) {
    case FAMILY_CUSTOMER_HISTORY:
    case FAMILY_CUSTOMER_CONFIRMATIONS:
    case FAMILY_ACCOUNTS_BY_CUSTOMER:
    case FAMILY_LINKS:
    case FAMILY_LINKS_AHEAD:
    case FAMILY_FORMER_ACCOUNTS:
        return key.n >= KEY_CUSTOMER_BYTES ? KEY_CUSTOMER_BYTES : 0;
    case FAMILY_ACCOUNT_HISTORY:
    case FAMILY_ACCOUNT_CONFIRMATIONS:
        return account_owner_n(key);
    default:
        return 0;
    }
}
