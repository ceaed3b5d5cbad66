/* state: the twin of state/rocksdb/store.h in memory, which is linked instead: the disk of a
 * process. Each partition is a store of its own, because the workers of a process use different
 * partitions at the same time. It outlives the process, except for changes that no batch has
 * committed. */
#ifndef TESTS_SIM_STATE_H
#define TESTS_SIM_STATE_H

#include "state/memory.h"
#include "state/rocksdb/store.h"

#include "sim.h"

struct store {
    struct instance *instance;
    struct memory *partitions[SIM_N_MAX];
    /* Earlier copies, for a lost tail or an old backup; NULL: none. */
    struct memory *older[SIM_N_MAX];
    bool counted[SIM_N_MAX];
};

void state_init(struct store *s, struct instance *i);
void state_release(struct store *s);
/* Drops the changes that no batch has committed. */
void state_crash(struct store *s);
/* Drops everything. */
void state_lose(struct store *s);
/* Sets some partitions back to an earlier copy. */
void state_age(struct store *s, struct rng *rng);
/* Makes the store require that rows are counted before they are used again. */
void state_touch(struct store *s);

#endif
