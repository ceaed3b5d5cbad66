/* task: everything that happens in one partition: the customers and accounts whose id hashes to it,
 * their state, and all writes to that partition of the result topics. Tasks share nothing and talk
 * only through two internal topics, account-links and customer-refs (ARCHITECTURE.md).
 *
 * Deterministic: no Kafka, no clock, no globals. State goes through kv, messages through the sink.
 * Errors of the state are sticky in the kv; the caller checks kv_failed() before it commits. */
#ifndef STREAMER_TASK_TASK_H
#define STREAMER_TASK_TASK_H

#include "schemas/codec.h"
#include "schemas/rows.h"
#include "state/kv.h"
#include "streamer/base/buf.h"
#include "streamer/base/json.h"
#include "streamer/config/config.h"
#include "streamer/layers/snapshots/history.h"
#include "streamer/layers/snapshots/order.h"
#include "streamer/model/event.h"
#include "streamer/model/sink.h"
#include "streamer/task/account_row.h"
#include "streamer/task/customer_row.h"

#include <stdbool.h>
#include <stdint.h>

/* Before every value of the state, and before every value of internal topics. Another byte: written
 * by another version of the program. */
#define STATE_FORMAT 3
#define MESSAGE_FORMAT 1

/* What one batch did, added to the metrics when its transaction is committed. */
struct counts {
    int64_t consumed[TOPIC_COUNT], emitted[TOPIC_COUNT];
    int64_t quarantined[ENTITY_COUNT][REASON_COUNT];
    int64_t applied[ENTITY_COUNT], unchanged[ENTITY_COUNT], forwarded[ENTITY_COUNT],
        late[ENTITY_COUNT];
    int64_t null_values[ENTITY_COUNT][FIELD_COUNT];
    int64_t unknown_fields[ENTITY_COUNT];
    int64_t confirmations_dropped[ENTITY_COUNT];
    int64_t reordered[ENTITY_COUNT], repeated[ENTITY_COUNT]; /* rules O3, O4 */
    int64_t behind_tombstone[ENTITY_COUNT];   /* rule O8, in a topic that is no log */
    int64_t tombstones_unknown[ENTITY_COUNT]; /* of ids that were never seen */
    int64_t newest_event_ms[ENTITY_COUNT];    /* TIMESTAMP_NONE: none in this batch */
};
void counts_clear(struct counts *c);

/* What is stored with the state of a task, in the same write. */
struct task_meta {
    int64_t
        positions[TOPIC_COUNT]; /* of partition p of each topic: the next offset; -1: none yet */
    int64_t committed_ms;       /* time of the last commit, epoch; 0: never */
    int64_t rows[FAMILY_COUNT]; /* the digest: how many keys each family holds */
    int64_t current_accounts, joined_accounts, summaries;
    int64_t
        outdated[ENTITY_COUNT]; /* current versions that a rejected record should have changed */
    int64_t rates; /* rates_digest of what totals and marts were computed with; 0: not known, or a
                      refresh is under way */
};

struct task {
    int32_t partition;
    struct task_meta meta;       /* with the batch in work */
    struct task_meta saved_meta; /* as in the store; a dropped batch goes back to it */
    struct buf resume_after;     /* a fan-out or a refresh goes on after this account_id, */
    int64_t resume_customer;     /* or after this customer */
    bool resuming;
    bool refresh_accounts;                   /* a refresh is in its second half */
    struct order_floor floors[ENTITY_COUNT]; /* rule O9; as in the store, once they are loaded */
    struct buf floor_positions[ENTITY_COUNT];
    bool floors_loaded;
};
void task_init(struct task *t, int32_t partition);
void task_release(struct task *t);
/* Accounts without a joined row. */
int64_t task_orphans(const struct task *t);
/* Forgets what the batch in work did to the struct; the caller drops the kv batch. */
void task_rollback(struct task *t);

/* The input record that results are caused by: header streamer.source. */
struct task_origin {
    bool is_told;      /* else results have no such header */
    const char *topic; /* of the record; NULL: only `text` says it */
    int32_t partition;
    int64_t offset;
    bool is_made;    /* `text` says it already */
    struct buf text; /* made of the others when it is first needed */
    /* The front of the text, made of these; NULL: of none. */
    const char *place_topic;
    int32_t place_partition;
    size_t place_n;
};

/* The surroundings of the tasks of one worker, with scratch memory. The pointers are borrowed. */
struct task_env {
    struct kv *kv;
    struct sink *sink;
    const struct codec *codec; /* which the values of the result topics are written with */
    const struct rates *rates;
    struct order_options order_options;
    int64_t confirmations_max;  /* for one id; the oldest are forgotten first */
    struct task_origin origin;  /* of the message in work */
    const char *accounts_topic; /* its name, as origins have it */
    int32_t partitions;         /* n: of every result and internal topic */
    int64_t fanout_max_rows;    /* of one call of task_apply_ref */
    int64_t links_max;          /* that are part of a customer's row: 0 … CUSTOMER_LINKS_MAX */
    int64_t now_ms;             /* calculated_at; set for each batch */
    struct counts counts;

    struct history history;
    struct neighbours neighbours;
    struct account_row account;   /* the row in work, */
    struct customer_row customer; /* and the one of a customer: see task_rows.h */
    struct json json;             /* for replay */
    struct buf account_bytes, customer_bytes, links_bytes;
    struct slice rest; /* of the row that was loaded: what lies behind its timeline */
    bool account_is_stored, customer_is_stored; /* there was such a row when it was loaded */
    bool joined_is_stored, summary_is_stored;
    bool account_was_outdated, customer_was_outdated;
    struct buf key, key2, value, value2, encoded, attributes, message_key, message, ids;
    struct buf version_bytes, position_header, floor_bytes;
};
void task_env_release(struct task_env *env);

/* Loads and saves t->meta under its key (load: all zero and positions -1 if there is none). */
void task_load_meta(struct task_env *env, struct task *t);
void task_save_meta(struct task_env *env, struct task *t);

/* Tells env->kv which rows the message will most likely ask for: hints, so a key that says no id by
 * itself is passed over. An event's is its record's. */
void task_want_event(struct task_env *env, const struct task *t, enum entity entity,
                     struct slice key);
void task_want_link(struct task_env *env, const struct task *t, struct slice key);
void task_want_ref(struct task_env *env, const struct task *t, struct slice key);
/* The same for task_replay. */
void task_want_replay(struct task_env *env, const struct task *t, enum topic topic,
                      struct slice key);

/* What results of the following calls name as their origin: a record of an input topic; or (`text`)
 * what the message of another task named, empty: nothing. */
void task_set_origin(struct task_env *env, const char *topic, int32_t partition, int64_t offset);
void task_set_origin_text(struct task_env *env, struct slice text);

/* Applies one standardized change. False: it must be quarantined, `why` says as what. */
bool task_apply_event(struct task_env *env, struct task *t, const struct event *e,
                      struct reason *why);

/* A record of an id of this task that has a fault, `why`. False: it must be quarantined; else it is
 * a repeat, which has been dealt with. */
bool task_reject_event(struct task_env *env, struct task *t, const struct event *e,
                       const struct reason *why);

/* Ends one id by a truncate (rule O9), for task_apply_truncate and for records that arrive behind
 * the truncate. `id` says which id, and when the truncate was loaded. */
void task_end_by_truncate(struct task_env *env, struct task *t, const struct event *id,
                          const struct order_floor *truncate);

/* Ends the rows of an entity (rule O9). False: not all of them yet; commit what is done, then call
 * again with the same event. */
bool task_apply_truncate(struct task_env *env, struct task *t, const struct event *e);

/* Applies a message of account-links (value.p == NULL: tombstone). */
void task_apply_link(struct task_env *env, struct task *t, struct slice key, struct slice value);

/* Applies a message of customer-refs. False: not all accounts of the customer are rewritten yet;
 * commit what is done, then call again with the same message. */
bool task_apply_ref(struct task_env *env, struct task *t, struct slice key, struct slice value);

/* True if the marts were computed with other rates than now, or nobody knows with which (a rebuilt
 * state). */
bool task_needs_refresh(const struct task_env *env, const struct task *t);
/* Recomputes totals and marts with the rates of now and emits what differs, some rows at a time.
 * False: commit what is done, then call again. To be called until it is true, before anything else
 * is applied. */
bool task_refresh(struct task_env *env, struct task *t);

/* Puts one committed message of the task's own past into the state, emitting nothing: how a restore
 * and a catch-up work. For every topic that a task writes or reads but the inputs and quarantine.
 * `headers`: of a history row. */
void task_replay(struct task_env *env, struct task *t, enum topic topic, struct slice key,
                 struct slice value, struct history_headers headers);

/* Notes that a message of account-links or customer-refs with that key lies behind the committed
 * offset. Until it is processed, what the state says of that link or ref may be older than what was
 * processed: log compaction takes a message away when there is a later one of its key, read or not.
 * So nothing is emitted that depends on it meanwhile: its last row stays, and the message brings
 * the right one. */
void task_replay_ahead(struct task_env *env, struct task *t, enum topic topic, struct slice key);
/* Forgets all that was noted so: before it is looked at anew. */
void task_forget_ahead(struct task_env *env, struct task *t);

#endif
