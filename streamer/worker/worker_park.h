/* worker_park: a source whose next record has to wait, such as for its schema, is parked. Nothing
 * of it is processed and its committed offset stays, while the other sources go on. After 100 ms it
 * is consumed again, from that record on. If the record still has to wait, each further time is
 * twice as long, up to 5 s. The log tells when a record waits longer than the first time, and when
 * its partition goes on; worker_waits tells which records wait. */
#ifndef STREAMER_WORKER_WORKER_PARK_H
#define STREAMER_WORKER_WORKER_PARK_H

#include "streamer/worker/worker_internal.h"

static inline bool worker_is_parked(const struct source *s) {
    return s->park.resume_ms != 0;
}
/* Parks a source at the record with this offset, for what the text of the pipeline's reason says.
 * A source that is parked already stays as it is. */
void worker_park(struct worker *w, struct source *s, int64_t offset);
/* Takes note that a record of the source was processed: it waits for nothing. */
void worker_unpark(struct worker *w, struct source *s);
/* As soon as one source was parked long enough, makes all that the consumer does not read ready to
 * be consumed. */
void worker_resume_parked(struct worker *w);
/* Forgets what the sources wait for, because they begin anew or are gone. */
void worker_forget_parked(struct worker *w);

#endif
