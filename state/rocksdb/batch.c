/* Batches: what a worker reads and writes through; and readers, for queries. */
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- batches --- */

#define DIRTY_PART 2 /* of the rows in memory may be dirty */

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

uint32_t batch_claim(struct batch *b, struct slice key) {
    return store_claim(b->store, key_partition_of(key), b->number);
}

static uint32_t claim_for(void *batch, struct slice key) {
    return batch_claim(batch, key);
}

struct slice value_of_pinned(const rocksdb_pinnableslice_t *pinned) {
    struct slice value = slice_null();
    if (pinned != NULL)
        value.p = rocksdb_pinnableslice_value(pinned, &value.n);
    return value;
}

/* The row as the batch sees it, from memory or else from the database; NULL after an error. Good
 * until the next call. */
static struct row *load_row(struct batch *b, enum family f, struct slice key) {
    struct store *s = b->store;
    char *text = NULL;
    uint32_t epoch = batch_claim(b, key);
    struct row *r = row_cache_find(&b->rows, f, key);
    if (row_is_good(r, epoch))
        return r;
    struct slice stored = stored_key(&b->key, f, key);
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned(s->db, s->read.all, stored.p, stored.n, &text);
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
    if (r == NULL || !r->exists)
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
    prefetch_set_add(&batch_of(kv)->prefetch[f], key, row_cache_hash(f, key));
}

static void batch_fetch(struct kv *kv) {
    for (int f = 0; f < FAMILY_COUNT; f++)
        batch_fetch_family(batch_of(kv), (enum family)f);
}

static struct kv_cursor *batch_cursor(struct kv *kv, enum family f) {
    return cursor_new(kv, batch_of(kv)->store, f, batch_of(kv), &batch_of(kv)->store->read);
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
    buf_release(&b->last_key);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        prefetch_set_release(&b->prefetch[f]);
        dirty_by_owner_release(&b->dirty_by_owner[f]);
    }
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
    for (int f = 0; f < FAMILY_COUNT; f++)
        dirty_by_owner_clear(&b->dirty_by_owner[f]);
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
    assert(false && "a reader does not write");
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
