/* A batch: what a worker reads and writes through. */
#include "state/rocksdb/batch_internal.h"
#include "streamer/base/mem.h"

#include <stdlib.h>

#define DIRTY_PART 2 /* one half of the memory for rows may be dirty */

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

/* The row as the batch sees it, from memory or else from the database. NULL after an error. The row
 * is valid until the next call. */
static struct row *load_row(struct batch *b, enum family f, struct slice key) {
    struct store *s = b->store;
    char *text = NULL;
    struct row *r = row_cache_find(&b->rows, f, key);
    if (row_is_valid(r, batch_claim(b, key)))
        return r;
    struct slice stored = key_stored(&b->key, f, key);
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(s->db, s->read.all, stored.p, stored.n, &text);
    if (!store_check(s, text, &b->kv.err, "read"))
        return NULL;
    return batch_cache_found(b, f, key, found);
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

/* value.p == NULL: erases the row. */
static void change(struct kv *kv, enum family f, struct slice key, struct slice value) {
    if (!kv_failed(kv))
        row_cache_put_dirty(&batch_of(kv)->rows, f, key, value);
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
                        .number = atomic_fetch_add(&s->batches_made, 1) + 1,
                        .index = rocksdb_writebatch_wi_create(0, 1)};
    row_cache_init(&b->rows, s->row_cache_bytes);
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

static uint32_t epoch_of(void *batch, struct slice key) {
    return batch_claim(batch, key);
}

bool batch_commit(struct batch *b, struct err *e) {
    if (kv_failed(&b->kv)) {
        *e = b->kv.err;
        batch_clear(b);
        return false;
    }
    if (atomic_load(&b->store->damaged)) { /* another thread found it, a query for instance */
        batch_clear(b);
        return store_refuse_damaged(b->store, e);
    }
    bool ok = store_write_rows(b->store, &b->rows, e);
    if (ok)
        row_cache_mark_clean(&b->rows, epoch_of, b);
    batch_clear(b);
    return ok;
}
