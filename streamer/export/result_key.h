/* result_key: what a row of any result table is and belongs to; the keys of the result topics, and
 * keys whose bytes have the order in which tables are shown: by id, and then by valid_from.
 * Customers are in the order of their numbers, accounts in that of the bytes of their ids. Pure. */
#ifndef STREAMER_EXPORT_RESULT_KEY_H
#define STREAMER_EXPORT_RESULT_KEY_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"
#include "streamer/model/event.h"

#include <stdbool.h>
#include <stdint.h>

/* A row of any table. */
union result_any {
    struct customer_history_row customer_history;
    struct account_history_row account_history;
    struct account_with_customer_row account_with_customer;
    struct account_summary_row account_summary;
    struct customer_profile_row customer_profile;
};

/* Whose ids the table's rows have. */
enum entity result_entity(enum row_result table);
bool result_is_history(enum row_result table);

/* Clears `out` and fills it with the key that the row has in its topic. */
void result_key_of(enum row_result table, const void *row, struct buf *out);
/* Clears `out` and fills it with the sort key of a topic's key. False: the key is not of the
 * table. */
bool result_key_sort(enum row_result table, struct slice key, struct buf *out);

/* Clear `out` and fill it with the sort key of an id. */
void result_key_customer(int64_t customer_id, struct buf *out);
void result_key_account(struct slice account_id, struct buf *out);

#endif
