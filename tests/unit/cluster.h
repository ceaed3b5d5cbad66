/* cluster: all tasks of an application in one process, with the topics between them: what the tasks
 * send is kept in logs, and links and refs are read from there when the test says so. One state in
 * memory for all of them. */
#ifndef TESTS_UNIT_CLUSTER_H
#define TESTS_UNIT_CLUSTER_H

#include "state/memory.h"
#include "streamer/task/task.h"
#include "support.h"

#define CLUSTER_MAX 3
#define CLUSTER_WINDOW_MS 200
#define CLUSTER_FUTURE_MS 100

/* One partition of one topic. */
struct log {
    struct message *messages; /* by offset */
    bool *compacted;          /* by offset: gone, a later message has its key */
    size_t count, cap;
    size_t consumed; /* links and refs: the next offset to read */
};

struct cluster {
    int32_t n;
    struct rates rates;
    struct memory *memory;
    struct task_env env;
    struct task tasks[CLUSTER_MAX];
    struct capture pending; /* sent, not committed */
    struct log logs[TOPIC_COUNT][CLUSTER_MAX];
    struct reason why;
};
void cluster_init(struct cluster *c, int32_t n);
void cluster_release(struct cluster *c);

/* Makes what was done permanent, as the worker does: messages, state, meta. Time passes. */
void cluster_commit(struct cluster *c);
/* Puts a committed message that came about elsewhere at the end of its log; takes its buffers over.
 */
void cluster_append(struct cluster *c, const struct message *m);
/* Forgets what was done since the last commit. */
void cluster_rollback(struct cluster *c);

/* Runs an event through the task that owns its id. False: to be quarantined. */
bool cluster_apply(struct cluster *c, const struct event *e);
struct event customer_event(const char *id, int64_t at, const char *name, bool has_loan);
struct event account_event(const char *id, int64_t at, int64_t customer_id, int64_t cents,
                           enum account_type type);
struct event end_event(enum entity entity, enum change_kind kind, const char *id, int64_t at);

/* Links or refs that wait in a partition. */
bool cluster_waits(const struct cluster *c, enum topic topic, int32_t partition);
/* Reads one of them. False: a fan-out that is not through; the message waits still. */
bool cluster_consume(struct cluster *c, enum topic topic, int32_t partition);
/* Lets a task compute its marts with the rates of now, as the worker does after a start. */
void cluster_refresh(struct cluster *c, int32_t partition);
/* Reads until nothing waits anywhere, and commits. */
void cluster_settle(struct cluster *c);

bool topic_is_kept(enum topic topic); /* what a restore reads */
/* The last committed message of a key, wherever it is; NULL: none. */
const struct message *cluster_last(const struct cluster *c, enum topic topic, const char *key);
/* The last message of the key has that value; NULL: a tombstone, or none at all. For a mart `value`
 * goes without its calculated_at: what is before it is compared. */
void assert_row(const struct cluster *c, enum topic topic, const char *key, const char *value);

/* In every log: no message says what the one before it with its key said, calculated_at aside, and
 * there is no tombstone for a key without a row. */
void assert_change_only(const struct cluster *c);
/* What the rows of accounts and customers are made of. */
enum part {
    PART_CUSTOMER_TIMELINES,
    PART_TOTALS,
    PART_LINKS, /* wherever they are */
    PART_PROFILES,
    PART_ACCOUNT_TIMELINES,
    PART_JOINED,
    PART_SUMMARIES,
    PART_COUNT
};
const char *part_name(enum part part);
/* A line for each row of the partition that has the part, what was emitted as it was emitted.
 * Returns how many. */
int64_t put_part(struct kv *kv, int32_t partition, enum part part, struct buf *out);

/* Row counts, current accounts and orphans of every task's meta agree with what is in the state. */
void assert_meta(struct cluster *c);

#endif
