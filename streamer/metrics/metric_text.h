/* metric_text: the metrics as texts: Prometheus's format, Markdown for the documents, members of
 * JSON answers. All are made from metric_table.h. Any thread. */
#ifndef STREAMER_METRICS_METRIC_TEXT_H
#define STREAMER_METRICS_METRIC_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/metrics/metric_table.h"

#include <stdint.h>

/* Appends all metrics in the Prometheus text format 0.0.4, as they are at `now_ms` since 1970. */
void metrics_render(const struct metrics *m, int64_t now_ms, struct buf *out);

/* Appends the documents' table. The standard `process_*` metrics are left out. */
void metrics_put_markdown(struct buf *out);

/* Appends the name that the metric has as a member of a JSON object, without quotes: its name
 * without the prefix "streamer_" and the ending "_total". */
void metric_put_json_name(enum metric_id id, struct buf *out);

#endif
