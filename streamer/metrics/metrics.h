/* metrics: what this process counts and measures. Workers write these figures with relaxed atomics,
 * so that no record waits for a lock; the HTTP thread reads them. metric_table.h says what each
 * figure is called and how it is shown. */
#ifndef STREAMER_METRICS_METRICS_H
#define STREAMER_METRICS_METRICS_H

#include "streamer/config/config.h"
#include "streamer/model/check.h"
#include "streamer/model/event.h"
#include "streamer/registry/registry.h"
#include "streamer/task/invariants.h"

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic int64_t counter; /* only grows, from 0 at the start of the process */
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

/* A gauge that is the sum over several workers. This worker's part of it becomes `v`; `*shown` is
 * the part that this worker has added so far. */
static inline void metric_move(gauge *g, int64_t *shown, int64_t v) {
    metric_add(g, v - *shown);
    *shown = v;
}
/* A gauge that never falls. */
static inline void metric_raise(gauge *g, int64_t v) {
    int64_t was = atomic_load_explicit(g, memory_order_relaxed);
    while (was < v && !atomic_compare_exchange_weak_explicit(g, &was, v, memory_order_relaxed,
                                                             memory_order_relaxed))
        continue;
}

/* A distribution of durations, with buckets from 1 ms to 60 s. */
#define HISTOGRAM_BUCKETS 16
struct histogram {
    /* How many durations were above the bound before and not above this one. The last bucket has
     * no bound. */
    counter buckets[HISTOGRAM_BUCKETS + 1];
    /* The sum of all durations is sum_s seconds and sum_us microseconds (which may be more than a
     * second). One counter of microseconds would overflow when years-old input is replayed. */
    counter sum_s, sum_us;
};
/* Adds `times` observations of `us` microseconds each. A negative duration (clocks differ, or one
 * was set back) counts as 0. */
void histogram_observe(struct histogram *h, int64_t us, int64_t times);
/* The upper bound of a bucket, in seconds, as Prometheus writes it: "0.001" … "60", "+Inf". */
const char *histogram_bound(int bucket);
/* The same in microseconds, of a bucket that has a bound. */
int64_t histogram_bound_us(int bucket);

/* Of the last restore of a task, in records. */
struct task_figures {
    gauge restored;  /* that were read */
    gauge remaining; /* that are to be read; -1: not known */
};

/* What is known of an input topic as a whole. Times are since 1970. */
struct input_figures {
    gauge newest_record_ms; /* the newest Kafka timestamp; TIMESTAMP_NONE: not known */
    gauge fresh_from_ms; /* when records began to come again after the last gap, or were first dated
                            ahead */
    gauge told;          /* enum input_told: what the brokers say */
    gauge told_since_ms;
};

enum transaction_result {
    TRANSACTION_COMMITTED,
    TRANSACTION_ABORTED, /* and retried */
    TRANSACTION_FENCED,  /* a new producer took over */
    TRANSACTION_RESULTS
};

/* What became of a message to alert.webhook.url. */
enum alerts_result {
    ALERTS_OK,
    ALERTS_FAILED, /* given up after its retries */
    ALERTS_RESULTS
};

/* The table (metric_table.h) says what each member means. Members of one `[ENTITY_COUNT]` are by
 * enum entity, and so on. */
struct metrics {
    counter consumed[TOPIC_COUNT];
    counter emitted[TOPIC_COUNT];
    counter quarantined[ENTITY_COUNT][REASON_COUNT];
    counter applied[ENTITY_COUNT];
    counter unchanged[ENTITY_COUNT];
    counter forwarded[ENTITY_COUNT];
    counter late[ENTITY_COUNT];
    counter reordered[ENTITY_COUNT];
    counter repeated[ENTITY_COUNT];
    counter behind_tombstone[ENTITY_COUNT];
    counter tombstones_unknown[ENTITY_COUNT];
    counter null_values[ENTITY_COUNT][FIELD_COUNT];
    counter unknown_fields[ENTITY_COUNT];
    counter confirmations_dropped[ENTITY_COUNT];
    gauge outdated_rows[ENTITY_COUNT];
    gauge newest_event_ms[ENTITY_COUNT]; /* since 1970; TIMESTAMP_NONE until there is an event */
    struct input_figures inputs[ENTITY_COUNT]; /* freshness.h writes them */
    gauge orphan_accounts;
    struct histogram processing_latency;
    struct histogram commit_duration;
    counter transactions[TRANSACTION_RESULTS];
    counter registry_requests[REGISTRY_RESULT_COUNT];
    counter alerts_sent[ALERTS_RESULTS];
    counter invariant_checks[INVARIANT_COUNT];
    counter invariant_violations[INVARIANT_COUNT];
    gauge state_bytes;
    counter restored_records;
    gauge restore_remaining;
    gauge assigned_partitions; /* of all consumed topics */
    gauge last_commit_ms;      /* since 1970; 0 until there is a commit */
    /* How many quality checks there are of each kind. */
    gauge quality_checks[LAYER_COUNT][SEVERITY_COUNT][CHECK_STATUS_COUNT];

    /* The lag of each consumed partition in records, by topic and partition; -1: the partition is
     * not assigned to this process. A partition's worker writes it. */
    struct {
        int32_t partitions;
        gauge *lag; /* allocated by metrics_set_partitions, as the next one */
        /* Not exported: one behind the last message, as far as the worker knows, and how far the
         * worker can have read (transaction markers may follow the last message); -1 likewise. */
        gauge *end, *reach;
        /* Not exported: one behind the last message that the workers of this process have sent to
         * the partition in committed transactions, before the state shows what they belong to; -1:
         * none. The partition's own worker may not have heard of it yet. */
        gauge *sent;
    } lag[TOPIC_COUNT];
    /* The restore of each task, by partition, of which there are as many as of the account links.
     * The task's worker writes it. */
    struct task_figures *tasks;  /* allocated by metrics_set_partitions */
    const struct config *config; /* for names in labels */
    int64_t process_start_cs;    /* process_figures.h */
};

/* All figures are 0 or absent. `config` is borrowed and must outlive it. */
struct metrics *metrics_new(const struct config *config);
void metrics_free(struct metrics *m); /* NULL is allowed */
/* Call it once for each topic, before other threads use the metrics. */
void metrics_set_partitions(struct metrics *m, enum topic topic, int32_t partitions);

#endif
