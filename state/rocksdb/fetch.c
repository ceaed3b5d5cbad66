/* Reading the rows that a batch wants (prefetch_set.h) together, in the order of their keys. */
#include "state/rocksdb/store_internal.h"

#define AHEAD ((size_t)8) /* rows; about as many misses as a core has in flight */

/* Leaves those that are not in memory, in order. */
static void leave_missing(struct batch *b, enum family f, struct prefetch_set *w) {
    size_t missing = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct slice key = prefetch_set_at(w, i);
        if (i + 2 * AHEAD < w->count)
            row_cache_prefetch_slot(&b->rows, w->keys[i + 2 * AHEAD].hash);
        if (i + AHEAD < w->count)
            row_cache_prefetch_row(&b->rows, w->keys[i + AHEAD].hash);
        if (!row_is_good(row_cache_find_hashed(&b->rows, f, key, w->keys[i].hash),
                         batch_claim(b, key)))
            w->keys[missing++] = w->keys[i];
    }
    w->count = missing;
    prefetch_set_sort(w);
}

/* value.p == NULL: it is absent. */
static void cache_row(struct batch *b, enum family f, struct slice key, struct slice value) {
    (void)row_cache_keep(&b->rows, f, key, value, batch_claim(b, key));
}

/* --- one by one, in a call --- */

#define GET_ROWS 128 /* in one call, which holds on to their blocks */

static void get_some(struct batch *b, enum family f, const struct prefetch_set *w, size_t from,
                     size_t n) {
    struct store *s = b->store;
    struct buf *stored = &b->key;
    const char *keys[GET_ROWS] = {NULL};
    size_t lengths[GET_ROWS] = {0};
    rocksdb_pinnableslice_t *rows[GET_ROWS] = {NULL};
    char *texts[GET_ROWS] = {NULL};
    buf_clear(stored);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = prefetch_set_at(w, from + i).n + 1;
        buf_put_byte(stored, (char)f);
        buf_put_slice(stored, prefetch_set_at(w, from + i));
    }
    const char *p = stored->p;
    for (size_t i = 0; i < n; p += lengths[i], i++)
        keys[i] = p;
    rocksdb_batched_multi_get_cf(s->db, s->read.all, s->rows, n, keys, lengths, rows, texts, true);
    for (size_t i = 0; i < n; i++) {
        if (store_check(s, texts[i], &b->kv.err, "read"))
            cache_row(b, f, prefetch_set_at(w, from + i), value_of_pinned(rows[i]));
        rocksdb_pinnableslice_destroy(rows[i]);
    }
}

static void get_rows(struct batch *b, enum family f, const struct prefetch_set *w, size_t from,
                     size_t n) {
    for (size_t i = 0; i < n && !kv_failed(&b->kv); i += GET_ROWS)
        get_some(b, f, w, from + i, n - i < GET_ROWS ? n - i : GET_ROWS);
}

/* --- all that lie there --- */

#define RANGE_ROWS_MAX 1024
#define RANGE_ROWS_MIN 64 /* below, it does not pay to ask */
/* In files a row takes 50 to 100 bytes: so a few others may lie between two that are wanted. */
#define DENSE_BYTES 256
#define STEPS_MAX ((size_t)8) /* for each wanted row */

/* How many of the wanted rows from there on are of the same partition, up to a maximum. */
static size_t range_from(const struct prefetch_set *w, size_t from) {
    int32_t partition = key_partition_of(prefetch_set_at(w, from));
    size_t n = 1;
    while (n < RANGE_ROWS_MAX && from + n < w->count &&
           key_partition_of(prefetch_set_at(w, from + n)) == partition)
        n++;
    return n;
}

/* Between the first and the last there are few other rows in files, or even none at all: feeds in
 * the order of ids. */
static bool is_dense(struct batch *b, enum family f, const struct prefetch_set *w, size_t from,
                     size_t n) {
    struct store *s = b->store;
    char *text = NULL;
    uint64_t bytes = 0;
    if (n < RANGE_ROWS_MIN)
        return false;
    struct slice first = stored_key(&b->key, f, prefetch_set_at(w, from));
    struct slice last = stored_key(&b->last_key, f, prefetch_set_at(w, from + n - 1));
    rocksdb_approximate_sizes_cf(s->db, s->rows, 1, &first.p, &first.n, &last.p, &last.n, &bytes,
                                 &text);
    return store_check(s, text, &b->kv.err, "read") && bytes <= n * DENSE_BYTES;
}

/* Where it stands; slice_null() at the end. */
static struct slice key_at(const rocksdb_iterator_t *i) {
    size_t n;
    if (!rocksdb_iter_valid(i))
        return slice_null();
    const char *p = rocksdb_iter_key(i, &n);
    return slice_of(p, n);
}

static struct slice value_at(const rocksdb_iterator_t *i) {
    size_t n;
    const char *p = rocksdb_iter_value(i, &n);
    return slice_of(p, n);
}

/* To that key or, if there is none, behind it. False: it takes more than `*steps`, or cannot be
 * read, which must not pass for absence. */
static bool advance(struct batch *b, rocksdb_iterator_t *i, struct slice stored, size_t *steps) {
    char *text = NULL;
    for (; rocksdb_iter_valid(i) && slice_compare(key_at(i), stored) < 0; --*steps) {
        if (*steps == 0)
            return false;
        rocksdb_iter_next(i);
    }
    if (rocksdb_iter_valid(i))
        return true;
    rocksdb_iter_get_error(i, &text);
    return store_check(b->store, text, &b->kv.err, "read");
}

/* Returns how many it has come to: all, unless there are many more rows than the files' sizes said,
 * in write buffers. */
static size_t scan_rows(struct batch *b, enum family f, const struct prefetch_set *w, size_t from,
                        size_t n) {
    struct store *s = b->store;
    size_t done = 0, steps = STEPS_MAX * n;
    rocksdb_iterator_t *i = rocksdb_create_iterator_cf(s->db, s->read.all, s->rows);
    struct slice stored = stored_key(&b->key, f, prefetch_set_at(w, from));
    rocksdb_iter_seek(i, stored.p, stored.n);
    for (; done < n; done++) {
        struct slice key = prefetch_set_at(w, from + done);
        stored = stored_key(&b->key, f, key);
        if (!advance(b, i, stored, &steps))
            break;
        bool exists = rocksdb_iter_valid(i) && slice_eq(key_at(i), stored);
        cache_row(b, f, key, exists ? value_at(i) : slice_null());
    }
    rocksdb_iter_destroy(i);
    return done;
}

/* --- the whole --- */

void batch_fetch_family(struct batch *b, enum family f) {
    struct prefetch_set *w = &b->prefetch[f];
    leave_missing(b, f, w);
    for (size_t from = 0, n; from < w->count && !kv_failed(&b->kv); from += n) {
        n = range_from(w, from);
        size_t done = is_dense(b, f, w, from, n) ? scan_rows(b, f, w, from, n) : 0;
        get_rows(b, f, w, from + done, n - done);
    }
    prefetch_set_clear(w);
}
