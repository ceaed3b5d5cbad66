/* hour: the last hour of some figures in steps of ten seconds, in arrays of fixed size. One thread
 * at a time. */
#ifndef STREAMER_METRICS_HOUR_H
#define STREAMER_METRICS_HOUR_H

#include "streamer/base/buf.h"
#include "streamer/metrics/figures.h"

#include <stdint.h>

#define HOUR_STEP_MS 10000
#define HOUR_STEPS 360
#define HOUR_UNKNOWN (-1)

enum hour_series {
    HOUR_CONSUMED, /* records of the input a second, in thousandths */
    HOUR_EMITTED,
    HOUR_QUARANTINED,
    HOUR_COMMITS,
    HOUR_LATENCY_P50, /* microseconds */
    HOUR_LATENCY_P99,
    HOUR_LAG, /* records that wait at the end of the step */
    HOUR_SERIES
};

/* One step; HOUR_UNKNOWN where a figure is not known. */
struct hour_point {
    int64_t values[HOUR_SERIES];
};

/* Zero-initialized: nothing is known. */
struct hour {
    struct hour_point points[HOUR_STEPS]; /* a ring */
    int next;                             /* the place of the next point, and of the oldest one */
    int count;                            /* of the points that are there */
    int64_t until_ms;                     /* since 1970: the end of the newest step; 0: none */
};

/* What happened between two moments, and how many records wait. */
struct hour_point hour_point_of(const struct figures *before, const struct figures *after,
                                int64_t lag_records);

/* Adds a step that ends at now_ms (since 1970). Steps that were left out since the last one are
 * added as unknown. A clock that was set back changes nothing of what is there. */
void hour_add(struct hour *h, int64_t now_ms, const struct hour_point *point);

/* Appends {"step_seconds":10,"until":"…Z","series":{"consumed_per_second":[…],…}}: oldest first,
 * HOUR_STEPS figures each, null where not known. */
void hour_put_json(const struct hour *h, struct buf *out);

#endif
