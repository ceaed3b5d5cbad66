/* store: the state on disk. Only this folder uses RocksDB. A process has one store. The batches of
 * its workers write to it, each commit at once or not at all.
 *
 * The store is a cache of committed topics: its write-ahead log is on but not synced, and each
 * commit also holds the positions of its tasks, which say how far the state is.
 *
 * All families of kv.h lie in one column family of RocksDB, so that one file can hold a whole
 * commit (keys.h, "stored keys").
 *
 * Threads: all functions that take a store may be called by several threads at once, except
 * store_close, which comes last. A batch and a reader belong to one thread each. A partition
 * belongs to one worker: two batches must not write the same keys, and store_wipe must not be
 * called for what a batch is writing.
 *
 * Damage is a checksum that does not fit or a file that is gone. Any read may find it. That read
 * and all further commits then fail with ERR_STOP, the directory is marked (seal.h), and the next
 * store_open refuses it. */
#ifndef STREAMER_STATE_ROCKSDB_STORE_H
#define STREAMER_STATE_ROCKSDB_STORE_H

#include "state/kv.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Makes the directory and the folders above it. True if it exists already. False with
 * ERR_CONFIG. */
bool store_make_directory(const char *dir, struct err *e);

/* Opens or creates the store in `dir`. The caller closes it with store_close.
 *
 * The store uses about `memory_bytes`: a sixteenth for blocks of its files, an eighth for rows that
 * are in no file yet, and 13/16 for rows that its batches have read or written. There are at most
 * `batches` batches. Besides, it uses about 1 % of each open file, of which there are 512 at most,
 * for the file's index and filter.
 *
 * NULL with `e` if it cannot be opened; then the directory's content stays as it was:
 *   ERR_CONFIG   the directory cannot be used: missing rights, not a directory, or in use by
 *                another process
 *   ERR_REBUILD  the state is damaged, or another version's
 *   ERR_STOP     anything else: no space, memory or file handles, a disk that cannot be read, or
 *                something that RocksDB does not accept */
struct store *store_open(const char *dir, int64_t memory_bytes, int batches, struct err *e);
/* Opens the store of a directory that no process uses, only for readers (store_reader_new), and
 * changes nothing there. The caller closes it with store_close. NULL with `e`, as store_open;
 * ERR_CONFIG also where there is no store. */
struct store *store_open_to_read(const char *dir, struct err *e);
/* To be called by each thread that works with the store for long: RocksDB then keeps no statistics
 * of that thread. */
void store_use_thread(void);
/* Closes the store and seals its directory. NULL is allowed. No batch or reader may be left. */
void store_close(struct store *s);

/* Whether the partition's rows should be counted, and compared with the digest of its task, before
 * the partition is used. That is so if the files are not as the last user left them when it closed
 * the store, until store_note_counted or store_wipe is called for the partition. (After a crash the
 * number of commits, which store_open compares, says enough. Counting all rows would take long.) */
bool store_needs_count(const struct store *s, int32_t partition);
/* Notes that the rows of the partition agree with its digest. */
void store_note_counted(struct store *s, int32_t partition);

/* Renames a directory that cannot be used to "<dir>.aside-<now_ms>", and puts that name into
 * `aside`. */
bool store_set_aside(const char *dir, int64_t now_ms, struct buf *aside, struct err *e);

/* Removes the store in `dir`, and nothing else that may lie there. True if there is none. */
bool store_destroy(const char *dir, struct err *e);

/* Facts are small texts about the whole store (app.id, format, …). A fact that is not known is
 * empty. */
bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e);
bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e);

/* Counts the keys that each family holds of a partition. Reads them all. */
bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT],
                      struct err *e);
/* Removes everything of a partition. */
bool store_wipe(struct store *s, int32_t partition, struct err *e);
/* The size of the state in files and in write buffers, about. */
int64_t store_bytes(struct store *s);

/* A batch is what a worker reads and writes through. It sees its own writes; nobody else does
 * before batch_commit. One thread. */
struct batch;
struct batch *batch_new(struct store *s);
void batch_free(struct batch *b); /* NULL is allowed; what was not committed is dropped */
/* Owned by the batch. */
struct kv *batch_kv(struct batch *b);
/* Writes everything at once and empties the batch. False with `e` if that failed or the batch had
 * failed before; then nothing was written, and the batch is empty, too. */
bool batch_commit(struct batch *b, struct err *e);
/* Whether what was written uses so much memory that it should be committed now. */
bool batch_is_full(const struct batch *b);
/* Drops what was written, and the sticky error. */
void batch_clear(struct batch *b);

/* A reader is a consistent view of the state as it was committed when the reader was made, for
 * queries. It must not be written to. The caller frees it with store_reader_free. */
struct kv *store_reader_new(struct store *s);
void store_reader_free(struct kv *reader);

#endif
