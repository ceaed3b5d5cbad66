#include "streamer/task/task_floor.h"

#include "state/keys.h"
#include "streamer/model/position.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_marts.h"

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
        task_damaged(env->kv, FAMILY_META);
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

/* `body` is the encoded floor, without a format byte. */
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

void task_raise_floor(struct task_env *env, struct task *t, enum entity entity,
                      const struct order_floor *truncate) {
    const struct order_floor *floor = task_floor(env, t, entity);
    /* The truncate was begun before an error or a restart. */
    bool is_known = floor->exists && floor->source_partition == truncate->source_partition &&
                    floor->source_offset == truncate->source_offset;
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
