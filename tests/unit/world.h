/* world: random changes of a few customers and accounts. They run through a cluster and through the
 * plain model, which says what the topics must hold in the end: histories folded from all events,
 * and a join and sums over current versions. */
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
    int log_percent;       /* of records that belong to a log */
    int position_percent;  /* of these, with a position */
    int timeless_percent;  /* of deletes that are tombstones or have no time */
    int repeat_percent;    /* of records that were sent before */
    int truncate_permille; /* of changes that are a truncate; not in the simulator's */
    bool is_spelled;       /* every change can be written as a record */
};

/* One random change. Its slices live until the next one is made. */
struct world_change {
    struct order_record record; /* as the model sees it */
    struct event event;         /* as a task sees it */
    bool is_truncate;           /* then the event has only an entity and a time */
    int id;                     /* index */
    enum order_outcome outcome; /* what the model says of it */
};

struct world {
    struct rng rng;
    struct cluster cluster;
    struct world_style style;
    /* Most worlds have a few accounts. One in eight has more than fit into a customer's row, mostly
     * of one customer. */
    int account_count;
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

/* The texts of the ids, by index. */
const char *world_customer_id(int id);
const char *world_account_id(int id);
/* The index of the customer in an account's value. */
int world_customer_of(int value);

/* Makes a random change, and tells it to the model only. */
struct world_change world_make_change(struct world *w);
/* Tells a truncate of the entity of `c->event` to the model only. No message may be waiting. */
void world_make_truncate(struct world *w, struct world_change *c);
/* The input partition of an id: the same for each of its records. */
int32_t world_place(const struct world *w, enum entity entity, struct slice id);
/* Makes a random change, and does not commit it. */
void world_event(struct world *w);
/* Makes a random step and commits it: a change, or a link or ref that is read. Sometimes it is
 * rolled back and made again. */
void world_step(struct world *w, int changes_percent);

/* Runs many steps, with checks whenever no message waits, and at the end. */
void world_run(struct world *w, uint64_t seed, int32_t n, int64_t fanout_max_rows,
               enum order_mistake mistake);

/* Asserts that the histories, and the counts of records and outdated rows, are right. They are at
 * any time; the other results once no message waits. */
void world_check_histories(const struct world *w);
void world_check_counts(const struct world *w);
void world_check_results(const struct world *w);
/* Asserts that what the state says of a time (as_of.h) is right, at any time. */
void world_check_as_of(struct world *w, int64_t at);
/* A time at which something may have changed, or a moment before that. */
int64_t world_any_time(struct world *w);

#endif
