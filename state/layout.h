/* layout: where the families of kv.h lie on disk. Families with the same keys can share a table, where a row has a section
 * for each of them; none do now: what belongs together is one value (streamer/account_row.h, customer_row.h).
 *
 * All tables lie in one column family, so that one file can hold what a commit writes to all of them:
 *
 *   A stored key:             table: 1 byte | key (keys.h)
 * A row of a shared table:  mask: 1 byte, bit s: section s is there | for each of them, ascending: length: varint | bytes
 * A row of any other table: the value itself. */
#ifndef STATE_LAYOUT_H
#define STATE_LAYOUT_H

#include "state/kv.h"

#include <stdbool.h>

/* Their numbers are stored. */
enum table {
    TABLE_META,
    TABLE_CUSTOMERS,
    TABLE_ACCOUNTS,
    TABLE_CUSTOMER_HISTORY,
    TABLE_ACCOUNT_HISTORY,
    TABLE_CUSTOMER_REFS,
    TABLE_ACCOUNTS_BY_CUSTOMER,
    TABLE_LINKS,
    TABLE_LINKS_AHEAD,
    TABLE_REFS_AHEAD,
    TABLE_COUNT
};
const char *table_name(enum table t);
/* Its rows are read by cursors; by key only where a task is restored. */
bool table_is_only_scanned(enum table t);

#define SECTION_ALONE (-1)

struct place {
    enum table table;
    int section; /* SECTION_ALONE: the family has the table for itself */
};
struct place layout_place(enum family f);

/* The section's value, p == NULL if there is none. False: these bytes are no row, as far as the section. */
bool layout_get(struct slice row, int section, struct slice *value);
/* Puts into `out` the row with the section set, or (value.p == NULL) taken out. out->n == 0: no section is left. row.p ==
 * NULL: there was none. `out` must not be what `row` or `value` point into. False: these bytes are no row. */
bool layout_set(struct slice row, int section, struct slice value, struct buf *out);

#endif
