/* peek: looks at a state directory before a start, without changing anything. A process that has
 * the store open must not call it: closing the lock file would give up its lock. */
#ifndef STREAMER_STATE_ROCKSDB_PEEK_H
#define STREAMER_STATE_ROCKSDB_PEEK_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

/* Whether the directory could be opened: it exists and can be written to, or it can be made
 * together with the folders above it; and no other process uses it. False with ERR_CONFIG. */
bool peek_usable(const char *dir, struct err *e);

/* Whether no other process uses the directory. False with ERR_CONFIG. */
bool peek_is_unused(const char *dir, struct err *e);
/* Whether there is a store in it. */
bool peek_has_store(const char *dir);

/* Reads a fact (store.h) of the store in `dir` into `value`, which stays empty if there is no store
 * or the store does not know the fact. False as store_open; ERR_REBUILD if the store is damaged. */
bool peek_fact(const char *dir, const char *name, struct buf *value, struct err *e);

#endif
