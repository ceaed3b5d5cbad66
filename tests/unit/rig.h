/* rig: a pipeline with all its tasks and one state in memory. What it sends is kept; what it sends
 * to itself is read when the test says so. */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "state/memory.h"
#include "streamer/task/pipeline.h"
#include "support.h"

#define RIG_N 3
#define RIG_NOW INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

/* Stands for the headers of a record, as struct input's `headers` points to them: what the worker
 * reads from them. */
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
    size_t
        delivered; /* how many of the messages sent were read again, if they are for the pipeline */
};
/* The input topics have so many partitions. `sets`: settings, ended by NULL; NULL: none. */
void rig_init(struct rig *g, int32_t customer_partitions, int32_t account_partitions,
              const char *const *sets);
void rig_release(struct rig *g);

/* A record with the next offset, a second old; key and value NULL: null. */
struct input rig_input(struct rig *g, enum topic topic, int32_t partition, const char *key,
                       const char *value);
/* The task is that of the partition, NULL beyond n. Until the record is done with. */
void rig_run(struct rig *g, const struct input *in);
void rig_run_text(struct rig *g, enum topic topic, int32_t partition, const char *key,
                  const char *value);
/* Reads what was forwarded, and links and refs, until nothing waits. */
void rig_deliver(struct rig *g);
/* All tasks are lost, and made anew from the state. */
void rig_restart(struct rig *g);

int32_t rig_owner_of(const char *id);
/* consumed = applied + unchanged + quarantined + forwarded, of each entity. */
void rig_assert_conserved(const struct rig *g);
/* The last message of the topic with the key has that header; NULL: it has none. */
void rig_assert_header(const struct rig *g, enum topic topic, const char *key, const char *name,
                       const char *value);
/* Current rows of the entity that are outdated. */
int64_t rig_outdated(const struct rig *g, enum entity entity);

#endif
