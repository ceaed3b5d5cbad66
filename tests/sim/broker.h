/* broker: the parts of Apache Kafka that matter for exactly once, in memory: logs with
 * transactional records; markers, which are written some time after a transaction was decided;
 * group offsets that belong to a transaction; epochs of producers; generations of the group;
 * compaction. One thread. Nothing happens by itself: the schedule decides what happens when. */
#ifndef TESTS_SIM_BROKER_H
#define TESTS_SIM_BROKER_H

#include "streamer/base/buf.h"
#include "streamer/model/sink.h"
#include "streamer/model/topic.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define BROKER_PARTITIONS 4
#define BROKER_PRODUCERS 64 /* the number of transactional ids */

struct log_record {
    struct buf key, value;
    bool has_key, has_value;
    rd_kafka_headers_t *headers; /* NULL: none */
    int64_t timestamp_ms;
    int txn; /* the index of its transaction; -1: it is not transactional */
    bool marker, gone;
    int64_t cleaned_ms; /* of a tombstone: when compaction first saw it; 0: not yet */
};

struct partition_log {
    struct log_record *records; /* by offset */
    int64_t count, start;
    size_t cap;
};

enum txn_state {
    TXN_OPEN,
    TXN_COMMIT, /* decided, but some markers are not written yet */
    TXN_ABORT,  /* the same */
    TXN_DONE,
};
struct offset {
    enum topic topic;
    int32_t partition;
    int64_t offset;
};
struct txn {
    enum txn_state state;
    bool committed; /* valid once the transaction is decided */
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
    int txn_count;
    size_t txn_cap;
    int epochs[BROKER_PRODUCERS];
    int open[BROKER_PRODUCERS]; /* the transaction of each id that is not done; -1: none */
    int generation;             /* of the group */
    int32_t partitions[TOPIC_COUNT];
    /* The topic that the group's leader does not know yet; TOPIC_COUNT: it knows all. */
    enum topic unknown;
    int64_t now_ms;
    /* Deliberate mistakes (mutation.h). */
    bool ignores_generation, ignores_epoch, shows_all, offsets_at_once, tells_unstable;
};
void broker_init(struct broker *b, const int32_t partitions[TOPIC_COUNT]);
void broker_release(struct broker *b);

/* Appends a record to an input topic. The caller may give it headers. */
struct log_record *broker_produce(struct broker *b, enum topic topic, int32_t partition,
                                  struct slice key, struct slice value, int64_t timestamp_ms);

/* Begins a new producer with that transactional id: aborts an open transaction, and fences older
 * producers. Returns the epoch. */
int broker_init_producer(struct broker *b, int producer);
/* Begins a transaction, after the last one is done. False: the producer is fenced. */
bool broker_begin(struct broker *b, int producer, int epoch);
/* Returns the offset; -1: the producer is fenced. Takes ownership of `headers` (NULL: none). */
int64_t broker_send(struct broker *b, int producer, int epoch, const struct sink_message *m,
                    rd_kafka_headers_t *headers);
bool broker_send_offsets(struct broker *b, int producer, int epoch, int generation,
                         const struct offset *offsets, int count);
bool broker_commit(struct broker *b, int producer, int epoch);

/* Writes one marker (number `which` of those to be written), or ends a transaction that was open
 * for too long. False: there is nothing to do. */
bool broker_write_marker(struct broker *b, int which);
bool broker_time_out(struct broker *b, int which);
/* Compacts a log. */
void broker_compact(struct broker *b, enum topic topic, int32_t partition,
                    int64_t delete_retention_ms);

/* The next committed record at *at or behind it; *at becomes its offset. NULL: there is none; *at
 * becomes the end. */
const struct log_record *broker_read(const struct broker *b, enum topic topic, int32_t partition,
                                     int64_t *at);
/* The high watermark. */
int64_t broker_end(const struct broker *b, enum topic topic, int32_t partition);
/* The last stable offset. */
int64_t broker_stable_end(const struct broker *b, enum topic topic, int32_t partition);
/* Whether no unfinished transaction has sent an offset of the partition. (While one has, Kafka does
 * not tell the committed offset.) */
bool broker_offset_is_stable(const struct broker *b, enum topic topic, int32_t partition);

#endif
