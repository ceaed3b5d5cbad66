/* A reader: a consistent view of committed state, for queries. */
#include "state/rocksdb/batch_internal.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct reader {
    struct kv kv; /* first */
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
    struct slice stored = key_stored(&r->key, f, key);
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
