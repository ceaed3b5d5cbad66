/* task_history: the history of an id in the state and in the topics: what an event has to know of
 * it, and what an event changed in it. Internal to the task_*.c files and replay.c. */
#ifndef STREAMER_TASK_TASK_HISTORY_H
#define STREAMER_TASK_TASK_HISTORY_H

#include "streamer/task/task_rows.h"

/* Before a value of the confirmations topic, but for lists that older versions wrote
 * (MESSAGE_FORMAT). */
#define CONFIRMATIONS_FORMAT 2

/* Header of history rows: what struct order_memory knows of the id's position, so that a restore
 * knows it, too.
 * "<revision>:<flags>:<position>", and of a snapshot row that is not the first record a tab and
 * <seen>. Flags is a digit: 1 if it is that of the last record, plus 2 if it is a snapshot row's.
 */
#define TASK_POSITION_HEADER "streamer.position"
void task_put_position_header(const struct order_memory *m, struct buf *out);
/* Takes it over if its revision is not lower. False: it cannot be read. */
bool task_get_position_header(struct slice header, struct order_memory *m);

/* Reads the neighbours of `at` (history.h) into env->neighbours; versions point into
 * env->version_bytes or the timeline. */
void task_load_neighbours(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          const struct timeline *line, int64_t at);
/* The newest event before `at`; TIMESTAMP_NONE: none. */
int64_t task_newest_before(struct task_env *env, struct task *t, enum entity entity,
                           struct slice id, const struct timeline *line, int64_t at);

/* Stores and emits the versions that env->history says. */
void task_write_versions(struct task_env *env, struct task *t, const struct event *e,
                         const struct timeline *line);
/* Stores and emits the confirmations that env->history says, and forgets old ones. True: those of
 * the timeline are others now. */
bool task_write_confirmations(struct task_env *env, struct task *t, const struct event *e,
                              struct timeline *line);
/* Whether the versions of env->history, as emitted, carry the id's position. */
bool task_versions_carry_position(const struct task_env *env, const struct timeline *line);
/* Emits the id's own message of the confirmations topic; `carried`: the position is in a history
 * row just emitted. */
void task_emit_memory(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      const struct timeline *line, bool carried);

/* The confirmations of an id that have rows of their own, and what the timeline says of them. */
void task_put_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      struct timeline *line, const struct confirmation *c, bool is_new);
void task_erase_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        struct timeline *line, int64_t at);

#endif
