/* quality: the thread that checks, all the time and beside the path of records, whether what the
 * processor holds is right. It looks at all rows of the state, pass after pass, each over one
 * snapshot of RocksDB and at a bounded rate; and each second at the counters of the metrics, and
 * again at what was found in doubt.
 *
 *   checks.h     the table of checks, and those over rows
 *   look.h       one customer or account with all that it is compared with
 *   pass.h       all rows of a partition
 *   doubts.h     what differs while messages between tasks are under way
 *   streams.h    the checks of what flows
 *   averages.h   what is usual there; averages_file.h keeps it over a restart
 *   board.h      what all checks say now
 *   report.h     the same as JSON */
#ifndef STREAMER_QUALITY_QUALITY_H
#define STREAMER_QUALITY_QUALITY_H

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/metrics/metrics.h"
#include "streamer/model/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Everything is borrowed and must outlive the thread. */
struct quality_options {
    const struct config *config; /* in state_dir it keeps what is usual */
    const struct clock *clock;
    struct store *store;
    struct metrics *metrics;
    int32_t partitions;   /* n: of the result topics */
    const char *instance; /* who reports; UTF-8 */
    /* Whether this process has the task of the partition, and its state is restored. Called on the
     * thread of quality. */
    bool (*owns)(void *context, int32_t partition);
    void *context;
};

struct quality;
/* NULL with `e`: there is no thread. */
struct quality *quality_start(const struct quality_options *o, struct err *e);
/* Ends the thread and frees it. NULL is allowed. Nobody may ask any more. */
void quality_stop(struct quality *q);

/* Copies what the checks say now into `out`. Returns how many there are, at most `max`. Any
 * thread. */
size_t quality_states(struct quality *q, struct check_state *out, size_t max);
/* Appends the report, a JSON object (docker/README.md). Any thread. */
void quality_put_report(struct quality *q, struct buf *out);

#endif
