/* cluster: all tasks of an application in one process, with the topics between them. Logs keep the
 * messages that tasks send. A test decides when links and refs are read from them. All tasks share
 * one state in memory. */
#ifndef TESTS_UNIT_CLUSTER_H
#define TESTS_UNIT_CLUSTER_H

#include "state/memory.h"
#include "streamer/task/task.h"
#include "support.h"

#define CLUSTER_MAX 3
#define CLUSTER_WINDOW_MS 200
#define CLUSTER_FUTURE_MS 100

/* The log of one partition of a topic. */
struct log {
    struct message *messages; /* by offset */
    bool *compacted;          /* by offset: removed, because a later message has its key */
    size_t count, cap;
    size_t consumed; /* links and refs: the next offset to read */
};

struct cluster {
    int32_t n;
    struct rates rates;
    struct memory *memory;
    struct codec_writer writer;
    struct task_env env;
    struct task tasks[CLUSTER_MAX];
    struct capture pending; /* sent, not committed */
    struct log logs[TOPIC_COUNT][CLUSTER_MAX];
    struct reason why;
};
void cluster_init(struct cluster *c, int32_t n);
void cluster_release(struct cluster *c);

/* Commits messages, state and meta, as the worker does. The clock advances. */
void cluster_commit(struct cluster *c);
/* Appends a committed message from elsewhere to its log, and takes over its buffers. */
void cluster_append(struct cluster *c, const struct message *m);
/* Undoes all since the last commit. */
void cluster_rollback(struct cluster *c);

/* Says that the record of this event causes what is processed next. cluster_apply does so. */
void cluster_set_origin(struct cluster *c, const struct event *e);
/* Processes an event in the task that owns its id. False: it must be quarantined. */
bool cluster_apply(struct cluster *c, const struct event *e);
struct event customer_event(const char *id, int64_t at, const char *name, bool has_loan);
struct event account_event(const char *id, int64_t at, int64_t customer_id, int64_t cents,
                           enum account_type type);
struct event end_event(enum entity entity, enum change_kind kind, const char *id, int64_t at);

/* Whether links or refs wait in a partition. */
bool cluster_waits(const struct cluster *c, enum topic topic, int32_t partition);
/* Reads one of them. False: a fan-out is not finished, and the message still waits. */
bool cluster_consume(struct cluster *c, enum topic topic, int32_t partition);
/* Lets a task compute its marts with the present rates, as the worker does after a start. */
void cluster_refresh(struct cluster *c, int32_t partition);
/* Reads until no message waits anywhere, and commits. */
void cluster_settle(struct cluster *c);

bool topic_is_kept(enum topic topic); /* whether a restore reads the topic */
/* The last committed message of a key in any partition, or NULL. */
const struct message *cluster_last(const struct cluster *c, enum topic topic, const char *key);
/* Asserts that the last message of the key has this value. NULL: it is a tombstone, or there is
 * none. For a mart `value` ends before calculated_at, which is not compared. */
void assert_row(const struct cluster *c, enum topic topic, const char *key, const char *value);

/* Asserts for every log: no message repeats the one before it with its key, apart from
 * calculated_at, and no tombstone is for a key without a row. */
void assert_change_only(const struct cluster *c);
/* The parts of the rows of accounts and customers. */
enum part {
    PART_CUSTOMER_TIMELINES,
    PART_TOTALS,
    PART_LINKS, /* inside of the row and outside */
    PART_PROFILES,
    PART_ACCOUNT_TIMELINES,
    PART_JOINED,
    PART_SUMMARIES,
    PART_COUNT
};
const char *part_name(enum part part);
/* Appends a line for each row of the partition that has the part, and returns how many there are.
 * An emitted row is shown as it was emitted. */
int64_t put_part(struct kv *kv, int32_t partition, enum part part, struct buf *out);

/* Asserts that the state has a row for each account that a closed version gives to another customer
 * than the current version does (former_accounts.h), as the history itself says. The state may have
 * more rows, which name accounts that the state knows. */
void assert_former_accounts(struct kv *kv, int32_t partition);

/* Asserts that row counts, current accounts, orphans and former accounts in the state and in every
 * task's meta match. */
void assert_meta(struct cluster *c);

#endif
