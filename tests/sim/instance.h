/* instance: one running `streamer`, step by step: what worker_tasks.c and worker_batch.c do, with the real pipeline,
 * tasks and catch-ups, on a simulated broker and a state in memory. It can be stopped between any two steps. */
#ifndef TESTS_SIM_INSTANCE_H
#define TESTS_SIM_INSTANCE_H

#include "broker.h"

#include "state/memory.h"
#include "streamer/catchup.h"
#include "streamer/pipeline.h"

#include "unit/support.h"

#define SIM_N_MAX 3
#define SIM_BATCH_MAX 12

/* Deliberate mistakes, each of which must be found (sim.c has their names). */
enum mutation {
    MUTATION_NONE,
    MUTATION_KEEP_BEFORE_COMMIT,
    MUTATION_KEEP_AFTER_FAILURE,
    MUTATION_NO_ROLLBACK,
    MUTATION_NO_REPLAY,
    MUTATION_REPLAY_LINKS_TO_END,
    MUTATION_REPLAY_TO_STABLE_END,
    MUTATION_OFFSETS_OUTSIDE,
    MUTATION_ANY_GENERATION,
    MUTATION_NEWEST_GENERATION,
    MUTATION_NO_FENCING,
    MUTATION_READ_UNCOMMITTED,
    MUTATION_UNSTABLE_OFFSETS,
    MUTATION_LOSE_LINK,
    MUTATION_LOSE_REF,
    MUTATION_LOSE_FORWARDED,
    MUTATION_LOSE_CONFIRMATION,
    MUTATION_LOSE_POSITION,
    MUTATION_LOSE_RESULT_TOMBSTONE,
    MUTATION_NO_LOOK_AHEAD,
    MUTATION_POSITION_TOO_FAR,
    MUTATION_OLD_STATE_IS_FINE,
    MUTATION_TWICE,
    MUTATION_SKIP,
    MUTATION_OFFSET_TOO_LOW,
    MUTATION_REPLAY_NO_TOMBSTONES,
    MUTATION_COUNT
};

struct sim; /* sim.h */

enum stage { STAGE_NONE, STAGE_WAITING, STAGE_RESTORING, STAGE_REFRESHING, STAGE_READY };
enum step { STEP_ADVANCE, STEP_COLLECT, STEP_PROCESS, STEP_SEND_OFFSETS, STEP_COMMIT, STEP_KEEP, STEP_COUNT };
const char *step_name(enum step s);

struct source {
    enum topic topic;
    int32_t partition;
    int64_t next, committed;
    bool located;
};

struct taken { /* one message of the batch */
    int source;
    int64_t offset;
    const struct log_record *record; /* moves when the log grows: see batch_record */
};

struct instance {
    struct sink sink; /* first */
    struct sim *sim;
    int id;
    bool up, frozen;
    int producer, epoch;
    int generation; /* of its membership; 0: none */
    enum step step;
    bool unwritten;                /* transactions are committed that memory_commit has not seen */
    struct memory *memory, *older; /* older: an earlier copy, as a lost tail or an old backup leaves it */
    int64_t stopped_ms;
    struct pipeline pipeline;
    struct task tasks[SIM_N_MAX];
    enum stage stages[SIM_N_MAX];
    struct catchup catchups[SIM_N_MAX];
    struct source sources[TOPIC_COUNT * BROKER_PARTITIONS];
    int source_count;
    struct taken batch[SIM_BATCH_MAX];
    int batch_count, at; /* at: the next one to process */
    bool refreshing;     /* the transaction in work is a refresh */
    struct offset offsets[64];
    int offset_count;
    int64_t delivered[TOPIC_COUNT][BROKER_PARTITIONS]; /* behind the last one sent; -1: none */
    bool fenced;                                       /* a send failed */
};

/* `producer` is its transactional id. */
void instance_start(struct instance *i, struct sim *sim, int id, int producer);
/* kill -9: nothing but the committed memory is left. */
void instance_kill(struct instance *i);
void instance_release(struct instance *i); /* with its memory */
/* One step. */
void instance_step(struct instance *i);
/* Whether it has nothing to do, as far as it knows. */
bool instance_is_idle(const struct instance *i);
/* The state of a ready task is what a rebuild from the topics gives. */
void instance_check_state(struct instance *i, int32_t p);

#endif
