#include "state/rocksdb/seal.h"
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- errors --- */

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* What no second try makes better: the files do not hold what was written to them, or are gone. Of
 * RocksDB's texts only the beginning is its own; behind it are paths. */
static bool is_damage(const char *text) {
    return begins_with(text, "Corruption: ") ||
           begins_with(text, "IO error: No such file or directory");
}

static void note_damage(struct store *s, const char *text) {
    (void)pthread_mutex_lock(&s->damage_lock);
    if (!atomic_load(&s->damaged)) {
        (void)snprintf(s->damage, sizeof s->damage, "%s", text);
        atomic_store(&s->damaged, true);
        (void)seal_mark_damaged(s->dir, s->damage); /* else store_close tries once more */
    }
    (void)pthread_mutex_unlock(&s->damage_lock);
}

bool store_refuse_damaged(struct store *s, struct err *e) {
    (void)pthread_mutex_lock(&s->damage_lock);
    (void)err_set(
        e, ERR_STOP,
        "state.dir=%s: it is damaged: %s; start again, and the state is rebuilt from the topics",
        s->dir, s->damage);
    (void)pthread_mutex_unlock(&s->damage_lock);
    return false;
}

bool store_check(struct store *s, char *text, struct err *e, const char *what) {
    if (text == NULL)
        return true;
    bool damage = is_damage(text);
    if (damage)
        note_damage(s, text);
    else
        (void)err_set(e, ERR_RETRY, "state.dir=%s: %s: %s", s->dir, what, text);
    free(text);
    return damage ? store_refuse_damaged(s, e) : false;
}

/* --- opening --- */

#define OPEN_FILES_MAX 512
#define SORTED_RUNS 16
/* The newest that Debian 12's RocksDB, 7.8, can read: who goes back to it keeps the state. */
#define TABLE_FORMAT 5

/* What is soon written again, in levels 0 and 1, is not worth it. */
static const int compression[] = {rocksdb_no_compression, rocksdb_no_compression,
                                  rocksdb_lz4_compression};

/* Rows change at random, so in levels each compaction of a few commits would write all of level 1
 * again: at 15,000 changes a second that took more than the changes did. Sorted runs of like size
 * are merged instead, and all of them once the later ones are as large as the oldest. That a row
 * may lie in any of SORTED_RUNS costs little, with their filters in memory. */
static void set_compactions(rocksdb_options_t *o) {
    rocksdb_universal_compaction_options_t *u = rocksdb_universal_compaction_options_create();
    rocksdb_universal_compaction_options_set_max_size_amplification_percent(u, 100);
    rocksdb_options_set_compaction_style(o, rocksdb_universal_compaction);
    rocksdb_options_set_universal_compaction_options(o, u);
    rocksdb_options_set_level0_file_num_compaction_trigger(o, SORTED_RUNS);
    /* Commits go on while all of a large state is merged, which takes seconds. */
    rocksdb_options_set_level0_slowdown_writes_trigger(o, 3 * SORTED_RUNS);
    rocksdb_options_set_level0_stop_writes_trigger(o, 6 * SORTED_RUNS);
    rocksdb_universal_compaction_options_destroy(u);
}

/* --- owners ---
 *
 * A cursor over the rows of one customer or account would have to look into every run: the filters
 * also tell whether a file has rows of an owner at all. */

static size_t owner_n(const char *stored, size_t n) {
    size_t of_key = n > 0 ? family_owner_n((enum family)stored[0], slice_of(stored + 1, n - 1)) : 0;
    return of_key > 0 ? of_key + 1 : 0;
}

static unsigned char has_owner(void *state, const char *stored, size_t n) {
    (void)state;
    return owner_n(stored, n) > 0;
}

static char *owner_of(void *state, const char *stored, size_t n, size_t *length) {
    (void)state;
    *length = owner_n(stored, n);
    return (char *)(uintptr_t)stored;
}

static const char *owner_rule(void *state) {
    (void)state;
    return "streamer.owner.1"; /* another rule needs another name: it stands in the files */
}

static void forget_rule(void *state) {
    (void)state;
}

/* --- RocksDB's own log ---
 *
 * Debian's RocksDB has assertions. One of them ends the program when its info log is written after
 * the disk was full, so none is written; errors come to us. 9.10 opens nothing with a level above
 * all of them. */
#if ROCKSDB_MAJOR < 9
#define ABOVE_ALL_LEVELS 6 /* NUM_INFO_LOG_LEVELS of rocksdb/env.h */

static void set_no_log(rocksdb_options_t *o) {
    rocksdb_options_set_info_log_level(o, ABOVE_ALL_LEVELS);
}
#else
#define HIGHEST_LEVEL 5

static void drop_line(void *state, unsigned level, char *line, size_t n) {
    (void)state, (void)level, (void)line, (void)n;
}

static void set_no_log(rocksdb_options_t *o) {
    rocksdb_logger_t *logger =
        rocksdb_logger_create_callback_logger(HIGHEST_LEVEL, drop_line, NULL);
    rocksdb_options_set_info_log(o, logger);
    rocksdb_logger_destroy(logger); /* the options hold it now */
}
#endif

static rocksdb_options_t *make_options(size_t cache_bytes, size_t buffer_bytes) {
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_compression_per_level(o, compression, (size_t)ARRAY_LEN(compression));
    rocksdb_options_set_uint64add_merge_operator(o); /* for the count of commits */
    rocksdb_options_set_db_write_buffer_size(o, buffer_bytes);
    rocksdb_options_set_write_buffer_size(o, buffer_bytes / 2);
    /* What is not in a write buffer is told without a search in it. */
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.05);
    /* The index and the filter of a file stay in memory as long as it is open: as blocks of the
     * cache they are looked up there for each read, and read anew, each as a whole, when others
     * have pushed them out. About 1 % of a file. */
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    set_compactions(o);
    rocksdb_options_set_prefix_extractor(
        o, rocksdb_slicetransform_create(NULL, forget_rule, owner_of, has_owner, NULL, owner_rule));
    set_no_log(o);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_increase_parallelism(o, 2);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_format_version(table, TABLE_FORMAT);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_cache_destroy(cache); /* the options hold it now */
    return o;
}

rocksdb_options_t *store_reading_options(void) {
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_uint64add_merge_operator(o);
    set_no_log(o);
    return o;
}

struct read_options read_options_new(void) {
    struct read_options r = {rocksdb_readoptions_create(), rocksdb_readoptions_create()};
    rocksdb_readoptions_set_total_order_seek(r.all, 1);
    rocksdb_readoptions_set_fill_cache(r.all, 0);
    return r;
}

void read_options_free(struct read_options *r) {
    rocksdb_readoptions_destroy(r->all);
    rocksdb_readoptions_destroy(r->of_owner);
}

#define DIRECTORY_MODE 0750

/* The folders above it; what cannot be made shows when it is used. */
static void make_folders_above(const char *dir) {
    char *path = mem_strdup(dir);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, DIRECTORY_MODE);
        *slash = '/';
    }
    free(path);
}

bool store_make_directory(const char *dir, struct err *e) {
    struct stat st;
    make_folders_above(dir);
    if (mkdir(dir, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: cannot create it: %s; give a directory that can be written to", dir,
            strerror(errno));
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "state.dir=%s: not a directory; give another one", dir);
    return true;
}

static bool has(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

bool store_open_failed(const char *dir, const char *text, struct err *e) {
    if (is_damage(text))
        return err_set(e, ERR_REBUILD, "state.dir=%s: it is damaged: %s", dir, text);
    if ((has(text, "lock") && has(text, "esource temporarily unavailable")) ||
        has(text, "lock hold by current process"))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: in use by another process; stop that one or give this one a directory of its own",
            dir);
    if (has(text, "Permission denied") || has(text, "Read-only file system") ||
        has(text, "No locks available"))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: cannot write there: %s; give a directory that can be written to", dir,
            text);
    if (has(text, "No space left") || has(text, "Disk quota exceeded"))
        return err_set(e, ERR_STOP,
                       "state.dir=%s: no space left on the device; free some and start again", dir);
    if (has(text, "Too many open files"))
        return err_set(
            e, ERR_STOP,
            "state.dir=%s: too many open files; raise the limit (ulimit -n) and start again", dir);
    if (has(text, "Column families not opened"))
        return err_set(e, ERR_REBUILD,
                       "state.dir=%s: it was written by another version of streamer", dir);
    if (has(text, "Cannot allocate memory"))
        return err_set(e, ERR_STOP, "state.dir=%s: out of memory; raise the limit and start again",
                       dir);
    return err_set(
        e, ERR_STOP,
        "state.dir=%s: cannot open it: %s; mend that and start again; the state stays as it is",
        dir, text);
}

/* Without CURRENT, RocksDB would start a new database, and read the old one's log into it. */
static bool has_list_of_files(const char *dir, struct err *e) {
    return !seal_lacks_list(dir) ||
           err_set(e, ERR_REBUILD, "state.dir=%s: it holds state, but the file CURRENT is missing",
                   dir);
}

/* Closes the database, and frees all but what it says of the directory. */
static void release(struct store *s) {
    if (s->rows != NULL)
        rocksdb_column_family_handle_destroy(s->rows);
    if (s->db != NULL)
        rocksdb_close(s->db);
    read_options_free(&s->read);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_options_destroy(s->options);
    rocksdb_options_destroy(s->file_options);
    (void)pthread_mutex_destroy(&s->damage_lock);
    (void)pthread_mutex_destroy(&s->commit_lock);
    free(s->dir);
    free(s);
}

static bool open_database(struct store *s, struct err *e) {
    const char *name = "default"; /* RocksDB insists on that one */
    const rocksdb_options_t *options = s->options;
    char *text = NULL;
    s->db = rocksdb_open_column_families(s->options, s->dir, 1, &name, &options, &s->rows, &text);
    if (text == NULL)
        return true;
    (void)store_open_failed(s->dir, text, e);
    free(text);
    s->rows = NULL;
    s->db = NULL;
    return false;
}

/* After the database is open: only then it is sure that nobody else is using the directory. */
static bool is_usable(const struct store *s, struct err *e) {
    struct buf reason = {0};
    bool ok = !seal_is_damaged(s->dir, &reason) ||
              err_set(e, ERR_REBUILD, "state.dir=%s: it is damaged: %s", s->dir, buf_cstr(&reason));
    buf_release(&reason);
    return ok;
}

struct store *store_open(const char *dir, int64_t memory_bytes, int batches, struct err *e) {
    if (!store_make_directory(dir, e) || !has_list_of_files(dir, e))
        return NULL;
    bool changed = seal_is_changed(dir);
    struct store *s = mem_calloc(1, sizeof *s);
    s->dir = mem_strdup(dir);
    size_t eighth = (size_t)memory_bytes / 8;
    s->options = make_options(eighth / 2, eighth);
    s->file_options = rocksdb_options_create_copy(s->options);
    rocksdb_options_set_compression_per_level(s->file_options, compression, 1);
    s->row_bytes = eighth * 13 / 2 / (size_t)batches;
    s->read = read_options_new();
    s->write = rocksdb_writeoptions_create();
    (void)pthread_mutex_init(&s->damage_lock, NULL);
    (void)pthread_mutex_init(&s->commit_lock, NULL);
    for (size_t p = 0; p < ARRAY_LEN(s->counted); p++)
        atomic_init(&s->counted[p], !changed);
    if (open_database(s, e) && seal_break(dir, e) && is_usable(s, e) &&
        store_has_all_commits(s, e)) {
        s->has_buffered = true; /* what the log held */
        return s;
    }
    release(s);
    return NULL;
}

void store_use_thread(void) {
    rocksdb_set_perf_level(rocksdb_disable);
}

void store_close(struct store *s) {
    if (s == NULL)
        return;
    bool damaged = atomic_load(&s->damaged);
    if (damaged)
        (void)seal_mark_damaged(s->dir, s->damage);
    char *dir = mem_strdup(s->dir);
    release(s);
    if (!damaged)
        seal_put(dir);
    free(dir);
}

bool store_set_aside(const char *dir, int64_t now_ms, struct buf *aside, struct err *e) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    buf_clear(aside);
    buf_printf(aside, "%.*s.aside-%" PRId64, (int)n, dir, now_ms);
    if (rename(dir, buf_cstr(aside)) == 0)
        return true;
    return err_set(e, ERR_STOP, "state.dir=%s: cannot rename it to %s: %s; move it away by hand",
                   dir, buf_cstr(aside), strerror(errno));
}

bool store_destroy(const char *dir, struct err *e) {
    struct stat st;
    char *text = NULL;
    if (stat(dir, &st) != 0 && errno == ENOENT)
        return true;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_destroy_db(options, dir, &text);
    rocksdb_options_destroy(options);
    if (text == NULL) {
        seal_remove(dir);
        (void)rmdir(dir); /* unless something else lies there */
    }
    if (text != NULL && strstr(text, "lock") != NULL)
        (void)err_set(e, ERR_STOP,
                      "state.dir=%s: in use by another process; stop it and run this again", dir);
    else if (text != NULL)
        (void)err_set(e, ERR_STOP, "state.dir=%s: cannot remove it: %s", dir, text);
    bool ok = text == NULL;
    free(text);
    return ok;
}

/* --- rows, sizes --- */

static bool count_rows(struct store *s, struct slice prefix, int64_t *rows, struct err *e) {
    char *text = NULL;
    rocksdb_iterator_t *i = rocksdb_create_iterator(s->db, s->read.all);
    for (rocksdb_iter_seek(i, prefix.p, prefix.n); rocksdb_iter_valid(i);
         rocksdb_iter_next(i), (*rows)++) {
        size_t n;
        const char *p = rocksdb_iter_key(i, &n);
        if (!slice_has_prefix(slice_of(p, n), prefix))
            break;
    }
    rocksdb_iter_get_error(i, &text);
    rocksdb_iter_destroy(i);
    return store_check(s, text, e, "scan");
}

bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT],
                      struct err *e) {
    struct buf key = {0}, prefix = {0};
    bool ok = true;
    key_partition(&key, partition);
    memset(rows, 0, FAMILY_COUNT * sizeof *rows);
    for (int f = 0; f < FAMILY_COUNT && ok; f++)
        ok = count_rows(s, stored_key(&prefix, (enum family)f, buf_slice(&key)), &rows[f], e);
    buf_release(&prefix);
    buf_release(&key);
    return ok;
}

bool store_needs_count(const struct store *s, int32_t partition) {
    return !atomic_load(&s->counted[partition]);
}

void store_note_counted(struct store *s, int32_t partition) {
    atomic_store(&s->counted[partition], true);
}

uint32_t store_claim(struct store *s, int32_t partition, uint64_t batch) {
    if (atomic_load(&s->owners[partition]) != batch || batch == 0) {
        atomic_store(&s->owners[partition], batch);
        atomic_fetch_add(&s->epochs[partition], 1);
    }
    return atomic_load(&s->epochs[partition]);
}

bool store_wipe(struct store *s, int32_t partition, struct err *e) {
    struct buf key = {0}, next = {0}, from = {0}, to = {0};
    char *text = NULL;
    key_partition(&key, partition);
    key_partition(&next, partition + 1);
    (void)pthread_mutex_lock(&s->commit_lock);
    s->has_buffered = true;
    for (int f = 0; f < FAMILY_COUNT && text == NULL; f++) {
        (void)stored_key(&from, (enum family)f, buf_slice(&key));
        (void)stored_key(&to, (enum family)f, buf_slice(&next));
        rocksdb_delete_range_cf(s->db, s->write, s->rows, from.p, from.n, to.p, to.n, &text);
    }
    (void)pthread_mutex_unlock(&s->commit_lock);
    struct buf *bufs[] = {&key, &next, &from, &to};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    if (text == NULL)
        atomic_store(&s->counted[partition], true);
    (void)store_claim(s, partition, 0);
    return store_check(s, text, e, "wipe");
}

int64_t store_bytes(struct store *s) {
    static const char *const properties[] = {"rocksdb.live-sst-files-size",
                                             "rocksdb.size-all-mem-tables"};
    uint64_t sum = 0, v;
    for (size_t i = 0; i < ARRAY_LEN(properties); i++)
        if (rocksdb_property_int(s->db, properties[i], &v) == 0)
            sum += v;
    return (int64_t)sum;
}
