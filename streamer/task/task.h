/* task: everything that happens in one partition: the customers and accounts whose id hashes to it,
 * their state, and all writes to that partition of the result topics. Tasks share nothing. They
 * talk only through two internal topics, account-links and customer-refs (ARCHITECTURE.md).
 *
 * A task is deterministic: it knows no Kafka, no clock and no globals. State goes through the kv,
 * messages go through the sink. Errors of the state are sticky in the kv: the caller checks
 * kv_failed() before it commits. A task and its environment belong to one thread.
 *
 * The functions below are implemented in
 *   task.c            events, links and refs
 *   task_truncate.c   truncates
 *   task_marts.c      origins of results; other rates
 *   task_rows.c       the task itself, its meta data, and hints about what will be read
 *   replay.c          task_replay and what belongs to it */
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

/* Values:
 *
 *   of the state             STATE_FORMAT: 1 byte | Avro binary by schemas/internal/<record>.avsc
 *   account-links            MESSAGE_FORMAT: 1 byte | account_link.avsc
 *   customer-refs            MESSAGE_FORMAT: 1 byte | customer_ref.avsc
 *   confirmations            CONFIRMATIONS_FORMAT: 1 byte | … (task_history.h)
 *   the result topics        as the codec writes them (schemas/codec.h)
 *
 * Keys of the messages, all of them text (keys of the state: state/keys.h):
 *
 *   the histories            <id>|<valid_from_at: epoch ms>
 *   account_with_customer,
 *   account_summary          <account_id>
 *   customer_profile         <customer_id>
 *   account-links            <customer_id>|<account_id>
 *   customer-refs            <customer_id>
 *   confirmations            see task_history.h
 *
 * An account_id may contain a bar. So a history's key is split at its last bar, and a link's key at
 * its first bar.
 *
 * A value with another first byte was written by another version of the program. */
#define STATE_FORMAT 3
#define MESSAGE_FORMAT 1

/* What one batch did. It is added to the metrics when the batch's transaction is committed. */
struct counts {
    int64_t consumed[TOPIC_COUNT], emitted[TOPIC_COUNT];
    int64_t quarantined[ENTITY_COUNT][REASON_COUNT];
    int64_t applied[ENTITY_COUNT], unchanged[ENTITY_COUNT], forwarded[ENTITY_COUNT],
        late[ENTITY_COUNT];
    int64_t null_values[ENTITY_COUNT][FIELD_COUNT];
    int64_t unknown_fields[ENTITY_COUNT];
    int64_t confirmations_dropped[ENTITY_COUNT];
    int64_t reordered[ENTITY_COUNT], repeated[ENTITY_COUNT]; /* rules O3, O4 */
    int64_t behind_tombstone[ENTITY_COUNT];   /* rule O8, in a topic that is not a log */
    int64_t tombstones_unknown[ENTITY_COUNT]; /* of ids that were never seen */
    int64_t newest_event_ms[ENTITY_COUNT];    /* TIMESTAMP_NONE: none in this batch */
};
void counts_clear(struct counts *c);

/* What is stored about a task, in the same write as its state. */
struct task_meta {
    /* The next offset of the task's partition of each topic; -1: nothing was read or written
     * yet. */
    int64_t positions[TOPIC_COUNT];
    int64_t committed_ms;       /* time of the last commit, epoch; 0: never */
    int64_t rows[FAMILY_COUNT]; /* the digest: how many keys each family holds */
    int64_t current_accounts, joined_accounts, summaries;
    /* Current versions that a rejected record should have changed. */
    int64_t outdated[ENTITY_COUNT];
    /* A digest of the rates that totals and marts were computed with; 0: not known, or a refresh is
     * under way. */
    int64_t rates;
};

struct task {
    int32_t partition;
    struct task_meta meta;       /* includes the batch in work */
    struct task_meta saved_meta; /* as in the store; task_rollback goes back to it */
    /* Work that takes several calls (a fan-out, a truncate, a refresh), while it is `resuming`: */
    struct buf resume_after; /* it goes on after this account_id, */
    int64_t resume_customer; /* or after this customer */
    bool resuming;
    bool refresh_accounts; /* a refresh is in its second half */
    /* Rule O9. The floors are loaded from the state when they are first needed. */
    struct order_floor floors[ENTITY_COUNT];
    struct buf floor_positions[ENTITY_COUNT]; /* what their positions point into */
    bool floors_loaded;
};
void task_init(struct task *t, int32_t partition);
void task_release(struct task *t);
/* How many current accounts have no joined row, because their customer is not known. */
int64_t task_orphans(const struct task *t);
/* Takes back what the batch in work did to the struct. The caller drops the batch of the kv. */
void task_rollback(struct task *t);
/* Forgets how far the work on a message has come that takes several calls, so that the task may
 * work on other messages before. When the message is applied again, it begins anew; what is right
 * already is not emitted twice. */
void task_begin_anew(struct task *t);

/* The input record that causes results, which they name in their header SINK_SOURCE_HEADER. */
struct task_origin {
    bool is_told;      /* false: results have no such header */
    const char *topic; /* of the record; NULL: only `text` says it */
    int32_t partition;
    int64_t offset;
    bool is_made;    /* `text` is up to date */
    struct buf text; /* the header's value, made of the others when it is first needed */
    /* The topic and partition that the first place_n bytes of the text were made of. They are kept
     * for the next record, which mostly has the same ones. NULL: there are no such bytes. */
    const char *place_topic;
    int32_t place_partition;
    size_t place_n;
};

/* What the tasks of one worker share: where they read and write, settings, and scratch memory. The
 * pointers are borrowed. */
struct task_env {
    struct kv *kv;
    struct sink *sink;
    const struct codec_writer *writer; /* of the values of the result topics */
    const struct rates *rates;
    struct order_options order_options;
    int64_t confirmations_max; /* of one id; the oldest are forgotten first */
    struct task_origin origin; /* of the message in work */
    char *const *topics;       /* their names, by enum topic */
    int32_t partitions;        /* n: of every result and internal topic */
    /* About how many rows one call of task_apply_ref, task_apply_truncate or task_refresh may
     * change. */
    int64_t fanout_max_rows;
    int64_t links_max; /* links that are part of a customer's row: 0 to CUSTOMER_LINKS_MAX */
    int64_t now_ms;    /* the calculated_at of results; set for each batch */
    struct counts counts;

    struct history history;
    struct neighbours neighbours;
    struct account_row account;   /* the rows in work: see task_load_account and */
    struct customer_row customer; /* task_load_customer in task_rows.h */
    struct codec_reader reader;   /* for task_replay; see codec_reader_init */
    struct buf account_bytes, customer_bytes, links_bytes;
    struct slice rest; /* the part behind the timeline of the row that was loaded last */
    /* What the state has of the rows in work. */
    bool account_is_stored, customer_is_stored;
    bool joined_is_stored, summary_is_stored;
    bool account_was_outdated, customer_was_outdated;
    struct buf key, key2, value, value2, encoded, attributes, message_key, message, ids;
    struct buf version_bytes, position_header, floor_bytes;
};
void task_env_release(struct task_env *env);

/* Loads t->meta from the state, and saves it there. If there is none, all is 0 and positions are
 * -1. */
void task_load_meta(struct task_env *env, struct task *t);
void task_save_meta(struct task_env *env, struct task *t);

/* Each tells env->kv which rows a message with that key will most likely need, so that kv_fetch can
 * read them together (prefetch). These are hints: a key that does not name an id by itself is
 * passed over. `key` of an event is the key of its record. */
void task_want_event(struct task_env *env, const struct task *t, enum entity entity,
                     struct slice key);
void task_want_link(struct task_env *env, const struct task *t, struct slice key);
void task_want_ref(struct task_env *env, const struct task *t, struct slice key);
/* The same for a message that task_replay will get. */
void task_want_replay(struct task_env *env, const struct task *t, enum topic topic,
                      struct slice key);

/* Set what results of the following calls name as their origin: a record of an input topic, or the
 * text that the message of another task named. An empty text: they name nothing. */
void task_set_origin(struct task_env *env, const char *topic, int32_t partition, int64_t offset);
void task_set_origin_text(struct task_env *env, struct slice text);

/* Applies one standardized change. False: it must be quarantined, and `why` says as what. */
bool task_apply_event(struct task_env *env, struct task *t, const struct event *e,
                      struct reason *why);

/* Takes note of a record of an id of this task that has a fault, `why`. False: it must be
 * quarantined. True: it is a repeat of an earlier record, and nothing is left to do. */
bool task_reject_event(struct task_env *env, struct task *t, const struct event *e,
                       const struct reason *why);

/* Ends one id by a truncate (rule O9), for task_apply_truncate and for records that arrive behind
 * the truncate. `id` says which id, and when the truncate was loaded. */
void task_end_by_truncate(struct task_env *env, struct task *t, const struct event *id,
                          const struct order_floor *truncate);

/* Applies a truncate: ends the rows of an entity (rule O9). False: more rows are left; commit what
 * is done, then call again with the same event. */
bool task_apply_truncate(struct task_env *env, struct task *t, const struct event *e);

/* Applies a message of account-links (value.p == NULL: tombstone). */
void task_apply_link(struct task_env *env, struct task *t, struct slice key, struct slice value);

/* Applies a message of customer-refs (value.p == NULL: tombstone). False: more accounts of the
 * customer are left to be rewritten; commit what is done, then call again with the same message. */
bool task_apply_ref(struct task_env *env, struct task *t, struct slice key, struct slice value);

/* Whether the marts were computed with other rates than the present ones, or with rates that are
 * not known (after a rebuild). */
bool task_needs_refresh(const struct task_env *env, const struct task *t);
/* Recomputes totals and marts with the present rates and emits what differs, some rows at a time.
 * False: commit what is done, then call again. Nothing else may be applied before it has returned
 * true. */
bool task_refresh(struct task_env *env, struct task *t);

/* Puts one committed message of the task's own past back into the state, and emits nothing. The
 * result is the state that wrote the message. catchup.h calls it. `topic` is any topic for which
 * topic_is_replayed; others are ignored. `headers` are those of a history row. */
void task_replay(struct task_env *env, struct task *t, enum topic topic, struct slice key,
                 struct slice value, struct history_headers headers);

/* Marks a link or ref: a message of account-links or customer-refs with that key lies behind the
 * committed offset. Log compaction may have removed earlier messages of that key, which were
 * processed. So until the marked message is processed, the state may say something older of that
 * link or ref than what was processed. Meanwhile nothing is emitted that depends on it: the last
 * row stays, and the message brings the right one. */
void task_replay_ahead(struct task_env *env, struct task *t, enum topic topic, struct slice key);
/* Removes all marks, before the topics are looked at again. */
void task_forget_ahead(struct task_env *env, struct task *t);

#endif
