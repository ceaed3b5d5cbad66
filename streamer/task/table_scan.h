/* table_scan: reads all rows that one partition has of a result table, one after the other, as the
 * table's topic has them. For exports. Of a history these are all versions.
 *
 * The rows come in the order of their ids as scan.h has it, the versions of an id oldest first. The
 * reader and the pace are as scan.h says. */
#ifndef STREAMER_TASK_TABLE_SCAN_H
#define STREAMER_TASK_TABLE_SCAN_H

#include "streamer/task/scan.h"

#include <stdbool.h>
#include <stdint.h>

struct table_scan {
    const struct row_type *type;
    int64_t as_of;
    bool is_history;
    /* The present row: a struct of `type`. It is good until the scan moves on. NULL: the scan is on
     * an id or a version that has no row in the table, or none at the time `as_of`. */
    const void *row;

    /* What is read next: an id with its row or current version, */
    struct scan ids;
    bool has_id, is_on_id;
    /* or a closed version. */
    struct kv_cursor *versions; /* NULL: the table is no history */
    bool is_on_version;
    struct buf id; /* of the version that was read last */
    union history_row version;
};

/* Begins before the first row. `type` is the type of a result topic. Of a history, `as_of` chooses
 * the versions that are valid at that time; TIMESTAMP_NONE: all of them. Other tables must have
 * TIMESTAMP_NONE. */
void table_scan_init(struct table_scan *s, struct kv *reader, int32_t partition,
                     const struct row_type *type, int64_t as_of);
void table_scan_release(struct table_scan *s);

/* Moves to the next id or version, which may have no row. So each call takes a bounded time. False:
 * there is none, or something cannot be read; then the reader has a sticky error. */
bool table_scan_next(struct table_scan *s);

#endif
