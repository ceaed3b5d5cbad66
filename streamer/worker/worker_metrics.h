/* worker_metrics: what a worker publishes. Counts are published only after the commit. */
#ifndef STREAMER_WORKER_WORKER_METRICS_H
#define STREAMER_WORKER_WORKER_METRICS_H

#include "streamer/worker/worker_internal.h"

/* Adds the counts of a committed transaction to the metrics, and clears them. */
void worker_publish_counts(struct worker *w);
/* How many records wait, by partition and in sum. Updates `end` of the sources. */
void worker_publish_lag(struct worker *w);
/* Of the sources that the worker is about to lose. */
void worker_unpublish_lag(struct worker *w);
/* The processing latency of messages `from` to `to` - 1 of the batch, just committed. */
void worker_publish_latency(struct worker *w, size_t from, size_t to);
void worker_publish_assigned(struct worker *w);
/* Rows that are orphans or outdated, and the size of the store. */
void worker_publish_state(struct worker *w);

#endif
