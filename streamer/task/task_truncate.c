#include "streamer/task/task_truncate.h"

#include "state/keys.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_marts.h"

#define MESSAGES_OF_ROW 5 /* that the end of a row causes, about */

/* --- the floor --- */

static void encode_floor(const struct order_floor *f, struct buf *out) {
    avro_put_long(out, f->at);
    avro_put_bool(out, f->has_own_time);
    avro_put_bool(out, f->by_time_only);
    avro_put_bytes(out, f->position);
    avro_put_long(out, f->source_partition);
    avro_put_long(out, f->source_offset);
}

static bool decode_floor(struct slice in, struct order_floor *f) {
    int64_t partition;
    *f = (struct order_floor){.exists = true};
    if (!avro_get_long(&in, &f->at) || !avro_get_bool(&in, &f->has_own_time) ||
        !avro_get_bool(&in, &f->by_time_only) || !avro_get_bytes(&in, &f->position) ||
        !avro_get_long(&in, &partition) || !avro_get_long(&in, &f->source_offset) || in.n > 0)
        return false;
    f->source_partition = (int32_t)partition;
    return partition >= 0 && partition <= INT32_MAX && position_is_valid(f->position);
}

static void floor_state_key(struct task_env *env, const struct task *t, enum entity entity) {
    key_text(&env->key2, t->partition, slice_str(entity_map(entity)->floor_key));
}

static void load_floor(struct task_env *env, struct task *t, enum entity entity) {
    struct order_floor *f = &t->floors[entity];
    struct slice body;
    *f = (struct order_floor){0};
    floor_state_key(env, t, entity);
    if (!task_get(env, FAMILY_META, buf_slice(&env->key2), &env->floor_bytes, &body))
        return;
    if (!decode_floor(body, f)) {
        task_damaged(env, FAMILY_META);
        return;
    }
    buf_set(&t->floor_positions[entity], f->position);
    f->position = buf_slice(&t->floor_positions[entity]);
}

const struct order_floor *task_floor(struct task_env *env, struct task *t, enum entity entity) {
    if (!t->floors_loaded)
        for (int e = 0; e < ENTITY_COUNT; e++)
            load_floor(env, t, (enum entity)e);
    t->floors_loaded = true;
    return &t->floors[entity];
}

static void store_floor(struct task_env *env, struct task *t, enum entity entity,
                        struct slice body) {
    floor_state_key(env, t, entity);
    buf_clear(&env->encoded);
    buf_put_byte(&env->encoded, STATE_FORMAT);
    buf_put_slice(&env->encoded, body);
    kv_put(env->kv, FAMILY_META, buf_slice(&env->key2), buf_slice(&env->encoded));
    t->floors_loaded = false;
}

bool task_replay_floor(struct task_env *env, struct task *t, enum entity entity,
                       struct slice body) {
    struct order_floor f;
    if (!decode_floor(body, &f))
        return false;
    store_floor(env, t, entity, body);
    return true;
}

static void keep_floor(struct task_env *env, struct task *t, enum entity entity,
                       const struct order_floor *truncate) {
    const struct order_floor *floor = task_floor(env, t, entity);
    bool is_known = floor->exists && floor->source_partition == truncate->source_partition &&
                    floor->source_offset == truncate->source_offset; /* it was begun before */
    if (is_known || !order_is_later(truncate, floor))
        return;
    buf_clear(&env->message);
    buf_put_byte(&env->message, CONFIRMATIONS_FORMAT);
    encode_floor(truncate, &env->message);
    struct slice message = buf_slice(&env->message);
    store_floor(env, t, entity, slice_of(message.p + 1, message.n - 1));
    task_send(env, TOPIC_CONFIRMATIONS, t->partition, slice_str(entity_map(entity)->floor_key),
              message);
}

/* --- the rows --- */

/* Rule O5: a log's time beyond the window is not believed. */
static struct order_floor floor_of(const struct task_env *env, const struct event *e) {
    bool too_far = order_is_too_far_ahead(&env->order_options, e);
    return (struct order_floor){
        .exists = true,
        .at = too_far ? e->loaded_at_ms : e->event_at_ms,
        .has_own_time = e->has_own_time,
        .by_time_only = !e->is_log,
        .position = e->position,
        .source_partition = e->source_partition,
        .source_offset = e->source_offset,
    };
}

static void begin_key(struct task_env *env, const struct task *t, enum entity entity) {
    if (entity == ENTITY_ACCOUNT) {
        key_text(&env->key2, t->partition,
                 t->resuming ? buf_slice(&t->resume_after) : slice_of("", 0));
        if (t->resuming)
            key_add_terminator(&env->key2);
    } else if (t->resuming) {
        key_customer(&env->key2, t->partition, t->resume_customer);
        key_add_terminator(&env->key2);
    } else {
        key_partition(&env->key2, t->partition);
    }
}

static void put_id(struct buf *out, enum entity entity, struct slice key) {
    if (entity == ENTITY_ACCOUNT)
        buf_put_slice(out, key_account(key));
    else
        buf_put_int(out, key_customer_id(key));
    buf_put_byte(out, 0);
}

/* Where a scan goes on. */
static void note_place(struct task *t, enum entity entity, struct slice key) {
    if (entity == ENTITY_ACCOUNT)
        buf_set(&t->resume_after, key_account(key));
    else
        t->resume_customer = key_customer_id(key);
}

/* The ids of the next rows that the truncate ends into env->ids, each ended by a 0; `*more`: there
 * are more rows. */
static int64_t list_ended(struct task_env *env, struct task *t, enum entity entity,
                          const struct order_floor *truncate, bool *more) {
    int64_t looked = 0, count = 0, most = env->fanout_max_rows / MESSAGES_OF_ROW + 1;
    struct timeline line = {0};
    struct buf prefix = {0};
    enum family f = entity_map(entity)->rows;
    key_partition(&prefix, t->partition);
    begin_key(env, t, entity);
    buf_clear(&env->ids);
    struct kv_cursor *c = kv_cursor(env->kv, f);
    cursor_seek(c, buf_slice(&env->key2));
    for (; cursor_in(c, buf_slice(&prefix)) && looked < env->fanout_max_rows && count < most;
         cursor_next(c), looked++) {
        struct slice body;
        if (!task_body(env, f, cursor_value(c), &body))
            break;
        if (!timeline_decode(&body, &line)) {
            task_damaged(env, f);
            break;
        }
        if (line.has_current && order_lies_before(&line, truncate)) {
            put_id(&env->ids, entity, cursor_key(c));
            count++;
        }
        note_place(t, entity, cursor_key(c));
    }
    *more = !kv_failed(env->kv) && cursor_in(c, buf_slice(&prefix));
    cursor_free(c);
    timeline_release(&line);
    buf_release(&prefix);
    return count;
}

static void end_listed(struct task_env *env, struct task *t, const struct event *e, int64_t count,
                       const struct order_floor *truncate) {
    struct buf ids = env->ids; /* what follows may list others */
    const char *at = buf_slice(&ids).p;
    env->ids = (struct buf){0};
    for (int64_t i = 0; i < count && !kv_failed(env->kv); i++) {
        struct event id = {.entity = e->entity,
                           .kind = CHANGE_DELETE,
                           .id = slice_str(at),
                           .loaded_at_ms = e->loaded_at_ms};
        if (e->entity == ENTITY_CUSTOMER)
            (void)task_parse_customer_id(id.id, &id.customer_id);
        task_end_by_truncate(env, t, &id, truncate);
        at += id.id.n + 1;
    }
    buf_release(&ids);
}

bool task_apply_truncate(struct task_env *env, struct task *t, const struct event *e) {
    struct order_floor truncate = floor_of(env, e);
    bool more;
    if (!t->resuming)
        keep_floor(env, t, e->entity, &truncate);
    int64_t count = list_ended(env, t, e->entity, &truncate, &more);
    end_listed(env, t, e, count, &truncate);
    t->resuming = more;
    if (!more)
        env->counts.applied[e->entity]++;
    return !more;
}
