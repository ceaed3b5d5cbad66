#include "state/layout.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stdint.h>

#define SECTIONS_MAX 8

const char *table_name(enum table t) {
    static const char *const names[TABLE_COUNT] = {
        [TABLE_META] = "meta",
        [TABLE_CUSTOMERS] = "customers",
        [TABLE_ACCOUNTS] = "accounts",
        [TABLE_CUSTOMER_HISTORY] = "customer_history",
        [TABLE_ACCOUNT_HISTORY] = "account_history",
        [TABLE_CUSTOMER_REFS] = "customer_refs",
        [TABLE_ACCOUNTS_BY_CUSTOMER] = "accounts_by_customer",
        [TABLE_LINKS] = "links",
        [TABLE_LINKS_AHEAD] = "links_ahead",
        [TABLE_REFS_AHEAD] = "refs_ahead",
    };
    assert(t < TABLE_COUNT);
    return names[t];
}

bool table_is_only_scanned(enum table t) {
    return t == TABLE_CUSTOMER_HISTORY || t == TABLE_ACCOUNT_HISTORY || t == TABLE_ACCOUNTS_BY_CUSTOMER;
}

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

struct place layout_place(enum family f) {
    static const struct place places[FAMILY_COUNT] = {
        [FAMILY_META] = {TABLE_META, SECTION_ALONE},
        [FAMILY_CUSTOMERS] = {TABLE_CUSTOMERS, SECTION_ALONE},
        [FAMILY_CUSTOMER_REFS] = {TABLE_CUSTOMER_REFS, SECTION_ALONE},
        [FAMILY_ACCOUNTS] = {TABLE_ACCOUNTS, SECTION_ALONE},
        [FAMILY_CUSTOMER_HISTORY] = {TABLE_CUSTOMER_HISTORY, SECTION_ALONE},
        [FAMILY_ACCOUNT_HISTORY] = {TABLE_ACCOUNT_HISTORY, SECTION_ALONE},
        [FAMILY_ACCOUNTS_BY_CUSTOMER] = {TABLE_ACCOUNTS_BY_CUSTOMER, SECTION_ALONE},
        [FAMILY_LINKS] = {TABLE_LINKS, SECTION_ALONE},
        [FAMILY_LINKS_AHEAD] = {TABLE_LINKS_AHEAD, SECTION_ALONE},
        [FAMILY_REFS_AHEAD] = {TABLE_REFS_AHEAD, SECTION_ALONE},
    };
    assert(f < FAMILY_COUNT);
    return places[f];
}

/* --- sections --- */

static bool get_length(struct slice *in, size_t *n) {
    uint64_t v = 0;
    for (int shift = 0; shift < 35 && in->n > 0; shift += 7) {
        unsigned char byte = (unsigned char)in->p[0];
        *in = slice_of(in->p + 1, in->n - 1);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *n = (size_t)v;
            return v <= in->n;
        }
    }
    return false;
}

static void put_length(struct buf *out, size_t n) {
    for (; n >= 0x80; n >>= 7)
        buf_put_byte(out, (char)((n & 0x7f) | 0x80));
    buf_put_byte(out, (char)n);
}

/* All sections of a row, p == NULL where there is none. */
static bool split(struct slice row, struct slice sections[SECTIONS_MAX]) {
    unsigned mask = 0;
    if (row.p != NULL) {
        if (row.n == 0)
            return false;
        mask = (unsigned char)row.p[0];
        row = slice_of(row.p + 1, row.n - 1);
    }
    for (int s = 0; s < SECTIONS_MAX; s++) {
        size_t n;
        sections[s] = slice_null();
        if ((mask >> s & 1) == 0)
            continue;
        if (!get_length(&row, &n))
            return false;
        sections[s] = slice_of(row.p, n);
        row = slice_of(row.p + n, row.n - n);
    }
    return row.n == 0;
}

/* Looks at no more of the row than it must. */
bool layout_get(struct slice row, int section, struct slice *value) {
    *value = slice_null();
    if (row.p == NULL)
        return true;
    if (row.n == 0)
        return false;
    unsigned mask = (unsigned char)row.p[0];
    row = slice_of(row.p + 1, row.n - 1);
    for (int s = 0; s <= section; s++) {
        size_t n;
        if ((mask >> s & 1) == 0)
            continue;
        if (!get_length(&row, &n))
            return false;
        if (s == section)
            *value = slice_of(row.p, n);
        row = slice_of(row.p + n, row.n - n);
    }
    return true;
}

bool layout_set(struct slice row, int section, struct slice value, struct buf *out) {
    struct slice sections[SECTIONS_MAX];
    unsigned mask = 0;
    buf_clear(out);
    if (!split(row, sections))
        return false;
    sections[section] = value;
    for (int s = 0; s < SECTIONS_MAX; s++)
        mask |= (unsigned)(sections[s].p != NULL) << s;
    if (mask == 0)
        return true;
    buf_put_byte(out, (char)mask);
    for (int s = 0; s < SECTIONS_MAX; s++) {
        if (sections[s].p == NULL)
            continue;
        put_length(out, sections[s].n);
        buf_put_slice(out, sections[s]);
    }
    return true;
}
