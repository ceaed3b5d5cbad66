/* rig: a pipeline with all its tasks and one state in memory. It keeps all messages that are sent.
 * A test decides when the messages to the pipeline itself are read. */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "state/memory.h"
#include "streamer/task/pipeline.h"
#include "support.h"

#define RIG_N 3
#define RIG_NOW INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

/* Takes the place of a record's headers, which `headers` of struct input points to. */
struct rig_headers {
    bool by_time;
    int64_t replayed_at_ms; /* TIMESTAMP_NONE: none */
};
extern const struct rig_headers rig_no_headers;

struct rig {
    struct config config;
    struct memory *memory;
    struct capture sent;
    struct pipeline pipeline;
    struct task tasks[RIG_N];
    int64_t offset; /* of the next record that is made */
    /* How many of the sent messages rig_deliver has looked at. */
    size_t delivered;
};
/* The input topics get so many partitions. `sets` (NULL allowed): settings, ended by NULL. */
void rig_init(struct rig *g, int32_t customer_partitions, int32_t account_partitions,
              const char *const *sets);
void rig_release(struct rig *g);

/* A record with the next offset, which is a second old. NULL as key or value is null. */
struct input rig_input(struct rig *g, enum topic topic, int32_t partition, const char *key,
                       const char *value);
/* Processes the record in the task of its partition, or in none if there is no such task, until it
 * is done. */
void rig_run(struct rig *g, const struct input *in);
void rig_run_text(struct rig *g, enum topic topic, int32_t partition, const char *key,
                  const char *value);
/* Reads forwarded records, links and refs until none waits. */
void rig_deliver(struct rig *g);
/* Drops all tasks, and makes them again from the state. */
void rig_restart(struct rig *g);

int32_t rig_owner_of(const char *id);
/* Asserts for each entity: consumed = applied + unchanged + quarantined + forwarded. */
void rig_assert_conserved(const struct rig *g);
/* Asserts that the last message of the topic with the key has this header. NULL: it has no such
 * header. */
void rig_assert_header(const struct rig *g, enum topic topic, const char *key, const char *name,
                       const char *value);
/* The number of current rows of the entity that are outdated. */
int64_t rig_outdated(const struct rig *g, enum entity entity);

#endif
