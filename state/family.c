#include "state/kv.h"

#include <assert.h>

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
    };
    assert(f < FAMILY_COUNT);
    return names[f];
}

bool family_is_only_scanned(enum family f) {
    return f == FAMILY_CUSTOMER_HISTORY || f == FAMILY_ACCOUNT_HISTORY || f == FAMILY_ACCOUNTS_BY_CUSTOMER;
}
