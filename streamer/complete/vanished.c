#include "streamer/complete/vanished.h"

#include "state/rocksdb/sorter.h"
#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 4
#define TIME_BYTES 8

enum fact { FACT_PRESENT, FACT_CHANGED, FACT_CURRENT, FACT_CONFIRMED };

struct vanished {
    struct sorter *sorter;
    struct buf key;
};

struct vanished *vanished_new(struct err *e) {
    struct sorter *sorter = sorter_new("feed", e);
    if (sorter == NULL)
        return NULL;
    struct vanished *v = mem_calloc(1, sizeof *v);
    v->sorter = sorter;
    return v;
}

void vanished_free(struct vanished *v) {
    if (v == NULL)
        return;
    sorter_free(v->sorter);
    buf_release(&v->key);
    free(v);
}

/* --- what is known --- */

static void put_big_endian(struct buf *out, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--)
        buf_put_byte(out, (char)(value >> (8 * i) & 0xff));
}

static struct slice key_of(struct vanished *v, struct slice id, enum fact fact) {
    buf_clear(&v->key);
    put_big_endian(&v->key, id.n, LENGTH_BYTES);
    buf_put_slice(&v->key, id);
    buf_put_byte(&v->key, (char)fact);
    return buf_slice(&v->key);
}

static struct slice key_with_time(struct vanished *v, struct slice id, enum fact fact,
                                  int64_t time_ms) {
    (void)key_of(v, id, fact);
    put_big_endian(&v->key, (uint64_t)time_ms ^ UINT64_C(1) << 63, TIME_BYTES);
    return buf_slice(&v->key);
}

bool vanished_note_current(struct vanished *v, struct slice id, int64_t valid_from_ms,
                           struct err *e) {
    return sorter_put(v->sorter, key_with_time(v, id, FACT_CURRENT, valid_from_ms), slice_of("", 0),
                      e);
}

bool vanished_note_ended(struct vanished *v, struct slice id, int64_t valid_from_ms,
                         struct err *e) {
    return sorter_erase(v->sorter, key_with_time(v, id, FACT_CURRENT, valid_from_ms), e);
}

bool vanished_note_confirmed(struct vanished *v, struct slice id, int64_t at_ms, struct err *e) {
    return sorter_put(v->sorter, key_with_time(v, id, FACT_CONFIRMED, at_ms), slice_of("", 0), e);
}

bool vanished_note_changed(struct vanished *v, struct slice id, struct err *e) {
    return sorter_put(v->sorter, key_of(v, id, FACT_CHANGED), slice_of("", 0), e);
}

bool vanished_note_present(struct vanished *v, struct slice id, struct err *e) {
    return sorter_put(v->sorter, key_of(v, id, FACT_PRESENT), slice_of("", 0), e);
}

/* --- the walk --- */

/* The id whose facts are being read, and what they say so far. */
struct walk {
    int64_t at_ms;
    vanished_seen *seen;
    void *context;
    struct vanished_counts *counts;
    struct buf id;
    bool has_id, is_present, is_changed, is_current;
    /* Of the newest version that is current, and of the newest confirmation behind that. */
    int64_t newest_ms;
};

static uint64_t get_big_endian(const char *p, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | (unsigned char)p[i];
    return value;
}

static struct slice id_of(struct slice key) {
    return slice_of(key.p + LENGTH_BYTES, (size_t)get_big_endian(key.p, LENGTH_BYTES));
}

/* The time that the key ends with. */
static int64_t time_of(struct slice key) {
    return (int64_t)(get_big_endian(key.p + key.n - TIME_BYTES, TIME_BYTES) ^ UINT64_C(1) << 63);
}

/* All facts of an id have been read. */
static bool judge(struct walk *w, struct err *e) {
    if (!w->has_id || !w->is_current)
        return true;
    w->counts->current++;
    if (w->is_present)
        return true;
    if (w->is_changed) {
        w->counts->changed++;
        return true;
    }
    if (w->newest_ms > w->at_ms) {
        w->counts->newer++;
        return true;
    }
    w->counts->found++;
    return w->seen(w->context, buf_slice(&w->id), e);
}

static void begin_id(struct walk *w, struct slice id) {
    buf_set(&w->id, id);
    w->has_id = true;
    w->is_present = w->is_changed = w->is_current = false;
    w->newest_ms = INT64_MIN;
}

static void take_fact(struct walk *w, struct slice key) {
    size_t at = LENGTH_BYTES + w->id.n;
    switch ((enum fact)key.p[at]) {
    case FACT_PRESENT:
        w->is_present = true;
        break;
    case FACT_CHANGED:
        w->is_changed = true;
        break;
    case FACT_CURRENT: /* the versions of an id come in the order of their times */
        w->is_current = true;
        w->newest_ms = time_of(key);
        break;
    case FACT_CONFIRMED: /* behind those of the versions */
        if (time_of(key) > w->newest_ms)
            w->newest_ms = time_of(key);
        break;
    }
}

static bool walk_rows(struct walk *w, struct sorter *sorter, struct err *e) {
    struct slice key, value;
    if (!sorter_begin(sorter, e))
        return false;
    while (sorter_next(sorter, &key, &value, e)) {
        struct slice id = id_of(key);
        if (!w->has_id || !slice_eq(id, buf_slice(&w->id))) {
            if (!judge(w, e))
                return false;
            begin_id(w, id);
        }
        take_fact(w, key);
    }
    return e->class == ERR_NONE && judge(w, e);
}

bool vanished_walk(struct vanished *v, int64_t at_ms, vanished_seen *seen, void *context,
                   struct vanished_counts *counts, struct err *e) {
    struct walk w = {.at_ms = at_ms, .seen = seen, .context = context, .counts = counts};
    *counts = (struct vanished_counts){0};
    bool ok = walk_rows(&w, v->sorter, e);
    buf_release(&w.id);
    return ok;
}
