/* sim: one schedule: a broker, processes, input and faults, all drawn from one seed. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "broker.h"
#include "mutation.h"
#include "streamer/base/clock.h"
#include "streamer/kafka/topics.h"
#include "unit/world.h"

#define SIM_INSTANCES 3
#define SIM_WORKERS 2 /* the most workers of a process */
#define SIM_MEMBERS (SIM_INSTANCES * SIM_WORKERS)
#define SIM_N_MAX 3
#define SIM_BATCH_MAX 12
#define SIM_DELETE_RETENTION_MS 100000

struct instance;
struct kafka_client;
struct waits;

struct sim {
    struct clock clock; /* first; it tells the broker's time */
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
    /* The group: the members that have joined, in the order of the ids that they drew, and those of
     * them that are in the current generation. */
    struct kafka_client *joined[SIM_MEMBERS];
    int joined_count;
    int64_t members[SIM_MEMBERS]; /* the ids of the current generation */
    int member_count;
    int next_producer;
    int64_t produced, malformed; /* input records, and how many of them are no JSON */
    enum topic delayed; /* the topic that nobody can read at the moment; TOPIC_COUNT: none */
    /* Something was ahead of a restore (task_replay_ahead), so results may have come later. */
    bool doubts;
    bool calm;             /* there are no faults any more */
    int truncate_permille; /* how many input records are truncates */
    struct waits *waits;   /* NULL: no record waits for a schema */
};

/* Runs one schedule of about `events` input records. Exits with a message if a check fails.
 * `mistake` is a mistake of the model, because of which the results must differ. Returns the number
 * of input records. */
int64_t sim_run(uint64_t seed, int events, enum mutation mutation, enum order_mistake mistake,
                bool trace);

/* Prints a line of the trace. `i` may be NULL. */
void sim_trace(const struct sim *s, const struct instance *i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Draws whether a fault with this probability happens now. */
bool sim_strikes(struct sim *s, int permille);
/* Begins a new generation of all members that have joined. Most members of the instance `left_out`
 * are not in it (NULL: all are in it). */
void sim_rebalance(struct sim *s, const struct instance *left_out);

#endif
