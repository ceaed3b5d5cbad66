/* mutation: deliberate mistakes, each of which the simulator must find. broker.c and clients.c make
 * the mistakes of Kafka. The mistakes of the worker are in copies of its files, which
 * mutations.cmake makes for sim_mutants: the product contains none. */
#ifndef TESTS_SIM_MUTATION_H
#define TESTS_SIM_MUTATION_H

#include <stdbool.h>

enum mutation {
    MUTATION_NONE,
    MUTATION_PERSIST_BEFORE_COMMIT,
    MUTATION_PERSIST_AFTER_FAILURE,
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
    MUTATION_PLAN_UNASKED,
    MUTATION_TAKE_PARTS,
    MUTATION_LOSE_COUNTS,
    MUTATION_GROW_OLD,
    MUTATION_LOSE_WAITING,
    MUTATION_PASS_WAITING,
    MUTATION_COUNT
};

/* Whether this run has the mistake. */
bool mutated(enum mutation m);
/* For a mistake that only happens now and then: whether it happens now. */
bool mutated_now(enum mutation m);

#endif
