/* Cursors: RocksDB's iterator, with a batch's dirty rows on top. A cursor over the rows of one
 * owner merges the few dirty rows of that owner itself. A cursor over a whole family uses RocksDB's
 * own index over a batch (WriteBatchWithIndex). */
#include "state/rocksdb/batch_internal.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct store_cursor {
    struct kv_cursor base;
    struct kv *kv;
    struct store *store;
    enum family family;
    struct batch *batch; /* NULL for a reader's cursor */
    const struct read_options *read;
    rocksdb_iterator_t *i; /* NULL before the first seek */
    struct buf sought;     /* the stored key that was sought */
    /* The cursor stays with keys that begin like `sought`: this many bytes of it, which are the
     * family, and the owner if the key has one. */
    size_t prefix_n;
    bool backwards;        /* the direction of the last seek */
    const struct row *own; /* the next dirty row of the owner; NULL: there is none */
    const struct row *row; /* the dirty row that the cursor is on; NULL: it is where `i` is */
    bool both;             /* the cursor is on `row`, and `i` has that key, too */
    bool valid;
};

static struct store_cursor *cursor_of(struct kv_cursor *c) {
    return (struct store_cursor *)c;
}

static bool is_of_owner(const struct store_cursor *c) {
    return c->prefix_n > 1;
}

static struct slice prefix_of(const struct store_cursor *c) {
    return slice_of(c->sought.p, c->prefix_n);
}

/* The stored key that RocksDB's iterator is on. slice_null() if it has left the prefix. */
static struct slice stored_at(const struct store_cursor *c) {
    size_t n;
    if (!rocksdb_iter_valid(c->i))
        return slice_null();
    const char *p = rocksdb_iter_key(c->i, &n);
    return slice_has_prefix(slice_of(p, n), prefix_of(c)) ? slice_of(p, n) : slice_null();
}

static void step_stored(struct store_cursor *c, bool back) {
    if (back)
        rocksdb_iter_prev(c->i);
    else
        rocksdb_iter_next(c->i);
}

/* Finds the next dirty row of the owner, at or behind `key` in the direction of the seek. `behind`:
 * not at `key`. */
static void find_own(struct store_cursor *c, struct slice key, bool behind) {
    enum dirty_by_owner_side on = behind ? DIRTY_BEHIND : DIRTY_FROM,
                             back = behind ? DIRTY_BEFORE : DIRTY_UP_TO;
    struct batch *b = c->batch;
    c->own = b != NULL && is_of_owner(c)
                 ? dirty_by_owner_find(&b->dirty_by_owner[c->family], c->family,
                                       &b->rows.dirty[c->family], key, c->prefix_n - 1,
                                       c->backwards ? back : on)
                 : NULL;
}

static void step_own(struct store_cursor *c) {
    find_own(c, row_key(c->own), true);
}

/* To be called when the iterator is not valid: it is then at an end, or has failed. */
static void check(struct store_cursor *c) {
    char *text = NULL;
    rocksdb_iter_get_error(c->i, &text);
    if (kv_failed(c->kv))
        free(text);
    else
        (void)store_check(c->store, text, &c->kv->err, "scan");
}

/* Puts the cursor on the stored row or the dirty row, whichever comes first. A dirty row hides a
 * stored row with the same key; a dirty row that is erased is skipped. */
static void settle(struct store_cursor *c) {
    for (;;) {
        struct slice stored = stored_at(c);
        const struct row *row = c->own;
        int order =
            row != NULL && stored.p != NULL ? slice_compare(stored, row_stored_key(row)) : 0;
        if (stored.p == NULL)
            check(c);
        c->valid = stored.p != NULL || row != NULL;
        c->both = stored.p != NULL && row != NULL && order == 0;
        c->row = stored.p != NULL && (c->backwards ? order > 0 : order < 0) ? NULL : row;
        if (c->row == NULL || c->row->exists)
            return;
        if (c->both)
            step_stored(c, c->backwards);
        step_own(c);
    }
}

static void bring_index_up_to_date(struct batch *b, enum family f) {
    struct places *places = &b->rows.unindexed[f];
    for (size_t i = 0; i < places->n; i++) {
        struct row *r = b->rows.dirty[f].p[places->p[i]];
        struct slice key = row_stored_key(r);
        if (r->exists)
            rocksdb_writebatch_wi_put(b->index, key.p, key.n, row_value(r).p, r->value_n);
        else
            rocksdb_writebatch_wi_delete(b->index, key.p, key.n);
        r->indexed = true;
    }
    places->n = 0;
}

static rocksdb_iterator_t *new_iterator(const struct store_cursor *c) {
    if (is_of_owner(c))
        return rocksdb_create_iterator(c->store->db, c->read->of_owner);
    rocksdb_iterator_t *base = rocksdb_create_iterator(c->store->db, c->read->all);
    if (c->batch == NULL)
        return base;
    bring_index_up_to_date(c->batch, c->family);
    return rocksdb_writebatch_wi_create_iterator_with_base(c->batch->index, base);
}

static void seek(struct store_cursor *c, struct slice key, bool backwards) {
    size_t owner_n = family_owner_n(c->family, key);
    if (c->i != NULL && is_of_owner(c) != (owner_n > 0)) {
        rocksdb_iter_destroy(c->i);
        c->i = NULL;
    }
    (void)key_stored(&c->sought, c->family, key);
    c->prefix_n = owner_n + 1;
    c->backwards = backwards;
    if (c->i == NULL)
        c->i = new_iterator(c);
    find_own(c, key, false);
    if (backwards)
        rocksdb_iter_seek_for_prev(c->i, c->sought.p, c->sought.n);
    else
        rocksdb_iter_seek(c->i, c->sought.p, c->sought.n);
    settle(c);
}

static void op_seek(struct kv_cursor *c, struct slice key) {
    seek(cursor_of(c), key, false);
}
static void op_seek_for_prev(struct kv_cursor *c, struct slice key) {
    seek(cursor_of(c), key, true);
}

static void step(struct store_cursor *c, bool back) {
    assert(c->valid && (!is_of_owner(c) || c->backwards == back));
    if (c->row == NULL || c->both)
        step_stored(c, back);
    if (c->row != NULL)
        step_own(c);
    settle(c);
}

static void op_next(struct kv_cursor *c) {
    step(cursor_of(c), false);
}
static void op_prev(struct kv_cursor *c) {
    step(cursor_of(c), true);
}
static bool op_valid(struct kv_cursor *c) {
    return cursor_of(c)->valid;
}
static struct slice op_key(struct kv_cursor *base) {
    const struct store_cursor *c = cursor_of(base);
    if (c->row != NULL)
        return row_key(c->row);
    struct slice stored = stored_at(c);
    return slice_of(stored.p + 1, stored.n - 1);
}
static struct slice op_value(struct kv_cursor *base) {
    const struct store_cursor *c = cursor_of(base);
    if (c->row != NULL)
        return row_value(c->row);
    struct slice value;
    value.p = rocksdb_iter_value(c->i, &value.n);
    return value;
}
static void op_free(struct kv_cursor *base) {
    struct store_cursor *c = cursor_of(base);
    if (c->i != NULL)
        rocksdb_iter_destroy(c->i);
    buf_release(&c->sought);
    free(c);
}

struct kv_cursor *cursor_new(struct kv *kv, struct store *s, enum family f, struct batch *b,
                             const struct read_options *read) {
    static const struct kv_cursor_ops ops = {op_seek,  op_seek_for_prev, op_next,  op_prev,
                                             op_valid, op_key,           op_value, op_free};
    struct store_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct store_cursor){
        .base = {&ops}, .kv = kv, .store = s, .family = f, .batch = b, .read = read};
    return &c->base;
}
