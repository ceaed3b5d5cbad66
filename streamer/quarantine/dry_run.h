/* dry_run: says what a replay would do, and does nothing. The records that replay_run would send
 * are tried on a replica (replica.h), which is filled from the topics up to their ends. */
#ifndef STREAMER_QUARANTINE_DRY_RUN_H
#define STREAMER_QUARANTINE_DRY_RUN_H

#include "streamer/quarantine/replay.h"
#include "streamer/quarantine/replica.h"

/* A record, and what would become of it. */
struct dry_run_record {
    struct slice place; /* "customers/0@17": where it was in the input */
    struct slice id;    /* n == 0: it could not be read */
    enum replica_verdict verdict;
    const struct reason *why; /* of REPLICA_REJECTED */
};

struct dry_run_output {
    bool (*judged)(void *context, const struct dry_run_record *r, struct err *e);
    /* Called behind all records. */
    replica_changed *changed;
    void *context;
};

struct dry_run_result {
    uint64_t verdicts[REPLICA_VERDICTS]; /* how many records of each */
    uint64_t rows;                       /* that would change */
    /* What the application had not processed yet: the answer does not know of it. */
    bool waiting_is_known;
    uint64_t waiting;
    struct replay_refusals refusals;
};

/* Tries the records that the options select, in the order in which they would be sent. */
bool dry_run(const struct config *c, const struct replay_options *o,
             const struct dry_run_output *out, struct dry_run_result *result, struct err *e);

#endif
