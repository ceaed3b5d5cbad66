/* task_floor: the latest truncate of each entity, which stays as a floor for the records that
 * arrive after it (rule O9). It is in the state, and in the confirmations topic for restores.
 * Internal to the task_*.c files and replay.c. */
#ifndef STREAMER_TASK_TASK_FLOOR_H
#define STREAMER_TASK_TASK_FLOOR_H

#include "streamer/task/task.h"

/* The floor of the entity; `exists` is false if there was no truncate yet. Good until the next
 * truncate is applied or replayed. */
const struct order_floor *task_floor(struct task_env *env, struct task *t, enum entity entity);

/* Makes a truncate the floor if it is later than the present one: stores and emits it. */
void task_raise_floor(struct task_env *env, struct task *t, enum entity entity,
                      const struct order_floor *truncate);

/* Takes over what the confirmations topic says: `body` is the value without its format byte
 * (schemas/internal/floor.avsc). False: it cannot be read. */
bool task_replay_floor(struct task_env *env, struct task *t, enum entity entity, struct slice body);

#endif
