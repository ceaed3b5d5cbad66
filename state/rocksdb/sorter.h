/* sorter: sorts any number of rows on disk.
 *
 * Rows are a key and a value, any bytes. Of several puts of a key the last one counts. The order is
 * that of the bytes of the keys (slice_compare).
 *
 * A file is open for each 16 MiB of rows; so sorter_new raises the process's limit of open files as
 * far as it may.
 *
 * The rows lie in a temporary directory of their own, which only this user can read: below $TMPDIR,
 * else /tmp. It takes about as much room as the rows do, and sorter_free removes it. Memory is
 * about 64 MiB, and grows by some 0.1 % of the rows (those of RocksDB's files that are open).
 *
 * Errors have the class ERR_STOP, and name the directory. After an error, the sorter can only be
 * freed. One thread. */
#ifndef STREAMER_STATE_ROCKSDB_SORTER_H
#define STREAMER_STATE_ROCKSDB_SORTER_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

struct sorter;

/* `name` becomes part of the directory's name: streamer-<name>-XXXXXX. The caller frees the
 * sorter with sorter_free. NULL with `e` if the directory cannot be made. */
struct sorter *sorter_new(const char *name, struct err *e);
/* Drops all rows, and removes the directory. NULL is allowed. */
void sorter_free(struct sorter *s);

bool sorter_put(struct sorter *s, struct slice key, struct slice value, struct err *e);
/* Forgets the key, until it is put again. */
bool sorter_erase(struct sorter *s, struct slice key, struct err *e);

/* Begins to read from the first key on. It may be called again, also after more puts. A put or
 * erase ends the reading. */
bool sorter_begin(struct sorter *s, struct err *e);
/* The next row. `key` and `value` are valid until the next call of this sorter. False at the end,
 * then e->class is ERR_NONE, or with an error. */
bool sorter_next(struct sorter *s, struct slice *key, struct slice *value, struct err *e);

#endif
