/* worker: one thread, with one member of the consumer group, one transactional producer, and the
 * tasks of the partitions that the group assigns to it. It connects Kafka to the tasks. A process
 * has one or more workers, which share one store. */
#ifndef STREAMER_WORKER_WORKER_H
#define STREAMER_WORKER_WORKER_H

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topics.h"
#include "streamer/kafka/worker_kafka.h"
#include "streamer/metrics/metrics.h"
#include "streamer/task/rejects.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;

enum worker_phase {
    WORKER_CONNECTING, /* there is no assignment yet */
    WORKER_RESTORING,  /* some tasks are not ready */
    WORKER_RUNNING,    /* all tasks are ready */
    WORKER_RETRYING,   /* there was an error: the worker waits, and then tries again */
    WORKER_STOPPED,
};

/* What the task of a partition does in a worker. */
enum task_phase {
    TASK_ABSENT,    /* it is not assigned to the worker */
    TASK_WAITING,   /* for what another worker of this process has, or for its offsets */
    TASK_RESTORING, /* or its marts are computed anew */
    TASK_RUNNING,
};

/* The partitions that wait, because their next record needs something that is not here yet, such as
 * its schema. */
struct worker_waits {
    int64_t partitions; /* how many; 0: the rest is empty */
    int64_t since_ms;   /* when the first of them began to wait: wall clock, ms since 1970 */
    char text[512];     /* which one that is, and what it waits for */
};

/* Everything is borrowed and must outlive the worker. */
struct worker_options {
    const struct config *config;
    const struct worker_kafka *kafka;
    const struct clock *clock;
    const struct topic_layout *layout;
    struct store *store;
    struct metrics *metrics;
    int index;                    /* 0 to `workers` - 1 */
    const char *transactional_id; /* of this worker alone; copied */
    /* By partition: the index + 1 of the worker that has the task's state, 0: none has. The workers
     * of the process share this. When a task moves between two of them, the first must let it go
     * before the second reads its state. */
    atomic_int *state_owners;
    /* Kafka is the embedded broker. It stores no transactional offsets, so only the local state
     * remembers what was committed. */
    bool ephemeral;
    /* Called on the worker's thread when an error ends it. */
    void (*failed)(void *context);
    void *context;
};

/* Connects, joins the group and starts the thread. NULL with `e` if Kafka refuses. The caller ends
 * the worker with worker_stop. */
struct worker *worker_start(const struct worker_options *o, struct err *e);
/* Asks the worker to end, without waiting for it, so that several workers can end at the same time.
 * worker_stop must still be called. Any thread. */
void worker_ask_to_stop(struct worker *w);
/* Lets the worker finish its transaction, leave the group and end, and frees it. False with `e` if
 * an error had ended it. The store may be closed afterwards. NULL is allowed (true). */
bool worker_stop(struct worker *w, struct err *e);

/* --- the same without a thread: a simulator calls these on a thread of its own --- */

/* Connects and joins the group. NULL with `e` if Kafka refuses. */
struct worker *worker_new(const struct worker_options *o, struct err *e);
/* Runs one cycle, or one poll of the group while the worker waits to try again. False: it was asked
 * to stop, or an error has ended it. */
bool worker_step(struct worker *w);
/* Call it after the last step: it lets all tasks go, and reports an error that ended the worker. */
void worker_finish(struct worker *w);
/* Leaves the group. */
void worker_free(struct worker *w);

/* --- any thread may call these while the worker lives --- */

enum worker_phase worker_phase(const struct worker *w);
/* When the worker began to run (WORKER_RUNNING), or ceased to: wall clock, ms since 1970. */
int64_t worker_ready_changed_ms(const struct worker *w);
/* Whether the task of the partition is assigned here and ready, so that queries are answered. */
bool worker_owns(const struct worker *w, int32_t partition);
/* Whether the task of the partition is assigned here, ready or not. */
bool worker_holds(const struct worker *w, int32_t partition);
/* How many records wait in all consumed partitions together: one consistent number. */
int64_t worker_backlog(const struct worker *w);
/* Whether the worker has made a step (a cycle, a transaction, a wait before another try) since this
 * was last asked. A worker that makes none for minutes hangs. */
bool worker_has_moved(struct worker *w);
/* Copies the last error into `text`; "": there was none. */
void worker_last_error(struct worker *w, char *text, size_t n);
void worker_waits(struct worker *w, struct worker_waits *out);
enum task_phase worker_task_phase(const struct worker *w, int32_t partition);
/* Copies the newest records that committed transactions have quarantined. */
void worker_rejects(struct worker *w, struct rejects *out);

#endif
