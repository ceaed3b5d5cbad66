/* store: the state on disk, the only user of RocksDB. One store for each process; every family of kv.h is a
 * column family. Written by the workers' batches, one atomic write each; read by anyone.
 *
 * The store is a cache of committed topics: the WAL is on but not synced, and each task's positions in the
 * same write say how far it is.
 *
 * Threads: everything but open, close, set_aside and destroy may be called by several at a time, also wipes and counts
 * of different partitions; a batch and a reader belong to one thread each.
 *
 * Corruption that RocksDB finds while the store is in use is ERR_STOP, and the directory is marked: the next
 * store_open refuses it with ERR_RETRY, so that it is set aside and rebuilt. */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include "state/kv.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Opens or creates the store in `dir`. NULL with `e`: ERR_CONFIG if the directory cannot be used (missing
 * rights, not a directory, in use by another process), ERR_RETRY if what is in it is damaged. */
struct store *store_open(const char *dir, int64_t cache_bytes, struct err *e);
/* Closes it and leaves a fingerprint of its files. NULL is allowed. No batch or reader may be left. */
void store_close(struct store *s);

/* True if the rows of the partition should be counted and compared with the task's digest before they are trusted: the
 * files are not those that were left by a clean close, or tables that lay in the directory belong to nothing after a
 * crash (a MANIFEST that was cut short; now and then a compaction that was cut off). Once counted or wiped, a partition
 * is no suspect any more. */
bool store_is_suspect(const struct store *s, int32_t partition);

/* Renames a directory that cannot be used to "<dir>.aside-<epoch ms>", whose name is put in `aside`. */
bool store_set_aside(const char *dir, int64_t now_ms, struct buf *aside, struct err *e);

/* Removes the store in `dir`, and nothing else that may lie there. Fine if there is none. */
bool store_destroy(const char *dir, struct err *e);

/* Small facts about the whole store (app.id, format, …). */
bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e);
bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e);

/* How many keys each family holds of a partition; reads them all. */
bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT], struct err *e);
/* Removes everything of a partition. */
bool store_wipe(struct store *s, int32_t partition, struct err *e);
/* On disk and in memory tables, about. */
int64_t store_bytes(struct store *s);

/* What a worker reads and writes through: sees its own writes, which nobody else does before batch_commit.
 * One thread. The kv is embedded: pass &batch->kv on. */
struct batch;
struct batch *batch_new(struct store *s);
void batch_free(struct batch *b);
struct kv *batch_kv(struct batch *b);
/* Writes everything atomically and empties the batch; false (with the batch emptied too) if that failed. */
bool batch_commit(struct batch *b, struct err *e);
/* Drops what was written and the sticky error. */
void batch_clear(struct batch *b);

/* A consistent view of committed state, for queries. put and erase are not allowed. */
struct kv *store_reader_new(struct store *s);
void store_reader_free(struct kv *reader);

#endif
