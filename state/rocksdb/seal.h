/* seal: files beside RocksDB's that say how a store was left.
 *
 *   CLEAN     is written when the store is closed: one line for each of RocksDB's files that hold
 *             state. CURRENT and MANIFEST are small and say which files there are; their lines also
 *             have a hash of the content.
 *                 name | ' ' | size in bytes, decimal | for these two: ' ' | 16 hex digits | '\n'
 *   DAMAGED   is written when damage is found: the reason, as text
 *
 * RocksDB has checksums for what it reads. But if the end of its MANIFEST is lost, it opens without
 * an error, at the newest position, with rows missing. Nothing here is synced: files that a
 * power cut has left do not agree with the seal, so they count as not clean. */
#ifndef STREAMER_STATE_ROCKSDB_SEAL_H
#define STREAMER_STATE_ROCKSDB_SEAL_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

/* Seals the directory of a store that was closed. If that fails, the store counts as not clean. */
void seal_put(const char *dir);
/* To be asked before the store is opened: whether the last user closed the store, and its files
 * have changed since. */
bool seal_is_changed(const char *dir);
/* Removes the seal. To be called after the store was opened, which shows that nobody else has it.
 * False with `e` if the seal cannot be removed. */
bool seal_break(const char *dir, struct err *e);

/* Whether there are files with state, but CURRENT, which says which of them count, is missing. */
bool seal_lacks_list(const char *dir);

/* Marks the directory as damaged. False if it cannot be written to. */
bool seal_mark_damaged(const char *dir, const char *reason);
/* Whether the directory is marked as damaged. Fills `reason`, or clears it. */
bool seal_is_damaged(const char *dir, struct buf *reason);

/* Removes the files of this module. */
void seal_remove(const char *dir);

#endif
