/* world: random changes of a few customers and accounts, run through a cluster and through the
 * plain model, and what the topics must say in the end: histories folded from all events, a join
 * and sums over current versions. */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "cluster.h"
#include "order_model.h"

enum {
    WORLD_CUSTOMERS = 4,
    WORLD_ACCOUNTS = 44,
    WORLD_FEW_ACCOUNTS = 6,
    WORLD_INPUTS = 4,
    WORLD_RECENT = 12
};

/* How the world's source sends its changes. */
struct world_style {
    int log_percent;       /* of records that are a log's */
    int position_percent;  /* of these, with a position */
    int timeless_percent;  /* of deletes that are tombstones or say no time */
    int repeat_percent;    /* of records that were sent before */
    int truncate_permille; /* of changes that are a truncate; not in the simulator's */
    bool is_spelled;       /* all changes can be written as records */
};

/* One random change. Its slices live until the next one is made. */
struct world_change {
    struct order_record record; /* as the model sees it */
    struct event event;         /* as a task sees it */
    bool is_truncate;           /* then the event says only which entity, and when */
    int id;                     /* index */
    enum order_outcome outcome; /* what the model says of it */
};

struct world {
    struct rng rng;
    struct cluster cluster;
    struct world_style style;
    int account_count; /* most worlds have a few; one in eight has more than fit a customer's row,
                          mostly of one customer */
    bool large;
    struct order_model customers[WORLD_CUSTOMERS], accounts[WORLD_ACCOUNTS];
    struct order_model_floor floors[ENTITY_COUNT];
    struct order_model_options options;
    int32_t inputs[ENTITY_COUNT];                /* partitions of the input topics */
    int64_t offsets[ENTITY_COUNT][WORLD_INPUTS]; /* the next ones there */
    int64_t clock, position;
    struct world_change recent[WORLD_RECENT]; /* what may be sent again */
    int64_t made;
    int64_t refused; /* records for the quarantine */
    int64_t truncates[ENTITY_COUNT];
    struct buf position_text;
};
void world_init(struct world *w, int32_t n, uint64_t seed);
void world_release(struct world *w);

/* One random change, told to the model only. */
struct world_change world_make_change(struct world *w);
/* A truncate of a table, told to the model only: of the entity of `c->event`. Nothing else may be
 * under way. */
void world_make_truncate(struct world *w, struct world_change *c);
/* The input partition of an id: the same for each of its records. */
int32_t world_place(const struct world *w, enum entity entity, struct slice id);
/* One random change; not committed. */
void world_event(struct world *w);
/* One random step, committed: a change, or a link or ref that is read, sometimes rolled back and
 * done again. */
void world_step(struct world *w, int changes_percent);

/* A whole life: many steps, with checks at quiet moments and at the end. */
void world_run(struct world *w, uint64_t seed, int32_t n, int64_t fanout_max_rows,
               enum order_mistake mistake);

/* The histories, and what is counted of records and outdated rows, are right at any time, the rest
 * once nothing waits. */
void world_check_histories(const struct world *w);
void world_check_counts(const struct world *w);
void world_check_results(const struct world *w);

#endif
