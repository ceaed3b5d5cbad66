/* batch_internal: what the files of a batch share.
 *
 *   batch.c       the kv of a batch, and its commit
 *   fetch.c       reads the rows that were asked for by kv_want, together
 *   batch_rows.c  the way of rows from the database into memory, for both
 *   cursor.c      the cursors of batches and of readers */
#ifndef STREAMER_STATE_ROCKSDB_BATCH_INTERNAL_H
#define STREAMER_STATE_ROCKSDB_BATCH_INTERNAL_H

#include "state/cache/dirty_by_owner.h"
#include "state/cache/prefetch_set.h"
#include "state/cache/row_cache.h"
#include "state/rocksdb/store_internal.h"

struct batch {
    struct kv kv; /* first: a kv of this store is a batch */
    struct store *store;
    uint64_t number; /* from 1 on, in the order in which batches were made */
    struct row_cache rows;
    /* The dirty rows of each family by owner, for cursors that stay with one owner. */
    struct dirty_by_owner dirty_by_owner[FAMILY_COUNT];
    /* The dirty rows of those families that a cursor scans as a whole. */
    rocksdb_writebatch_wi_t *index;
    struct buf key, last_key; /* stored keys, for one call */
    struct prefetch_set prefetch[FAMILY_COUNT];
};

/* --- batch_rows.c --- */

/* Takes the key's partition for this batch. Returns the partition's epoch. */
uint32_t batch_claim(struct batch *b, struct slice key);
/* Puts a row into the batch's memory as it was read from the database; NULL: the row is absent.
 * Returns the cached row, which is valid until the next call. Frees `found`. */
struct row *batch_cache_found(struct batch *b, enum family f, struct slice key,
                              rocksdb_pinnableslice_t *found);
/* The same for a value that the caller owns. value.p == NULL: the row is absent. */
struct row *batch_cache_value(struct batch *b, enum family f, struct slice key, struct slice value);

/* --- fetch.c --- */

/* Reads those rows of the family that were asked for and are not in memory. Forgets what was asked
 * for. */
void batch_fetch_family(struct batch *b, enum family f);

/* --- cursor.c --- */

/* A cursor over a family of `s`. It also sees the dirty rows of `b`, if that is not NULL. Errors go
 * to `kv`. `read` must live as long as the cursor. */
struct kv_cursor *cursor_new(struct kv *kv, struct store *s, enum family f, struct batch *b,
                             const struct read_options *read);

#endif
