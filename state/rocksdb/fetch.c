/* Reads the rows that a batch asked for (prefetch_set.h) together, in the order of their keys.
 * Where files hold few other rows between them, they are scanned instead of looked up singly.
 * Without the scan, a re-feed in the order of ids costs nearly half as much CPU again with 48 MiB
 * of memory (phase "refeed" of `build/release/tests/cycle 1000000 100000 50331648`). */
#include "state/rocksdb/batch_internal.h"

#define AHEAD ((size_t)8) /* rows: about as many cache misses as a core has in flight */

/* Keeps the keys of the rows that are not in memory, sorted. */
static void leave_missing(struct batch *b, enum family f, struct prefetch_set *set) {
    size_t missing = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct slice key = prefetch_set_at(set, i);
        if (i + 2 * AHEAD < set->count)
            row_cache_prefetch_slot(&b->rows, set->keys[i + 2 * AHEAD].hash);
        if (i + AHEAD < set->count)
            row_cache_prefetch_row(&b->rows, set->keys[i + AHEAD].hash);
        if (!row_is_valid(row_cache_find_hashed(&b->rows, f, key, set->keys[i].hash),
                          batch_claim(b, key)))
            set->keys[missing++] = set->keys[i];
    }
    set->count = missing;
    prefetch_set_sort(set);
}

/* --- single rows, many in one call --- */

#define GET_ROWS 128 /* in one call, which pins the blocks of all of them */

static void get_some(struct batch *b, enum family f, const struct prefetch_set *set, size_t from,
                     size_t n) {
    struct store *s = b->store;
    struct buf *stored = &b->key;
    const char *keys[GET_ROWS] = {NULL};
    size_t lengths[GET_ROWS] = {0};
    rocksdb_pinnableslice_t *rows[GET_ROWS] = {NULL};
    char *texts[GET_ROWS] = {NULL};
    buf_clear(stored);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = prefetch_set_at(set, from + i).n + 1;
        buf_put_byte(stored, (char)f);
        buf_put_slice(stored, prefetch_set_at(set, from + i));
    }
    const char *p = stored->p;
    for (size_t i = 0; i < n; p += lengths[i], i++)
        keys[i] = p;
    rocksdb_batched_multi_get_cf(s->db, s->read.all, s->column_family, n, keys, lengths, rows,
                                 texts, true);
    for (size_t i = 0; i < n; i++) {
        if (store_check(s, texts[i], &b->kv.err, "read"))
            (void)batch_cache_found(b, f, prefetch_set_at(set, from + i), rows[i]);
    }
}

static void get_rows(struct batch *b, enum family f, const struct prefetch_set *set, size_t from,
                     size_t n) {
    for (size_t i = 0; i < n && !kv_failed(&b->kv); i += GET_ROWS)
        get_some(b, f, set, from + i, n - i < GET_ROWS ? n - i : GET_ROWS);
}

/* --- a scan --- */

#define RANGE_ROWS_MAX 1024
#define RANGE_ROWS_MIN 64 /* for fewer, asking for the size of the range does not pay */
/* For each row that was asked for. A row takes 50 to 100 bytes in files, so a few other rows may
 * lie between two of them. */
#define DENSE_BYTES 256
#define STEPS_MAX ((size_t)8) /* of the scan, for each row that was asked for */

/* How many keys from number `from` on belong to the same partition; RANGE_ROWS_MAX at most. */
static size_t range_from(const struct prefetch_set *set, size_t from) {
    int32_t partition = key_partition_of(prefetch_set_at(set, from));
    size_t n = 1;
    while (n < RANGE_ROWS_MAX && from + n < set->count &&
           key_partition_of(prefetch_set_at(set, from + n)) == partition)
        n++;
    return n;
}

/* Whether the files hold few other rows between the first and the last of these keys. This is the
 * case when a feed comes in the order of its ids. */
static bool is_dense(struct batch *b, enum family f, const struct prefetch_set *set, size_t from,
                     size_t n) {
    struct store *s = b->store;
    char *text = NULL;
    uint64_t bytes = 0;
    if (n < RANGE_ROWS_MIN)
        return false;
    struct slice first = key_stored(&b->key, f, prefetch_set_at(set, from));
    struct slice last = key_stored(&b->last_key, f, prefetch_set_at(set, from + n - 1));
    rocksdb_approximate_sizes_cf(s->db, s->column_family, 1, &first.p, &first.n, &last.p, &last.n,
                                 &bytes, &text);
    return store_check(s, text, &b->kv.err, "read") && bytes <= n * DENSE_BYTES;
}

/* slice_null() at the end. */
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

/* Moves to that key, or behind it if there is none. False if that takes more than `*steps`, or if
 * reading failed: then the row must not be taken for absent. */
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

/* Returns for how many keys it found out what is there. These are all keys, unless many more rows
 * lie between them than the sizes of files said, because they are in write buffers. */
static size_t scan_rows(struct batch *b, enum family f, const struct prefetch_set *set, size_t from,
                        size_t n) {
    struct store *s = b->store;
    size_t done = 0, steps = STEPS_MAX * n;
    rocksdb_iterator_t *i = rocksdb_create_iterator_cf(s->db, s->read.all, s->column_family);
    struct slice stored = key_stored(&b->key, f, prefetch_set_at(set, from));
    rocksdb_iter_seek(i, stored.p, stored.n);
    for (; done < n; done++) {
        struct slice key = prefetch_set_at(set, from + done);
        stored = key_stored(&b->key, f, key);
        if (!advance(b, i, stored, &steps))
            break;
        bool exists = rocksdb_iter_valid(i) && slice_eq(key_at(i), stored);
        (void)batch_cache_value(b, f, key, exists ? value_at(i) : slice_null());
    }
    rocksdb_iter_destroy(i);
    return done;
}

/* --- the whole --- */

void batch_fetch_family(struct batch *b, enum family f) {
    struct prefetch_set *set = &b->prefetch[f];
    leave_missing(b, f, set);
    for (size_t from = 0, n; from < set->count && !kv_failed(&b->kv); from += n) {
        n = range_from(set, from);
        size_t done = is_dense(b, f, set, from, n) ? scan_rows(b, f, set, from, n) : 0;
        get_rows(b, f, set, from + done, n - done);
    }
    prefetch_set_clear(set);
}
