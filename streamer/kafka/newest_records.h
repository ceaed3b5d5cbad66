/* newest_records: asks the brokers for the newest Kafka timestamp in each input topic, now and
 * then. No function waits for an answer. One thread at a time. */
#ifndef STREAMER_KAFKA_NEWEST_RECORDS_H
#define STREAMER_KAFKA_NEWEST_RECORDS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stdint.h>

enum newest_state {
    NEWEST_TOLD,     /* `ms` is the timestamp */
    NEWEST_NONE,     /* no partition has a record */
    NEWEST_UNTOLD,   /* the brokers are too old to tell (Kafka before 3.0) */
    NEWEST_NO_ANSWER /* `why` says why; tried again */
};

struct newest_record {
    enum newest_state state;
    int64_t ms; /* since 1970 */
};

struct newest_answer {
    struct newest_record inputs[ENTITY_COUNT];
    /* Why a partition did not answer; ERR_NONE: all did. Where another one told a time, the state
     * is NEWEST_TOLD all the same. */
    struct err why;
};

struct newest_records;

/* `c` is borrowed; `partitions` are the numbers of partitions of the input topics. */
struct newest_records *newest_records_new(const struct config *c,
                                          const int32_t partitions[ENTITY_COUNT]);
void newest_records_free(struct newest_records *n); /* NULL is allowed */
/* Ends the client, so that the settings with which clients log in may change. The next step makes
 * a new one. */
void newest_records_pause(struct newest_records *n);

/* Sends a question if it is time for one, or looks whether the answer is there. True: `answer` is
 * new. Call it every few seconds. now_ms: monotonic. */
bool newest_records_step(struct newest_records *n, int64_t now_ms, struct newest_answer *answer);

#endif
