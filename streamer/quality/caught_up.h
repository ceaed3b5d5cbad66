/* caught_up: up to when this process has read what an account waits for: the records of customers,
 * and the links and refs on the way to it. After a start with a backlog, or while the process is
 * behind, the customer of an account may be among what has not been read yet. Pure but for what it
 * remembers; no clock. One thread. */
#ifndef STREAMER_QUALITY_CAUGHT_UP_H
#define STREAMER_QUALITY_CAUGHT_UP_H

#include "streamer/metrics/metrics.h"

#include <stdint.h>

/* So many samples in a row the lag must be less than what was read since the sample before. */
#define CAUGHT_UP_SAMPLES 3

/* Zero: nothing is known yet. */
struct caught_up {
    int64_t consumed; /* records of all topics, at the last sample */
    int64_t known;    /* partitions whose lag was known then */
    int samples;      /* how many in a row were not behind */
    int64_t until_ms; /* since 1970; 0: it was behind all the time */
};

/* To be called about once a second. now_ms: since 1970. */
void caught_up_sample(struct caught_up *c, const struct metrics *m, int64_t now_ms);

#endif
