/* Counts and wipes a partition, and knows which batch has it. */
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <string.h>

static bool count_rows(struct store *s, struct slice prefix, int64_t *rows, struct err *e) {
    char *text = NULL;
    rocksdb_iterator_t *i = rocksdb_create_iterator(s->db, s->read.all);
    for (rocksdb_iter_seek(i, prefix.p, prefix.n); rocksdb_iter_valid(i);
         rocksdb_iter_next(i), (*rows)++) {
        size_t n;
        const char *p = rocksdb_iter_key(i, &n);
        if (!slice_has_prefix(slice_of(p, n), prefix))
            break;
    }
    rocksdb_iter_get_error(i, &text);
    rocksdb_iter_destroy(i);
    return store_check(s, text, e, "scan");
}

bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT],
                      struct err *e) {
    struct buf key = {0}, prefix = {0};
    bool ok = true;
    key_partition(&key, partition);
    memset(rows, 0, FAMILY_COUNT * sizeof *rows);
    for (int f = 0; f < FAMILY_COUNT && ok; f++)
        ok = count_rows(s, key_stored(&prefix, (enum family)f, buf_slice(&key)), &rows[f], e);
    buf_release(&prefix);
    buf_release(&key);
    return ok;
}

bool store_needs_count(const struct store *s, int32_t partition) {
    return !atomic_load(&s->counted[partition]);
}

void store_note_counted(struct store *s, int32_t partition) {
    atomic_store(&s->counted[partition], true);
}

uint32_t store_claim(struct store *s, int32_t partition, uint64_t batch) {
    if (atomic_load(&s->claimed_by[partition]) != batch || batch == 0) {
        atomic_store(&s->claimed_by[partition], batch);
        atomic_fetch_add(&s->epochs[partition], 1);
    }
    return atomic_load(&s->epochs[partition]);
}

bool store_wipe(struct store *s, int32_t partition, struct err *e) {
    struct buf key = {0}, next = {0}, from = {0}, to = {0};
    char *text = NULL;
    key_partition(&key, partition);
    key_partition(&next, partition + 1);
    (void)pthread_mutex_lock(&s->commit_lock);
    s->has_buffered = true;
    for (int f = 0; f < FAMILY_COUNT && text == NULL; f++) {
        (void)key_stored(&from, (enum family)f, buf_slice(&key));
        (void)key_stored(&to, (enum family)f, buf_slice(&next));
        rocksdb_delete_range_cf(s->db, s->write, s->column_family, from.p, from.n, to.p, to.n,
                                &text);
    }
    (void)pthread_mutex_unlock(&s->commit_lock);
    struct buf *bufs[] = {&key, &next, &from, &to};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    if (text == NULL)
        atomic_store(&s->counted[partition], true);
    (void)store_claim(s, partition, 0);
    return store_check(s, text, e, "wipe");
}
