/* metrics: every figure that /metrics exports. Workers write with relaxed atomics (no locks on the
 * path of a record), the HTTP thread renders. Names, labels and units are promised to users
 * (docker/README.md, "Metrics"); help texts are in metrics.c.
 */
#ifndef STREAMER_METRICS_METRICS_H
#define STREAMER_METRICS_METRICS_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"
#include "streamer/model/event.h"
#include "streamer/task/invariants.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic int64_t counter; /* only grows */
typedef _Atomic int64_t gauge;

static inline void metric_add(counter *c, int64_t n) {
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline void metric_set(gauge *g, int64_t v) {
    atomic_store_explicit(g, v, memory_order_relaxed);
}

static inline int64_t metric_get(const counter *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* A gauge that several workers add up to: `*shown` is what this one has told so far. */
static inline void metric_move(gauge *g, int64_t *shown, int64_t v) {
    metric_add(g, v - *shown);
    *shown = v;
}
/* A gauge that never goes back. */
static inline void metric_raise(gauge *g, int64_t v) {
    int64_t was = atomic_load_explicit(g, memory_order_relaxed);
    while (was < v && !atomic_compare_exchange_weak_explicit(g, &was, v, memory_order_relaxed,
                                                             memory_order_relaxed))
        continue;
}

/* Durations in microseconds; exported in seconds, with le bounds 1 ms … 60 s. */
#define HISTOGRAM_BUCKETS 16
struct histogram {
    counter buckets[HISTOGRAM_BUCKETS + 1]; /* not cumulative; the last is +Inf */
    counter sum_s,
        sum_us; /* added up; apart, as a replay of old input would overflow one in microseconds */
};
/* Adds `times` observations of `us` each; a negative one counts as 0. */
void histogram_observe(struct histogram *h, int64_t us, int64_t times);

enum transaction_result {
    TRANSACTION_COMMITTED,
    TRANSACTION_ABORTED,
    TRANSACTION_FENCED,
    TRANSACTION_RESULTS
};

struct metrics {
    counter consumed[TOPIC_COUNT];
    counter emitted[TOPIC_COUNT]; /* messages of committed transactions, tombstones included */
    counter quarantined[ENTITY_COUNT][REASON_COUNT];
    counter applied[ENTITY_COUNT], unchanged[ENTITY_COUNT], forwarded[ENTITY_COUNT],
        late[ENTITY_COUNT];
    counter null_values[ENTITY_COUNT][FIELD_COUNT];
    counter unknown_fields[ENTITY_COUNT];
    counter confirmations_dropped[ENTITY_COUNT]; /* forgotten early: over confirmations.max */
    counter reordered[ENTITY_COUNT], repeated[ENTITY_COUNT], behind_tombstone[ENTITY_COUNT],
        tombstones_unknown[ENTITY_COUNT];
    gauge outdated_rows[ENTITY_COUNT];
    gauge newest_event_ms[ENTITY_COUNT]; /* TIMESTAMP_NONE until there is one */
    gauge orphan_accounts;
    struct histogram processing_latency, commit_duration;
    counter transactions[TRANSACTION_RESULTS];
    counter invariant_checks[INVARIANT_COUNT], invariant_violations[INVARIANT_COUNT];
    gauge state_bytes;
    counter restored_records;
    gauge restore_remaining;
    gauge assigned_partitions; /* of all consumed topics */
    gauge last_commit_ms;      /* epoch; 0 until there is one */

    /* Lag of each consumed partition: written by its worker, indexed by topic then partition.
     * Allocated once by metrics_set_partitions before the worker starts; -1: not assigned here. */
    struct {
        int32_t partitions;
        gauge *lag;
    } lag[TOPIC_COUNT];
    const struct config *config; /* topic names for the labels */
    int64_t start_time;          /* of the process, 1/100 s since 1970 */
};

/* `config` must outlive it. */
struct metrics *metrics_new(const struct config *config);
void metrics_free(struct metrics *m);
/* Once for each topic, before HTTP and workers start. */
void metrics_set_partitions(struct metrics *m, enum topic topic, int32_t partitions);

/* Appends the Prometheus text format 0.0.4 at wall-clock `now_ms`. */
void metrics_render(const struct metrics *m, int64_t now_ms, struct buf *out);

#endif
