/* sim: one schedule: a broker, instances, input, faults, all from one seed. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "broker.h"
#include "instance.h"
#include "unit/world.h"

#define SIM_INSTANCES 3
#define SIM_DELETE_RETENTION_MS 100000

struct sim {
    struct rng rng;
    bool trace;
    enum mutation mutation;
    int64_t steps;
    struct world world; /* the model, and the logs that results are compared in */
    struct broker broker;
    struct config config;
    int32_t n;
    struct instance instances[SIM_INSTANCES];
    int instance_count;
    int members[SIM_INSTANCES]; /* of the group's generation: instance ids, in order */
    int member_count;
    int next_producer;
    int64_t produced, malformed; /* input records; of them no JSON */
    enum topic delayed;          /* nobody gets to read it; TOPIC_COUNT: none */
    bool
        doubts; /* something was ahead of a restore (task_replay_ahead): results may have come later for that */
    bool calm;             /* no faults any more */
    int truncate_permille; /* of input records */
};

/* Runs one schedule of about `events` input records. Fails (exit, with a message) if something is not as it must be.
 * `mistake`: what the model gets wrong, so that the results must differ. Returns the number of input records. */
int64_t sim_run(uint64_t seed, int events, enum mutation mutation, enum order_mistake mistake, bool trace);

/* A line of the trace. */
void sim_trace(const struct sim *s, const struct instance *i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The member that has the partition, in the group's present generation. */
int sim_owner(const struct sim *s, int32_t partition, int32_t partitions);

#endif
