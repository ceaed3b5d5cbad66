/* store: the state on disk, the only user of RocksDB. One store for each process. Written by the
 * workers' batches, one atomic write each.
 *
 * All families of kv.h lie in one column family of RocksDB, so that one file can hold a whole
 * commit:
 *
 *   a stored key:  family: 1 byte | key (keys.h)
 *
 * The store is a cache of committed topics: the WAL is on but not synced, and each task's positions
 * in the same write say how far it is.
 *
 * Threads: all functions that take a store may be called by several threads at once, but
 * store_close, which comes last. A batch and a reader belong to one thread each. Two batches must
 * not write the same keys, and store_wipe not what a batch is writing: a partition is in the hands
 * of one worker.
 *
 * Damage: a checksum that does not fit, or a file that is gone, is found at any read. Then that
 * read and all further commits fail with ERR_STOP, the directory is marked (seal.h), and the next
 * store_open refuses it. */
#ifndef STREAMER_STATE_ROCKSDB_STORE_H
#define STREAMER_STATE_ROCKSDB_STORE_H

#include "state/kv.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Makes the directory, with the folders above it. Fine if it is there. False with ERR_CONFIG. */
bool store_make_directory(const char *dir, struct err *e);

/* Opens or creates the store in `dir`. It takes about `memory_bytes`: a sixteenth for blocks of its
 * files, an eighth for what is not in a file yet, the rest for rows that its batches, `batches` at
 * most, have read or written; and for the index and the filter of each open file (512 at most)
 * about 1 % of it. NULL with `e`: ERR_CONFIG if the directory cannot be used (missing rights, not a
 * directory, in use by another process), ERR_REBUILD if what is in it is damaged or another
 * version's, ERR_STOP if something else is in the way (no space, memory or file handles, a disk
 * that cannot be read, what RocksDB does not accept). What is in it stays as it was then. */
struct store *store_open(const char *dir, int64_t memory_bytes, int batches, struct err *e);
/* To be called by each thread that works with the store for long: RocksDB then does not count what
 * that thread does. */
void store_use_thread(void);
/* Closes the store and seals its directory. NULL is allowed. No batch or reader may be left. */
void store_close(struct store *s);

/* Whether the partition's rows should be counted and compared with its task's digest before it is
 * used: the files are not those that the last user left when it closed the store, and nobody has
 * called store_note_counted or wiped it yet. (After a crash the number of commits, which store_open
 * compares, says enough; counting all rows would take long.) */
bool store_needs_count(const struct store *s, int32_t partition);
/* Its rows agree with its digest. */
void store_note_counted(struct store *s, int32_t partition);

/* Renames a directory that cannot be used to "<dir>.aside-<epoch ms>", whose name is put in
 * `aside`. */
bool store_set_aside(const char *dir, int64_t now_ms, struct buf *aside, struct err *e);

/* Removes the store in `dir`, and nothing else that may lie there. Fine if there is none. */
bool store_destroy(const char *dir, struct err *e);

/* Small facts about the whole store (app.id, format, …). */
bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e);
bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e);

/* How many keys each family holds of a partition; reads them all. */
bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT],
                      struct err *e);
/* Removes everything of a partition. */
bool store_wipe(struct store *s, int32_t partition, struct err *e);
/* On disk and in memory tables, about. */
int64_t store_bytes(struct store *s);

/* What a worker reads and writes through: sees its own writes, which nobody else does before
 * batch_commit. One thread. The kv is embedded: pass &batch->kv on. */
struct batch;
struct batch *batch_new(struct store *s);
void batch_free(struct batch *b);
struct kv *batch_kv(struct batch *b);
/* Writes everything atomically and empties the batch; false (with the batch emptied too) if that
 * failed. */
bool batch_commit(struct batch *b, struct err *e);
/* What was written takes as much memory as it should: time to commit. */
bool batch_is_full(const struct batch *b);
/* Drops what was written and the sticky error. */
void batch_clear(struct batch *b);

/* A consistent view of committed state, for queries. put and erase are not allowed. */
struct kv *store_reader_new(struct store *s);
void store_reader_free(struct kv *reader);

#endif
