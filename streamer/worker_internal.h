/* worker_internal: what the worker's files share. One file a phase:
 *
 *   worker.c          its life, its loop, what happens after an error
 *   worker_group.c    the assignment, and recovering: from the committed offsets on
 *   worker_batch.c    collect, process, commit, keep
 *   worker_metrics.c  what it tells
 */
#ifndef STREAMER_WORKER_INTERNAL_H
#define STREAMER_WORKER_INTERNAL_H

#include "streamer/base/log.h"
#include "streamer/pipeline.h"
#include "streamer/producer.h"
#include "streamer/purge.h"
#include "streamer/restore.h"
#include "streamer/worker.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WORKER_POLL_MS 100

/* One consumed partition that the group gave to this worker. */
struct source {
    enum topic topic;
    int32_t partition;
    int64_t next;      /* the next offset to process */
    int64_t committed; /* the next offset as committed */
    int64_t end;       /* as far as known: one behind the last message that waits */
    int64_t
        seen_end; /* where the last end-of-partition was: before it nothing waits but transaction markers */
};

struct worker {
    struct worker_options o;
    pthread_t thread;
    bool thread_started;
    atomic_bool stopping;
    _Atomic enum worker_phase phase;
    _Atomic int64_t backlog;
    struct err result; /* why the thread ended; class ERR_NONE: it was asked to */
    pthread_mutex_t error_lock;
    char last_error[sizeof((struct err *)0)->text];

    rd_kafka_t *consumer;
    struct producer *producer;
    struct restore *restore;
    struct purge *purge; /* NULL: the embedded broker, which cannot */
    struct batch *batch;
    struct pipeline pipeline;

    struct source *sources; /* the assignment */
    size_t source_count;
    struct task *tasks;   /* n of them, by partition */
    atomic_bool *owned;   /* by partition: assigned here and restored */
    bool *assigned;       /* by partition */
    bool assignment_new;  /* a rebalance happened: nothing is consumed until recover() */
    bool consumer_fenced; /* the consumer is of no use any more: worker_rejoin_group */
    int64_t joined_at_ms; /* monotonic */
    struct err fatal;     /* set by a callback or a poll: ends the worker */

    rd_kafka_message_t **messages; /* the collected batch */
    bool *forwarded;               /* of each message: it was sent on, so its results are still to come */
    size_t message_count;
    int64_t bookkeeping_due_ms, purge_due_ms; /* on the monotonic clock */
};

int64_t worker_clock_ms(clockid_t id);
int64_t worker_clock_us(void); /* monotonic */
const char *worker_topic(const struct worker *w, enum topic t);
struct source *worker_find_source(struct worker *w, const char *topic, int32_t partition);

/* --- worker_group.c --- */
/* Called from the poll of the consumer, on the worker's thread. */
void worker_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque);
/* Makes the consumer and subscribes. */
bool worker_join_group(struct worker *w, struct err *e);
void worker_leave_group(struct worker *w);
bool worker_rejoin_group(struct worker *w, struct err *e);
/* After RD_KAFKA_RESP_ERR__FATAL of the consumer: sets consumer_fenced or fatal. */
void worker_on_fatal(struct worker *w);
/* Brings state and consumer to the committed offsets. True also if a rebalance or the end came between. */
bool worker_recover(struct worker *w, struct err *e);
/* Serves the group while nothing is assigned: heartbeats, rebalances. False if there was a rebalance. */
bool worker_poll_group(struct worker *w, int timeout_ms);

/* --- worker_batch.c --- */
void worker_drop_messages(struct worker *w);
/* Fills the batch; the offsets are not committed before worker_transact. */
void worker_collect(struct worker *w);
/* One transaction, from message `*at` of the batch on; moves `*at` behind what is committed. */
bool worker_transact(struct worker *w, size_t *at, struct err *e);
/* Commits positions behind transaction markers and aborted records at the end of the users' topics: else, once
 * retention has deleted all, they would look like records that were never processed. */
bool worker_pass_markers(struct worker *w, struct err *e);
/* Recomputes the marts of tasks whose rates are not those of now; some rows a transaction. */
bool worker_refresh_tasks(struct worker *w, struct err *e);

/* --- worker_metrics.c --- */
void worker_publish_counts(struct worker *w);
void worker_publish_lag(struct worker *w);
/* Of messages from … to - 1 of the batch, just committed. */
void worker_publish_latency(struct worker *w, size_t from, size_t to);
/* What follows once a second. */
void worker_bookkeeping(struct worker *w);

#endif
