/* worker_metrics: what a worker publishes. Counts are published only after the commit. */
#ifndef STREAMER_WORKER_WORKER_METRICS_H
#define STREAMER_WORKER_WORKER_METRICS_H

#include "streamer/worker/worker_internal.h"

/* Adds the counts of a committed transaction to the metrics, and its quarantined records to the
 * samples, and clears both. */
void worker_publish_counts(struct worker *w);
/* Shows the samples to others, unless one of them looks just now. Call it again later. */
void worker_publish_rejects(struct worker *w);
/* Publishes how many records wait, by partition and in sum. Updates `end` of the sources. */
void worker_publish_lag(struct worker *w);
/* Publishes how far this worker has sent links and refs. Call it after a commit, before others can
 * see the state that the commit belongs to. */
void worker_publish_sent(struct worker *w);
/* Says of the sources that the worker is about to lose that they are not assigned. */
void worker_unpublish_lag(struct worker *w);
/* Publishes the processing latency of messages `from` to `to` - 1 of the batch, which were just
 * committed, and how new the input is. */
void worker_publish_latency(struct worker *w, size_t from, size_t to);
/* Publishes how many partitions the worker has. */
void worker_publish_assigned(struct worker *w);
/* Publishes how many rows are orphans or outdated, and the size of the store. */
void worker_publish_state(struct worker *w);

#endif
