/* metric_table: the one table of all metrics. What `/metrics` exports, what the documents' table
 * says and the figures of other answers are made from it. A new metric is one entry here, and a
 * member of `struct metrics` if it counts something. Pure, but for what the kernel knows of this
 * process. Any thread. */
#ifndef STREAMER_METRICS_METRIC_TABLE_H
#define STREAMER_METRICS_METRIC_TABLE_H

#include "streamer/base/decimal.h"
#include "streamer/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are exported. */
enum metric_id {
    METRIC_RECORDS_CONSUMED,
    METRIC_RECORDS_EMITTED,
    METRIC_RECORDS_QUARANTINED,
    METRIC_RECORDS_APPLIED,
    METRIC_RECORDS_UNCHANGED,
    METRIC_RECORDS_LATE,
    METRIC_RECORDS_REORDERED,
    METRIC_RECORDS_REPEATED,
    METRIC_RECORDS_BEHIND_TOMBSTONE,
    METRIC_RECORDS_TOMBSTONES_UNKNOWN,
    METRIC_OUTDATED_ROWS,
    METRIC_RECORDS_FORWARDED,
    METRIC_NULL_VALUES,
    METRIC_UNKNOWN_FIELDS,
    METRIC_CONFIRMATIONS_DROPPED,
    METRIC_ORPHAN_ACCOUNTS,
    METRIC_FRESHNESS_LAG,
    METRIC_NEWEST_RECORD,
    METRIC_CONSUMER_LAG,
    METRIC_PROCESSING_LATENCY,
    METRIC_TRANSACTIONS,
    METRIC_TRANSACTION_COMMIT,
    METRIC_LAST_COMMIT,
    METRIC_REGISTRY_REQUESTS,
    METRIC_ALERTS_SENT,
    METRIC_INVARIANT_CHECKS,
    METRIC_INVARIANT_VIOLATIONS,
    METRIC_QUALITY_CHECKS,
    METRIC_STATE_BYTES,
    METRIC_RESTORED_RECORDS,
    METRIC_RESTORE_REMAINING,
    METRIC_ASSIGNED_PARTITIONS,
    METRIC_BUILD_INFO,
    METRIC_PROCESS_CPU,
    METRIC_PROCESS_VIRTUAL_MEMORY,
    METRIC_PROCESS_RESIDENT_MEMORY,
    METRIC_PROCESS_OPEN_FDS,
    METRIC_PROCESS_MAX_FDS,
    METRIC_PROCESS_START_TIME,
    METRIC_COUNT
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 3

/* The labels. `le` of histograms is none of them: it belongs to the type. */
enum label_kind {
    LABEL_NONE,
    LABEL_TOPIC,
    LABEL_ENTITY,
    LABEL_CODE,
    LABEL_FIELD,
    LABEL_RESULT,
    LABEL_REGISTRY_RESULT,
    LABEL_ALERTS_RESULT,
    LABEL_INVARIANT,
    LABEL_LAYER,
    LABEL_SEVERITY,
    LABEL_STATUS,
    LABEL_PARTITION,
    LABEL_VERSION,
    LABEL_COMPILER,
    LABEL_APP_ID,
    LABEL_COUNT
};

/* Texts are static. */
struct metric {
    const char *name; /* "streamer_records_consumed_total" */
    enum metric_type type;
    const char *unit;                          /* of the exported figure: "records", "seconds" */
    enum label_kind labels[METRIC_LABELS_MAX]; /* LABEL_NONE: no further one */
    const char *help;                          /* one sentence, as Prometheus shows it */
    const char *note; /* sentences that the documents add to it; NULL: none */
};

const struct metric *metric_of(enum metric_id id);
const char *metric_type_name(enum metric_type type); /* "counter" */
const char *metric_label_name(enum label_kind kind); /* "topic"; NULL of LABEL_NONE */

/* One figure of a metric: value / 10^scale. The texts are good until the visitor returns. */
struct sample {
    const char *suffix; /* "_bucket", "_sum" or "_count" of a histogram; else "" */
    struct {
        const char *name, *value; /* name is NULL: no further label */
    } labels[METRIC_LABELS_MAX];
    int128 value;
    int scale;
};
typedef void sample_visitor(void *context, const struct sample *sample);

/* Calls `visit` for each figure of the metric, in the order in which they are exported. Figures
 * that do not exist yet, or that the kernel does not tell, are left out. now_ms: since 1970. */
void metric_visit(enum metric_id id, const struct metrics *m, int64_t now_ms, sample_visitor *visit,
                  void *context);

/* The sum over all labels. The metric must be a whole number, and no histogram. */
int64_t metric_total(enum metric_id id, const struct metrics *m);

#endif
