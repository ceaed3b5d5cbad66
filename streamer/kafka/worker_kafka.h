/* worker_kafka: what a worker asks of Kafka, as a struct of functions. kafka_of_librdkafka is the
 * real thing; the simulator (tests/sim) has its own, in memory. So worker*.c, producer.c,
 * restore.c, repartition_trim.c and rights_watch.c call no function of librdkafka that takes a
 * client.
 *
 * librdkafka's plain data stay what they are: a list of partitions, a message, an error, metadata,
 * a membership, headers can be made and read without a client, and types of our own for them would
 * only be copies, one for each record. What only librdkafka finds in a message of its own is asked
 * for here: topic, timestamp, headers.
 *
 * Threads: a client belongs to one thread, and its callbacks are called on that one from within its
 * functions, unless it says otherwise. */
#ifndef STREAMER_KAFKA_WORKER_KAFKA_H
#define STREAMER_KAFKA_WORKER_KAFKA_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/rights.h"
#include "streamer/model/sink.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A consumer or a producer; what is in it knows who made it. */
struct kafka_client;

/* A member of the group. All is borrowed and must outlive the client, `breaks` even one that could
 * not be freed. */
struct kafka_member {
    const char *instance_id; /* NULL: a dynamic member */
    bool is_quick;           /* an embedded broker: it does not mind being asked all the time */
    /* Counts, on any thread, connections that ended and sessions that ran out. */
    atomic_int *breaks;
    /* From poll, or free: the group has given these partitions (nothing is consumed before
     * `assign`), or has taken all away; lost: others may have them already. */
    void (*assigned)(void *context, const rd_kafka_topic_partition_list_t *list);
    void (*revoked)(void *context, int count, bool lost);
    void (*failed)(void *context, rd_kafka_resp_err_t code, const char *text); /* from poll */
    void *context;
};

/* A producer. Borrowed as above. */
struct kafka_transactional {
    const char *transactional_id;
    int timeout_ms; /* of a transaction */
    atomic_int *breaks;
    /* From `serve` or `commit`: one message has got an offset, or never will (code, not an empty
     * one). */
    void (*delivered)(void *context, enum topic topic, int32_t partition, int64_t offset,
                      rd_kafka_resp_err_t code);
    void *context;
};

struct worker_kafka {
    const struct config *config;
    void *context; /* of the implementation */

    /* --- clients: NULL with `e` --- */
    struct kafka_client *(*new_member)(const struct worker_kafka *k, const struct kafka_member *m,
                                       struct err *e);
    /* Of no group: reads what it is assigned, and asks. committed_only: else it sees what is not
     * decided yet, too. */
    struct kafka_client *(*new_reader)(const struct worker_kafka *k, bool committed_only,
                                       struct err *e);
    struct kafka_client *(*new_producer)(const struct worker_kafka *k,
                                         const struct kafka_transactional *t, struct err *e);
    /* Leaves the group. False: it does not end and is left behind; it may still count breaks. */
    bool (*free_client)(struct kafka_client *c);

    /* --- consumers --- */
    /* NULL: nothing came within timeout_ms. */
    rd_kafka_message_t *(*poll)(struct kafka_client *member, int timeout_ms);
    /* Returns how many it has put into `messages`. One that waits does so until it has n of them.
     */
    ssize_t (*read)(struct kafka_client *reader, int wait_ms, rd_kafka_message_t **messages,
                    size_t n);
    /* Reads these from their offsets on, and nothing else any more. */
    rd_kafka_resp_err_t (*assign)(struct kafka_client *consumer,
                                  const rd_kafka_topic_partition_list_t *list);
    /* Who it is in the generation of now; the caller destroys it. NULL: it is none of the group's
     * any more. */
    rd_kafka_consumer_group_metadata_t *(*membership)(struct kafka_client *member);
    /* Why it is of no use any more; RD_KAFKA_RESP_ERR_NO_ERROR: it is. */
    rd_kafka_resp_err_t (*fatal_error)(struct kafka_client *member, char *text, size_t n);
    /* The end of a partition that it consumes, as it last heard; -1: not yet. Asks nobody. */
    int64_t (*end_heard)(struct kafka_client *member, const char *topic, int32_t partition);

    /* --- of a message, whoever read it --- */
    const char *(*topic)(const rd_kafka_message_t *m);
    int64_t (*timestamp_ms)(const rd_kafka_message_t *m);
    const rd_kafka_headers_t *(*headers)(const rd_kafka_message_t *m); /* NULL: none */
    void (*free_message)(rd_kafka_message_t *m);

    /* --- requests; of any consumer --- */
    /* Of all topics. The caller ends it with free_metadata. */
    rd_kafka_resp_err_t (*metadata)(struct kafka_client *c, const struct rd_kafka_metadata **all,
                                    int timeout_ms);
    void (*free_metadata)(const struct rd_kafka_metadata *all);
    /* The group's, once no transaction has one of them in work. */
    rd_kafka_resp_err_t (*committed)(struct kafka_client *c, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms);
    /* The first and one behind the last offset; of a reader that sees all. ERR_RETRY or
     * ERR_DENIED. */
    bool (*watermarks)(struct kafka_client *reader, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e);
    /* Asks to delete what lies before the offsets; one such request at a time. */
    void (*delete_records)(struct kafka_client *c, const rd_kafka_topic_partition_list_t *before,
                           int timeout_ms);
    /* True, with its outcome, if the answer has come. */
    bool (*deleted)(struct kafka_client *c, int timeout_ms, struct err *e);
    /* Asks which of the rights `needed` the user has; one such question at a time. */
    void (*ask_rights)(struct kafka_client *c, const struct rights *needed);
    /* True if all answers have come; waits for each no longer than timeout_ms. Of what they do not
     * tell, `missing` stays as it was: whoever works with brokers that do not answer tells that. */
    bool (*rights_answered)(struct kafka_client *c, const struct rights *needed,
                            struct rights *missing, int timeout_ms);

    /* --- a producer: NULL is success, an error is the caller's to destroy --- */
    /* Ends what a predecessor with that id has left open. */
    rd_kafka_error_t *(*init_transactions)(struct kafka_client *producer, int timeout_ms);
    rd_kafka_error_t *(*begin)(struct kafka_client *producer);
    /* Copies what it needs. RD_KAFKA_RESP_ERR__QUEUE_FULL: serve, and try again. */
    rd_kafka_resp_err_t (*produce)(struct kafka_client *producer, const struct sink_message *m);
    void (*serve)(struct kafka_client *producer, int timeout_ms);
    rd_kafka_error_t *(*send_offsets)(struct kafka_client *producer,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group,
                                      int timeout_ms);
    rd_kafka_error_t *(*commit)(struct kafka_client *producer, int timeout_ms);
};

/* What a message is sent with: the headers of the one that it is like (NULL: none), without our
 * own, then its own. NULL: none. The caller owns them. */
rd_kafka_headers_t *worker_kafka_headers(const struct sink_message *m,
                                         const rd_kafka_headers_t *headers_from);

/* `config` is borrowed. */
struct worker_kafka kafka_of_librdkafka(const struct config *config);

#endif
