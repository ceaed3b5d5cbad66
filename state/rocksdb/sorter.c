/* Sorts rows in a RocksDB of its own, which nobody opens again: no log, no compaction, and write
 * buffers that are sorted once, when they are written to a file. */
#include "state/rocksdb/sorter.h"

#include "state/rocksdb/store_internal.h"
#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)16 << 20) /* one file is as large */
#define BUFFERS 3                       /* one is filled, the others are written */
#define BATCH_BYTES ((size_t)256 << 10)
#define READ_AHEAD_BYTES ((size_t)128 << 10) /* of each file */
#define BLOCK_BYTES ((size_t)32 << 10)

struct sorter {
    char *dir;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    rocksdb_writebatch_t *batch; /* what was put last */
    size_t batch_bytes;
    rocksdb_iterator_t *cursor; /* NULL: not reading */
    bool is_at_first;           /* the cursor stands at the row that sorter_next gives next */
};

/* --- RocksDB --- */

static void set_table(rocksdb_options_t *o) {
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_no_block_cache(table, 1);
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
}

static rocksdb_options_t *options_new(void) {
    rocksdb_options_t *o = store_reading_options_new();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_error_if_exists(o, 1);
    rocksdb_options_set_memtable_vector_rep(o);
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0); /* a vector cannot */
    rocksdb_options_set_write_buffer_size(o, BUFFER_BYTES);
    rocksdb_options_set_max_write_buffer_number(o, BUFFERS);
    rocksdb_options_set_disable_auto_compactions(o, 1);
    /* Files that nobody merges must not slow the writer down. */
    rocksdb_options_set_level0_slowdown_writes_trigger(o, 1 << 30);
    rocksdb_options_set_level0_stop_writes_trigger(o, 1 << 30);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_increase_parallelism(o, 2);
    set_table(o);
    return o;
}

/* A file is open for each BUFFER_BYTES of rows, and a shell allows few (1024) until a program asks
 * for more. */
static void allow_many_files(void) {
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

/* Frees RocksDB's error text. Returns true if there was no error. */
static bool check(const struct sorter *s, char *text, struct err *e) {
    if (text == NULL)
        return true;
    if (strstr(text, "No space left") != NULL || strstr(text, "quota exceeded") != NULL)
        (void)err_set(e, ERR_STOP,
                      "%s: no space left to sort in; set TMPDIR to a folder with more room",
                      s->dir);
    else if (strstr(text, "Too many open files") != NULL)
        (void)err_set(e, ERR_STOP,
                      "%s: too many files are open; raise that limit (ulimit -n) and try again",
                      s->dir);
    else
        (void)err_set(e, ERR_STOP, "%s: cannot sort there: %s; set TMPDIR to another folder",
                      s->dir, text);
    free(text);
    return false;
}

static void stop_reading(struct sorter *s) {
    if (s->cursor != NULL)
        rocksdb_iter_destroy(s->cursor);
    s->cursor = NULL;
}

/* --- the directory --- */

static char *make_directory(const char *name, struct err *e) {
    const char *parent = getenv("TMPDIR");
    struct buf path = {0};
    if (parent == NULL || *parent == '\0')
        parent = "/tmp";
    buf_printf(&path, "%s/streamer-%s-XXXXXX", parent, name);
    (void)buf_cstr(&path);
    if (mkdtemp(path.p) != NULL)
        return path.p;
    (void)err_set(e, ERR_STOP,
                  "%s: cannot make a folder to sort in: %s; set TMPDIR to another folder", parent,
                  strerror(errno));
    buf_release(&path);
    return NULL;
}

/* If something cannot be removed, it stays in a folder for temporary files. */
static void remove_directory(const struct sorter *s) {
    char *text = NULL;
    rocksdb_destroy_db(s->options, s->dir, &text);
    free(text);
    (void)rmdir(s->dir);
}

/* --- a sorter's life --- */

struct sorter *sorter_new(const char *name, struct err *e) {
    char *text = NULL;
    char *dir = make_directory(name, e);
    if (dir == NULL)
        return NULL;
    allow_many_files();
    struct sorter *s = mem_calloc(1, sizeof *s);
    s->dir = dir;
    s->options = options_new();
    s->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(s->write, 1);
    s->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_readahead_size(s->read, READ_AHEAD_BYTES);
    s->batch = rocksdb_writebatch_create();
    s->db = rocksdb_open(s->options, dir, &text);
    if (check(s, text, e))
        return s;
    sorter_free(s);
    return NULL;
}

void sorter_free(struct sorter *s) {
    if (s == NULL)
        return;
    stop_reading(s);
    if (s->db != NULL)
        rocksdb_close(s->db);
    remove_directory(s);
    rocksdb_writebatch_destroy(s->batch);
    rocksdb_readoptions_destroy(s->read);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_options_destroy(s->options);
    free(s->dir);
    free(s);
}

/* --- writing --- */

static bool write_batch(struct sorter *s, struct err *e) {
    char *text = NULL;
    rocksdb_write(s->db, s->write, s->batch, &text);
    rocksdb_writebatch_clear(s->batch);
    s->batch_bytes = 0;
    return check(s, text, e);
}

static bool add_bytes(struct sorter *s, size_t n, struct err *e) {
    stop_reading(s);
    s->batch_bytes += n;
    return s->batch_bytes < BATCH_BYTES || write_batch(s, e);
}

bool sorter_put(struct sorter *s, struct slice key, struct slice value, struct err *e) {
    rocksdb_writebatch_put(s->batch, key.p, key.n, value.p, value.n);
    return add_bytes(s, key.n + value.n, e);
}

bool sorter_erase(struct sorter *s, struct slice key, struct err *e) {
    rocksdb_writebatch_delete(s->batch, key.p, key.n);
    return add_bytes(s, key.n, e);
}

/* --- reading --- */

/* Writes everything to files. To read a write buffer, RocksDB would sort a copy of it. */
static bool write_files(struct sorter *s, struct err *e) {
    char *text = NULL;
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(flush, 1);
    rocksdb_flush(s->db, flush, &text);
    rocksdb_flushoptions_destroy(flush);
    return check(s, text, e);
}

bool sorter_begin(struct sorter *s, struct err *e) {
    stop_reading(s);
    if (!write_batch(s, e) || !write_files(s, e))
        return false;
    s->cursor = rocksdb_create_iterator(s->db, s->read);
    rocksdb_iter_seek_to_first(s->cursor);
    s->is_at_first = true;
    return true;
}

static bool end(struct sorter *s, struct err *e) {
    char *text = NULL;
    rocksdb_iter_get_error(s->cursor, &text);
    if (check(s, text, e))
        *e = (struct err){0};
    return false;
}

bool sorter_next(struct sorter *s, struct slice *key, struct slice *value, struct err *e) {
    if (!s->is_at_first && rocksdb_iter_valid(s->cursor))
        rocksdb_iter_next(s->cursor);
    s->is_at_first = false;
    if (!rocksdb_iter_valid(s->cursor))
        return end(s, e);
    key->p = rocksdb_iter_key(s->cursor, &key->n);
    value->p = rocksdb_iter_value(s->cursor, &value->n);
    return true;
}
