/* murmur2: the 32-bit hash by which Kafka's Java client chooses a partition for a key
 * (org.apache.kafka.common.utils.Utils.murmur2). */
#ifndef STREAMER_BASE_MURMUR2_H
#define STREAMER_BASE_MURMUR2_H

#include "streamer/base/slice.h"

#include <stdint.h>

int32_t murmur2(struct slice key);

/* The partition of `key` among n (1 or more) that Java's default partitioner chooses:
 * toPositive(hash) % n. */
static inline int32_t murmur2_partition(struct slice key, int32_t n) {
    return (murmur2(key) & 0x7fffffff) % n;
}

#endif
