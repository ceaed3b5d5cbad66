#include "state/store.h"

#include "state/keys.h"
#include "state/layout.h"
#include "state/row_cache.h"
#include "state/seal.h"
#include "state/wanted.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store {
    char *dir;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_column_family_handle_t *tables[TABLE_COUNT];
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    pthread_mutex_t commit_lock;
    uint64_t commits; /* under commit_lock */
    /* Of each partition: which batch (its number) has read or written it last; 0: none, or wiped since. And how often
     * that has changed: rows that a batch keeps in memory are good as long as it has not. */
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

/* --- errors --- */

/* What no second try makes better: the files do not hold what was written to them, or are gone. */
static bool is_damage(const char *text) {
    return strstr(text, "Corruption") != NULL || strstr(text, "No such file or directory") != NULL;
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

/* Returns false. */
static bool refuse_damaged(struct store *s, struct err *e) {
    (void)pthread_mutex_lock(&s->damage_lock);
    (void)err_set(e, ERR_STOP,
                  "state.dir=%s: it is damaged: %s; start again, and the state is rebuilt from the topics",
                  s->dir, s->damage);
    (void)pthread_mutex_unlock(&s->damage_lock);
    return false;
}

/* A row that passed RocksDB's checksums and is none of ours. Returns false. */
static bool refuse_row(struct store *s, enum table t, struct err *e) {
    char text[128];
    (void)snprintf(text, sizeof text, "a row of table %s cannot be read", table_name(t));
    note_damage(s, text);
    return refuse_damaged(s, e);
}

/* Turns RocksDB's allocated error text into `e`; true if there was none. */
static bool check(struct store *s, char *text, struct err *e, const char *what) {
    if (text == NULL)
        return true;
    bool damage = is_damage(text);
    if (damage)
        note_damage(s, text);
    else
        (void)err_set(e, ERR_RETRY, "state.dir=%s: %s: %s", s->dir, what, text);
    free(text);
    return damage ? refuse_damaged(s, e) : false;
}

/* --- facts --- */

static void fact_key(struct buf *key, const char *name) {
    key_text(key, KEY_STORE_PARTITION, slice_str(name));
}

bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    size_t n = 0;
    fact_key(&key, name);
    char *found = rocksdb_get_cf(s->db, s->read, s->tables[TABLE_META], key.p, key.n, &n, &text);
    buf_set(value, slice_of(found, n));
    free(found);
    buf_release(&key);
    return check(s, text, e, "read");
}

bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    fact_key(&key, name);
    rocksdb_put_cf(s->db, s->write, s->tables[TABLE_META], key.p, key.n, value.p, value.n, &text);
    buf_release(&key);
    return check(s, text, e, "write");
}

/* --- commits ---
 *
 * Each commit numbers itself and adds one to a count: a number that is stored, and a count that RocksDB makes when it
 * puts the pieces together. They differ where commits in the middle got lost, also those that only changed rows
 * and so do not show in their number: what a MANIFEST cut short leaves. As all tables are flushed together,
 * what is missing in one is missing in this one too. */

#define COMMITS_NUMBERED "commits-numbered"
#define COMMITS_COUNTED "commits-counted"

/* As the merge operator wants it: little-endian. */
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

static bool has_all_commits(struct store *s, struct err *e) {
    uint64_t numbered, counted;
    if (!get_u64(s, COMMITS_NUMBERED, &numbered, e) || !get_u64(s, COMMITS_COUNTED, &counted, e)) {
        e->class = ERR_RETRY;
        return false;
    }
    s->commits = numbered;
    return numbered == counted ||
           err_set(e, ERR_RETRY,
                   "state.dir=%s: it is damaged: of %" PRIu64 " commits only %" PRIu64 " are there", s->dir,
                   numbered, counted);
}

/* --- opening --- */

#define OPEN_FILES_MAX 512
#define INFO_LOG_NOTHING 6 /* NUM_INFO_LOG_LEVELS of rocksdb/env.h */

static rocksdb_options_t *make_options(size_t cache_bytes, size_t buffer_bytes) {
    /* What is soon written again is not worth it. */
    static const int compression[] = {rocksdb_no_compression, rocksdb_no_compression,
                                      rocksdb_lz4_compression};
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_compression_per_level(o, compression, (size_t)ARRAY_LEN(compression));
    /* All tables are flushed together: the files agree with each other, whatever is lost of the log. */
    rocksdb_options_set_atomic_flush(o, 1);
    rocksdb_options_set_uint64add_merge_operator(o); /* for COMMITS_COUNTED */
    rocksdb_options_set_db_write_buffer_size(o, buffer_bytes);
    rocksdb_options_set_write_buffer_size(o, buffer_bytes / 4);
    rocksdb_options_set_max_total_wal_size(o, buffer_bytes * 4);
    /* What is not in a write buffer is told without a search in it. */
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.05);
    /* The index and the filter of a file stay in memory as long as it is open: as blocks of the cache they are looked up
     * there for each read, and read anew, each as a whole, when others have pushed them out. About 1 % of a file. */
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    /* Fewer and larger compactions; that more files may hold a key costs little with their filters in memory. */
    rocksdb_options_set_level0_file_num_compaction_trigger(o, 8);
    rocksdb_options_set_max_bytes_for_level_base(o, 64 << 20);
    /* Debian's RocksDB has assertions. One of them ends the program when its info log is written after the disk was
     * full, so none is written; errors come to us. */
    rocksdb_options_set_info_log_level(o, INFO_LOG_NOTHING);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_increase_parallelism(o, 2);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_cache_destroy(cache); /* the options hold it now */
    return o;
}

static bool make_directory(const char *dir, struct err *e) {
    struct stat st;
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return err_set(e, ERR_CONFIG,
                       "state.dir=%s: cannot create it: %s; give a directory that can be written to", dir,
                       strerror(errno));
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "state.dir=%s: not a directory; give another one", dir);
    return true;
}

static bool has(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* Why RocksDB did not open: the user's to mend, or damage. */
static bool open_failed(const char *dir, const char *text, struct err *e) {
    if ((has(text, "lock") && has(text, "esource temporarily unavailable")) ||
        has(text, "lock hold by current process"))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: in use by another process; stop that one or give this one a directory of its own",
            dir);
    if (has(text, "Permission denied") || has(text, "Read-only file system") ||
        has(text, "No locks available"))
        return err_set(e, ERR_CONFIG,
                       "state.dir=%s: cannot write there: %s; give a directory that can be written to", dir,
                       text);
    if (has(text, "No space left") || has(text, "Disk quota exceeded"))
        return err_set(e, ERR_STOP, "state.dir=%s: no space left on the device; free some and start again",
                       dir);
    if (has(text, "Too many open files"))
        return err_set(e, ERR_STOP,
                       "state.dir=%s: too many open files; raise the limit (ulimit -n) and start again", dir);
    if (has(text, "Column families not opened"))
        return err_set(e, ERR_RETRY, "state.dir=%s: it was written by another version of streamer", dir);
    if (has(text, "Cannot allocate memory"))
        return err_set(e, ERR_STOP, "state.dir=%s: out of memory; raise the limit and start again", dir);
    return err_set(e, ERR_RETRY, "state.dir=%s: %s", dir, text);
}

/* Without CURRENT, RocksDB would start a new database, and read the old one's log into it. */
static bool has_list_of_files(const char *dir, struct err *e) {
    return !seal_lacks_list(dir) ||
           err_set(e, ERR_RETRY, "state.dir=%s: it holds state, but the file CURRENT is missing", dir);
}

/* Closes the database, and frees all but what it says of the directory. */
static void release(struct store *s) {
    for (int i = 0; i < TABLE_COUNT; i++)
        if (s->tables[i] != NULL)
            rocksdb_column_family_handle_destroy(s->tables[i]);
    if (s->db != NULL)
        rocksdb_close(s->db);
    rocksdb_readoptions_destroy(s->read);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_options_destroy(s->options);
    (void)pthread_mutex_destroy(&s->damage_lock);
    (void)pthread_mutex_destroy(&s->commit_lock);
    free(s->dir);
    free(s);
}

static bool open_database(struct store *s, struct err *e) {
    const char *names[TABLE_COUNT];
    const rocksdb_options_t *options[TABLE_COUNT];
    for (int i = 0; i < TABLE_COUNT; i++) {
        names[i] = table_name((enum table)i);
        options[i] = s->options;
    }
    char *text = NULL;
    s->db = rocksdb_open_column_families(s->options, s->dir, TABLE_COUNT, names, options, s->tables, &text);
    if (text == NULL)
        return true;
    (void)open_failed(s->dir, text, e);
    free(text);
    memset(s->tables, 0, sizeof s->tables);
    s->db = NULL;
    return false;
}

/* After the database is open: only then it is sure that nobody else is using the directory. */
static bool is_usable(const struct store *s, struct err *e) {
    struct buf reason = {0};
    bool ok = !seal_is_damaged(s->dir, &reason) ||
              err_set(e, ERR_RETRY, "state.dir=%s: it is damaged: %s", s->dir, buf_cstr(&reason));
    buf_release(&reason);
    return ok;
}

struct store *store_open(const char *dir, int64_t memory_bytes, int batches, struct err *e) {
    bool changed = false;
    if (!make_directory(dir, e) || !has_list_of_files(dir, e) || !seal_break(dir, &changed, e))
        return NULL;
    struct store *s = mem_calloc(1, sizeof *s);
    s->dir = mem_strdup(dir);
    size_t eighth = (size_t)memory_bytes / 8;
    s->options = make_options(eighth, eighth * 3);
    s->row_bytes = eighth * 4 / (size_t)batches;
    s->read = rocksdb_readoptions_create();
    s->write = rocksdb_writeoptions_create();
    (void)pthread_mutex_init(&s->damage_lock, NULL);
    (void)pthread_mutex_init(&s->commit_lock, NULL);
    for (size_t p = 0; p < ARRAY_LEN(s->counted); p++)
        atomic_init(&s->counted[p], !changed);
    if (open_database(s, e) && is_usable(s, e) && has_all_commits(s, e))
        return s;
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
    return err_set(e, ERR_STOP, "state.dir=%s: cannot rename it to %s: %s; move it away by hand", dir,
                   buf_cstr(aside), strerror(errno));
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
        (void)err_set(e, ERR_STOP, "state.dir=%s: in use by another process; stop it and run this again",
                      dir);
    else if (text != NULL)
        (void)err_set(e, ERR_STOP, "state.dir=%s: cannot remove it: %s", dir, text);
    bool ok = text == NULL;
    free(text);
    return ok;
}

/* --- rows, sizes --- */

/* Adds the sections of one row to the counts of their families. */
static bool count_row(struct slice row, const int *families, int64_t *rows) {
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct slice value = row;
        if (!families[f])
            continue;
        if (layout_place((enum family)f).section != SECTION_ALONE &&
            !layout_get(row, layout_place((enum family)f).section, &value))
            return false;
        rows[f] += value.p != NULL;
    }
    return true;
}

static bool count_table(struct store *s, enum table t, const rocksdb_readoptions_t *scan, struct slice prefix,
                        int64_t rows[FAMILY_COUNT], struct err *e) {
    int families[FAMILY_COUNT];
    char *text = NULL;
    bool readable = true;
    for (int f = 0; f < FAMILY_COUNT; f++)
        families[f] = layout_place((enum family)f).table == t;
    rocksdb_iterator_t *i = rocksdb_create_iterator_cf(s->db, scan, s->tables[t]);
    for (rocksdb_iter_seek(i, prefix.p, prefix.n); readable && rocksdb_iter_valid(i); rocksdb_iter_next(i)) {
        size_t n;
        const char *p = rocksdb_iter_key(i, &n);
        if (!slice_has_prefix(slice_of(p, n), prefix))
            break;
        p = rocksdb_iter_value(i, &n);
        readable = count_row(slice_of(p, n), families, rows);
    }
    rocksdb_iter_get_error(i, &text);
    rocksdb_iter_destroy(i);
    return check(s, text, e, "scan") && (readable || refuse_row(s, t, e));
}

bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT], struct err *e) {
    struct buf prefix = {0};
    bool ok = true;
    key_partition(&prefix, partition);
    rocksdb_readoptions_t *scan = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(scan, 0);
    memset(rows, 0, FAMILY_COUNT * sizeof *rows);
    for (int t = 0; t < TABLE_COUNT && ok; t++)
        ok = count_table(s, (enum table)t, scan, buf_slice(&prefix), rows, e);
    rocksdb_readoptions_destroy(scan);
    buf_release(&prefix);
    return ok;
}

bool store_needs_count(const struct store *s, int32_t partition) {
    return !atomic_load(&s->counted[partition]);
}

void store_note_counted(struct store *s, int32_t partition) {
    atomic_store(&s->counted[partition], true);
}

/* The partition is in the hands of that batch now (0: of none). Returns its epoch. */
static uint32_t claim(struct store *s, int32_t partition, uint64_t batch) {
    if (atomic_load(&s->owners[partition]) != batch || batch == 0) {
        atomic_store(&s->owners[partition], batch);
        atomic_fetch_add(&s->epochs[partition], 1);
    }
    return atomic_load(&s->epochs[partition]);
}

bool store_wipe(struct store *s, int32_t partition, struct err *e) {
    struct buf from = {0}, to = {0};
    char *text = NULL;
    key_partition(&from, partition);
    key_partition(&to, partition + 1);
    for (int t = 0; t < TABLE_COUNT && text == NULL; t++)
        rocksdb_delete_range_cf(s->db, s->write, s->tables[t], from.p, from.n, to.p, to.n, &text);
    buf_release(&from);
    buf_release(&to);
    if (text == NULL)
        atomic_store(&s->counted[partition], true);
    (void)claim(s, partition, 0);
    return check(s, text, e, "wipe");
}

int64_t store_bytes(struct store *s) {
    static const char *const properties[] = {"rocksdb.live-sst-files-size", "rocksdb.size-all-mem-tables"};
    uint64_t sum = 0, v;
    for (int t = 0; t < TABLE_COUNT; t++)
        for (size_t i = 0; i < ARRAY_LEN(properties); i++)
            if (rocksdb_property_int_cf(s->db, s->tables[t], properties[i], &v) == 0)
                sum += v;
    return (int64_t)sum;
}

/* --- cursors --- */

struct store_cursor {
    struct kv_cursor base;
    struct kv *kv;
    struct store *store;
    struct place place;
    rocksdb_iterator_t *i;
    struct slice value; /* where it stands; p == NULL: nowhere */
};

static struct store_cursor *cursor_of(struct kv_cursor *c) {
    return (struct store_cursor *)c;
}

/* Of the row that RocksDB's iterator is at: p == NULL if it lacks the section. False on an error. */
static bool read_section(struct store_cursor *c) {
    struct slice row;
    char *text = NULL;
    c->value = slice_null();
    if (!rocksdb_iter_valid(c->i)) {
        rocksdb_iter_get_error(c->i, &text);
        if (!kv_failed(c->kv))
            return check(c->store, text, &c->kv->err, "scan");
        free(text);
        return false;
    }
    row.p = rocksdb_iter_value(c->i, &row.n);
    if (c->place.section == SECTION_ALONE)
        c->value = row;
    else if (!layout_get(row, c->place.section, &c->value))
        return !kv_failed(c->kv) && refuse_row(c->store, c->place.table, &c->kv->err);
    return true;
}

/* Goes on in that direction to the next row that has the section. */
static void settle(struct kv_cursor *base, void (*move)(rocksdb_iterator_t *)) {
    struct store_cursor *c = cursor_of(base);
    while (read_section(c) && c->value.p == NULL && rocksdb_iter_valid(c->i))
        move(c->i);
}

static void op_seek(struct kv_cursor *c, struct slice key) {
    rocksdb_iter_seek(cursor_of(c)->i, key.p, key.n);
    settle(c, rocksdb_iter_next);
}
static void op_seek_for_prev(struct kv_cursor *c, struct slice key) {
    rocksdb_iter_seek_for_prev(cursor_of(c)->i, key.p, key.n);
    settle(c, rocksdb_iter_prev);
}
static void op_next(struct kv_cursor *c) {
    rocksdb_iter_next(cursor_of(c)->i);
    settle(c, rocksdb_iter_next);
}
static void op_prev(struct kv_cursor *c) {
    rocksdb_iter_prev(cursor_of(c)->i);
    settle(c, rocksdb_iter_prev);
}
static bool op_valid(struct kv_cursor *c) {
    return cursor_of(c)->value.p != NULL;
}
static struct slice op_key(struct kv_cursor *c) {
    struct slice s;
    s.p = rocksdb_iter_key(cursor_of(c)->i, &s.n);
    return s;
}
static struct slice op_value(struct kv_cursor *c) {
    return cursor_of(c)->value;
}
static void op_free(struct kv_cursor *c) {
    rocksdb_iter_destroy(cursor_of(c)->i);
    free(c);
}

static struct kv_cursor *cursor_new(struct kv *kv, struct store *s, struct place place,
                                    rocksdb_iterator_t *i) {
    static const struct kv_cursor_ops ops = {op_seek,  op_seek_for_prev, op_next,  op_prev,
                                             op_valid, op_key,           op_value, op_free};
    struct store_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct store_cursor){.base = {&ops}, .kv = kv, .store = s, .place = place, .i = i};
    return &c->base;
}

/* The family's value in a row of its table (p == NULL: there is none) into `value`. False: it has none there. */
static bool take_value(struct kv *kv, struct store *s, struct place place, struct slice row,
                       struct buf *value) {
    struct slice found = row;
    if (place.section != SECTION_ALONE && !layout_get(row, place.section, &found))
        return refuse_row(s, place.table, &kv->err);
    if (found.p != NULL)
        buf_set(value, found);
    return found.p != NULL;
}

/* --- batches --- */

struct batch {
    struct kv kv; /* first: a kv of this store is a batch */
    struct store *store;
    uint64_t number;
    struct row_cache rows;
    rocksdb_writebatch_t *out;
    rocksdb_writebatch_wi_t *index; /* the dirty rows of those tables of which a cursor was asked for */
    struct buf composed;
    struct wanted wanted[TABLE_COUNT];
};

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

/* The epoch of the key's partition, which is this batch's from now on. */
static uint32_t claim_for(void *batch, struct slice key) {
    struct batch *b = batch;
    return claim(b->store, key_partition_of(key), b->number);
}

static bool is_good(const struct row *r, uint32_t epoch) {
    return r != NULL && (r->dirty || r->epoch == epoch);
}

static struct slice value_of_pinned(const rocksdb_pinnableslice_t *pinned) {
    struct slice value = slice_null();
    if (pinned != NULL)
        value.p = rocksdb_pinnableslice_value(pinned, &value.n);
    return value;
}

/* The row as the batch sees it, from memory or else from the database; NULL after an error. Good until the next call. */
static struct row *load_row(struct batch *b, enum table t, struct slice key) {
    struct store *s = b->store;
    char *text = NULL;
    uint32_t epoch = claim_for(b, key);
    struct row *r = row_cache_find(&b->rows, t, key);
    if (is_good(r, epoch))
        return r;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned_cf(s->db, s->read, s->tables[t], key.p, key.n, &text);
    if (!check(s, text, &b->kv.err, "read"))
        return NULL;
    r = row_cache_keep(&b->rows, t, key, value_of_pinned(pinned), epoch);
    rocksdb_pinnableslice_destroy(pinned);
    return r;
}

static struct slice value_of(const struct row *r) {
    return r->there ? row_value(r) : slice_null();
}

static bool batch_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    struct batch *b = batch_of(kv);
    struct place place = layout_place(f);
    if (kv_failed(kv))
        return false;
    const struct row *r = load_row(b, place.table, key);
    return r != NULL && take_value(kv, b->store, place, value_of(r), value);
}

/* value.p == NULL: erases it. */
static void change(struct kv *kv, enum family f, struct slice key, struct slice value) {
    struct batch *b = batch_of(kv);
    struct place place = layout_place(f);
    if (kv_failed(kv))
        return;
    if (place.section == SECTION_ALONE) {
        row_cache_change(&b->rows, row_cache_own(&b->rows, place.table, key, value.n), value);
        return;
    }
    struct row *r = load_row(b, place.table, key);
    if (r == NULL)
        return;
    if (layout_set(value_of(r), place.section, value, &b->composed))
        row_cache_change(&b->rows, r, b->composed.n > 0 ? buf_slice(&b->composed) : slice_null());
    else
        (void)refuse_row(b->store, place.table, &kv->err);
}

static void batch_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    change(kv, f, key, value.p != NULL ? value : slice_of("", 0));
}

static void batch_erase(struct kv *kv, enum family f, struct slice key) {
    change(kv, f, key, slice_null());
}

static void batch_want(struct kv *kv, enum family f, struct slice key) {
    struct batch *b = batch_of(kv);
    enum table t = layout_place(f).table;
    wanted_add(&b->wanted[t], key, row_cache_hash(t, key));
}

#define AHEAD ((size_t)8) /* rows; about as many misses as a core has in flight */

/* Leaves those that are not in memory, in order. */
static void leave_missing(struct batch *b, enum table t, struct wanted *w) {
    size_t missing = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct slice key = wanted_at(w, i);
        if (i + 2 * AHEAD < w->count)
            row_cache_prefetch_slot(&b->rows, w->keys[i + 2 * AHEAD].hash);
        if (i + AHEAD < w->count)
            row_cache_prefetch_row(&b->rows, w->keys[i + AHEAD].hash);
        if (!is_good(row_cache_find_hashed(&b->rows, t, key, w->keys[i].hash), claim_for(b, key)))
            w->keys[missing++] = w->keys[i];
    }
    w->count = missing;
    wanted_sort(w);
}

#define FETCH_ROWS 128 /* in one call, which holds on to their blocks */

static void fetch_rows(struct batch *b, enum table t, const struct wanted *w, size_t from, size_t n) {
    struct store *s = b->store;
    const char *keys[FETCH_ROWS] = {NULL};
    size_t lengths[FETCH_ROWS] = {0};
    rocksdb_pinnableslice_t *rows[FETCH_ROWS] = {NULL};
    char *texts[FETCH_ROWS] = {NULL};
    for (size_t i = 0; i < n; i++) {
        keys[i] = wanted_at(w, from + i).p;
        lengths[i] = wanted_at(w, from + i).n;
    }
    rocksdb_batched_multi_get_cf(s->db, s->read, s->tables[t], n, keys, lengths, rows, texts, true);
    for (size_t i = 0; i < n; i++) {
        struct slice key = wanted_at(w, from + i);
        if (check(s, texts[i], &b->kv.err, "read"))
            (void)row_cache_keep(&b->rows, t, key, value_of_pinned(rows[i]), claim_for(b, key));
        rocksdb_pinnableslice_destroy(rows[i]);
    }
}

static void batch_fetch(struct kv *kv) {
    struct batch *b = batch_of(kv);
    for (int t = 0; t < TABLE_COUNT; t++) {
        struct wanted *w = &b->wanted[t];
        leave_missing(b, (enum table)t, w);
        for (size_t i = 0; i < w->count && !kv_failed(kv); i += FETCH_ROWS)
            fetch_rows(b, (enum table)t, w, i, w->count - i < FETCH_ROWS ? w->count - i : FETCH_ROWS);
        wanted_clear(w);
    }
}

static void bring_index_up_to_date(struct batch *b, enum table t) {
    struct rows *rows = &b->rows.unindexed[t];
    for (size_t i = 0; i < rows->n; i++) {
        struct row *r = rows->p[i];
        if (r->there)
            rocksdb_writebatch_wi_put_cf(b->index, b->store->tables[t], r->bytes, r->key_n, row_value(r).p,
                                         r->value_n);
        else
            rocksdb_writebatch_wi_delete_cf(b->index, b->store->tables[t], r->bytes, r->key_n);
        r->indexed = true;
    }
    rows->n = 0;
}

static struct kv_cursor *batch_cursor(struct kv *kv, enum family f) {
    struct batch *b = batch_of(kv);
    struct place place = layout_place(f);
    rocksdb_column_family_handle_t *table = b->store->tables[place.table];
    bring_index_up_to_date(b, place.table);
    rocksdb_iterator_t *base = rocksdb_create_iterator_cf(b->store->db, b->store->read, table);
    return cursor_new(kv, b->store, place,
                      rocksdb_writebatch_wi_create_iterator_with_base_cf(b->index, base, table));
}

struct batch *batch_new(struct store *s) {
    static const struct kv_ops ops = {batch_get,    batch_put,  batch_erase,
                                      batch_cursor, batch_want, batch_fetch};
    struct batch *b = mem_calloc(1, sizeof *b);
    *b = (struct batch){.kv = {.ops = &ops},
                        .store = s,
                        .number = atomic_fetch_add(&s->batches, 1) + 1,
                        .out = rocksdb_writebatch_create(),
                        .index = rocksdb_writebatch_wi_create(0, 1)};
    row_cache_init(&b->rows, s->row_bytes);
    return b;
}

void batch_free(struct batch *b) {
    if (b == NULL)
        return;
    row_cache_release(&b->rows);
    rocksdb_writebatch_destroy(b->out);
    rocksdb_writebatch_wi_destroy(b->index);
    buf_release(&b->composed);
    for (int t = 0; t < TABLE_COUNT; t++)
        wanted_release(&b->wanted[t]);
    free(b);
}

struct kv *batch_kv(struct batch *b) {
    return &b->kv;
}

void batch_clear(struct batch *b) {
    row_cache_drop_dirty(&b->rows);
    rocksdb_writebatch_wi_clear(b->index);
    b->kv.err.class = ERR_NONE;
}

static void number_commit(struct batch *b) {
    struct buf key = {0};
    char value[8];
    rocksdb_column_family_handle_t *meta = b->store->tables[TABLE_META];
    fact_key(&key, COMMITS_NUMBERED);
    rocksdb_writebatch_put_cf(b->out, meta, key.p, key.n, encode_u64(value, b->store->commits + 1).p, 8);
    fact_key(&key, COMMITS_COUNTED);
    rocksdb_writebatch_merge_cf(b->out, meta, key.p, key.n, encode_u64(value, 1).p, 8);
    buf_release(&key);
}

/* RocksDB inserts fast what comes in the order of keys. */
static void write_dirty(struct batch *b) {
    for (int t = 0; t < TABLE_COUNT; t++) {
        rocksdb_column_family_handle_t *table = b->store->tables[t];
        const struct rows *rows = row_cache_sorted(&b->rows, (enum table)t);
        for (size_t i = 0; i < rows->n; i++) {
            const struct row *r = rows->p[i];
            if (r->there)
                rocksdb_writebatch_put_cf(b->out, table, r->bytes, r->key_n, row_value(r).p, r->value_n);
            else
                rocksdb_writebatch_delete_cf(b->out, table, r->bytes, r->key_n);
        }
    }
}

bool batch_commit(struct batch *b, struct err *e) {
    char *text = NULL;
    if (kv_failed(&b->kv)) {
        *e = b->kv.err;
        batch_clear(b);
        return false;
    }
    if (atomic_load(&b->store->damaged)) { /* found by another thread, a query for instance */
        batch_clear(b);
        return refuse_damaged(b->store, e);
    }
    write_dirty(b);
    (void)pthread_mutex_lock(&b->store->commit_lock);
    number_commit(b);
    rocksdb_write(b->store->db, b->store->write, b->out, &text);
    b->store->commits += text == NULL;
    (void)pthread_mutex_unlock(&b->store->commit_lock);
    rocksdb_writebatch_clear(b->out);
    if (text == NULL)
        row_cache_written(&b->rows, claim_for, b);
    batch_clear(b);
    return check(b->store, text, e, "write");
}

/* --- readers --- */

struct reader {
    struct kv kv;
    struct store *store;
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read;
};

static struct reader *reader_of(struct kv *kv) {
    return (struct reader *)kv;
}

static bool reader_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    struct reader *r = reader_of(kv);
    struct place place = layout_place(f);
    struct slice row = slice_null();
    char *text = NULL;
    char *found =
        rocksdb_get_cf(r->store->db, r->read, r->store->tables[place.table], key.p, key.n, &row.n, &text);
    row.p = found;
    bool ok = check(r->store, text, &kv->err, "read") && found != NULL &&
              take_value(kv, r->store, place, row, value);
    free(found);
    return ok;
}

static void reader_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    (void)kv, (void)f, (void)key, (void)value;
    assert(!"a reader does not write");
}

static void reader_erase(struct kv *kv, enum family f, struct slice key) {
    reader_put(kv, f, key, key);
}

static struct kv_cursor *reader_cursor(struct kv *kv, enum family f) {
    struct reader *r = reader_of(kv);
    struct place place = layout_place(f);
    return cursor_new(kv, r->store, place,
                      rocksdb_create_iterator_cf(r->store->db, r->read, r->store->tables[place.table]));
}

struct kv *store_reader_new(struct store *s) {
    static const struct kv_ops ops = {
        .get = reader_get, .put = reader_put, .erase = reader_erase, .cursor = reader_cursor};
    struct reader *r = mem_calloc(1, sizeof *r);
    *r = (struct reader){{.ops = &ops}, s, rocksdb_create_snapshot(s->db), rocksdb_readoptions_create()};
    rocksdb_readoptions_set_snapshot(r->read, r->snapshot);
    return &r->kv;
}

void store_reader_free(struct kv *kv) {
    struct reader *r = reader_of(kv);
    rocksdb_readoptions_destroy(r->read);
    rocksdb_release_snapshot(r->store->db, r->snapshot);
    free(r);
}
