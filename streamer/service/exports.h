/* exports: answers GET /v1/export/{table}: all rows that a table has in the partitions of this
 * instance, from one snapshot of the committed state, as they come (http_stream.h).
 *
 * Each of EXPORTS_MAX threads makes one answer at a time; a further request is told to come back.
 * The threads run at a low priority, so that records come first. An answer that breaks off is cut,
 * so that no client takes it for the whole: the state cannot be read, a partition moves to another
 * instance, the process stops.
 *
 * Headers of the answer:
 *
 *   X-Streamer-Partitions: 0-3,7          whose rows these are
 *   X-Streamer-Partition-Count: 8         how many the table has, over all instances
 *   X-Streamer-Rates: tiers=10000:0.01,*:0.02 loan.bonus=0.005
 *                                         those that the marts are computed with
 *   X-Streamer-Positions: 0=1234,1=77,…   by partition: the next offset of the table's topic; -1:
 *                                         nothing was written yet. The header is left out if it
 *                                         were longer than EXPORTS_POSITIONS_MAX bytes. */
#ifndef STREAMER_SERVICE_EXPORTS_H
#define STREAMER_SERVICE_EXPORTS_H

#include "streamer/base/err.h"
#include "streamer/http/http.h"

#define EXPORTS_MAX 2
#define EXPORTS_POSITIONS_MAX 8000

struct answers;
struct exports;

/* NULL with `e`: a thread cannot be started. `a` is borrowed. */
struct exports *exports_new(struct answers *a, struct err *e);
/* Answers, now or later (http_defer). On the server's thread, with the workers locked. */
void exports_answer(struct exports *x, const struct http_request *request,
                    struct http_reply *reply);
/* Ends the answers that are under way; each later one ends at once. NULL is allowed. */
void exports_stop(struct exports *x);
/* After exports_stop, when no request comes any more. NULL is allowed. */
void exports_free(struct exports *x);

#endif
