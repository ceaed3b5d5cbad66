/* background: one thread that does jobs for HTTP, one after the other, so that a long one does not
 * keep the server's thread from answering. */
#ifndef STREAMER_SERVICE_BACKGROUND_H
#define STREAMER_SERVICE_BACKGROUND_H

#include "streamer/base/err.h"

#include <stdatomic.h>

struct background;

/* Once *is_stopping is true, the job must end soon. It owns its context. */
typedef void background_job(void *context, const atomic_bool *is_stopping);

/* NULL with `e`: the thread cannot be started. */
struct background *background_new(struct err *e);
/* Does the job on the thread. How many jobs wait is bounded by whoever sends them: each job holds a
 * connection to the server. After background_stop the job is done at once. Any thread. */
void background_do(struct background *b, background_job *job, void *context);
/* Lets all jobs end, those that wait, too. NULL is allowed. */
void background_stop(struct background *b);
/* After background_stop, when nobody calls background_do any more. NULL is allowed. */
void background_free(struct background *b);

#endif
