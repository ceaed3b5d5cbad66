/* kv: the narrow interface between the tasks and their state: ordered key-value families with
 * read-your-writes inside one batch. Implemented by store.c (RocksDB) and memory.c (for tests and
 * simulation).
 *
 * Errors are sticky: after one, reads find nothing and writes do nothing; the caller asks
 * kv_failed() before it commits what it did. One thread at a time. */
#ifndef STREAMER_STATE_KV_H
#define STREAMER_STATE_KV_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

/* Keys begin with the partition (keys.h), so that a task is a key range in each family. The numbers
 * are stored. */
enum family {
    FAMILY_META,
    FAMILY_CUSTOMERS,            /* customer_id -> customer_row */
    FAMILY_ACCOUNTS,             /* account_id -> account_row */
    FAMILY_CUSTOMER_HISTORY,     /* customer_id, valid_from -> closed version */
    FAMILY_ACCOUNT_HISTORY,      /* account_id, valid_from -> closed version */
    FAMILY_CUSTOMER_REFS,        /* customer_id -> customer_ref */
    FAMILY_ACCOUNTS_BY_CUSTOMER, /* customer_id, account_id -> nothing */
    FAMILY_LINKS, /* customer_id, account_id -> account_link that is not in the customer's row */
    FAMILY_LINKS_AHEAD,            /* customer_id, account_id: a message of it is not processed yet
                                      (task_replay_ahead) */
    FAMILY_REFS_AHEAD,             /* customer_id: the same */
    FAMILY_CUSTOMER_CONFIRMATIONS, /* customer_id, time -> confirmation that is not in the
                                      customer's row */
    FAMILY_ACCOUNT_CONFIRMATIONS,  /* account_id, time -> the same of an account */
    FAMILY_COUNT
};
const char *family_name(enum family f);
/* Its rows are read by cursors; by key only where a task is restored. */
bool family_is_only_scanned(enum family f);
/* How much of a key names the customer or account whose rows cursors look at together; 0: nothing
 * of it. */
size_t family_owner_n(enum family f, struct slice key);

struct kv;
struct kv_cursor;

struct kv_ops {
    bool (*get)(struct kv *kv, enum family f, struct slice key, struct buf *value);
    void (*put)(struct kv *kv, enum family f, struct slice key, struct slice value);
    void (*erase)(struct kv *kv, enum family f, struct slice key);
    struct kv_cursor *(*cursor)(struct kv *kv, enum family f);
    /* Both may be NULL. */
    void (*want)(struct kv *kv, enum family f, struct slice key);
    void (*fetch)(struct kv *kv);
};

struct kv {
    const struct kv_ops *ops;
    struct err err; /* sticky */
};

struct kv_cursor_ops {
    void (*seek)(struct kv_cursor *c, struct slice key);          /* to the first key >= `key` */
    void (*seek_for_prev)(struct kv_cursor *c, struct slice key); /* to the last key <= `key` */
    void (*next)(struct kv_cursor *c);
    void (*prev)(struct kv_cursor *c);
    bool (*valid)(struct kv_cursor *c);
    struct slice (*key)(struct kv_cursor *c);   /* good until the cursor moves */
    struct slice (*value)(struct kv_cursor *c); /* good until the cursor moves */
    void (*free)(struct kv_cursor *c);
};

struct kv_cursor {
    const struct kv_cursor_ops *ops;
};

/* Replaces what is in `value`; false if there is no such key (or after an error). */
static inline bool kv_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    return kv->ops->get(kv, f, key, value);
}
static inline void kv_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    kv->ops->put(kv, f, key, value);
}
static inline void kv_erase(struct kv *kv, enum family f, struct slice key) {
    kv->ops->erase(kv, f, key);
}
/* Hints, which change nothing that is read: kv_get will be asked for that key; now read all of them
 * together. */
static inline void kv_want(struct kv *kv, enum family f, struct slice key) {
    if (kv->ops->want != NULL)
        kv->ops->want(kv, f, key);
}
static inline void kv_fetch(struct kv *kv) {
    if (kv->ops->fetch != NULL)
        kv->ops->fetch(kv);
}
/* A cursor sees what was written before it was made; do not write to the family while it is in use.
 */
static inline struct kv_cursor *kv_cursor(struct kv *kv, enum family f) {
    return kv->ops->cursor(kv, f);
}
static inline bool kv_failed(const struct kv *kv) {
    return kv->err.class != ERR_NONE;
}

/* A cursor that a key with an owner (family_owner_n) was sought with is good for the rows of that
 * owner, and in the direction of the seek: of other rows it may see none. */
static inline void cursor_seek(struct kv_cursor *c, struct slice key) {
    c->ops->seek(c, key);
}
static inline void cursor_seek_for_prev(struct kv_cursor *c, struct slice key) {
    c->ops->seek_for_prev(c, key);
}
static inline void cursor_next(struct kv_cursor *c) {
    c->ops->next(c);
}
static inline void cursor_prev(struct kv_cursor *c) {
    c->ops->prev(c);
}
/* Also false once the cursor has left the keys that begin with `prefix`. */
static inline bool cursor_in(struct kv_cursor *c, struct slice prefix) {
    return c->ops->valid(c) && slice_has_prefix(c->ops->key(c), prefix);
}
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
