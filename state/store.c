#include "state/store.h"

#include "state/folder.h"
#include "state/keys.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PARTITIONS_MAX 65536 /* two bytes in a key */

struct store {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    char *dir;
    atomic_bool damaged;
    atomic_bool *suspects; /* by partition; NULL: none is */
};

const char *family_name(enum family f) {
    /* RocksDB insists on a family "default"; ours is the meta data. */
    static const char *const names[FAMILY_COUNT] = {
        [FAMILY_META] = "default",
        [FAMILY_CUSTOMERS] = "customers",
        [FAMILY_ACCOUNTS] = "accounts",
        [FAMILY_CUSTOMER_HISTORY] = "customer_history",
        [FAMILY_ACCOUNT_HISTORY] = "account_history",
        [FAMILY_CUSTOMER_REFS] = "customer_refs",
        [FAMILY_ACCOUNTS_BY_CUSTOMER] = "accounts_by_customer",
        [FAMILY_LINKS] = "links",
        [FAMILY_CUSTOMER_TOTALS] = "customer_totals",
        [FAMILY_ACCOUNT_WITH_CUSTOMER] = "account_with_customer",
        [FAMILY_ACCOUNT_SUMMARY] = "account_summary",
        [FAMILY_CUSTOMER_PROFILE] = "customer_profile",
        [FAMILY_LINKS_AHEAD] = "links_ahead",
        [FAMILY_REFS_AHEAD] = "refs_ahead",
    };
    assert(f < FAMILY_COUNT);
    return names[f];
}

/* Turns RocksDB's allocated error text into `e`; true if there was none. */
static bool check(struct store *s, char *text, struct err *e, const char *what) {
    if (text == NULL)
        return true;
    if (strstr(text, "Corruption") != NULL) {
        if (!atomic_exchange(&s->damaged, true))
            folder_mark_damaged(s->dir, text);
        (void)err_set(e, ERR_STOP,
                      "state.dir=%s: damaged: %s: %s; start again, and the state is rebuilt from the topics",
                      s->dir, what, text);
    } else {
        (void)err_set(e, ERR_RETRY, "state.dir=%s: %s: %s", s->dir, what, text);
    }
    free(text);
    return false;
}

/* --- opening --- */

static rocksdb_options_t *make_options(int64_t cache_bytes) {
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_db_write_buffer_size(o, (size_t)cache_bytes);
    rocksdb_options_set_max_total_wal_size(o, (uint64_t)cache_bytes * 4);
    rocksdb_options_set_max_open_files(o, 512);
    rocksdb_options_set_info_log_level(o, 2); /* warnings */
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_increase_parallelism(o, 2);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru((size_t)cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table,
                                                                  1); /* so that they are bounded, too */
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
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

/* Why RocksDB did not open: the user's to mend, or damage. */
static bool open_failed(const char *dir, const char *text, struct err *e) {
    bool other = strstr(text, "lock") != NULL && strstr(text, "esource temporarily unavailable") != NULL;
    if (other || strstr(text, "lock hold by current process") != NULL)
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: in use by another process; stop that one or give this one a directory of its own",
            dir);
    if (strstr(text, "Permission denied") != NULL || strstr(text, "Read-only file system") != NULL ||
        strstr(text, "No locks available") != NULL)
        return err_set(e, ERR_CONFIG, "state.dir=%s: cannot write there: %s", dir, text);
    if (strstr(text, "No space left") != NULL)
        return err_set(e, ERR_STOP, "state.dir=%s: no space left on the device; free some and start again",
                       dir);
    return err_set(e, ERR_RETRY, "state.dir=%s: %s", dir, text);
}

static void release(struct store *s) {
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (s->families[i] != NULL)
            rocksdb_column_family_handle_destroy(s->families[i]);
    if (s->db != NULL)
        rocksdb_close(s->db);
    rocksdb_readoptions_destroy(s->read);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_options_destroy(s->options);
    free(s->suspects);
    free(s->dir);
    free(s);
}

static bool open_database(struct store *s, struct err *e) {
    const char *names[FAMILY_COUNT];
    const rocksdb_options_t *options[FAMILY_COUNT];
    for (int i = 0; i < FAMILY_COUNT; i++) {
        names[i] = family_name((enum family)i);
        options[i] = s->options;
    }
    char *text = NULL;
    s->db =
        rocksdb_open_column_families(s->options, s->dir, FAMILY_COUNT, names, options, s->families, &text);
    if (text == NULL)
        return true;
    (void)open_failed(s->dir, text, e);
    free(text);
    memset(s->families, 0, sizeof s->families);
    s->db = NULL;
    return false;
}

/* Whether every table of the list belongs to the database. One that a compaction has just made superfluous may be
 * missed: then rows are counted for nothing. */
static bool all_alive(const struct store *s, struct buf *tables) {
    struct buf alive = {0};
    const rocksdb_livefiles_t *files = rocksdb_livefiles(s->db);
    for (int i = 0; i < rocksdb_livefiles_count(files); i++)
        buf_printf(&alive, "%s\n", rocksdb_livefiles_name(files, i)); /* "/000012.sst" */
    rocksdb_livefiles_destroy(files);
    bool all = true;
    for (const char *name = buf_cstr(tables); all && *name != '\0';) {
        const char *end = strchr(name, '\n');
        all = memmem(alive.p, alive.n, name, (size_t)(end + 1 - name)) != NULL;
        name = end + 1;
    }
    buf_release(&alive);
    return all;
}

static void suspect_all(struct store *s) {
    s->suspects = mem_calloc(PARTITIONS_MAX, sizeof *s->suspects);
    for (size_t i = 0; i < PARTITIONS_MAX; i++)
        atomic_init(&s->suspects[i], true);
}

static bool open_whole(struct store *s, struct err *e) {
    struct buf tables = {0}, why = {0};
    enum folder_state state;
    bool ok = !folder_is_damaged(s->dir, &why) ||
              err_set(e, ERR_RETRY, "state.dir=%s: it was found damaged: %s", s->dir, buf_cstr(&why));
    ok = ok && folder_list_tables(s->dir, &tables, e) && folder_take_fingerprint(s->dir, &state, e) &&
         open_database(s, e);
    if (ok && (state == FOLDER_CHANGED || (state == FOLDER_CRASHED && !all_alive(s, &tables))))
        suspect_all(s);
    buf_release(&tables);
    buf_release(&why);
    return ok;
}

struct store *store_open(const char *dir, int64_t cache_bytes, struct err *e) {
    if (!make_directory(dir, e))
        return NULL;
    struct store *s = mem_calloc(1, sizeof *s);
    s->dir = mem_strdup(dir);
    s->options = make_options(cache_bytes);
    s->read = rocksdb_readoptions_create();
    s->write = rocksdb_writeoptions_create();
    if (open_whole(s, e))
        return s;
    release(s);
    return NULL;
}

void store_close(struct store *s) {
    struct err e;
    if (s == NULL)
        return;
    char *dir = mem_strdup(s->dir);
    release(s);
    if (!folder_leave_fingerprint(dir, &e))
        log_warn("the state will count as crashed", "error=%s", log_quote(&(struct log_value){0}, e.text));
    free(dir);
}

bool store_is_suspect(const struct store *s, int32_t partition) {
    return s->suspects != NULL && atomic_load(&s->suspects[partition]);
}

static void clear_suspect(struct store *s, int32_t partition) {
    if (s->suspects != NULL)
        atomic_store(&s->suspects[partition], false);
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
    if (text != NULL && strstr(text, "lock") != NULL)
        (void)err_set(e, ERR_STOP, "state.dir=%s: in use by another process; stop it and run this again",
                      dir);
    else if (text != NULL)
        (void)err_set(e, ERR_STOP, "state.dir=%s: cannot remove it: %s", dir, text);
    bool ok = text == NULL;
    free(text);
    folder_forget(dir);
    return ok;
}

/* --- facts, rows, sizes --- */

static void fact_key(struct buf *key, const char *name) {
    key_text(key, KEY_STORE_PARTITION, slice_str(name));
}

bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    size_t n = 0;
    fact_key(&key, name);
    char *found = rocksdb_get_cf(s->db, s->read, s->families[FAMILY_META], key.p, key.n, &n, &text);
    buf_set(value, slice_of(found, n));
    free(found);
    buf_release(&key);
    return check(s, text, e, "read");
}

bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    fact_key(&key, name);
    rocksdb_put_cf(s->db, s->write, s->families[FAMILY_META], key.p, key.n, value.p, value.n, &text);
    buf_release(&key);
    return check(s, text, e, "write");
}

bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT], struct err *e) {
    struct buf prefix = {0};
    char *text = NULL;
    key_partition(&prefix, partition);
    rocksdb_readoptions_t *scan = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(scan, 0);
    for (int f = 0; f < FAMILY_COUNT && text == NULL; f++) {
        rows[f] = 0;
        rocksdb_iterator_t *i = rocksdb_create_iterator_cf(s->db, scan, s->families[f]);
        for (rocksdb_iter_seek(i, prefix.p, prefix.n); rocksdb_iter_valid(i); rocksdb_iter_next(i)) {
            size_t n;
            const char *key = rocksdb_iter_key(i, &n);
            if (!slice_has_prefix(slice_of(key, n), buf_slice(&prefix)))
                break;
            rows[f]++;
        }
        rocksdb_iter_get_error(i, &text);
        rocksdb_iter_destroy(i);
    }
    rocksdb_readoptions_destroy(scan);
    buf_release(&prefix);
    if (!check(s, text, e, "scan"))
        return false;
    clear_suspect(s, partition);
    return true;
}

bool store_wipe(struct store *s, int32_t partition, struct err *e) {
    struct buf from = {0}, to = {0};
    char *text = NULL;
    key_partition(&from, partition);
    key_partition(&to, partition + 1);
    for (int f = 0; f < FAMILY_COUNT && text == NULL; f++)
        rocksdb_delete_range_cf(s->db, s->write, s->families[f], from.p, from.n, to.p, to.n, &text);
    buf_release(&from);
    buf_release(&to);
    if (!check(s, text, e, "wipe"))
        return false;
    clear_suspect(s, partition);
    return true;
}

int64_t store_bytes(struct store *s) {
    static const char *const properties[] = {"rocksdb.live-sst-files-size", "rocksdb.size-all-mem-tables"};
    uint64_t sum = 0, v;
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (size_t i = 0; i < ARRAY_LEN(properties); i++)
            if (rocksdb_property_int_cf(s->db, s->families[f], properties[i], &v) == 0)
                sum += v;
    return (int64_t)sum;
}

/* --- cursors --- */

struct store_cursor {
    struct kv_cursor base;
    struct store *store;
    struct kv *kv;
    rocksdb_iterator_t *i;
};

static struct store_cursor *cursor_of(struct kv_cursor *c) {
    return (struct store_cursor *)c;
}

static void cursor_check(struct kv_cursor *c) {
    char *text = NULL;
    rocksdb_iter_get_error(cursor_of(c)->i, &text);
    if (!kv_failed(cursor_of(c)->kv))
        (void)check(cursor_of(c)->store, text, &cursor_of(c)->kv->err, "scan");
    else
        free(text);
}
static void op_seek(struct kv_cursor *c, struct slice key) {
    rocksdb_iter_seek(cursor_of(c)->i, key.p, key.n);
    cursor_check(c);
}
static void op_seek_for_prev(struct kv_cursor *c, struct slice key) {
    rocksdb_iter_seek_for_prev(cursor_of(c)->i, key.p, key.n);
    cursor_check(c);
}
static void op_next(struct kv_cursor *c) {
    rocksdb_iter_next(cursor_of(c)->i);
    cursor_check(c);
}
static void op_prev(struct kv_cursor *c) {
    rocksdb_iter_prev(cursor_of(c)->i);
    cursor_check(c);
}
static bool op_valid(struct kv_cursor *c) {
    return rocksdb_iter_valid(cursor_of(c)->i) != 0;
}
static struct slice op_key(struct kv_cursor *c) {
    struct slice s;
    s.p = rocksdb_iter_key(cursor_of(c)->i, &s.n);
    return s;
}
static struct slice op_value(struct kv_cursor *c) {
    struct slice s;
    s.p = rocksdb_iter_value(cursor_of(c)->i, &s.n);
    return s;
}
static void op_free(struct kv_cursor *c) {
    rocksdb_iter_destroy(cursor_of(c)->i);
    free(c);
}

static struct kv_cursor *cursor_new(struct store *s, struct kv *kv, rocksdb_iterator_t *i) {
    static const struct kv_cursor_ops ops = {op_seek,  op_seek_for_prev, op_next,  op_prev,
                                             op_valid, op_key,           op_value, op_free};
    struct store_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct store_cursor){{&ops}, s, kv, i};
    return &c->base;
}

/* Takes over what RocksDB found; false if nothing. */
static bool take_value(struct store *s, struct kv *kv, char *found, size_t n, char *text, struct buf *value) {
    bool ok = check(s, text, &kv->err, "read") && found != NULL;
    if (ok)
        buf_set(value, slice_of(found, n));
    free(found);
    return ok;
}

/* --- batches --- */

struct batch {
    struct kv kv; /* first: a kv of this store is a batch */
    struct store *store;
    rocksdb_writebatch_wi_t *wb;
};

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

static bool batch_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    struct batch *b = batch_of(kv);
    char *text = NULL;
    size_t n = 0;
    if (kv_failed(kv))
        return false;
    char *found = rocksdb_writebatch_wi_get_from_batch_and_db_cf(
        b->wb, b->store->db, b->store->read, b->store->families[f], key.p, key.n, &n, &text);
    return take_value(b->store, kv, found, n, text, value);
}

static void batch_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    struct batch *b = batch_of(kv);
    if (!kv_failed(kv))
        rocksdb_writebatch_wi_put_cf(b->wb, b->store->families[f], key.p, key.n, value.p, value.n);
}

static void batch_erase(struct kv *kv, enum family f, struct slice key) {
    struct batch *b = batch_of(kv);
    if (!kv_failed(kv))
        rocksdb_writebatch_wi_delete_cf(b->wb, b->store->families[f], key.p, key.n);
}

static struct kv_cursor *batch_cursor(struct kv *kv, enum family f) {
    struct batch *b = batch_of(kv);
    rocksdb_iterator_t *base =
        rocksdb_create_iterator_cf(b->store->db, b->store->read, b->store->families[f]);
    return cursor_new(b->store, kv,
                      rocksdb_writebatch_wi_create_iterator_with_base_cf(b->wb, base, b->store->families[f]));
}

struct batch *batch_new(struct store *s) {
    static const struct kv_ops ops = {batch_get, batch_put, batch_erase, batch_cursor};
    struct batch *b = mem_calloc(1, sizeof *b);
    *b = (struct batch){.kv = {.ops = &ops}, .store = s, .wb = rocksdb_writebatch_wi_create(0, 1)};
    return b;
}

void batch_free(struct batch *b) {
    if (b == NULL)
        return;
    rocksdb_writebatch_wi_destroy(b->wb);
    free(b);
}

struct kv *batch_kv(struct batch *b) {
    return &b->kv;
}

void batch_clear(struct batch *b) {
    rocksdb_writebatch_wi_clear(b->wb);
    b->kv.err.class = ERR_NONE;
}

bool batch_commit(struct batch *b, struct err *e) {
    char *text = NULL;
    if (kv_failed(&b->kv)) {
        *e = b->kv.err;
        batch_clear(b);
        return false;
    }
    rocksdb_write_writebatch_wi(b->store->db, b->store->write, b->wb, &text);
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
    char *text = NULL;
    size_t n = 0;
    char *found = rocksdb_get_cf(r->store->db, r->read, r->store->families[f], key.p, key.n, &n, &text);
    return take_value(r->store, kv, found, n, text, value);
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
    return cursor_new(r->store, kv, rocksdb_create_iterator_cf(r->store->db, r->read, r->store->families[f]));
}

struct kv *store_reader_new(struct store *s) {
    static const struct kv_ops ops = {reader_get, reader_put, reader_erase, reader_cursor};
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
