/* Commits write the dirty rows of a batch, all or nothing.
 *
 * A few rows go through RocksDB's log and write buffer. Many rows (FILE_BYTES) are sorted into a
 * file of their own, which RocksDB takes over as it is. Without such files a record costs about a
 * sixth more CPU with 48 MiB of memory, and a third more with 256 MiB
 * (`build/release/tests/cycle 1000000 100000 50331648`, and 268435456; FILE_BYTES as SIZE_MAX).
 *
 * That file is made in memory, and RocksDB copies it. RocksDB's SstFileWriter drops a file that it
 * writes to disk from the page cache, so each block would be read back from the disk once. With
 * files made on disk and moved, a change costs a third more CPU and a re-feed a tenth more with 48
 * MiB, and with 256 MiB, where few blocks are read, nothing (the same commands).
 *
 * Such a file must not share sequence numbers with a write buffer, or RocksDB 7.8 may confuse the
 * two when it sorts level 0 ("L0 file misorder corruption", mended in 7.10). So the write buffer is
 * flushed before, and nobody else writes meanwhile (commit_lock). */
#include "state/cache/row_cache.h"
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)2 << 20) /* dirty rows of this size in memory make a file */

/* --- the number of commits ---
 *
 * Two facts tell whether commits are missing, as they are after the end of a MANIFEST was lost.
 * Each commit stores its own number. And each commit adds one to a count, by RocksDB's merge
 * operator, so the count is the sum of what all commits have left. If commits in the middle are
 * lost, the count is lower than the number of the last one. */

/* In the order of their keys, as a file needs them. */
#define COMMITS_COUNTED "commits-counted"
#define COMMITS_NUMBERED "commits-numbered"

/* Little-endian, as the merge operator needs it. */
static struct slice encode_u64(char out[8], uint64_t v) {
    for (int i = 0; i < 8; i++)
        out[i] = (char)(v >> (8 * i) & 0xff);
    return slice_of(out, 8);
}

static bool get_u64(struct store *s, const char *name, uint64_t *v, struct err *e) {
    struct buf value = {0};
    bool ok = store_get_fact(s, name, &value, e);
    *v = 0;
    for (size_t i = value.n == 8 ? 8 : 0; i-- > 0;)
        *v = *v << 8 | (unsigned char)value.p[i];
    buf_release(&value);
    return ok;
}

bool store_has_all_commits(struct store *s, struct err *e) {
    uint64_t numbered, counted;
    if (!get_u64(s, COMMITS_NUMBERED, &numbered, e) || !get_u64(s, COMMITS_COUNTED, &counted, e)) {
        e->class = atomic_load(&s->damaged) ? ERR_REBUILD : ERR_STOP;
        return false;
    }
    s->commits = numbered;
    return numbered == counted ||
           err_set(e, ERR_REBUILD,
                   "state.dir=%s: it is damaged: of %" PRIu64 " commits only %" PRIu64 " are there",
                   s->dir, numbered, counted);
}

/* --- through the write buffer --- */

static void put_in_batch(rocksdb_writebatch_t *out, const struct row *r) {
    struct slice key = row_stored_key(r);
    if (r->exists)
        rocksdb_writebatch_put(out, key.p, key.n, row_value(r).p, r->value_n);
    else
        rocksdb_writebatch_delete(out, key.p, key.n);
}

/* The rows are sorted, because RocksDB inserts sorted keys fast. */
static void write_buffered(struct store *s, struct row_cache *c, char **text) {
    char value[8];
    struct buf key = {0};
    rocksdb_writebatch_t *out = rocksdb_writebatch_create();
    for (int f = 0; f < FAMILY_COUNT; f++) {
        const struct rows *rows = row_cache_sort_dirty(c, (enum family)f);
        for (size_t i = 0; i < rows->n; i++)
            put_in_batch(out, rows->p[i]);
    }
    store_fact_key(&key, COMMITS_COUNTED);
    rocksdb_writebatch_merge(out, key.p, key.n, encode_u64(value, 1).p, 8);
    store_fact_key(&key, COMMITS_NUMBERED);
    rocksdb_writebatch_put(out, key.p, key.n, encode_u64(value, s->commits + 1).p, 8);
    s->has_buffered = true;
    rocksdb_write(s->db, s->write, out, text);
    rocksdb_writebatch_destroy(out);
    buf_release(&key);
}

/* --- as a file --- */

static void put_in_file(rocksdb_sstfilewriter_t *out, const struct row *r, char **text) {
    struct slice key = row_stored_key(r);
    if (r->exists)
        rocksdb_sstfilewriter_put(out, key.p, key.n, row_value(r).p, r->value_n, text);
    else
        rocksdb_sstfilewriter_delete(out, key.p, key.n, text);
}

static void put_family_in_file(rocksdb_sstfilewriter_t *out, struct row_cache *c, enum family f,
                               char **text) {
    const struct rows *rows = row_cache_sort_dirty(c, f);
    for (size_t i = 0; i < rows->n && *text == NULL; i++)
        put_in_file(out, rows->p[i], text);
}

/* To be called after the meta family: the facts have the highest partition, so they come last. */
static void put_number_in_file(struct store *s, rocksdb_sstfilewriter_t *out, char **text) {
    char value[8];
    struct buf key = {0};
    store_fact_key(&key, COMMITS_COUNTED);
    rocksdb_sstfilewriter_merge(out, key.p, key.n, encode_u64(value, 1).p, 8, text);
    store_fact_key(&key, COMMITS_NUMBERED);
    if (*text == NULL)
        rocksdb_sstfilewriter_put(out, key.p, key.n, encode_u64(value, s->commits + 1).p, 8, text);
    buf_release(&key);
}

static void make_file(struct store *s, struct row_cache *c, const char *path, char **text) {
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *out = rocksdb_sstfilewriter_create(env, s->file_options);
    rocksdb_sstfilewriter_open(out, path, text);
    for (int f = 0; f < FAMILY_COUNT && *text == NULL; f++) {
        put_family_in_file(out, c, (enum family)f, text);
        if (f == FAMILY_META && *text == NULL)
            put_number_in_file(s, out, text);
    }
    if (*text == NULL)
        rocksdb_sstfilewriter_finish(out, text);
    rocksdb_sstfilewriter_destroy(out);
    rocksdb_envoptions_destroy(env);
}

static void flush(struct store *s, char **text) {
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    rocksdb_flush(s->db, options, text);
    s->has_buffered = *text != NULL;
    rocksdb_flushoptions_destroy(options);
}

/* If the disk is full, RocksDB leaves a copy that it could not finish, until it next looks for
 * files that nobody needs. It looks when file deletions are enabled again. */
static void remove_unfinished_copy(struct store *s) {
    char *texts[2] = {NULL};
    rocksdb_disable_file_deletions(s->db, &texts[0]);
#if ROCKSDB_MAJOR < 9
    rocksdb_enable_file_deletions(s->db, 0, &texts[1]);
#else
    rocksdb_enable_file_deletions(s->db, &texts[1]);
#endif
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]); /* if this failed, RocksDB looks when the store is next opened */
}

static void hand_over(struct store *s, const char *path, char **text) {
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingest_external_file(s->db, &path, 1, options, text);
    rocksdb_ingestexternalfileoptions_destroy(options);
    if (*text != NULL)
        remove_unfinished_copy(s);
}

/* Makes a file in memory and fills its path. Returns its descriptor, or -1 with an error text. A
 * missing /proc is found here, because RocksDB would report the missing path in the same words as
 * damage. */
static int open_memory_file(char *path, size_t path_size, char **text) {
    char why[256] = "cannot make a file in memory: /proc is not mounted";
    int fd = memfd_create("streamer-commit", MFD_CLOEXEC);
    (void)snprintf(path, path_size, "/proc/self/fd/%d", fd);
    if (fd >= 0 && access(path, F_OK) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    else
        (void)snprintf(why, sizeof why, "cannot make a file in memory: %s", strerror(errno));
    *text = mem_strdup(why);
    return -1;
}

static void write_file(struct store *s, struct row_cache *c, char **text) {
    char path[64];
    int fd = open_memory_file(path, sizeof path, text);
    if (fd < 0)
        return;
    make_file(s, c, path, text);
    if (*text == NULL && s->has_buffered)
        flush(s, text);
    if (*text == NULL)
        hand_over(s, path, text);
    (void)close(fd);
}

bool store_write_rows(struct store *s, struct row_cache *rows, struct err *e) {
    char *text = NULL;
    (void)pthread_mutex_lock(&s->commit_lock);
    if (rows->dirty_bytes < FILE_BYTES)
        write_buffered(s, rows, &text);
    else
        write_file(s, rows, &text);
    s->commits += text == NULL;
    (void)pthread_mutex_unlock(&s->commit_lock);
    return store_check(s, text, e, "write");
}
