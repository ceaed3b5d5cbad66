/* sorted_table: the rows of one table, sorted on disk. */
#ifndef STREAMER_EXPORT_SORTED_TABLE_H
#define STREAMER_EXPORT_SORTED_TABLE_H

#include "state/rocksdb/sorter.h"
#include "streamer/base/timestamp.h"
#include "streamer/export/result_key.h"

/* Called for each row. The row is good until it returns. False: stops with `e`. */
typedef bool sorted_table_seen(void *context, const void *row, struct err *e);

struct sorted_table {
    enum row_result table;
    /* Of a history: only versions that hold at this time are kept. TIMESTAMP_NONE: all rows are. */
    int64_t as_of;
    struct sorter *sorter; /* owned: sort key (result_key.h), row in Avro binary */
    struct buf key, value; /* for one call */
};

/* False with ERR_STOP; then there is nothing to release. */
bool sorted_table_init(struct sorted_table *t, enum row_result table, int64_t as_of, struct err *e);
void sorted_table_release(struct sorted_table *t); /* a zero-initialized one, too */

/* `key` is that of the topic. row == NULL: a tombstone. The last call for a key counts. ERR_STOP:
 * the key is not of the table, or there is no room to sort in. */
bool sorted_table_put(struct sorted_table *t, struct slice key, const void *row, struct err *e);

/* Begins to read from the first row on. No row may be put afterwards. */
bool sorted_table_begin(struct sorted_table *t, struct err *e);
/* The next row, whose slices are good until the next call. False at the end, then e->class is
 * ERR_NONE, or with an error. */
bool sorted_table_next(struct sorted_table *t, union result_any *row, struct err *e);

#endif
