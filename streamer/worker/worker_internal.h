/* worker_internal: what the worker's files share. One file a phase:
 *
 *   worker.c          its life, its loop, what happens after an error
 *   worker_group.c    membership and assignment
 *   worker_tasks.c    brings the tasks of the assignment to where their committed offsets are,
 * stage by stage worker_cycle.c    collect, process, commit, persist worker_metrics.c  what it
 * tells
 */
#ifndef STREAMER_WORKER_WORKER_INTERNAL_H
#define STREAMER_WORKER_WORKER_INTERNAL_H

#include "streamer/base/log.h"
#include "streamer/kafka/producer.h"
#include "streamer/kafka/repartition_trim.h"
#include "streamer/kafka/rights_watch.h"
#include "streamer/task/pipeline.h"
#include "streamer/worker/restore.h"
#include "streamer/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WORKER_POLL_MS 100

/* One consumed partition that the group gave to this worker. */
struct source {
    enum topic topic;
    int32_t partition;
    bool located;      /* the offsets below are known */
    bool consumed;     /* assigned to the consumer */
    int64_t next;      /* the next offset to process */
    int64_t committed; /* the next offset as committed */
    int64_t end;       /* as far as known: one behind the last message that waits */
    int64_t seen_end;  /* where the last end-of-partition was: before it nothing waits but
                          transaction markers */
};

/* Of a task; each worker has all of them, and most are not its own. */
enum task_stage {
    STAGE_NONE,       /* not assigned to this worker */
    STAGE_WAITING,    /* for another worker of this process to let go of it, or to be looked at */
    STAGE_RESTORING,  /* catching up with the topics */
    STAGE_REFRESHING, /* other rates: its marts are computed anew */
    STAGE_READY,      /* its partitions are consumed, queries are answered */
};

/* Errors, since the last time that things went well; monotonic times. */
struct failing {
    int64_t since_ms;
    int64_t resume_ms; /* until then it waits before the next try */
    int64_t commits;   /* at the last error */
    int64_t backoff_ms;
    struct err unclean; /* why even beginning anew failed; class ERR_NONE: it did not */
    bool told_refused;  /* the log has said that a login is refused */
};

struct worker {
    struct worker_options o;
    char *transactional_id;
    char instance_id[320]; /* group.instance.id; of no meaning without instance.id */
    pthread_t thread;
    atomic_bool stopping;
    _Atomic enum worker_phase phase; /* written by worker_set_phase */
    _Atomic int64_t
        ready_changed_ms; /* wall clock: the start, or when it last began or ceased to run */
    _Atomic int64_t backlog;
    struct failing failing;
    atomic_bool moved; /* since it was last asked */
    struct err result; /* why it ended; class ERR_NONE: it was asked to */
    pthread_mutex_t error_lock;
    char last_error[sizeof((struct err *)0)->text];

    struct kafka_client *consumer;
    struct producer *producer;
    struct restore *restore;
    struct repartition_trim *trim; /* NULL: the embedded broker, which cannot */
    struct rights_watch *rights;   /* NULL: the embedded broker, which has none */
    struct batch *batch;
    struct pipeline pipeline;

    struct source *sources; /* the assignment */
    size_t source_count;
    size_t last_source;              /* whose message was looked at last */
    struct task *tasks;              /* n of them, by partition */
    _Atomic enum task_stage *stages; /* by partition; other threads may read */
    rd_kafka_consumer_group_metadata_t
        *membership;     /* of the assignment; NULL: none, or lost already */
    bool has_assignment; /* maybe an empty one */
    bool rebalanced;     /* since the batch was begun: it is dropped */
    bool busy;           /* the last batch was not empty */
    bool backlogged;     /* when it was full more was waiting, maybe */
    bool unwritten;      /* committed transactions have changed state that is only in memory yet */
    bool in_transaction; /* what is in memory may come to nothing */
    bool must_rejoin; /* the consumer, or its assignment, is of no use any more: worker_rejoin_group
                       */
    bool consumer_lingers; /* an earlier one could not be destroyed: its threads may still count
                              breaks */
    int64_t joined_at_ms;  /* monotonic */
    atomic_int breaks;     /* connections that ended and sessions that ran out since; counted on the
                              consumer's threads */
    struct err trouble;    /* told by the consumer: the next cycle fails with it */
    struct err fatal;      /* set by a callback or a poll: ends the worker */

    rd_kafka_message_t **messages; /* the collected batch */
    bool *forwarded; /* of each message: it was sent on, so its results are still to come */
    size_t message_count;
    int64_t commits;                     /* of this worker */
    int64_t unwritten_since_ms;          /* monotonic */
    int64_t restart_ms, progress_due_ms; /* of the restore; monotonic, as are the following */
    int64_t bookkeeping_due_ms, trim_due_ms;
    struct {
        int64_t assigned, orphans, outdated[ENTITY_COUNT];
    } shown; /* in gauges that all workers add up to */
};

/* --- worker.c: its life, for whoever has a thread of his own --- */
/* Connects and joins the group; as worker_start, but without a thread. */
struct worker *worker_new(const struct worker_options *o, struct err *e);
/* One cycle, or one look at the group while it waits to try again. False: it was asked to stop, or
 * cannot go on. */
bool worker_step(struct worker *w);
/* After the last step: lets its tasks go and says what it ended with. */
void worker_finish(struct worker *w);
/* Leaves the group. */
void worker_free(struct worker *w);

int64_t worker_clock_ms(const struct worker *w, clockid_t id);
int64_t worker_clock_us(const struct worker *w); /* monotonic */
void worker_set_phase(struct worker *w, enum worker_phase phase);
const char *worker_topic(const struct worker *w, enum topic t);
struct source *worker_find_source(struct worker *w, const char *topic, int32_t partition);
struct source *worker_source_of(struct worker *w, const rd_kafka_message_t *m);

/* --- worker_group.c --- */
/* Callbacks of struct kafka_member; `context` is the worker. */
void worker_on_assigned(void *context, const rd_kafka_topic_partition_list_t *list);
void worker_on_revoked(void *context, int count, bool lost);
/* Makes the consumer and subscribes. */
bool worker_join_group(struct worker *w, struct err *e);
void worker_leave_group(struct worker *w);
bool worker_rejoin_group(struct worker *w, struct err *e);
/* After RD_KAFKA_RESP_ERR__FATAL of the consumer: sets must_rejoin or fatal. */
void worker_on_fatal(struct worker *w);
/* Serves the group while nothing is consumed: heartbeats, rebalances. */
void worker_poll_group(struct worker *w, int timeout_ms);

/* --- worker_tasks.c --- */
/* The partition has no task here: its records are only forwarded. */
bool worker_is_forward_only(const struct worker *w, const struct source *s);
/* Lets all go: to be called when the assignment is gone. */
void worker_release_tasks(struct worker *w);
/* After an error or with a new assignment: consumes nothing, and begins from the committed offsets.
 */
void worker_restart_tasks(struct worker *w);
/* One short step of what is not ready yet. */
bool worker_advance_tasks(struct worker *w, struct err *e);
/* Whether there is more for worker_advance_tasks to do at once. */
bool worker_is_advancing(const struct worker *w);
bool worker_has_ready_task(const struct worker *w);

/* --- worker_cycle.c --- */
/* What the consumer told, by a message or a callback: sets trouble or fatal, or only logs. */
void worker_on_consumer_error(struct worker *w, rd_kafka_resp_err_t code, const char *text);
void worker_drop_messages(struct worker *w);
/* Fills the batch; the offsets are not committed before worker_transact. */
void worker_collect(struct worker *w);
/* Whether the state that is in memory only may wait for more. */
bool worker_may_defer_write(const struct worker *w);
/* Writes what committed transactions have left in memory, if there is any. */
bool worker_write_state(struct worker *w, struct err *e);
/* The same where nobody can be told of an error: then replay makes good what is lost. */
void worker_try_write_state(struct worker *w);
/* One transaction, from message `*at` of the batch on; moves `*at` behind what is committed. */
bool worker_transact(struct worker *w, size_t *at, struct err *e);
/* Commits positions behind transaction markers and aborted records at the end of the users' topics:
 * else, once retention has deleted all, they would look like records that were never processed. And
 * writes down that the state of tasks without a change is as new as the topics, before it seems too
 * old to be used. */
bool worker_pass_markers(struct worker *w, struct err *e);
/* One transaction that recomputes marts of tasks in STAGE_REFRESHING, whose rates are not those of
 * now. */
bool worker_refresh(struct worker *w, struct err *e);

/* --- worker_metrics.c --- */
void worker_publish_counts(struct worker *w);
void worker_publish_lag(struct worker *w);
/* Of messages from … to - 1 of the batch, just committed. */
void worker_publish_latency(struct worker *w, size_t from, size_t to);
/* What follows once a second. */
void worker_bookkeeping(struct worker *w);

#endif
