/* worker_tasks: the tasks of the assignment, each on its own way from STAGE_WAITING to STAGE_READY.
 * First whoever had the task in this process lets go of it, then its committed offsets are read,
 * its state is replayed up to there, and its marts are computed with the current rates. Each call
 * is a short step, so that ready tasks go on meanwhile and the group is polled. */
#ifndef STREAMER_WORKER_WORKER_TASKS_H
#define STREAMER_WORKER_WORKER_TASKS_H

#include "streamer/worker/worker_internal.h"

bool worker_has_task_in(const struct worker *w, enum task_stage stage);
/* Whether a task is being restored or refreshed, so that the next step should follow at once. */
bool worker_is_advancing(const struct worker *w);

/* Puts the tasks of a new assignment into STAGE_WAITING: a worker that has the account links of a
 * partition has the task of that partition. */
void worker_take_tasks(struct worker *w);
/* Lets all tasks go, so that other workers of the process may take their state. The state must be
 * written before. */
void worker_release_tasks(struct worker *w);
/* Drops all changes of state that are not written, and puts each task of this worker back into
 * STAGE_WAITING. */
void worker_restart_tasks(struct worker *w);

/* STAGE_WAITING to STAGE_RESTORING: locates the sources of tasks whose state is free, and plans
 * what to replay. Other sources, which are only forwarded, are located with them. */
bool worker_plan_tasks(struct worker *w, struct err *e);
/* STAGE_RESTORING to STAGE_REFRESHING or STAGE_READY: restores for some milliseconds. */
bool worker_restore_tasks(struct worker *w, struct err *e);
/* STAGE_REFRESHING to STAGE_READY, for each task whose marts have the current rates by now. */
void worker_pass_refreshed(struct worker *w);
/* Makes the consumer read the sources that are ready by now and are not parked, if these are not
 * what it reads already. The batch must be empty. */
bool worker_consume_ready(struct worker *w, struct err *e);

/* Logs how far the restore is, every ten seconds, and when it is `done`. */
void worker_log_progress(struct worker *w, bool done);

#endif
