/* world: random changes of a few customers and accounts, run through a cluster and through the plain model, and
 * what the topics must say in the end: histories folded from all events, a join and sums over current versions. */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "cluster.h"

enum { WORLD_CUSTOMERS = 4, WORLD_ACCOUNTS = 44, WORLD_FEW_ACCOUNTS = 6, WORLD_VALUES = 12 };

struct account_value {
    int customer; /* index */
    int64_t cents;
    enum account_type type;
};

struct world {
    struct rng rng;
    struct cluster cluster;
    int account_count; /* most worlds have a few; one in eight has more than fit a customer's row, mostly of one customer */
    struct model customers[WORLD_CUSTOMERS], accounts[WORLD_ACCOUNTS];
    struct account_value values[WORLD_VALUES]; /* what accounts are like */
    int64_t clock, loaded_at;
    int64_t applied, late; /* events accepted, refused */
};
void world_init(struct world *w, int32_t n, uint64_t seed);
void world_release(struct world *w);

/* One random change, told to the model only. */
struct world_change {
    bool is_customer;
    int id; /* index */
    enum change_kind kind;
    int64_t event_at, loaded_at; /* equal for a tombstone, whose event time is its timestamp */
    struct event event;          /* its slices live as long as the world */
    bool accepted;               /* else it is too late */
};
struct world_change world_make_change(struct world *w);
/* One random change; not committed. */
void world_event(struct world *w);
/* One random step, committed: a change, or a link or ref that is read, sometimes rolled back and done again. */
void world_step(struct world *w, int changes_percent);

/* The histories are right at any time, the rest once nothing waits. */
void world_check_histories(const struct world *w);
void world_check_results(const struct world *w);

#endif
