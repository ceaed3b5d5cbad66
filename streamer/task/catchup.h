/* catchup: brings one task's state to where the task's committed input offsets are, from the
 * messages of the topics that it is a cache of (invariant I2): the decisions, without Kafka.
 * restore.c feeds it from Kafka, the simulator from its own logs.
 *
 * Topics that only the task writes are replayed to the high watermark that was there when the plan
 * was made: the last committed transaction may not have moved the last stable offset yet, so a
 * read_committed reader goes on until it has reached that point. Topics that are also input (links,
 * refs) are replayed to the committed offset, and looked at from there to their end: see
 * task_replay_ahead. */
#ifndef STREAMER_TASK_CATCHUP_H
#define STREAMER_TASK_CATCHUP_H

#include "streamer/task/replay_buffer.h"
#include "streamer/task/task.h"

/* What a partition of a replayed topic holds: offsets low … high - 1. For links and refs `high` is
 * the committed offset (0: none). Indexed by topic; only those that topic_is_replayed count. */
struct catchup_range {
    int64_t low, high;
};

struct catchup_stream {
    int64_t next, target;
    bool done;
};

struct catchup {
    struct task *task;
    struct catchup_stream streams[TOPIC_COUNT];
    int undone;
    bool needed;        /* there was anything to replay */
    bool has_old_marks; /* of task_replay_ahead, of another catch-up; until catchup_apply */
};

/* Why the local state that `m` describes is of no use, in words; NULL if it is of use. */
const char *catchup_unusable(const struct task_meta *m,
                             const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms,
                             int64_t delete_retention_ms);

/* A topic that only this task writes ends before what the state was written from, or TOPIC_COUNT.
 * If input was committed, what is gone is not produced again: nobody may go on. */
enum topic catchup_lost_topic(const struct task_meta *m,
                              const struct catchup_range ranges[TOPIC_COUNT]);

/* Plans the way from the task's positions on. The task's meta is loaded, and its state of use, or
 * wiped. A rebuild counts its age from here: task->meta.committed_ms is set if it was 0. */
void catchup_init(struct catchup *c, struct task *task,
                  const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms);

/* Puts one committed message to those that catchup_apply replays. The messages of a partition come
 * in the order of their offsets, those of different partitions in any order; what is not needed is
 * passed over. True if it was of use. */
bool catchup_take(struct catchup *c, struct replay_buffer *buffer, enum topic topic, int64_t offset,
                  struct slice key, struct slice value, struct history_headers headers);
/* Replays what was taken, and clears `pending`: before the positions are noted. Errors are sticky
 * in env->kv. */
void catchup_apply(struct catchup *c, struct task_env *env, struct replay_buffer *buffer);
/* There is no committed message before `offset` that was not taken, and for now none behind it. */
void catchup_end_of_partition(struct catchup *c, enum topic topic, int64_t offset);

bool catchup_done(const struct catchup *c);
/* Of one that is done: it read for so long that tombstones which it had still to read may have been
 * cleaned away, since the state was last whole. Then the state is to be wiped and rebuilt. */
bool catchup_came_too_late(const struct catchup *c, int64_t now_ms, int64_t delete_retention_ms);
/* Records still to come, markers counted as such. */
int64_t catchup_remaining(const struct catchup *c);
/* Puts how far it is into the task's meta: a catch-up that is cut off goes on from there. */
void catchup_note_positions(const struct catchup *c);

#endif
