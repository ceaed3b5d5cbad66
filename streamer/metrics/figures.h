/* figures: the counters of the metrics at one moment, and what two moments say together: rates and
 * quantiles. Pure, but for the reading. */
#ifndef STREAMER_METRICS_FIGURES_H
#define STREAMER_METRICS_FIGURES_H

#include "streamer/metrics/metrics.h"

#include <stdint.h>

struct figures {
    int64_t at_us; /* monotonic */
    int64_t consumed[TOPIC_COUNT], emitted[TOPIC_COUNT];
    int64_t applied[ENTITY_COUNT], unchanged[ENTITY_COUNT];
    int64_t quarantined[ENTITY_COUNT]; /* for all reasons */
    int64_t commits;
    int64_t latency[HISTOGRAM_BUCKETS + 1]; /* observations by bucket */
};

void figures_read(const struct metrics *m, int64_t at_us, struct figures *out);

/* Records of an entity that passed staging or were refused: applied, unchanged, quarantined. */
int64_t figures_judged(const struct figures *f, enum entity entity);
/* Records of the input topics that were read. */
int64_t figures_consumed(const struct figures *f);
/* Messages of the result topics, without the quarantine. */
int64_t figures_emitted(const struct figures *f);
int64_t figures_quarantined(const struct figures *f);

/* How much a counter grew in a second, in thousandths, if it was `before` and is `after` us
 * microseconds later. 0 if no time has passed. */
int64_t figures_rate_milli(int64_t before, int64_t after, int64_t us);

/* The latency, in microseconds, that `percent` of the records between the two moments did not
 * exceed: between the bounds of its bucket by proportion, and at most the last bound. -1: there was
 * no record. */
int64_t figures_latency_us(const struct figures *before, const struct figures *after, int percent);

#endif
