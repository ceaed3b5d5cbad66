/* worker_collect: phase 1 of the cycle, which polls messages into the batch. No transaction is open
 * meanwhile. */
#ifndef STREAMER_WORKER_WORKER_COLLECT_H
#define STREAMER_WORKER_WORKER_COLLECT_H

#include "streamer/worker/worker_internal.h"

/* Fills the empty batch: waits up to `wait_ms` for its first message, and then goes on until
 * nothing waits any more, or until batch.max.records or batch.max.ms. Moves `next` and `end` of the
 * sources. A rebalance drops the batch. An error of the consumer sets w->trouble or w->fatal. */
void worker_collect(struct worker *w, int wait_ms);
/* Empties the batch. */
void worker_drop_messages(struct worker *w);

#endif
