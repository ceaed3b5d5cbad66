/* task_truncate: rule O9. A truncate ends all rows of an entity whose last record lies before it,
 * and stays as a floor for those that arrive later. Internal to the task_*.c files and replay.c. */
#ifndef STREAMER_TASK_TASK_TRUNCATE_H
#define STREAMER_TASK_TASK_TRUNCATE_H

#include "streamer/task/task_rows.h"

/* The latest truncate of the entity; good until the next one is applied or replayed. */
const struct order_floor *task_floor(struct task_env *env, struct task *t, enum entity entity);
/* What the topic or the state says of it, by schemas/internal/floor.avsc. False: it cannot be read.
 */
bool task_replay_floor(struct task_env *env, struct task *t, enum entity entity, struct slice body);

/* Ends an id. `id` says which, and when that was loaded. (task.c) */
void task_end_by_truncate(struct task_env *env, struct task *t, const struct event *id,
                          const struct order_floor *truncate);

#endif
