/* Rule O9: a truncate ends all rows of an entity whose last record lies before it. For those that
 * arrive later it stays as a floor (task_floor.c). */
#include "state/keys.h"
#include "streamer/task/task_floor.h"
#include "streamer/task/task_rows.h"

#define MESSAGES_OF_ROW 5 /* how many messages the end of a row causes, about */

/* The truncate as a floor. Rule O5: a time that is too far ahead is replaced by the time of
 * loading. */
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

/* Puts the key where the walk over the rows begins or goes on into env->key2. */
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

/* Remembers how far the walk has come. */
static void note_place(struct task *t, enum entity entity, struct slice key) {
    if (entity == ENTITY_ACCOUNT)
        buf_set(&t->resume_after, key_account(key));
    else
        t->resume_customer = key_customer_id(key);
}

/* Looks at the next rows, and lists the ids of those that the truncate ends in env->ids, each ended
 * by a zero byte. Returns how many. `*more`: rows are left that were not looked at. */
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
        if (!task_body(env->kv, f, cursor_value(c), &body))
            break;
        if (!timeline_decode(&body, &line)) {
            task_damaged(env->kv, f);
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
    struct buf ids = env->ids; /* the calls below may use env->ids */
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
        task_raise_floor(env, t, e->entity, &truncate);
    int64_t count = list_ended(env, t, e->entity, &truncate, &more);
    end_listed(env, t, e, count, &truncate);
    t->resuming = more;
    if (!more)
        env->counts.applied[e->entity]++;
    return !more;
}
