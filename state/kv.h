/* kv: the interface between the tasks and their state: families of ordered rows, each a key and a
 * value. Whoever writes sees its own writes at once. Implemented on RocksDB by batch.c and
 * reader.c, with the cursors of cursor.c (rocksdb/store.h), and in memory by memory.c, for tests
 * and simulation.
 *
 * Errors are sticky: after one, reads find nothing and writes do nothing. So the caller asks
 * kv_failed() once, before it commits what it did. One thread at a time. */
#ifndef STREAMER_STATE_KV_H
#define STREAMER_STATE_KV_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

/* Keys begin with the partition (keys.h), so a task is a range of keys in each family. The numbers
 * are part of the stored format. */
enum family {
    FAMILY_META,
    FAMILY_CUSTOMERS,            /* customer_id -> customer_row */
    FAMILY_ACCOUNTS,             /* account_id -> account_row */
    FAMILY_CUSTOMER_HISTORY,     /* customer_id, valid_from -> closed version */
    FAMILY_ACCOUNT_HISTORY,      /* account_id, valid_from -> closed version */
    FAMILY_CUSTOMER_REFS,        /* customer_id -> customer_ref */
    FAMILY_ACCOUNTS_BY_CUSTOMER, /* customer_id, account_id -> nothing */
    FAMILY_LINKS, /* customer_id, account_id -> account_link that is not in the customer's row */
    /* A message about this link or ref is not processed yet (task_replay_ahead): */
    FAMILY_LINKS_AHEAD, /* customer_id, account_id */
    FAMILY_REFS_AHEAD,  /* customer_id */
    /* Confirmations that are not in the customer's or account's row: */
    FAMILY_CUSTOMER_CONFIRMATIONS, /* customer_id, time -> confirmation */
    FAMILY_ACCOUNT_CONFIRMATIONS,  /* account_id, time -> confirmation */
    FAMILY_FORMER_ACCOUNTS,        /* customer_id, account_id -> nothing (task/former_accounts.h) */
    FAMILY_COUNT
};
const char *family_name(enum family f);
/* Read only through cursors, except during restore. */
bool family_is_only_scanned(enum family f);
/* The "owner" of a row is the customer or account whose rows cursors look at together. Returns how
 * many bytes of the key name it, from the front; 0: the row has no owner. */
size_t family_owner_n(enum family f, struct slice key);

struct kv;
struct kv_cursor;

/* The functions below call these, and say what they do. */
struct kv_ops {
    bool (*get)(struct kv *kv, enum family f, struct slice key, struct buf *value);
    void (*put)(struct kv *kv, enum family f, struct slice key, struct slice value);
    void (*erase)(struct kv *kv, enum family f, struct slice key);
    struct kv_cursor *(*cursor)(struct kv *kv, enum family f);
    /* An implementation without prefetch has NULL in both. */
    void (*want)(struct kv *kv, enum family f, struct slice key);
    void (*fetch)(struct kv *kv);
};

struct kv {
    const struct kv_ops *ops;
    struct err err; /* sticky */
};

struct kv_cursor_ops {
    void (*seek)(struct kv_cursor *c, struct slice key);
    void (*seek_for_prev)(struct kv_cursor *c, struct slice key);
    void (*next)(struct kv_cursor *c);
    void (*prev)(struct kv_cursor *c);
    bool (*valid)(struct kv_cursor *c);
    struct slice (*key)(struct kv_cursor *c);
    struct slice (*value)(struct kv_cursor *c);
    void (*free)(struct kv_cursor *c);
};

struct kv_cursor {
    const struct kv_cursor_ops *ops;
};

/* Replaces the content of `value`. False if there is no such key, or after an error. */
static inline bool kv_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    return kv->ops->get(kv, f, key, value);
}
static inline void kv_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    kv->ops->put(kv, f, key, value);
}
static inline void kv_erase(struct kv *kv, enum family f, struct slice key) {
    kv->ops->erase(kv, f, key);
}
/* Prefetch. kv_want notes a key that kv_get will be asked for soon; kv_fetch reads all rows that
 * were noted, together, which is cheaper than single reads. Both change nothing that is read. */
static inline void kv_want(struct kv *kv, enum family f, struct slice key) {
    if (kv->ops->want != NULL)
        kv->ops->want(kv, f, key);
}
static inline void kv_fetch(struct kv *kv) {
    if (kv->ops->fetch != NULL)
        kv->ops->fetch(kv);
}
/* A cursor sees what was written before it was made. The family must not be written to while the
 * cursor is in use. The caller frees it with cursor_free. */
static inline struct kv_cursor *kv_cursor(struct kv *kv, enum family f) {
    return kv->ops->cursor(kv, f);
}
static inline bool kv_failed(const struct kv *kv) {
    return kv->err.class != ERR_NONE;
}

/* Moves to the first row with a key >= `key`. If the key has an owner (family_owner_n), the cursor
 * stays with the rows of that owner: other rows it may miss, and it must move only forward. */
static inline void cursor_seek(struct kv_cursor *c, struct slice key) {
    c->ops->seek(c, key);
}
/* Moves to the last row with a key <= `key`. With an owner as above, but only backward. */
static inline void cursor_seek_for_prev(struct kv_cursor *c, struct slice key) {
    c->ops->seek_for_prev(c, key);
}
static inline void cursor_next(struct kv_cursor *c) {
    c->ops->next(c);
}
static inline void cursor_prev(struct kv_cursor *c) {
    c->ops->prev(c);
}
/* Whether the cursor is on a row whose key begins with `prefix`. */
static inline bool cursor_in(struct kv_cursor *c, struct slice prefix) {
    return c->ops->valid(c) && slice_has_prefix(c->ops->key(c), prefix);
}
/* Both are valid until the cursor moves. The cursor must be on a row. */
static inline struct slice cursor_key(struct kv_cursor *c) {
    return c->ops->key(c);
}
static inline struct slice cursor_value(struct kv_cursor *c) {
    return c->ops->value(c);
}
static inline void cursor_free(struct kv_cursor *c) {
    c->ops->free(c);
}

#endif
