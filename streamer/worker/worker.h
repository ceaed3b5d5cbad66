/* worker: one thread = one member of the consumer group + one transactional producer + the tasks of
 * the partitions that the group gives it. Everything between Kafka and the core happens here. A
 * process has one or more of them, with one store. */
#ifndef STREAMER_WORKER_WORKER_H
#define STREAMER_WORKER_WORKER_H

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topics.h"
#include "streamer/kafka/worker_kafka.h"
#include "streamer/metrics/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;

enum worker_phase {
    WORKER_CONNECTING, /* no assignment yet */
    WORKER_RESTORING,
    WORKER_RUNNING,
    WORKER_RETRYING, /* after an error, with backoff */
    WORKER_STOPPED,
};

/* Everything is borrowed and must outlive the worker. `ephemeral`: the embedded broker, which
 * stores no transactional offsets: what was committed is remembered here alone. */
struct worker_options {
    const struct config *config;
    const struct worker_kafka *kafka;
    const struct clock *clock;
    const struct topic_layout *layout;
    struct store *store;
    struct metrics *metrics;
    int index;                    /* 0 … workers - 1 */
    const char *transactional_id; /* its own; copied */
    /* By partition: index + 1 of the worker that has the task's state in its hands, 0: none. Shared
     * by the workers of the process: a task that moves between two of them is let go by the one
     * before the other reads its state. */
    atomic_int *state_owners;
    bool ephemeral;
    /* Called on the worker's thread when it ends by itself because of an error. */
    void (*failed)(void *context);
    void *context;
};

/* Starts the thread. NULL with `e` if Kafka refuses. */
struct worker *worker_start(const struct worker_options *o, struct err *e);
/* So that several end at the same time; worker_stop is still to be called. */
void worker_ask_to_stop(struct worker *w);
/* Lets it finish its transaction, leave the group and end; then returns what it ended with: false
 * with `e` if an error had ended it. The store may be closed afterwards. Frees it. NULL is allowed
 * (true). */
bool worker_stop(struct worker *w, struct err *e);

/* The rest may be called on any thread while the worker lives. */
enum worker_phase worker_phase(const struct worker *w);
/* Since when it runs (WORKER_RUNNING), or does not: wall clock, ms since 1970. */
int64_t worker_ready_changed_ms(const struct worker *w);
/* Whether the task of that partition is assigned here and restored: queries are answered for it. */
bool worker_owns(const struct worker *w, int32_t partition);
/* Whether it is assigned here, restored or not. */
bool worker_holds(const struct worker *w, int32_t partition);
/* How many records wait, in all consumed partitions together; one consistent number. */
int64_t worker_backlog(const struct worker *w);
/* Whether it has done a step since this was last asked: a cycle, a transaction, a wait before
 * another try. One that does none for minutes hangs. */
bool worker_has_moved(struct worker *w);
/* What the last error was while it is retrying; copies into `text`. */
void worker_last_error(struct worker *w, char *text, size_t n);

#endif
