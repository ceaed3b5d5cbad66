/* worker_cycle: one cycle of a worker. It is the only file that knows the order of the phases:
 *
 *   0. advance   bring tasks that are not ready one step nearer to it (worker_tasks.h)
 *   1. collect   poll up to batch.max.records or for batch.max.ms; go on as soon as nothing waits
 *   2. process   begin a transaction, and run the messages through the tasks
 *   3. commit    send the offsets, and commit
 *   4. persist   write the state, with each task's positions, in one atomic write. While more input
 *                waits, several transactions are written together. After a crash, replay restores
 *                what was not written.
 *
 * A large batch takes several transactions: phases 2 to 4 are then repeated.
 *
 * No transaction is ever open during a poll. So a rebalance, which only comes from a poll, drops
 * the collected batch and nothing else. After an error, and with every assignment, the tasks begin
 * at their committed offsets again. */
#ifndef STREAMER_WORKER_WORKER_CYCLE_H
#define STREAMER_WORKER_WORKER_CYCLE_H

#include "streamer/worker/worker_internal.h"

/* One cycle. False with `e`: the caller must call worker_restart before the next one. An error that
 * ends the worker is in w->fatal instead. */
bool worker_cycle(struct worker *w, struct err *e);

/* The parts of a cycle that tests call one by one. Phase 0: */
bool worker_advance(struct worker *w, struct err *e);
/* Phases 2 to 4: one transaction, from message `*at` of the batch on. Moves `*at` behind what is
 * processed. */
bool worker_transact(struct worker *w, size_t *at, struct err *e);

/* Makes the worker a member of the group. */
bool worker_enter_group(struct worker *w, struct err *e);
/* Drops the batch and all state that is not committed. Nothing is consumed until the tasks are back
 * at their committed offsets. */
void worker_restart(struct worker *w);
/* Drops the batch, writes the state and lets all tasks go. */
void worker_let_go(struct worker *w);
/* Sets w->phase, and notes when the worker begins or ceases to run. */
void worker_set_phase(struct worker *w, enum worker_phase phase);

#endif
