/* store_internal: what the files of this room share about a store.
 *
 *   store.c          opens and closes a store, and makes and removes its directory
 *   store_options.c  sets RocksDB up
 *   store_error.c    says what RocksDB's error texts mean
 *   facts.c          reads and writes the facts about the whole store
 *   partitions.c     counts and wipes a partition, and knows which batch has it
 *   commit.c         writes the rows of a batch, all or nothing
 *   reader.c         reads committed state for queries
 *
 * The files of a batch are listed in batch_internal.h. seal.c and peek.c have headers of their
 * own. */
#ifndef STREAMER_STATE_ROCKSDB_STORE_INTERNAL_H
#define STREAMER_STATE_ROCKSDB_STORE_INTERNAL_H

#include "state/keys.h"
#include "state/kv.h"
#include "state/rocksdb/store.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

struct row_cache;

struct read_options {
    /* For single rows and for whole families. The blocks that such a read loads are not put into
     * the block cache: the rows themselves are cached, and the next ones lie in other blocks. */
    rocksdb_readoptions_t *all;
    /* For cursors that stay with one owner (family_owner_n): files without rows of that owner are
     * skipped. */
    rocksdb_readoptions_t *of_owner;
};

struct store {
    char *dir;
    bool is_only_read; /* the directory stays as it is */
    rocksdb_t *db;
    rocksdb_column_family_handle_t *column_family; /* the only one: it holds all families of kv.h */
    rocksdb_options_t *options;                    /* of the database */
    rocksdb_options_t *file_options;               /* of the files that commits make */
    struct read_options read;
    rocksdb_writeoptions_t *write;

    pthread_mutex_t commit_lock; /* is held by whoever writes anything */
    /* Under commit_lock: */
    uint64_t commits;  /* how many there were so far */
    bool has_buffered; /* something may have been written that is in no file yet */

    /* For each partition, the number of the batch that read or wrote it last. 0: no batch did, or
     * the partition was wiped since. */
    _Atomic uint64_t claimed_by[KEY_PARTITION_MAX + 1];
    /* For each partition, how often claimed_by has changed. The clean rows that a batch has in
     * memory are valid as long as the epoch of their partition stays the same. */
    _Atomic uint32_t epochs[KEY_PARTITION_MAX + 1];
    _Atomic uint64_t batches_made; /* the number of the newest batch */
    size_t row_cache_bytes;        /* of each batch */

    atomic_bool counted[KEY_PARTITION_MAX + 1]; /* the partition's rows need not be counted */

    atomic_bool damaged; /* never goes back to false; `damage` says why */
    pthread_mutex_t damage_lock;
    char damage[512]; /* under damage_lock */
};

/* --- store_error.c --- */

/* Frees RocksDB's error text and puts its meaning into `e`. Returns true if there was no error
 * (text == NULL). `what` names the operation. Damage is noted in the store. */
bool store_check(struct store *s, char *text, struct err *e, const char *what);
/* Puts into `e` that the store is damaged, and why. Returns false. */
bool store_refuse_damaged(struct store *s, struct err *e);
/* Puts into `e` why RocksDB did not open `dir`, as its error text says. Returns false. The class is
 * ERR_REBUILD only for what is known to be damage or another version's state: good state must not
 * be set aside because of what the machine or this version of RocksDB refuses. */
bool store_open_failed(const char *dir, const char *text, struct err *e);

/* --- store_options.c --- */

/* Options of a database with a block cache of `cache_bytes` and write buffers of `buffer_bytes` in
 * all. The caller destroys them. */
rocksdb_options_t *store_options_new(size_t cache_bytes, size_t buffer_bytes);
/* Options of files that commits make for such a database. The caller destroys them. */
rocksdb_options_t *store_file_options_new(rocksdb_options_t *options);
/* Options that suffice to open a database and read facts. The caller destroys them. */
rocksdb_options_t *store_reading_options_new(void);

struct read_options read_options_new(void);
void read_options_free(struct read_options *r);

/* --- facts.c --- */

/* Clears `out` and fills it with the stored key of a fact. */
void store_fact_key(struct buf *out, const char *name);

/* --- partitions.c --- */

/* Gives the partition to the batch with that number (0: to none). Returns the partition's epoch. */
uint32_t store_claim(struct store *s, int32_t partition, uint64_t batch);

/* --- commit.c --- */

/* Writes the dirty rows, all or nothing. */
bool store_write_rows(struct store *s, struct row_cache *rows, struct err *e);
/* To be called once, after the database was opened. False with `e` if commits are missing. */
bool store_has_all_commits(struct store *s, struct err *e);

#endif
