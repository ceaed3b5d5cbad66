/* peek: looks at a state directory without changing anything, as before a start. Not for a process
 * that has the store open: closing the lock's file would give up its lock. */
#ifndef STREAMER_STATE_ROCKSDB_PEEK_H
#define STREAMER_STATE_ROCKSDB_PEEK_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

/* Whether the directory could be opened: it is there and can be written to, or can be made with the
 * folders above it, and no other process uses it. False with ERR_CONFIG. */
bool peek_usable(const char *dir, struct err *e);

/* The fact (store.h) of the store in `dir`; empty: there is no store, or it does not know the fact.
 * False as store_open: ERR_REBUILD: it is damaged. */
bool peek_fact(const char *dir, const char *name, struct buf *value, struct err *e);

#endif
