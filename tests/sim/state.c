#include "state.h"

#include "instance.h"
#include "state/keys.h"
#include "streamer/base/mem.h"

#include <stdlib.h>

void state_init(struct store *s, struct instance *i) {
    *s = (struct store){.instance = i};
    for (int p = 0; p < SIM_N_MAX; p++)
        s->partitions[p] = memory_new();
}

void state_release(struct store *s) {
    for (int p = 0; p < SIM_N_MAX; p++) {
        memory_free(s->partitions[p]);
        memory_free(s->older[p]);
    }
}

void state_crash(struct store *s) {
    for (int p = 0; p < SIM_N_MAX; p++)
        memory_rollback(s->partitions[p]);
}

void state_lose(struct store *s) {
    state_release(s);
    state_init(s, s->instance);
}

void state_age(struct store *s, struct rng *rng) {
    for (int p = 0; p < SIM_N_MAX; p++) {
        if (s->older[p] == NULL || rng_chance(rng, 30))
            continue;
        memory_free(s->partitions[p]);
        s->partitions[p] = memory_copy(s->older[p]);
    }
}

void state_touch(struct store *s) {
    for (int p = 0; p < SIM_N_MAX; p++)
        s->counted[p] = false;
}

/* --- the store --- */

void store_use_thread(void) {}

bool store_needs_count(const struct store *s, int32_t partition) {
    return !s->counted[partition];
}

void store_note_counted(struct store *s, int32_t partition) {
    s->counted[partition] = true;
}

bool store_count_rows(struct store *s, int32_t partition, int64_t rows[FAMILY_COUNT],
                      struct err *e) {
    struct buf prefix = {0};
    (void)e;
    key_partition(&prefix, partition);
    for (int f = 0; f < FAMILY_COUNT; f++)
        rows[f] =
            count_family(memory_kv(s->partitions[partition]), (enum family)f, buf_slice(&prefix));
    buf_release(&prefix);
    return true;
}

bool store_wipe(struct store *s, int32_t partition, struct err *e) {
    (void)e;
    memory_wipe(s->partitions[partition], partition);
    s->counted[partition] = true;
    return true;
}

int64_t store_bytes(struct store *s) {
    (void)s;
    return 0;
}

/* --- batches --- */

struct batch {
    struct kv kv; /* first */
    struct store *store;
    bool touched[SIM_N_MAX];
};

static struct batch *batch_of(struct kv *kv) {
    return (struct batch *)kv;
}

static struct kv *partition_of(struct batch *b, struct slice key) {
    return memory_kv(b->store->partitions[key_partition_of(key)]);
}

static bool op_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    return !kv_failed(kv) && kv_get(partition_of(batch_of(kv), key), f, key, value);
}

static void op_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    if (kv_failed(kv))
        return;
    batch_of(kv)->touched[key_partition_of(key)] = true;
    kv_put(partition_of(batch_of(kv), key), f, key, value);
}

static void op_erase(struct kv *kv, enum family f, struct slice key) {
    if (kv_failed(kv))
        return;
    batch_of(kv)->touched[key_partition_of(key)] = true;
    kv_erase(partition_of(batch_of(kv), key), f, key);
}

/* A cursor. Its partition is known once it has sought a key. */
struct state_cursor {
    struct kv_cursor base; /* first */
    struct batch *batch;
    enum family family;
    struct kv_cursor *of; /* NULL: not yet */
};

static struct kv_cursor *turn_to(struct kv_cursor *c, struct slice key) {
    struct state_cursor *s = (struct state_cursor *)c;
    if (s->of != NULL)
        cursor_free(s->of);
    s->of = kv_cursor(partition_of(s->batch, key), s->family);
    return s->of;
}

static struct kv_cursor *inner(struct kv_cursor *c) {
    return ((struct state_cursor *)c)->of;
}

static void cursor_op_seek(struct kv_cursor *c, struct slice key) {
    cursor_seek(turn_to(c, key), key);
}
static void cursor_op_seek_for_prev(struct kv_cursor *c, struct slice key) {
    cursor_seek_for_prev(turn_to(c, key), key);
}
static void cursor_op_next(struct kv_cursor *c) {
    cursor_next(inner(c));
}
static void cursor_op_prev(struct kv_cursor *c) {
    cursor_prev(inner(c));
}
static bool cursor_op_valid(struct kv_cursor *c) {
    return inner(c) != NULL && inner(c)->ops->valid(inner(c));
}
static struct slice cursor_op_key(struct kv_cursor *c) {
    return cursor_key(inner(c));
}
static struct slice cursor_op_value(struct kv_cursor *c) {
    return cursor_value(inner(c));
}
static void cursor_op_free(struct kv_cursor *c) {
    if (inner(c) != NULL)
        cursor_free(inner(c));
    free(c);
}

static struct kv_cursor *op_cursor(struct kv *kv, enum family f) {
    static const struct kv_cursor_ops ops = {
        cursor_op_seek,  cursor_op_seek_for_prev, cursor_op_next,  cursor_op_prev,
        cursor_op_valid, cursor_op_key,           cursor_op_value, cursor_op_free};
    struct state_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct state_cursor){.base = {&ops}, .batch = batch_of(kv), .family = f};
    return &c->base;
}

struct batch *batch_new(struct store *s) {
    static const struct kv_ops ops = {
        .get = op_get, .put = op_put, .erase = op_erase, .cursor = op_cursor};
    struct batch *b = mem_calloc(1, sizeof *b);
    *b = (struct batch){.kv = {.ops = &ops}, .store = s};
    return b;
}

void batch_free(struct batch *b) {
    if (b != NULL)
        batch_clear(b);
    free(b);
}

struct kv *batch_kv(struct batch *b) {
    return &b->kv;
}

bool batch_is_full(const struct batch *b) {
    return rng_chance(&b->store->instance->sim->rng, 40);
}

void batch_clear(struct batch *b) {
    for (int p = 0; p < SIM_N_MAX; p++)
        if (b->touched[p])
            memory_rollback(b->store->partitions[p]);
    memset(b->touched, 0, sizeof b->touched);
    b->kv.err.class = ERR_NONE;
}

static void keep_older(struct store *s, int p) {
    if (!rng_chance(&s->instance->sim->rng, 6))
        return;
    memory_free(s->older[p]);
    s->older[p] = memory_copy(s->partitions[p]);
}

bool batch_commit(struct batch *b, struct err *e) {
    struct instance *i = b->store->instance;
    instance_pause(i); /* the process may be killed here */
    if (kv_failed(&b->kv) || sim_strikes(i->sim, 4)) {
        *e = b->kv.err;
        if (!kv_failed(&b->kv))
            (void)err_set(e, ERR_RETRY, "the disk is full");
        sim_trace(i->sim, i, "the state is not written: %s", e->text);
        batch_clear(b);
        return false;
    }
    for (int p = 0; p < SIM_N_MAX; p++) {
        if (!b->touched[p])
            continue;
        memory_commit(b->store->partitions[p]);
        keep_older(b->store, p);
    }
    memset(b->touched, 0, sizeof b->touched);
    instance_pause(i);
    return true;
}
