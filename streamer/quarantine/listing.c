/* The rows of the sorter:
 *
 *   each record   key    time (8), partition (4), offset (8), of the quarantine topic
 *   distinct      key    topic, 0, i | h, id or hash (8), 0, and then as above
 *   both          value  struct fixed, then topic, code, reason, id one after the other
 *
 * Numbers of keys are big-endian, so that their order is that of the bytes. */
#include "streamer/quarantine/listing.h"

#include "state/rocksdb/sorter.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <endian.h>
#include <stdlib.h>

#define POSITION_BYTES 20 /* of time, partition and offset */
#define TEXTS 4

struct fixed {
    struct quarantined q; /* without what it points to */
    size_t lengths[TEXTS];
};

struct listing {
    bool is_distinct;
    struct sorter *sorter;
    struct buf key, value;
};

struct listing *listing_new(bool is_distinct, struct err *e) {
    struct listing *l = mem_calloc(1, sizeof *l);
    l->is_distinct = is_distinct;
    l->sorter = sorter_new("quarantine", e);
    if (l->sorter != NULL)
        return l;
    listing_free(l);
    return NULL;
}

void listing_free(struct listing *l) {
    if (l == NULL)
        return;
    sorter_free(l->sorter);
    buf_release(&l->key);
    buf_release(&l->value);
    free(l);
}

/* --- putting --- */

static void put_position(struct buf *key, const struct quarantined *q) {
    uint64_t at = htobe64((uint64_t)q->at_ms ^ UINT64_C(1) << 63); /* signed order */
    uint32_t partition = htobe32((uint32_t)q->partition);
    uint64_t offset = htobe64((uint64_t)q->offset);
    buf_put(key, &at, sizeof at);
    buf_put(key, &partition, sizeof partition);
    buf_put(key, &offset, sizeof offset);
}

static void put_identity(struct buf *key, const struct quarantined *q) {
    buf_put_slice(key, q->topic);
    buf_put_byte(key, '\0');
    if (q->id.n > 0) {
        buf_put_byte(key, 'i');
        buf_put_slice(key, q->id);
    } else {
        uint64_t hash = htobe64(quarantined_hash(q));
        buf_put_byte(key, 'h');
        buf_put(key, &hash, sizeof hash);
    }
    buf_put_byte(key, '\0');
}

static void put_value(struct buf *value, const struct quarantined *q) {
    const struct slice texts[TEXTS] = {q->topic, q->code, q->reason, q->id};
    struct fixed f = {.q = *q};
    for (size_t i = 0; i < TEXTS; i++)
        f.lengths[i] = texts[i].n;
    buf_clear(value);
    buf_put(value, &f, sizeof f);
    for (size_t i = 0; i < TEXTS; i++)
        buf_put_slice(value, texts[i]);
}

bool listing_put(void *listing, const struct quarantined *q, struct err *e) {
    struct listing *l = listing;
    buf_clear(&l->key);
    if (l->is_distinct)
        put_identity(&l->key, q);
    put_position(&l->key, q);
    put_value(&l->value, q);
    return sorter_put(l->sorter, buf_slice(&l->key), buf_slice(&l->value), e);
}

/* --- reading --- */

static struct slice take(struct slice *from, size_t n) {
    struct slice taken = slice_of(from->p, n);
    *from = slice_of(from->p + n, from->n - n);
    return taken;
}

static struct quarantined read_value(struct slice value) {
    struct fixed f;
    memcpy(&f, value.p, sizeof f);
    (void)take(&value, sizeof f);
    f.q.topic = take(&value, f.lengths[0]);
    f.q.code = take(&value, f.lengths[1]);
    f.q.reason = take(&value, f.lengths[2]);
    f.q.id = take(&value, f.lengths[3]);
    f.q.key = f.q.value = f.q.mark = slice_null();
    f.q.headers = NULL;
    f.q.header_count = 0;
    return f.q;
}

/* The row that is gathered; `identity` and `newest` hold its bytes. */
struct gathered {
    struct buf identity, newest;
    struct listed row;
};

static bool give(struct gathered *g, bool (*row)(void *, const struct listed *, struct err *),
                 void *context, struct err *e) {
    if (g->row.count == 0)
        return true;
    g->row.newest = read_value(buf_slice(&g->newest));
    g->row.last_at_ms = g->row.newest.at_ms;
    bool ok = row(context, &g->row, e);
    g->row.count = 0;
    return ok;
}

/* The records of one id come in the order of time. */
static void gather(struct gathered *g, struct slice identity, struct slice value) {
    if (g->row.count++ == 0) {
        g->row.first_at_ms = read_value(value).at_ms;
        buf_set(&g->identity, identity);
    }
    buf_set(&g->newest, value);
}

bool listing_rows(struct listing *l,
                  bool (*row)(void *context, const struct listed *r, struct err *e), void *context,
                  struct err *e) {
    struct gathered g = {0};
    struct slice key, value;
    bool ok = sorter_begin(l->sorter, e);
    while (ok && sorter_next(l->sorter, &key, &value, e)) {
        struct slice identity = slice_of(key.p, key.n - POSITION_BYTES);
        if (!l->is_distinct || !slice_eq(identity, buf_slice(&g.identity)))
            ok = give(&g, row, context, e);
        gather(&g, identity, value);
    }
    ok = ok && e->class == ERR_NONE && give(&g, row, context, e);
    buf_release(&g.identity);
    buf_release(&g.newest);
    return ok;
}
