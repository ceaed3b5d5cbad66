/* seal: what a store leaves beside RocksDB's files in its directory, to say how it was left.
 *
 *   CLEAN    after a clean close: one line for each of RocksDB's files that hold state: name, size
 * and, of the small ones that say which files there are (CURRENT, MANIFEST), a hash of the content
 *   DAMAGED  why the state cannot be used any more
 *
 * RocksDB has checksums for what it reads, but opens without an error where the end of its MANIFEST
 * is gone: at the newest position, with rows missing. Nothing here is synced: what a power cut
 * leaves does not agree, and counts as not clean. */
#ifndef STREAMER_STATE_ROCKSDB_SEAL_H
#define STREAMER_STATE_ROCKSDB_SEAL_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

/* Seals the directory of a store that is closed. Where that fails it counts as not clean. */
void seal_put(const char *dir);
/* Before the store is opened: whether the last user closed it, and something has changed since. */
bool seal_is_changed(const char *dir);
/* Once the store is open, which shows that nobody else has it. False if the seal cannot be
 * removed. */
bool seal_break(const char *dir, struct err *e);

/* Whether there are files with state, but not the one that tells which of them count. */
bool seal_lacks_list(const char *dir);

/* False if the directory cannot be written to. */
bool seal_mark_damaged(const char *dir, const char *reason);
/* Whether the directory is marked as damaged; fills `reason`. */
bool seal_is_damaged(const char *dir, struct buf *reason);

/* Removes all of the above. */
void seal_remove(const char *dir);

#endif
