/* state: the twin of state/rocksdb/store.h in memory, linked in its place: what a process has on
 * its disk. The partitions are kept apart, as the workers of a process have different ones in their
 * hands at a time. It outlives the process, but for what a batch has not committed. */
#ifndef TESTS_SIM_STATE_H
#define TESTS_SIM_STATE_H

#include "state/memory.h"
#include "state/rocksdb/store.h"

#include "sim.h"

struct store {
    struct instance *instance;
    struct memory *partitions[SIM_N_MAX];
    struct memory
        *older[SIM_N_MAX]; /* copies, as a lost tail or an old backup leaves them; NULL: none */
    bool counted[SIM_N_MAX];
};

void state_init(struct store *s, struct instance *i);
void state_release(struct store *s);
/* What no batch has committed is gone. */
void state_crash(struct store *s);
/* All of it is gone; some of it is an earlier one. */
void state_lose(struct store *s);
void state_age(struct store *s, struct rng *rng);
/* Rows are to be counted before they are used again. */
void state_touch(struct store *s);

#endif
