/* task_history: the history of an id in the state and in the topics: reading what an event has to
 * know of it, and writing what the event changed. Internal to the task_*.c files and replay.c.
 *
 * The confirmations topic holds what the history rows do not say. `<entity>` is "customer" or
 * "account":
 *
 *   key                    value
 *   <entity>|<id>          format | id_memory.avsc: what is remembered of the id
 *   <entity>@<id>|<time>   format | confirmation.avsc: a confirmation with a row of its own; the
 *                          time is the event's, in epoch ms
 *   floor-of-<entity>s     format | floor.avsc: the latest truncate (task_floor.h)
 *
 * The format is one byte, CONFIRMATIONS_FORMAT. MESSAGE_FORMAT stands before what version 0.1.0
 * wrote under the first of the keys: all confirmations of the id (confirmations.avsc). */
#ifndef STREAMER_TASK_TASK_HISTORY_H
#define STREAMER_TASK_TASK_HISTORY_H

#include "streamer/task/task_rows.h"

#define CONFIRMATIONS_FORMAT 2

/* Header of history rows: the position of the id as struct order_memory has it, so that a restore
 * knows it, too:
 *
 *   <revision>:<flags>:<position>          or, if the memory has a position `seen`,
 *   <revision>:<flags>:<position>\t<seen>
 *
 * <flags> is one digit: 1 if position_is_last, plus 2 if position_is_read. */
#define TASK_POSITION_HEADER "streamer.position"
void task_put_position_header(const struct order_memory *m, struct buf *out);
/* Takes a header's position over, unless its revision is lower. False: it cannot be read. The
 * memory's slices point into the header. */
bool task_get_position_header(struct slice header, struct order_memory *m);

/* Header of a history row of a current version that the record of SINK_SOURCE_HEADER did not open.
 * The version begins with an earlier record, and a late event or an end has split it off the
 * version before it. The value is "1". */
#define TASK_SPLIT_HEADER "streamer.split"

/* Reads the neighbours of `at` (history.h) into env->neighbours. Their attributes point into
 * env->version_bytes or the timeline. */
void task_load_neighbours(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          const struct timeline *line, int64_t at);
/* The time of the newest event before `at`; TIMESTAMP_NONE: there is none. */
int64_t task_newest_before(struct task_env *env, struct task *t, enum entity entity,
                           struct slice id, const struct timeline *line, int64_t at);

/* Stores and emits the changes of versions in env->history. */
void task_write_versions(struct task_env *env, struct task *t, const struct event *e,
                         const struct timeline *line);
/* Stores and emits the changes of confirmations in env->history, and forgets old confirmations.
 * True: confirmations that are part of the timeline have changed. */
bool task_write_confirmations(struct task_env *env, struct task *t, const struct event *e,
                              struct timeline *line);
/* Whether a history row that task_write_versions emits for env->history has the header with the
 * id's position. */
bool task_versions_carry_position(const struct task_env *env, const struct timeline *line);
/* Emits what is remembered of the id. `carried`: a history row of the same event carries its
 * position. */
void task_emit_memory(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      const struct timeline *line, bool carried);

/* Put and erase a confirmation that has a row of its own, and update what the timeline says of such
 * confirmations. `is_new`: there was none at that time. */
void task_put_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      struct timeline *line, const struct confirmation *c, bool is_new);
void task_erase_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        struct timeline *line, int64_t at);

#endif
