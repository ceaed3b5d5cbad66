/* worker_process: phase 2 of the cycle, which runs messages through the tasks. State changes go
 * into the batch of the store, messages to the producer's open transaction. */
#ifndef STREAMER_WORKER_WORKER_PROCESS_H
#define STREAMER_WORKER_WORKER_PROCESS_H

#include "streamer/worker/worker_internal.h"

/* Both functions need an open transaction, and put the offsets to commit into `offsets`. An error
 * of the state shows in kv_failed of the pipeline's kv. */

/* Processes messages from `*at` of the batch on, and moves `*at` behind them. A message that has to
 * wait parks its source, and the messages of that source are passed over. Stops early when the
 * transaction has become large or long, after a part of a fan-out, and when the worker is to stop:
 * the rest needs another transaction. */
void worker_process_messages(struct worker *w, size_t *at,
                             rd_kafka_topic_partition_list_t *offsets);
/* Computes marts of tasks in STAGE_REFRESHING with the current rates, until all are done or the
 * transaction has become large. */
void worker_process_refresh(struct worker *w, rd_kafka_topic_partition_list_t *offsets);

#endif
