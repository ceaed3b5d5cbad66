/* sim: one schedule: a broker, processes, input, faults, all from one seed. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "broker.h"
#include "mutation.h"
#include "streamer/base/clock.h"
#include "streamer/kafka/topics.h"
#include "unit/world.h"

#define SIM_INSTANCES 3
#define SIM_WORKERS 2 /* of a process, at most */
#define SIM_MEMBERS (SIM_INSTANCES * SIM_WORKERS)
#define SIM_N_MAX 3
#define SIM_BATCH_MAX 12
#define SIM_DELETE_RETENTION_MS 100000

struct instance;
struct kafka_client;

struct sim {
    struct clock clock; /* first: the broker's time */
    struct rng rng;
    bool trace;
    int64_t steps;
    struct world world; /* the model, and the logs that results are compared in */
    struct broker broker;
    struct config config;
    struct topic_layout layout;
    int32_t n;
    struct instance *instances; /* SIM_INSTANCES of them */
    int instance_count, workers;
    /* The group: who has joined, in the order of the ids that they drew; and who of them is in the
     * present generation. */
    struct kafka_client *joined[SIM_MEMBERS];
    int joined_count;
    int64_t members[SIM_MEMBERS]; /* ids */
    int member_count;
    int next_producer;
    int64_t produced, malformed; /* input records; of them no JSON */
    enum topic delayed;          /* nobody gets to read it; TOPIC_COUNT: none */
    bool doubts; /* something was ahead of a restore (task_replay_ahead): results may have come
                    later for that */
    bool calm;   /* no faults any more */
    int truncate_permille; /* of input records */
};

/* Runs one schedule of about `events` input records. Fails (exit, with a message) if something is
 * not as it must be. `mistake`: what the model gets wrong, so that the results must differ. Returns
 * the number of input records. */
int64_t sim_run(uint64_t seed, int events, enum mutation mutation, enum order_mistake mistake,
                bool trace);

/* A line of the trace. NULL: of none of them. */
void sim_trace(const struct sim *s, const struct instance *i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether a fault that happens so often happens now. */
bool sim_strikes(struct sim *s, int permille);
/* A new generation, of all that have joined but most of that instance's (NULL: of all). */
void sim_rebalance(struct sim *s, const struct instance *left_out);

#endif
