/* store_internal: what the store's files share.
 *
 *   store.c   opening and closing, damage, facts, whole partitions
 *   commit.c  writing the rows of a batch, all or nothing
 *   batch.c   what a worker reads and writes through; readers
 *   fetch.c   reading what a batch wants, together
 *   cursor.c  the cursors of both
 *   peek.c    looking at a directory without changing it */
#ifndef STREAMER_STATE_ROCKSDB_STORE_INTERNAL_H
#define STREAMER_STATE_ROCKSDB_STORE_INTERNAL_H

#include "state/cache/dirty_by_owner.h"
#include "state/cache/prefetch_set.h"
#include "state/cache/row_cache.h"
#include "state/keys.h"
#include "state/kv.h"
#include "state/rocksdb/store.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

struct read_options {
    /* For single rows and whole families. They leave their blocks out of the block cache: the rows
     * are kept singly, and the next ones lie elsewhere. */
    rocksdb_readoptions_t *all;
    /* For cursors that stay with an owner (family_owner_n): files without it are skipped. */
    rocksdb_readoptions_t *of_owner;
};
struct read_options read_options_new(void);
void read_options_free(struct read_options *r);

struct store {
    char *dir;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *rows;      /* the only family */
    rocksdb_options_t *options, *file_options; /* of the database; of the files that commits make */
    struct read_options read;
    rocksdb_writeoptions_t *write;
    pthread_mutex_t commit_lock; /* held by whoever writes anything */
    uint64_t commits;            /* under commit_lock */
    bool has_buffered; /* under commit_lock: something was written that is in no file yet, maybe */
    /* Of each partition: which batch (its number) has read or written it last; 0: none, or wiped
     * since. And how often that has changed: rows that a batch keeps in memory are good as long as
     * it has not. */
    _Atomic uint64_t owners[KEY_PARTITION_MAX + 1];
    _Atomic uint32_t epochs[KEY_PARTITION_MAX + 1];
    _Atomic uint64_t batches; /* made so far: the number of the last one */
    size_t row_bytes;         /* that a batch may keep */
    /* Of each partition: its rows need not be counted. */
    atomic_bool counted[KEY_PARTITION_MAX + 1];
    /* Set once and for all; then `damage` says why. */
    atomic_bool damaged;
    pthread_mutex_t damage_lock;
    char damage[512];
};

/* Turns RocksDB's allocated error text into `e`; true if there was none. Notes damage. */
bool store_check(struct store *s, char *text, struct err *e, const char *what);
/* The store is damaged. Returns false. */
bool store_refuse_damaged(struct store *s, struct err *e);

/* The partition is in the hands of that batch now (0: of none). Returns its epoch. */
uint32_t store_claim(struct store *s, int32_t partition, uint64_t batch);

/* For who only reads facts. */
rocksdb_options_t *store_reading_options(void);
/* Says in `e` why RocksDB did not open `dir`, by its text; returns false. ERR_REBUILD only for what
 * is known to be damage, or another version's: good state must not be set aside for what the
 * machine or RocksDB's version refuses. */
bool store_open_failed(const char *dir, const char *text, struct err *e);

/* --- commit.c --- */
/* The stored key of a fact, into `out`. */
void store_fact_key(struct buf *out, const char *name);
/* Writes the dirty rows, all or nothing. */
bool store_write_rows(struct store *s, struct row_cache *rows, struct err *e);
/* After opening: false if commits are missing. */
bool store_has_all_commits(struct store *s, struct err *e);

/* A key as it is stored: clears `out` and fills it. */
struct slice stored_key(struct buf *out, enum family f, struct slice key);

/* --- batch.c --- */
struct batch {
    struct kv kv; /* first: a kv of this store is a batch */
    struct store *store;
    uint64_t number;
    struct row_cache rows;
    struct dirty_by_owner
        dirty_by_owner[FAMILY_COUNT]; /* the dirty rows, for cursors that stay with an owner */
    rocksdb_writebatch_wi_t
        *index; /* the dirty rows of those families that another cursor was asked for */
    struct buf key, last_key;
    struct prefetch_set prefetch[FAMILY_COUNT];
};
/* The epoch of the key's partition, which is this batch's from now on. */
uint32_t batch_claim(struct batch *b, struct slice key);
/* `r` may be NULL; `epoch`: its partition's. It is there, and as in the store or dirty. */
static inline bool row_is_good(const struct row *r, uint32_t epoch) {
    return r != NULL && (r->dirty || r->epoch == epoch);
}
/* slice_null() of NULL, the row that is not there. Good as long as it is pinned. */
struct slice value_of_pinned(const rocksdb_pinnableslice_t *pinned);

/* --- fetch.c --- */
/* Reads those of the family's wanted rows into memory that are not there, and forgets what was
 * wanted. */
void batch_fetch_family(struct batch *b, enum family f);

/* --- cursor.c --- */
/* `b`: whose dirty rows it sees, too; NULL: nobody's. */
struct kv_cursor *cursor_new(struct kv *kv, struct store *s, enum family f, struct batch *b,
                             const struct read_options *read);

#endif
