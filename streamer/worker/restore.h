/* restore: brings the state of tasks to their committed offsets. It reads the topics, and catchup.h
 * decides what to replay. Without local state this is a rebuild, after a crash it is the last
 * transactions, and after a clean stop it is nothing. One thread, that of the worker. It restores
 * one task after the other, the one with the least to read first, so that each task can go on as
 * early as possible. */
#ifndef STREAMER_WORKER_RESTORE_H
#define STREAMER_WORKER_RESTORE_H

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/kafka/topics.h"
#include "streamer/kafka/worker_kafka.h"
#include "streamer/metrics/metrics.h"
#include "streamer/task/catchup.h"

struct restore;

/* Everything is borrowed. NULL with an error if Kafka refuses a client. */
struct restore *restore_new(const struct worker_kafka *k, const struct clock *clock,
                            const struct topic_layout *layout, struct store *store,
                            struct metrics *metrics, struct err *e);
/* NULL is allowed. */
void restore_free(struct restore *r);

/* A consumer that also sees uncommitted messages, for requests of any kind. Owned by `r`. */
struct kafka_client *restore_client(const struct restore *r);

struct restore_request {
    struct task *task; /* borrowed until the task is finished or forgotten */
    /* The committed offsets of the task's two internal inputs; 0: there is none. */
    int64_t links_committed, refs_committed;
    /* The group has committed input. Then it is ERR_STOP if a result topic ends before the state
     * does: it has lost records that nobody will produce again. */
    bool input_committed;
};
/* Plans the restore of these tasks: loads the meta data of each, wipes its state if that cannot be
 * used (and logs why), and decides what to replay. A task that needs nothing finishes at once. */
bool restore_add(struct restore *r, struct task_env *env, const struct restore_request *requests,
                 size_t count, int64_t now_ms, struct err *e);
/* Forgets all tasks. */
void restore_reset(struct restore *r);

/* Reads for at most `budget_ms`, and waits for the first message for at most `wait_ms`. Once enough
 * was read, or all, it is replayed, which takes about as long again. The batch must be empty
 * before, and is empty afterwards. *finished is a task that is done, and forgotten; NULL: none is
 * done. */
bool restore_step(struct restore *r, struct task_env *env, struct batch *batch, int wait_ms,
                  int budget_ms, struct task **finished, struct err *e);

struct restore_progress {
    size_t tasks;      /* tasks that are not finished */
    int64_t replayed;  /* records, since the last restore_reset */
    int64_t remaining; /* records, transaction markers included */
};
struct restore_progress restore_progress(const struct restore *r);

#endif
