#include "state/memory.h"

#include "state/keys.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    struct buf key, value;
};

/* Sorted by key. */
struct table {
    struct entry *entries;
    size_t count, cap;
};

/* What one write replaced. */
struct undo {
    enum family family;
    bool existed; /* false: there was no row, and `value` is empty */
    struct buf key, value;
};

struct memory {
    struct kv kv; /* first */
    struct table tables[FAMILY_COUNT];
    struct undo *undo;
    size_t undo_count, undo_cap;
};

static struct memory *memory_of(struct kv *kv) {
    return (struct memory *)kv;
}

/* The place of the first entry with a key >= `key`. `exact`: whether its key is `key`. */
static size_t find(const struct table *t, struct slice key, bool *exact) {
    size_t low = 0, high = t->count;
    *exact = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = slice_compare(buf_slice(&t->entries[middle].key), key);
        if (c == 0)
            *exact = true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void set(struct table *t, struct slice key, struct slice value) {
    bool exact;
    size_t i = find(t, key, &exact);
    if (!exact) {
        t->entries = mem_grow(t->entries, &t->cap, t->count + 1, sizeof *t->entries);
        memmove(&t->entries[i + 1], &t->entries[i], (t->count - i) * sizeof *t->entries);
        t->count++;
        t->entries[i] = (struct entry){0};
        buf_set(&t->entries[i].key, key);
    }
    buf_set(&t->entries[i].value, value);
}

static void unset(struct table *t, struct slice key) {
    bool exact;
    size_t i = find(t, key, &exact);
    if (!exact)
        return;
    buf_release(&t->entries[i].key);
    buf_release(&t->entries[i].value);
    t->count--;
    memmove(&t->entries[i], &t->entries[i + 1], (t->count - i) * sizeof *t->entries);
}

static void remember(struct memory *m, enum family f, struct slice key) {
    bool exact;
    size_t i = find(&m->tables[f], key, &exact);
    m->undo = mem_grow(m->undo, &m->undo_cap, m->undo_count + 1, sizeof *m->undo);
    struct undo *u = &m->undo[m->undo_count++];
    *u = (struct undo){.family = f, .existed = exact};
    buf_set(&u->key, key);
    if (exact)
        buf_set(&u->value, buf_slice(&m->tables[f].entries[i].value));
}

static bool op_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    bool exact;
    const struct table *t = &memory_of(kv)->tables[f];
    size_t i = find(t, key, &exact);
    if (!exact || kv_failed(kv))
        return false;
    buf_set(value, buf_slice(&t->entries[i].value));
    return true;
}

static void op_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    if (kv_failed(kv))
        return;
    remember(memory_of(kv), f, key);
    set(&memory_of(kv)->tables[f], key, value);
}

static void op_erase(struct kv *kv, enum family f, struct slice key) {
    if (kv_failed(kv))
        return;
    remember(memory_of(kv), f, key);
    unset(&memory_of(kv)->tables[f], key);
}

/* --- cursors --- */

struct memory_cursor {
    struct kv_cursor base;
    const struct table *table;
    enum family family;
    size_t at; /* the place of an entry; not valid from table->count on */
    /* Of the last seek. Asserted, because the store's cursors rely on them. */
    bool of_owner, backwards;
};

static struct memory_cursor *cursor_of(struct kv_cursor *c) {
    return (struct memory_cursor *)c;
}

/* Returns whether the key is there. */
static bool seek(struct memory_cursor *c, struct slice key, bool backwards) {
    bool exact;
    c->at = find(c->table, key, &exact);
    c->of_owner = family_owner_n(c->family, key) > 0;
    c->backwards = backwards;
    return exact;
}

static void step_back(struct memory_cursor *c) {
    c->at = c->at == 0 ? c->table->count : c->at - 1;
}

static void op_seek(struct kv_cursor *c, struct slice key) {
    (void)seek(cursor_of(c), key, false);
}
static void op_seek_for_prev(struct kv_cursor *c, struct slice key) {
    if (!seek(cursor_of(c), key, true))
        step_back(cursor_of(c));
}
static void op_next(struct kv_cursor *c) {
    assert(!cursor_of(c)->of_owner || !cursor_of(c)->backwards);
    cursor_of(c)->at++;
}
static void op_prev(struct kv_cursor *c) {
    assert(!cursor_of(c)->of_owner || cursor_of(c)->backwards);
    step_back(cursor_of(c));
}
static bool op_valid(struct kv_cursor *c) {
    return cursor_of(c)->at < cursor_of(c)->table->count;
}
static struct slice op_key(struct kv_cursor *c) {
    return buf_slice(&cursor_of(c)->table->entries[cursor_of(c)->at].key);
}
static struct slice op_value(struct kv_cursor *c) {
    return buf_slice(&cursor_of(c)->table->entries[cursor_of(c)->at].value);
}
static void op_free(struct kv_cursor *c) {
    free(c);
}

static struct kv_cursor *op_cursor(struct kv *kv, enum family f) {
    static const struct kv_cursor_ops ops = {op_seek,  op_seek_for_prev, op_next,  op_prev,
                                             op_valid, op_key,           op_value, op_free};
    struct memory_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct memory_cursor){.base = {&ops}, .table = &memory_of(kv)->tables[f], .family = f};
    return &c->base;
}

/* --- the whole --- */

struct memory *memory_new(void) {
    static const struct kv_ops ops = {
        .get = op_get, .put = op_put, .erase = op_erase, .cursor = op_cursor};
    struct memory *m = mem_calloc(1, sizeof *m);
    m->kv.ops = &ops;
    return m;
}

struct kv *memory_kv(struct memory *m) {
    return &m->kv;
}

void memory_commit(struct memory *m) {
    for (size_t i = 0; i < m->undo_count; i++) {
        buf_release(&m->undo[i].key);
        buf_release(&m->undo[i].value);
    }
    m->undo_count = 0;
}

void memory_rollback(struct memory *m) {
    for (size_t i = m->undo_count; i > 0; i--) {
        struct undo *u = &m->undo[i - 1];
        if (u->existed)
            set(&m->tables[u->family], buf_slice(&u->key), buf_slice(&u->value));
        else
            unset(&m->tables[u->family], buf_slice(&u->key));
    }
    memory_commit(m);
    m->kv.err.class = ERR_NONE;
}

struct memory *memory_copy(const struct memory *m) {
    struct memory *copy = memory_new();
    assert(m->undo_count == 0);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        const struct table *from = &m->tables[f];
        copy->tables[f] = (struct table){mem_calloc(from->count, sizeof *from->entries),
                                         from->count, from->count};
        for (size_t i = 0; i < from->count; i++) {
            buf_set(&copy->tables[f].entries[i].key, buf_slice(&from->entries[i].key));
            buf_set(&copy->tables[f].entries[i].value, buf_slice(&from->entries[i].value));
        }
    }
    return copy;
}

void memory_wipe(struct memory *m, int32_t partition) {
    struct buf prefix = {0};
    key_partition(&prefix, partition);
    assert(m->undo_count == 0);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct table *t = &m->tables[f];
        bool exact;
        size_t i = find(t, buf_slice(&prefix), &exact);
        while (i < t->count && slice_has_prefix(buf_slice(&t->entries[i].key), buf_slice(&prefix)))
            unset(t, buf_slice(&t->entries[i].key));
    }
    buf_release(&prefix);
}

void memory_free(struct memory *m) {
    if (m == NULL)
        return;
    memory_commit(m);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < m->tables[f].count; i++) {
            buf_release(&m->tables[f].entries[i].key);
            buf_release(&m->tables[f].entries[i].value);
        }
        free(m->tables[f].entries);
    }
    free(m->undo);
    free(m);
}
