/* scan_rate: what one pass of the quality checks over a state costs. */
#ifndef TESTS_BENCH_SCAN_RATE_H
#define TESTS_BENCH_SCAN_RATE_H

#include "state/rocksdb/store.h"
#include "streamer/task/task.h"

/* Passes over all `count` tasks without a pause. Prints a line: how many rows it has read, the CPU
 * time of one, and at the rate of the default setting how long a pass takes and which part of one
 * core it uses. */
void scan_rate(struct store *s, const struct rates *rates, const struct task *tasks, int32_t count);

#endif
