/* restore: feeds the catch-up of tasks (catchup.h) from Kafka. With no local state that is a
 * rebuild; after a crash it is the last transaction; after a clean stop it is nothing. One thread,
 * that of its worker; one task after the other, the one with the least to do first, so that each
 * can go on as soon as possible. */
#ifndef STREAMER_WORKER_RESTORE_H
#define STREAMER_WORKER_RESTORE_H

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/kafka/topics.h"
#include "streamer/kafka/worker_kafka.h"
#include "streamer/metrics/metrics.h"
#include "streamer/task/catchup.h"

struct restore;

/* Everything is borrowed. */
struct restore *restore_new(const struct worker_kafka *k, const struct clock *clock,
                            const struct topic_layout *layout, struct store *store,
                            struct metrics *metrics, struct err *e);
void restore_free(struct restore *r);

/* A reader that sees all and lives as long as `r`, for requests of any kind. */
struct kafka_client *restore_client(const struct restore *r);

/* Loads the task's meta data, wipes its state where it cannot be used (and logs why), and plans
 * what to replay; a task that needs nothing is finished at once. links_committed, refs_committed:
 * the committed offsets of the task's two internal inputs, 0 without one. input_committed: the
 * group has committed input; then a result topic that ends before the state does has lost what
 * nobody will produce again, and that is ERR_STOP. `task` is borrowed until it is finished or
 * forgotten. */
struct restore_request {
    struct task *task;
    int64_t links_committed, refs_committed;
    bool input_committed;
};
bool restore_add(struct restore *r, struct task_env *env, const struct restore_request *requests,
                 size_t count, int64_t now_ms, struct err *e);
/* Forgets all tasks. */
void restore_reset(struct restore *r);

/* Reads for at most `budget_ms`, replays what has come together once that is worth it, which takes
 * about as long again, and waits for messages no longer than `wait_ms`. The batch must be empty
 * before and is empty afterwards. *finished is a task that is done, and forgotten; NULL: none yet.
 */
bool restore_step(struct restore *r, struct task_env *env, struct batch *batch, int wait_ms,
                  int budget_ms, struct task **finished, struct err *e);

struct restore_progress {
    size_t tasks;      /* left */
    int64_t replayed;  /* records, since restore_reset */
    int64_t remaining; /* markers counted as such */
};
struct restore_progress restore_progress(const struct restore *r);

#endif
