/* scan: reads all customers or all accounts of one partition, one after the other, with the rows
 * that the state has of each. For whoever looks at everything: tables, checks, exports.
 *
 *     struct scan s;
 *     scan_init(&s, reader, partition, ENTITY_ACCOUNT);
 *     while (scan_next(&s)) {
 *         const struct account_summary_row *row = scan_row(&s, &account_summary_type);
 *         if (row != NULL)
 *             …
 *     }
 *     ok = !kv_failed(reader);
 *     scan_release(&s);
 *
 * The caller sets the pace: each scan_next reads one id and nothing ahead, and any time may pass
 * between two of them. `reader` must not change meanwhile, so on a running store it is a reader
 * (store_reader_new). That reader is a snapshot: all that is read with it is of the same moment,
 * over several scans, too. As long as it lives, RocksDB keeps what is replaced or erased, so a slow
 * scan costs disk.
 *
 * A scan and its reader belong to one thread. */
#ifndef STREAMER_TASK_SCAN_H
#define STREAMER_TASK_SCAN_H

#include "schemas/rows.h"
#include "state/kv.h"
#include "streamer/model/event.h"
#include "streamer/task/account_row.h"
#include "streamer/task/customer_row.h"
#include "streamer/task/history_rows.h"

#include <stdbool.h>
#include <stdint.h>

struct scan {
    struct kv *kv; /* borrowed */
    enum entity entity;
    struct buf partition;     /* what the keys of the partition begin with */
    struct kv_cursor *cursor; /* NULL before the first scan_next */

    struct buf id; /* where the scan stands; the id of a customer is its decimal text */
    struct account_row account;   /* the row of the id, if it is an account, */
    struct customer_row customer; /* or a customer */
    union history_row current;    /* the current version, if there is one */
};

/* Begins before the first id. The ids come in the order of their keys (state/keys.h): customers by
 * number, accounts by the bytes of their ids. */
void scan_init(struct scan *s, struct kv *reader, int32_t partition, enum entity entity);
void scan_release(struct scan *s);

/* Moves to the next id. An id whose rows have all ended is an id, too. False: there is none, or
 * something cannot be read; then the reader has a sticky error. */
bool scan_next(struct scan *s);

/* The row that the id has in a result topic, NULL if it has none:
 *
 *   of a customer   customer_history_type (the current version), customer_profile_type
 *   of an account   account_history_type (the current version), account_with_customer_type,
 *                   account_summary_type
 *
 * It is good until the scan moves on. */
const void *scan_row(const struct scan *s, const struct row_type *type);

#endif
