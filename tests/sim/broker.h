/* broker: Apache Kafka as far as exactly-once is concerned, in memory. Logs with transactional
 * records and markers, which are written some time after a transaction has been decided; group
 * offsets that belong to a transaction; epochs of producers; generations of the group; compaction.
 * Everything at once and in one thread: what happens when is the schedule's business. */
#ifndef TESTS_SIM_BROKER_H
#define TESTS_SIM_BROKER_H

#include "streamer/base/buf.h"
#include "streamer/model/sink.h"
#include "streamer/model/topic.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define BROKER_PARTITIONS 4
#define BROKER_PRODUCERS 64 /* transactional ids */

struct log_record {
    struct buf key, value;
    bool has_key, has_value;
    rd_kafka_headers_t *headers; /* NULL: none */
    int64_t timestamp_ms;
    int txn; /* index; -1: not transactional */
    bool marker, gone;
    int64_t cleaned_ms; /* a tombstone: when compaction has first seen it; 0: not yet */
};

struct partition_log {
    struct log_record *records; /* by offset */
    int64_t count, cap, start;
};

enum txn_state {
    TXN_OPEN,
    TXN_COMMIT,
    TXN_ABORT,
    TXN_DONE
}; /* COMMIT, ABORT: decided, markers are under way */
struct offset {
    enum topic topic;
    int32_t partition;
    int64_t offset;
};
struct txn {
    enum txn_state state;
    bool committed; /* once decided */
    int producer;
    enum { UNTOUCHED, WRITTEN, MARKED } logs[TOPIC_COUNT][BROKER_PARTITIONS];
    struct offset offsets[64];
    int offset_count;
    bool offsets_marked;
};

struct broker {
    struct partition_log logs[TOPIC_COUNT][BROKER_PARTITIONS];
    int64_t committed[TOPIC_COUNT][BROKER_PARTITIONS]; /* of the group; -1: none */
    struct txn *txns;
    int txn_count, txn_cap;
    int epochs[BROKER_PRODUCERS];
    int open[BROKER_PRODUCERS]; /* the transaction that is not done; -1: none */
    int generation;             /* of the group */
    int32_t partitions[TOPIC_COUNT];
    enum topic unknown; /* the group's leader has not heard of it; TOPIC_COUNT: of all */
    int64_t now_ms;
    /* Deliberate mistakes (sim.h). */
    bool ignores_generation, ignores_epoch, shows_all, offsets_at_once, tells_unstable;
};
void broker_init(struct broker *b, const int32_t partitions[TOPIC_COUNT]);
void broker_release(struct broker *b);

/* A record of an input topic; the caller may give it headers. */
struct log_record *broker_produce(struct broker *b, enum topic topic, int32_t partition,
                                  struct slice key, struct slice value, int64_t timestamp_ms);

/* A new producer with that transactional id: a transaction that is open is aborted, older producers
 * are fenced. Returns the epoch. */
int broker_init_producer(struct broker *b, int producer);
/* False: fenced. The one before it is done first. */
bool broker_begin(struct broker *b, int producer, int epoch);
/* Returns the offset; -1: fenced. Takes `headers` (NULL: none). */
int64_t broker_send(struct broker *b, int producer, int epoch, const struct sink_message *m,
                    rd_kafka_headers_t *headers);
bool broker_send_offsets(struct broker *b, int producer, int epoch, int generation,
                         const struct offset *offsets, int count);
bool broker_commit(struct broker *b, int producer, int epoch);

/* What happens by itself: one marker more (number `which` of those to be written), or the end of a
 * transaction that was open for too long. False: there is none. */
bool broker_write_marker(struct broker *b, int which);
bool broker_time_out(struct broker *b, int which);
/* Lets compaction look at a log. */
void broker_compact(struct broker *b, enum topic topic, int32_t partition,
                    int64_t delete_retention_ms);

/* The next committed record at or behind *at, which is moved behind what is passed over; NULL: the
 * end, which is *at. */
const struct log_record *broker_read(const struct broker *b, enum topic topic, int32_t partition,
                                     int64_t *at);
int64_t broker_end(const struct broker *b, enum topic topic,
                   int32_t partition); /* high watermark */
int64_t broker_stable_end(const struct broker *b, enum topic topic,
                          int32_t partition); /* last stable offset */
/* Whether no transaction that is not done has an offset of it. (Else nobody is told the committed
 * one.) */
bool broker_offset_is_stable(const struct broker *b, enum topic topic, int32_t partition);

#endif
