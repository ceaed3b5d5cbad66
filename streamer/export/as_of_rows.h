/* as_of_rows: joined rows, summaries and profiles of a time, made from the versions of accounts and
 * customers that held then, by the functions of the program's layers. Sorted rows on disk are
 * merged, so memory does not depend on how many there are. */
#ifndef STREAMER_EXPORT_AS_OF_ROWS_H
#define STREAMER_EXPORT_AS_OF_ROWS_H

#include "streamer/export/sorted_table.h"
#include "streamer/model/rates.h"

#include <stdatomic.h>

struct as_of_rows {
    enum row_result table; /* no history */
    /* The versions of the time, at most one an id. All rows are put. */
    struct sorted_table *accounts, *customers;
    const struct rates *rates;
    const atomic_bool *stop; /* NULL: never */
    sorted_table_seen *seen;
    void *context;
};

/* Gives the rows in the order of their ids. The calculated_at of summaries and profiles is 0. False
 * with ERR_STOP: there is no room to sort in, or `stop` became true; any class: as `seen` has set
 * it. */
bool as_of_rows(const struct as_of_rows *a, struct err *e);

/* Whether `stop` is not set; else false with ERR_STOP. For each row of a long loop. */
bool as_of_goes_on(const atomic_bool *stop, struct err *e);

#endif
