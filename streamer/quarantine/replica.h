/* replica: the state of a few customers and accounts in memory, read from the topics as a restore
 * reads it. Records are tried on it: they go through the real pipeline, and whatever that sends
 * stays here. So a replay can be shown before it is made.
 *
 *   1. replica_add           for each record that is to be tried
 *   2. for each step from 0 to REPLICA_STEPS - 1:
 *        replica_begin_step  says which topic is needed, and of which partitions
 *        replica_take        for each committed message of it, in the order of the offsets
 *   3. replica_try           judges all records
 *   4. replica_rows          shows the rows that they change
 *
 * The steps bring all that the records can touch: the accounts and customers that they name; the
 * customers that these accounts have or had; the accounts of customers that have records.
 *
 * The application's n tasks are one task here. That changes no result: they depend on what was
 * processed, not on where. The replica is as new as the topics. It knows nothing of records, links
 * and refs that the application has not processed yet.
 *
 * It knows no Kafka, and belongs to one thread. */
#ifndef STREAMER_QUARANTINE_REPLICA_H
#define STREAMER_QUARANTINE_REPLICA_H

#include "streamer/config/config.h"
#include "streamer/model/event.h"
#include "streamer/model/topic.h"

#include <stdatomic.h>

/* What fits into memory, for ERR_STOP with advice: records, ids, and rows of them in the topics. */
#define REPLICA_RECORDS_MAX ((size_t)10000)
#define REPLICA_RECORD_BYTES_MAX ((size_t)64 << 20)
#define REPLICA_IDS_MAX ((size_t)20000)
#define REPLICA_ROWS_MAX ((size_t)100000)

struct replica;
/* `config` is borrowed; its `schemas` are where schemas of Avro come from. `stop` (NULL allowed):
 * what takes long ends with ERR_STOP when it becomes true. */
struct replica *replica_new(const struct config *config, const atomic_bool *stop);
void replica_free(struct replica *r); /* NULL is allowed */

/* Adds a copy of a record of an input topic, as a worker would read it from there. Records are
 * tried in the order in which they are added. */
bool replica_add(struct replica *r, enum topic topic, const struct record *record, struct err *e);

#define REPLICA_STEPS 8
/* Begins a step, from 0 on. *is_needed: messages of *topic are to be taken. */
bool replica_begin_step(struct replica *r, int step, enum topic *topic, bool *is_needed,
                        struct err *e);
/* Whether the step needs anything of a partition, of n. */
bool replica_needs_partition(const struct replica *r, int32_t partition, int32_t n);
/* Takes a message of the step's topic; value.p == NULL: a tombstone. Others than the needed ones
 * cost little. */
bool replica_take(struct replica *r, struct slice key, struct slice value, struct err *e);

enum replica_verdict {
    REPLICA_APPLIED,    /* it would be accepted, and change something */
    REPLICA_UNCHANGED,  /* it would be accepted, and change nothing */
    REPLICA_REJECTED,   /* it would be quarantined again */
    REPLICA_NOT_JUDGED, /* a truncate, which concerns all rows */
    REPLICA_VERDICTS
};
/* Called for the i-th record that was added. `why` is set for REPLICA_REJECTED. */
typedef bool replica_judged(void *context, size_t i, enum replica_verdict verdict,
                            const struct reason *why, struct err *e);
/* Tries all records, and then whatever they cause until nothing is left to do. `now_ms` is the time
 * of processing. */
bool replica_try(struct replica *r, int64_t now_ms, replica_judged *judged, void *context,
                 struct err *e);

/* A row that differs. The texts are JSON objects without calculated_at; p == NULL: there is no such
 * row. */
struct replica_row {
    enum topic topic; /* one of the five result topics with rows */
    struct slice key, before, after;
};
typedef bool replica_changed(void *context, const struct replica_row *row, struct err *e);
/* Shows all rows that differ after replica_try, by topic and key. */
bool replica_rows(struct replica *r, replica_changed *changed, void *context, struct err *e);

#endif
