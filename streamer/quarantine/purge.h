/* purge: deletes the oldest records of the quarantine. Kafka deletes from the beginning of a
 * partition, so what can be chosen is only how old records must be. */
#ifndef STREAMER_QUARANTINE_PURGE_H
#define STREAMER_QUARANTINE_PURGE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdint.h>

/* What is deleted: of each partition all before the first record that was not quarantined before
 * the time. Zero-initialized is empty. */
struct purge_plan {
    int32_t partitions;
    int64_t *before; /* by partition: the first offset that stays */
    uint64_t count;  /* records that go */
    uint64_t older;  /* records that are as old, but lie behind younger ones, and stay */
    uint64_t all;    /* records in the topic */
};

void purge_plan_release(struct purge_plan *p);
/* Reads the quarantine. The caller releases the plan, also after an error. */
bool purge_plan_make(const struct config *c, int64_t before_ms, const atomic_bool *stop,
                     struct purge_plan *p, struct err *e);
bool purge_run(const struct config *c, const struct purge_plan *p, struct err *e);

#endif
