/* restore: brings the state of tasks to where their committed input offsets are, by replaying the topics that
 * it is a cache of, from the positions stored with it (invariant I2). With no local state that is a rebuild;
 * after a crash it is the last transaction; after a clean stop it is nothing.
 *
 * Topics that only the task writes are replayed to the high watermark that was there when the task was added:
 * the last committed transaction may not have moved the last stable offset yet, so a read_committed consumer
 * goes on until it has reached that point. Topics that are also input (links, refs) are replayed to the
 * committed offset. */
#ifndef STREAMER_RESTORE_H
#define STREAMER_RESTORE_H

#include "state/store.h"
#include "streamer/metrics.h"
#include "streamer/task.h"
#include "streamer/topics.h"

#include <librdkafka/rdkafka.h>

struct restore;

struct restore *restore_new(const struct config *c, const struct topic_layout *layout, struct store *store,
                            struct metrics *metrics, struct err *e);
void restore_free(struct restore *r);

/* A handle that lives as long as `r`, for requests of any kind. */
rd_kafka_t *restore_client(const struct restore *r);
/* The first and one behind the last offset of a partition, uncommitted ones included. */
bool restore_watermarks(struct restore *r, enum topic topic, int32_t partition, int64_t *low, int64_t *high,
                        struct err *e);

/* Loads the task's meta data, wipes its state where it cannot be used (and logs why), and plans what to
 * replay. links_committed, refs_committed: the committed offsets of the task's two internal inputs, 0 without
 * one. input_committed: the group has committed input; then a result topic that ends before the state does has
 * lost what nobody will produce again, and that is ERR_STOP. */
bool restore_add(struct restore *r, struct task_env *env, struct task *task, int64_t links_committed,
                 int64_t refs_committed, bool input_committed, int64_t now_ms, struct err *e);
/* To be called once after the last restore_add. */
bool restore_start(struct restore *r, struct err *e);
/* Forgets all tasks. */
void restore_reset(struct restore *r);

/* Replays for about `timeout_ms`; the batch must be empty before and is empty afterwards. */
bool restore_step(struct restore *r, struct task_env *env, struct batch *batch, int timeout_ms,
                  struct err *e);
bool restore_done(const struct restore *r);

#endif
