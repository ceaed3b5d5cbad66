/* readiness_check: readiness as a check, so that it is told like the others. Pure. */
#ifndef STREAMER_SERVICE_READINESS_CHECK_H
#define STREAMER_SERVICE_READINESS_CHECK_H

#include "streamer/model/check.h"
#include "streamer/service/readiness.h"

/* How long an instance may be without partitions, or restore: starts, rebalances and new secrets
 * take a while. */
#define READINESS_PATIENCE_MS INT64_C(60000)
/* How long an error may keep it from its work: what is over at the next attempt wakes nobody. */
#define READINESS_ERROR_PATIENCE_MS INT64_C(10000)

/* What is to be said at now_ms (since 1970). It fails where there is an error or no partition for
 * longer than that, and at once where a worker has ended; it warns where it restores for longer. */
void readiness_check(const struct readiness *r, int64_t now_ms, struct check_state *out);

#endif
