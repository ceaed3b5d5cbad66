#include "state/rocksdb/batch_internal.h"

uint32_t batch_claim(struct batch *b, struct slice key) {
    return store_claim(b->store, key_partition_of(key), b->number);
}

struct row *batch_cache_value(struct batch *b, enum family f, struct slice key,
                              struct slice value) {
    return row_cache_put_clean(&b->rows, f, key, value, batch_claim(b, key));
}

struct row *batch_cache_found(struct batch *b, enum family f, struct slice key,
                              rocksdb_pinnableslice_t *found) {
    struct slice value = slice_null();
    if (found != NULL)
        value.p = rocksdb_pinnableslice_value(found, &value.n);
    struct row *r = batch_cache_value(b, f, key, value);
    rocksdb_pinnableslice_destroy(found);
    return r;
}
