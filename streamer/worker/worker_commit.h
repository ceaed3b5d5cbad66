/* worker_commit: phase 3 of the cycle, which ends the transaction that processing has filled. */
#ifndef STREAMER_WORKER_WORKER_COMMIT_H
#define STREAMER_WORKER_WORKER_COMMIT_H

#include "streamer/worker/worker_internal.h"

bool worker_begin(struct worker *w, struct err *e);
/* Checks the invariants, then commits the messages together with `offsets`. True: certainly
 * committed, and w->commits is one more. False: nothing certain is known, and everything that the
 * transaction has changed must be dropped. */
bool worker_commit(struct worker *w, const rd_kafka_topic_partition_list_t *offsets, struct err *e);

#endif
