/* catchup: brings one task's state to where the task's committed input offsets are. The state is a
 * cache of topics (invariant I2), so the messages of these topics are read again and replayed.
 * Three parts do that, and only this page says how they fit together:
 *
 *   restore   worker/restore.c   reads the messages from Kafka and feeds them to
 *   catchup   catchup.c          decides which of them are needed, keeps those in a replay_buffer,
 *                                knows when the end is reached, and calls
 *   replay    replay.c           task_replay and task_replay_ahead (task.h), which apply one
 *                                message to the state
 *
 * Catchup and replay know no Kafka: the simulator feeds them from its own logs. The feeder
 *
 *   1. asks catchup_unusable and catchup_lost_topic whether the local state can be used,
 *   2. plans with catchup_init,
 *   3. passes what it reads to catchup_take and catchup_end_of_partition,
 *   4. calls catchup_apply and then catchup_note_positions, as often as it likes,
 *   5. repeats 3 and 4 until catchup_done.
 *
 * Topics that only the task writes are replayed to the high watermark of the moment of the plan.
 * The last committed transaction may not have moved the last stable offset yet, so a read_committed
 * reader may have to wait until it gets there. Topics that are also input (links, refs) are
 * replayed to the committed offset, and from there to their end only marked: see
 * task_replay_ahead. */
#ifndef STREAMER_TASK_CATCHUP_H
#define STREAMER_TASK_CATCHUP_H

#include "streamer/task/replay_buffer.h"
#include "streamer/task/task.h"

/* What the task's partition of a replayed topic holds: offsets low to high - 1. Of links and refs
 * `high` is the committed offset (0: none). Arrays of ranges are indexed by topic; only topics for
 * which topic_is_replayed count. */
struct catchup_range {
    int64_t low, high;
};

/* One topic's part of a catch-up. */
struct catchup_stream {
    int64_t next;   /* the next offset that is needed */
    int64_t target; /* offsets below it are replayed */
    bool done;
};

struct catchup {
    struct task *task;
    struct catchup_stream streams[TOPIC_COUNT];
    int undone;  /* how many streams are not done */
    bool needed; /* there was something to replay */
    /* An earlier catch-up has set marks (task_replay_ahead), which the next catchup_apply
     * removes. */
    bool has_old_marks;
};

/* Why the local state that `m` describes cannot be used, in words for the log. NULL: it can. Times
 * are epoch ms; `delete_retention_ms` is how long the topics keep tombstones. */
const char *catchup_unusable(const struct task_meta *m,
                             const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms,
                             int64_t delete_retention_ms);

/* A topic that only this task writes and that ends before the position in the state: it has lost
 * messages. TOPIC_COUNT: there is none. If input was committed, the lost messages are not produced
 * again, so the program must stop. */
enum topic catchup_lost_topic(const struct task_meta *m,
                              const struct catchup_range ranges[TOPIC_COUNT]);

/* Plans the way from the task's positions to the ends of the ranges. Requires loaded meta, and a
 * state that is either usable or wiped. The age of a rebuilt state counts from here:
 * task->meta.committed_ms is set if it was 0. `task` must outlive the catch-up. */
void catchup_init(struct catchup *c, struct task *task,
                  const struct catchup_range ranges[TOPIC_COUNT], int64_t now_ms);

/* Takes one committed message, and puts it into `buffer` if it is needed. The messages of a topic
 * come in the order of their offsets, those of different topics in any order. True: it moved the
 * catch-up forward. */
bool catchup_take(struct catchup *c, struct replay_buffer *buffer, enum topic topic, int64_t offset,
                  struct slice key, struct slice value, struct history_headers headers);
/* Replays what `buffer` holds, and clears it. To be called before catchup_note_positions. Errors
 * are sticky in env->kv. */
void catchup_apply(struct catchup *c, struct task_env *env, struct replay_buffer *buffer);
/* Says that the reader has reached the end of a topic: all committed messages before `offset` were
 * taken, and there is none behind it for now. */
void catchup_end_of_partition(struct catchup *c, enum topic topic, int64_t offset);

bool catchup_done(const struct catchup *c);
/* Whether the state was last whole so long ago that tombstones may have been cleaned away before
 * they were read. Then what was read must not be written, and the state must be wiped and rebuilt.
 */
bool catchup_came_too_late(const struct catchup *c, int64_t now_ms, int64_t delete_retention_ms);
/* How many offsets are left, those of transaction markers included. */
int64_t catchup_remaining(const struct catchup *c);
/* Puts the positions that are reached into the task's meta. A catch-up that is interrupted goes on
 * from there. */
void catchup_note_positions(const struct catchup *c);

#endif
