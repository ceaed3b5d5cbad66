/* worker_internal: struct worker, which all files of this room share. Each file of the room has one
 * job, and declares its functions in a header of its own:
 *
 *   worker.c           starts a worker, runs it, decides what follows an error, and ends it
 *   worker_cycle.c     one cycle: the only file that knows the order of the phases
 *   worker_group.c     joins and leaves the consumer group, and handles the consumer's errors
 *   worker_sources.c   the consumed partitions, and the offsets at which they begin
 *   worker_tasks.c     brings each task to its committed offsets, stage by stage
 *   worker_collect.c   phase 1: polls messages into the batch
 *   worker_process.c   phase 2: runs the batch through the tasks
 *   worker_park.c      parks a partition whose next record has to wait
 *   worker_commit.c    phase 3: checks the invariants, and commits the transaction
 *   worker_persist.c   phase 4: writes the state
 *   worker_metrics.c   publishes counts, lag and latency
 *   restore.c          reads the topics of tasks that catch up
 *
 * Calls go from worker.c to worker_cycle.c, from there to the phases, and from those to
 * worker_group.c and worker_sources.c. Phases do not call each other. The one exception comes from
 * Kafka: a poll may call back with an assignment, and worker_cycle.c handles it at once.
 *
 * A worker belongs to its thread. Other threads only read what is atomic or under status_lock. */
#ifndef STREAMER_WORKER_WORKER_INTERNAL_H
#define STREAMER_WORKER_WORKER_INTERNAL_H

#include "streamer/kafka/producer.h"
#include "streamer/kafka/repartition_trim.h"
#include "streamer/kafka/rights_watch.h"
#include "streamer/task/pipeline.h"
#include "streamer/worker/restore.h"
#include "streamer/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WORKER_POLL_MS 100 /* how long a poll waits for a message if nothing else is to be done */

/* What the next record of a source waits for (worker_park.h). */
struct park {
    int64_t resume_ms; /* monotonic: the source is parked until then; 0: it is not parked */
    int64_t pause_ms;  /* how long it was parked the last time; 0: no record waits, and the rest is
                          empty */
    int64_t offset;    /* of the record that waits */
    int64_t since_ms;  /* since 1970: when it began to wait */
    char what_for[128];
};

/* One consumed partition that the group gave to this worker. */
struct source {
    enum topic topic;
    int32_t partition;
    bool located;      /* the offsets below are known */
    bool consumed;     /* the partition is assigned to the consumer */
    int64_t next;      /* the next offset to process */
    int64_t committed; /* the next offset, as it was last committed; -1: none was */
    int64_t end;       /* one behind the last message that is known to wait */
    /* The offset of the last end-of-partition event. Between the last message and this offset there
     * are only transaction markers. */
    int64_t seen_end;
    struct park park;
};

/* The stage of a task. Each worker has a struct for every task; most of them are not its own. */
enum task_stage {
    STAGE_NONE, /* the task is not assigned to this worker */
    /* Another worker of this process still has the state, or the committed offsets are not known
     * yet. */
    STAGE_WAITING,
    STAGE_RESTORING,  /* the state is catching up with the topics */
    STAGE_REFRESHING, /* the rates have changed: the marts are computed anew */
    STAGE_READY,      /* the partitions are consumed, and queries are answered */
};

/* Consecutive errors. A commit, or a minute without an error, ends the series. */
struct failing {
    int64_t since_ms;    /* monotonic: the first error; 0: there is none */
    int64_t resume_ms;   /* monotonic: the worker waits until then */
    int64_t commits;     /* the worker's commits at the last error */
    int64_t backoff_ms;  /* how long the next wait is */
    struct err unclean;  /* why the cleanup after the error failed; ERR_NONE: it did not */
    bool logged_refusal; /* the log has said that a login is refused */
};

struct worker {
    struct worker_options o;
    char *transactional_id; /* owned; the same as in the options */
    char instance_id[320];  /* group.instance.id; unused without the setting instance.id */
    pthread_t thread;
    atomic_bool stopping;             /* the worker was asked to stop */
    atomic_bool moved;                /* see worker_has_moved */
    _Atomic enum worker_phase phase;  /* written by worker_set_phase only */
    _Atomic int64_t ready_changed_ms; /* see worker_ready_changed_ms */
    _Atomic int64_t backlog;          /* see worker_backlog */
    struct failing failing;           /* what went wrong lately */
    struct err result;                /* why it ended; ERR_NONE: it was asked to */
    pthread_mutex_t status_lock;      /* guards last_error and waits */
    char last_error[sizeof((struct err *)0)->text];
    struct worker_waits waits;

    struct kafka_client *consumer;
    struct producer *producer; /* NULL: the last one was given up, and none could be made since */
    struct restore *restore;
    struct repartition_trim *trim; /* NULL with the embedded broker, which cannot delete records */
    struct rights_watch *rights;   /* NULL with the embedded broker, which has no rights */
    struct batch *batch;           /* state that is not written yet */
    struct pipeline pipeline;

    /* --- the assignment --- */
    struct source *sources;
    size_t source_count;
    size_t last_source;              /* index of the source of the last message */
    struct task *tasks;              /* layout.n of them, by partition */
    _Atomic enum task_stage *stages; /* by partition; other threads may read them */
    /* The member and the generation of the assignment, taken once. NULL: there is no assignment,
     * or the group has already replaced it. */
    rd_kafka_consumer_group_metadata_t *membership;
    bool has_assignment;   /* there is an assignment, which may be empty */
    bool rebalanced;       /* the group has changed the assignment since the batch was begun */
    bool must_rejoin;      /* the consumer or its assignment is unusable: leave, and join again */
    bool consumer_lingers; /* a consumer could not be destroyed: its threads still use `breaks` */
    int64_t joined_at_ms;  /* monotonic */
    /* Connections that ended and sessions that expired since the worker joined. They are counted on
     * the consumer's threads. */
    atomic_int breaks;
    struct err trouble; /* an error of the consumer: the cycle that finds it fails with it */
    struct err fatal;   /* an error that ends the worker */

    /* --- the batch --- */
    rd_kafka_message_t **messages; /* the collected messages */
    bool *forwarded; /* for each message: it was forwarded, or it waits: its results come later */
    size_t message_count;
    bool busy;       /* the last batch was not empty */
    bool backlogged; /* the last batch became full, so more messages may be waiting */

    /* --- transactions and state --- */
    bool in_transaction;        /* what is in memory may still be dropped */
    bool unwritten;             /* committed transactions have changed state that is not on disk */
    int64_t unwritten_since_ms; /* monotonic */
    int64_t commits;            /* of this worker */

    /* --- times, monotonic --- */
    int64_t restart_ms;         /* when the tasks were last restarted */
    int64_t progress_due_ms;    /* the next line in the log about the restore */
    int64_t bookkeeping_due_ms; /* the next once_a_second of worker_cycle.c */
    int64_t trim_due_ms;        /* the next step of `trim` */

    /* The newest quarantined records of committed transactions, and a copy of them for others. The
     * worker never waits for the lock: what it cannot copy now, it copies later. */
    struct rejects rejects;
    bool has_new_rejects;
    pthread_mutex_t rejects_lock; /* over what follows */
    struct rejects shown_rejects;

    /* What this worker has added to gauges that all workers share. */
    struct {
        int64_t assigned, orphans, outdated[ENTITY_COUNT];
    } shown;
};

static inline enum task_stage worker_stage(const struct worker *w, int32_t partition) {
    return atomic_load(&w->stages[partition]);
}

#endif
