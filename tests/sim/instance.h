/* instance: one running `streamer`: the real workers, each on a fiber of its own, with a simulated
 * broker (clients.h) and a state in memory (state.h). A worker may yield in any call of Kafka or of
 * the state, and the process can be killed there. */
#ifndef TESTS_SIM_INSTANCE_H
#define TESTS_SIM_INSTANCE_H

#include "fiber.h"
#include "sim.h"
#include "state.h"
#include "streamer/worker/worker_internal.h"

struct sim_worker {
    struct instance *instance;
    int index;
    struct fiber *fiber;   /* NULL: the worker has ended */
    struct worker *worker; /* NULL: it is still being made */
    /* The stages of its tasks when instance_look was last called. */
    enum task_stage seen[SIM_N_MAX];
    /* Messages of transactions that it knows to be committed, since its last step. */
    int64_t committed;
    bool waits; /* it yielded because there was nothing to read */
};

struct instance {
    struct sim *sim;
    int id;
    bool up, frozen, stopping;
    int producer; /* the first of its transactional ids */
    struct store store;
    struct worker_kafka kafka;
    struct metrics *metrics;
    int64_t committed; /* committed messages of all steps that are over */
    atomic_int state_owners[SIM_N_MAX];
    struct sim_worker workers[SIM_WORKERS];
    struct sim_worker *running; /* the worker whose turn it is; NULL: none */
    struct kafka_client *clients[8 * SIM_WORKERS];
    int client_count;
};

void instance_init(struct instance *i, struct sim *sim, int id);
/* `producer`: the first of its transactional ids. */
void instance_start(struct instance *i, int producer);
/* kill -9: only its disk remains. */
void instance_kill(struct instance *i);
/* SIGTERM: it ends by itself, within the next steps. */
void instance_stop(struct instance *i);
void instance_release(struct instance *i); /* frees its disk, too */
/* Lets one of its workers run until it yields. */
void instance_step(struct instance *i);
/* Checks that the stored state of each ready task does not look too old to be used, even if nothing
 * has changed for long. */
void instance_check_age(const struct instance *i);
/* Whether its workers have nothing to do, as far as they know. */
bool instance_is_idle(const struct instance *i);
/* Prints what its workers are doing. */
void instance_tell(const struct instance *i);

/* --- to be called on the fiber of a worker --- */

/* Yields now and then. */
void instance_pause(struct instance *i);
/* Yields in any case, because there is nothing to do. */
void instance_wait(struct instance *i);
/* Checks each task that was restored since the last call: its state must be the same as a rebuild
 * from the topics. */
void instance_look(struct instance *i);

#endif
