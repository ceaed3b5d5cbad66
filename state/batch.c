/* Batches: what a worker reads and writes through, with their cursors; and readers, for queries. */
#include "state/store_internal.h"
#include "state/wanted.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- cursors --- */

struct store_cursor {
    struct kv_cursor base;
    struct kv *kv;
    struct store *store;
    enum family family;
    rocksdb_writebatch_wi_t *index; /* of a batch: on top of the database; else NULL */
    const struct read_options *read;
    rocksdb_iterator_t *i; /* NULL before the first seek */
    bool of_owner;         /* it passes over what is not of the owner that was sought */
    bool backwards;        /* was sought */
    struct buf key;        /* to seek */
    struct slice value;    /* where it stands; p == NULL: nowhere */
};

static struct store_cursor *cursor_of(struct kv_cursor *c) {
    return (struct store_cursor *)c;
}

static bool is_in_family(const struct store_cursor *c) {
    size_t n;
    if (!rocksdb_iter_valid(c->i))
        return false;
    const char *key = rocksdb_iter_key(c->i, &n);
    return n > 0 && key[0] == (char)c->family;
}

/* Notes where RocksDB's iterator stands. */
static void settle(struct store_cursor *c) {
    char *text = NULL;
    c->value = slice_null();
    if (is_in_family(c)) {
        c->value.p = rocksdb_iter_value(c->i, &c->value.n);
        return;
    }
    rocksdb_iter_get_error(c->i, &text);
    if (kv_failed(c->kv))
        free(text);
    else
        (void)store_check(c->store, text, &c->kv->err, "scan");
}

static rocksdb_iterator_t *new_iterator(const struct store_cursor *c) {
    rocksdb_iterator_t *base =
        rocksdb_create_iterator(c->store->db, c->of_owner ? c->read->of_owner : c->read->all);
    return c->index != NULL ? rocksdb_writebatch_wi_create_iterator_with_base(c->index, base) : base;
}

/* Makes an iterator that is good for the key. */
static struct slice prepare_seek(struct store_cursor *c, struct slice key) {
    bool of_owner = family_owner_n(c->family, key) > 0;
    if (c->i == NULL || c->of_owner != of_owner) {
        if (c->i != NULL)
            rocksdb_iter_destroy(c->i);
        c->of_owner = of_owner;
        c->i = new_iterator(c);
    }
    return stored_key(&c->key, c->family, key);
}

static void op_seek(struct kv_cursor *base, struct slice key) {
    struct store_cursor *c = cursor_of(base);
    struct slice stored = prepare_seek(c, key);
    c->backwards = false;
    rocksdb_iter_seek(c->i, stored.p, stored.n);
    settle(c);
}
static void op_seek_for_prev(struct kv_cursor *base, struct slice key) {
    struct store_cursor *c = cursor_of(base);
    struct slice stored = prepare_seek(c, key);
    c->backwards = true;
    rocksdb_iter_seek_for_prev(c->i, stored.p, stored.n);
    settle(c);
}
static void op_next(struct kv_cursor *c) {
    assert(!cursor_of(c)->of_owner || !cursor_of(c)->backwards);
    rocksdb_iter_next(cursor_of(c)->i);
    settle(cursor_of(c));
}
static void op_prev(struct kv_cursor *c) {
    assert(!cursor_of(c)->of_owner || cursor_of(c)->backwards);
    rocksdb_iter_prev(cursor_of(c)->i);
    settle(cursor_of(c));
}
static bool op_valid(struct kv_cursor *c) {
    return cursor_of(c)->value.p != NULL;
}
static struct slice op_key(struct kv_cursor *c) {
    size_t n;
    const char *stored = rocksdb_iter_key(cursor_of(c)->i, &n);
    return slice_of(stored + 1, n - 1);
}
static struct slice op_value(struct kv_cursor *c) {
    return cursor_of(c)->value;
}
static void op_free(struct kv_cursor *c) {
    if (cursor_of(c)->i != NULL)
        rocksdb_iter_destroy(cursor_of(c)->i);
    buf_release(&cursor_of(c)->key);
    free(c);
}

static struct kv_cursor *cursor_new(struct kv *kv, struct store *s, enum family f,
                                    rocksdb_writebatch_wi_t *index, const struct read_options *read) {
    static const struct kv_cursor_ops ops = {op_seek,  op_seek_for_prev, op_next,  op_prev,
                                             op_valid, op_key,           op_value, op_free};
    struct store_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct store_cursor){
        .base = {&ops}, .kv = kv, .store = s, .family = f, .index = index, .read = read};
    return &c->base;
}

/* --- batches --- */

#define DIRTY_PART 2 /* of the rows in memory may be dirty */

struct batch {
    struct kv kv; /* first: a kv of this store is a batch */
    struct store *store;
    uint64_t number;
    struct row_cache rows;
    rocksdb_writebatch_wi_t *index; /* the dirty rows of those families of which a cursor was asked for */
    struct buf key;
    struct wanted wanted[FAMILY_COUNT];
};

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

/* The epoch of the key's partition, which is this batch's from now on. */
static uint32_t claim_for(void *batch, struct slice key) {
    struct batch *b = batch;
    return store_claim(b->store, key_partition_of(key), b->number);
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
static struct row *load_row(struct batch *b, enum family f, struct slice key) {
    struct store *s = b->store;
    char *text = NULL;
    uint32_t epoch = claim_for(b, key);
    struct row *r = row_cache_find(&b->rows, f, key);
    if (is_good(r, epoch))
        return r;
    struct slice stored = stored_key(&b->key, f, key);
    rocksdb_pinnableslice_t *pinned = rocksdb_get_pinned(s->db, s->read.all, stored.p, stored.n, &text);
    if (!store_check(s, text, &b->kv.err, "read"))
        return NULL;
    r = row_cache_keep(&b->rows, f, key, value_of_pinned(pinned), epoch);
    rocksdb_pinnableslice_destroy(pinned);
    return r;
}

static bool batch_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    if (kv_failed(kv))
        return false;
    const struct row *r = load_row(batch_of(kv), f, key);
    if (r == NULL || !r->there)
        return false;
    buf_set(value, row_value(r));
    return true;
}

/* value.p == NULL: erases it. */
static void change(struct kv *kv, enum family f, struct slice key, struct slice value) {
    struct row_cache *rows = &batch_of(kv)->rows;
    if (!kv_failed(kv))
        row_cache_change(rows, row_cache_own(rows, f, key, value.n), value);
}

static void batch_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    change(kv, f, key, value.p != NULL ? value : slice_of("", 0));
}

static void batch_erase(struct kv *kv, enum family f, struct slice key) {
    change(kv, f, key, slice_null());
}

static void batch_want(struct kv *kv, enum family f, struct slice key) {
    wanted_add(&batch_of(kv)->wanted[f], key, row_cache_hash(f, key));
}

#define AHEAD ((size_t)8) /* rows; about as many misses as a core has in flight */

/* Leaves those that are not in memory, in order. */
static void leave_missing(struct batch *b, enum family f, struct wanted *w) {
    size_t missing = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct slice key = wanted_at(w, i);
        if (i + 2 * AHEAD < w->count)
            row_cache_prefetch_slot(&b->rows, w->keys[i + 2 * AHEAD].hash);
        if (i + AHEAD < w->count)
            row_cache_prefetch_row(&b->rows, w->keys[i + AHEAD].hash);
        if (!is_good(row_cache_find_hashed(&b->rows, f, key, w->keys[i].hash), claim_for(b, key)))
            w->keys[missing++] = w->keys[i];
    }
    w->count = missing;
    wanted_sort(w);
}

#define FETCH_ROWS 128 /* in one call, which holds on to their blocks */

static void fetch_rows(struct batch *b, enum family f, const struct wanted *w, size_t from, size_t n) {
    struct store *s = b->store;
    struct buf *stored = &b->key;
    const char *keys[FETCH_ROWS] = {NULL};
    size_t lengths[FETCH_ROWS] = {0};
    rocksdb_pinnableslice_t *rows[FETCH_ROWS] = {NULL};
    char *texts[FETCH_ROWS] = {NULL};
    buf_clear(stored);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = wanted_at(w, from + i).n + 1;
        buf_put_byte(stored, (char)f);
        buf_put_slice(stored, wanted_at(w, from + i));
    }
    const char *p = stored->p;
    for (size_t i = 0; i < n; p += lengths[i], i++)
        keys[i] = p;
    rocksdb_batched_multi_get_cf(s->db, s->read.all, s->rows, n, keys, lengths, rows, texts, true);
    for (size_t i = 0; i < n; i++) {
        struct slice key = wanted_at(w, from + i);
        if (store_check(s, texts[i], &b->kv.err, "read"))
            (void)row_cache_keep(&b->rows, f, key, value_of_pinned(rows[i]), claim_for(b, key));
        rocksdb_pinnableslice_destroy(rows[i]);
    }
}

static void batch_fetch(struct kv *kv) {
    struct batch *b = batch_of(kv);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct wanted *w = &b->wanted[f];
        leave_missing(b, (enum family)f, w);
        for (size_t i = 0; i < w->count && !kv_failed(kv); i += FETCH_ROWS)
            fetch_rows(b, (enum family)f, w, i, w->count - i < FETCH_ROWS ? w->count - i : FETCH_ROWS);
        wanted_clear(w);
    }
}

static void bring_index_up_to_date(struct batch *b, enum family f) {
    struct places *places = &b->rows.unindexed[f];
    for (size_t i = 0; i < places->n; i++) {
        struct row *r = b->rows.dirty[f].p[places->p[i]];
        struct slice key = row_stored_key(r);
        if (r->there)
            rocksdb_writebatch_wi_put(b->index, key.p, key.n, row_value(r).p, r->value_n);
        else
            rocksdb_writebatch_wi_delete(b->index, key.p, key.n);
        r->indexed = true;
    }
    places->n = 0;
}

static struct kv_cursor *batch_cursor(struct kv *kv, enum family f) {
    struct batch *b = batch_of(kv);
    bring_index_up_to_date(b, f);
    return cursor_new(kv, b->store, f, b->index, &b->store->read);
}

struct batch *batch_new(struct store *s) {
    static const struct kv_ops ops = {batch_get,    batch_put,  batch_erase,
                                      batch_cursor, batch_want, batch_fetch};
    struct batch *b = mem_calloc(1, sizeof *b);
    *b = (struct batch){.kv = {.ops = &ops},
                        .store = s,
                        .number = atomic_fetch_add(&s->batches, 1) + 1,
                        .index = rocksdb_writebatch_wi_create(0, 1)};
    row_cache_init(&b->rows, s->row_bytes);
    return b;
}

void batch_free(struct batch *b) {
    if (b == NULL)
        return;
    row_cache_release(&b->rows);
    rocksdb_writebatch_wi_destroy(b->index);
    buf_release(&b->key);
    for (int f = 0; f < FAMILY_COUNT; f++)
        wanted_release(&b->wanted[f]);
    free(b);
}

struct kv *batch_kv(struct batch *b) {
    return &b->kv;
}

bool batch_is_full(const struct batch *b) {
    return b->rows.dirty_bytes > b->rows.max_bytes / DIRTY_PART;
}

void batch_clear(struct batch *b) {
    row_cache_drop_dirty(&b->rows);
    rocksdb_writebatch_wi_clear(b->index);
    b->kv.err.class = ERR_NONE;
}

bool batch_commit(struct batch *b, struct err *e) {
    if (kv_failed(&b->kv)) {
        *e = b->kv.err;
        batch_clear(b);
        return false;
    }
    if (atomic_load(&b->store->damaged)) { /* found by another thread, a query for instance */
        batch_clear(b);
        return store_refuse_damaged(b->store, e);
    }
    bool ok = store_write_rows(b->store, &b->rows, e);
    if (ok)
        row_cache_written(&b->rows, claim_for, b);
    batch_clear(b);
    return ok;
}

/* --- readers --- */

struct reader {
    struct kv kv;
    struct store *store;
    const rocksdb_snapshot_t *snapshot;
    struct read_options read;
    struct buf key;
};

static struct reader *reader_of(struct kv *kv) {
    return (struct reader *)kv;
}

static bool reader_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    struct reader *r = reader_of(kv);
    struct slice stored = stored_key(&r->key, f, key);
    size_t n;
    char *text = NULL;
    char *found = rocksdb_get(r->store->db, r->read.all, stored.p, stored.n, &n, &text);
    bool ok = store_check(r->store, text, &kv->err, "read") && found != NULL;
    if (ok)
        buf_set(value, slice_of(found, n));
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
    return cursor_new(kv, r->store, f, NULL, &r->read);
}

struct kv *store_reader_new(struct store *s) {
    static const struct kv_ops ops = {
        .get = reader_get, .put = reader_put, .erase = reader_erase, .cursor = reader_cursor};
    struct reader *r = mem_calloc(1, sizeof *r);
    *r = (struct reader){.kv = {.ops = &ops},
                         .store = s,
                         .snapshot = rocksdb_create_snapshot(s->db),
                         .read = read_options_new()};
    rocksdb_readoptions_set_snapshot(r->read.all, r->snapshot);
    rocksdb_readoptions_set_snapshot(r->read.of_owner, r->snapshot);
    return &r->kv;
}

void store_reader_free(struct kv *kv) {
    struct reader *r = reader_of(kv);
    read_options_free(&r->read);
    rocksdb_release_snapshot(r->store->db, r->snapshot);
    buf_release(&r->key);
    free(r);
}
