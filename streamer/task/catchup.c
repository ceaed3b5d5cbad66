#include "streamer/task/catchup.h"

#include <assert.h>

#define CLOCK_TOLERANCE_MS 60000
/* For how many messages rows are prefetched together: few enough for the rows to be still in memory
 * when they are needed. */
#define FETCH_MESSAGES 4096

static bool is_also_input(enum topic t) {
    return topic_is_consumed(t);
}

/* A commit in the future means that the clock was set back since. Its age is not known, so it
 * counts as old. */
static bool is_old(int64_t committed_ms, int64_t now_ms, int64_t delete_retention_ms) {
    return committed_ms > 0 && (now_ms - committed_ms > delete_retention_ms ||
                                committed_ms - now_ms > CLOCK_TOLERANCE_MS);
}

const char *catchup_unusable(const struct task_meta *m,
                             const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms,
                             int64_t delete_retention_ms) {
    bool old = is_old(m->committed_ms, now_ms, delete_retention_ms);
    for (int i = 0; i < TOPIC_COUNT; i++) {
        int64_t position = m->positions[i];
        if (!topic_is_replayed((enum topic)i) || position < 0)
            continue;
        if (position > ranges[i].high)
            return "it is ahead of the topics: they were recreated, or the group's offsets reset";
        if (position < ranges[i].low)
            return "the topics no longer reach back to it";
        if (old && ranges[i].high - position > 1) /* the marker of the last commit does not count */
            return "it is older than tombstones live";
    }
    return NULL;
}

enum topic catchup_lost_topic(const struct task_meta *m,
                              const struct catchup_range ranges[TOPIC_COUNT]) {
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_is_replayed((enum topic)i) && !is_also_input((enum topic)i) &&
            m->positions[i] > ranges[i].high)
            return (enum topic)i;
    return TOPIC_COUNT;
}

/* Whether the state has marks. Since it was written, the marked messages may have been processed or
 * cleaned away, so the marks are made anew. A mark of a message that never comes would keep its
 * rows unchanged forever. */
static bool has_marks(const struct task *task, enum topic t) {
    return (t == TOPIC_ACCOUNT_LINKS && task->meta.rows[FAMILY_LINKS_AHEAD] > 0) ||
           (t == TOPIC_CUSTOMER_REFS && task->meta.rows[FAMILY_REFS_AHEAD] > 0);
}

void catchup_init(struct catchup *c, struct task *task,
                  const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms) {
    *c = (struct catchup){.task = task,
                          .has_old_marks = has_marks(task, TOPIC_ACCOUNT_LINKS) ||
                                           has_marks(task, TOPIC_CUSTOMER_REFS)};
    /* A rebuild that is interrupted can be continued only while the tombstones that it has still to
     * read exist. That time counts from its start. */
    if (task->meta.committed_ms == 0)
        task->meta.committed_ms = now_ms;
    for (int i = 0; i < TOPIC_COUNT; i++) {
        if (!topic_is_replayed((enum topic)i))
            continue;
        int64_t position = task->meta.positions[i];
        int64_t next = position > ranges[i].low ? position : ranges[i].low;
        bool done = next >= ranges[i].high && !has_marks(task, (enum topic)i);
        c->streams[i] = (struct catchup_stream){next, ranges[i].high, done};
        c->undone += !done;
        c->needed = c->needed || next < ranges[i].high;
    }
}

static void finish(struct catchup *c, struct catchup_stream *s, int64_t position) {
    s->done = true;
    s->next = position;
    c->undone--;
}

bool catchup_take(struct catchup *c, struct replay_buffer *buffer, enum topic topic, int64_t offset,
                  struct slice key, struct slice value, struct history_headers headers) {
    assert(topic_is_replayed(topic));
    struct catchup_stream *s = &c->streams[topic];
    if (s->done || offset < s->next)
        return false;
    bool ahead = is_also_input(topic) && offset >= s->target;
    replay_buffer_put(buffer, topic, ahead, key, ahead ? slice_null() : value,
                      ahead ? (struct history_headers){0} : headers);
    if (!ahead)
        s->next = offset + 1;
    return !ahead;
}

/* Prefetches the rows of the next messages, from `from` on. */
static void want(const struct catchup *c, struct task_env *env, const struct replay_buffer *buffer,
                 size_t from) {
    for (size_t i = from; i < buffer->count && i < from + FETCH_MESSAGES; i++)
        if (!buffer->messages[i].replaced)
            task_want_replay(env, c->task, (enum topic)buffer->messages[i].topic,
                             replay_buffer_key(buffer, i));
    kv_fetch(env->kv);
}

static void replay(const struct catchup *c, struct task_env *env,
                   const struct replay_buffer *buffer, size_t i) {
    const struct replay_message *m = &buffer->messages[i];
    if (m->replaced)
        return;
    if (m->ahead)
        task_replay_ahead(env, c->task, (enum topic)m->topic, replay_buffer_key(buffer, i));
    else
        task_replay(env, c->task, (enum topic)m->topic, replay_buffer_key(buffer, i),
                    replay_buffer_value(buffer, i), replay_buffer_headers(buffer, i));
}

void catchup_apply(struct catchup *c, struct task_env *env, struct replay_buffer *buffer) {
    if (c->has_old_marks)
        task_forget_ahead(env, c->task);
    c->has_old_marks = false;
    for (size_t i = 0; i < buffer->count && !kv_failed(env->kv); i++) {
        if (i % FETCH_MESSAGES == 0)
            want(c, env, buffer, i);
        replay(c, env, buffer, i);
    }
    replay_buffer_clear(buffer);
}

void catchup_end_of_partition(struct catchup *c, enum topic topic, int64_t offset) {
    assert(topic_is_replayed(topic));
    struct catchup_stream *s = &c->streams[topic];
    /* A new leader may briefly report an end before its last records. */
    if (s->done || offset < s->target)
        return;
    finish(c, s, is_also_input(topic) ? s->target : offset > s->next ? offset : s->next);
}

bool catchup_done(const struct catchup *c) {
    return c->undone == 0;
}

bool catchup_came_too_late(const struct catchup *c, int64_t now_ms, int64_t delete_retention_ms) {
    return c->needed && is_old(c->task->meta.committed_ms, now_ms, delete_retention_ms);
}

int64_t catchup_remaining(const struct catchup *c) {
    int64_t sum = 0;
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (c->streams[i].target > c->streams[i].next)
            sum += c->streams[i].target - c->streams[i].next;
    return sum;
}

void catchup_note_positions(const struct catchup *c) {
    for (int i = 0; i < TOPIC_COUNT; i++) {
        const struct catchup_stream *s = &c->streams[i];
        if (!topic_is_replayed((enum topic)i))
            continue;
        /* A stream that is not marked to its end must be marked again. */
        bool looking = is_also_input((enum topic)i) && !s->done && s->next >= s->target;
        c->task->meta.positions[i] = looking ? s->target - 1 : s->next;
    }
}
