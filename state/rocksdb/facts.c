/* The facts about the whole store: rows of the meta family, in a partition of their own. */
#include "state/rocksdb/store_internal.h"

#include <stdlib.h>

void store_fact_key(struct buf *out, const char *name) {
    struct buf key = {0};
    key_text(&key, KEY_STORE_PARTITION, slice_str(name));
    (void)key_stored(out, FAMILY_META, buf_slice(&key));
    buf_release(&key);
}

bool store_get_fact(struct store *s, const char *name, struct buf *value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    size_t n = 0;
    store_fact_key(&key, name);
    char *found = rocksdb_get(s->db, s->read.all, key.p, key.n, &n, &text);
    buf_set(value, slice_of(found, n));
    free(found);
    buf_release(&key);
    return store_check(s, text, e, "read");
}

bool store_put_fact(struct store *s, const char *name, struct slice value, struct err *e) {
    struct buf key = {0};
    char *text = NULL;
    store_fact_key(&key, name);
    (void)pthread_mutex_lock(&s->commit_lock);
    s->has_buffered = true;
    rocksdb_put(s->db, s->write, key.p, key.n, value.p, value.n, &text);
    (void)pthread_mutex_unlock(&s->commit_lock);
    buf_release(&key);
    return store_check(s, text, e, "write");
}
