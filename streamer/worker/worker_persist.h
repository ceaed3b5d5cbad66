/* worker_persist: phase 4 of the cycle, which writes the state that committed transactions have
 * changed, with each task's positions, in one atomic write. */
#ifndef STREAMER_WORKER_WORKER_PERSIST_H
#define STREAMER_WORKER_WORKER_PERSIST_H

#include "streamer/worker/worker_internal.h"

/* Takes the offsets of a transaction that has just been committed as the positions of the sources
 * and their tasks, and writes the state, or postpones the write. */
bool worker_persist(struct worker *w, const rd_kafka_topic_partition_list_t *offsets,
                    struct err *e);

/* Whether writing committed state to disk may be postponed: while more input waits, rows that
 * change again are then written only once. After a crash, replay restores what was not written. */
bool worker_may_defer_write(const struct worker *w);
/* Writes what is not written yet, if there is any and no transaction is open. */
bool worker_write_state(struct worker *w, struct err *e);
/* The same where no error can be returned: a failure is logged, and replay restores the state. */
void worker_try_write_state(struct worker *w);

/* Adds an offset of each ready task whose stored state is about to look too old to be used
 * (catchup_unusable), though nothing has changed. The commit proves that the task still belongs to
 * this worker, and worker_persist then writes that its state is as new as the topics. */
void worker_note_aging(const struct worker *w, rd_kafka_topic_partition_list_t *offsets);

#endif
