/* instance: one running `streamer`: the real workers, each on a fiber of its own, on a simulated
 * broker (clients.h) and with a state in memory (state.h). A worker gives its turn away within any
 * call of Kafka or of the state, where the process can be killed, too. */
#ifndef TESTS_SIM_INSTANCE_H
#define TESTS_SIM_INSTANCE_H

#include "fiber.h"
#include "sim.h"
#include "state.h"
#include "streamer/worker/worker_internal.h"

struct sim_worker {
    struct instance *instance;
    int index;
    struct fiber *fiber;             /* NULL: it has ended */
    struct worker *worker;           /* NULL: it is only being made */
    enum task_stage seen[SIM_N_MAX]; /* its tasks' stages when it was last looked at */
    int64_t committed; /* messages, since its last step, of transactions that it knows to be
                          committed */
    bool waits;        /* it gave its turn away because there was nothing to read */
};

struct instance {
    struct sim *sim;
    int id;
    bool up, frozen, stopping;
    int producer; /* its transactional ids are this and the following */
    struct store store;
    struct worker_kafka kafka;
    struct metrics *metrics;
    int64_t committed; /* messages, of all steps that are over */
    atomic_int state_owners[SIM_N_MAX];
    struct sim_worker workers[SIM_WORKERS];
    struct sim_worker *running; /* NULL: none */
    struct kafka_client *clients[8 * SIM_WORKERS];
    int client_count;
};

void instance_init(struct instance *i, struct sim *sim, int id);
/* `producer`: the first of its transactional ids. */
void instance_start(struct instance *i, int producer);
/* kill -9: nothing is left but what is on its disk. */
void instance_kill(struct instance *i);
/* SIGTERM: it ends by itself, step by step. */
void instance_stop(struct instance *i);
void instance_release(struct instance *i); /* with its disk */
/* One of its workers goes on for a while. */
void instance_step(struct instance *i);
/* The state of a task that is ready is not so old that it would not be used, also if nothing has
 * changed for long. */
void instance_check_age(const struct instance *i);
/* Whether it has nothing to do, as far as it knows. */
bool instance_is_idle(const struct instance *i);
/* What its workers do just now, for a trace. */
void instance_tell(const struct instance *i);

/* The following are called from within a worker. Gives its turn away, or goes on: */
void instance_pause(struct instance *i);
/* Gives its turn away for certain: there is nothing to do. */
void instance_wait(struct instance *i);
/* Looks whether a task has got ready since, and if so, whether its state is what a rebuild from the
 * topics gives. */
void instance_look(struct instance *i);

#endif
