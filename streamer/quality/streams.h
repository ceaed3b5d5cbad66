/* streams: the checks of what flows, from the counters of the metrics, which are sampled each
 * second: records that are rejected, fields that are not known, values that are null, and that
 * nothing gets lost. Pure but for what it remembers; no clock. One thread. */
#ifndef STREAMER_QUALITY_STREAMS_H
#define STREAMER_QUALITY_STREAMS_H

#include "streamer/config/config.h"
#include "streamer/metrics/metrics.h"
#include "streamer/quality/averages.h"
#include "streamer/quality/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_WINDOW 1000 /* records: the "last 1,000" */
#define STREAM_STEP 50     /* records between two marks of the window, at least */
#define STREAM_MARKS (STREAM_WINDOW / STREAM_STEP + 2)
#define STREAM_MINUTES 61 /* marks of the last hour */
/* The share of rejected records is judged from so many records on: one rejected record of one says
 * nothing about the input. */
#define STREAM_LEAST 20

/* The counters of one entity at a moment. */
struct stream_counts {
    int64_t judged; /* applied, unchanged or quarantined */
    int64_t rejected, codes[REASON_COUNT];
    int64_t nulls[FIELD_COUNT];
    int64_t unknown;
};

/* The oldest mark comes first; when it is full, the oldest one is dropped. */
struct stream_marks {
    struct stream_counts list[STREAM_MINUTES];
    int64_t at_ms[STREAM_MINUTES];
    size_t count;
};

struct stream {
    struct stream_marks window, hour;
    int64_t averaged; /* `judged` when the averages were last brought up to date */
};

struct streams {
    const struct config *config; /* borrowed */
    const struct metrics *metrics;
    struct stream entities[ENTITY_COUNT];
    /* Over what came before, also in processes before this one: may be set before the first
     * sample. */
    struct averages averages;
    /* Conservation: consumed - done, and in how many samples in a row it was that. */
    int64_t lost[ENTITY_COUNT];
    int lost_times[ENTITY_COUNT];
};
/* now_ms: since 1970. */
void streams_init(struct streams *s, const struct config *config, const struct metrics *metrics,
                  int64_t now_ms);

/* Takes a sample and judges. now_ms: since 1970. */
void streams_sample(struct streams *s, struct board *board, int64_t now_ms);

#endif
