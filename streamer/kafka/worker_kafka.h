/* worker_kafka: everything that a worker needs from Kafka, as a struct of functions. One
 * implementation is kafka_of_librdkafka. The simulator (tests/sim) has another one, in memory. So
 * the files of the worker, producer.c, repartition_trim.c and rights_watch.c call no function of
 * librdkafka that takes a client.
 *
 * librdkafka's plain data are used as they are: lists of partitions, messages, errors, metadata,
 * memberships and headers can be made and read without a client, and our own types would only cost
 * a copy for each record. Only librdkafka can find the topic, the timestamp and the headers of its
 * messages, so these are functions here.
 *
 * Threads: a client belongs to one thread. Its callbacks are called on that thread, from within its
 * functions, unless their comment says otherwise. */
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

/* A consumer or a producer. Each implementation defines its own. */
struct kafka_client;

/* A member of the group. Everything is borrowed and must outlive the client; `breaks` must even
 * outlive a client that could not be freed. */
struct kafka_member {
    const char *instance_id; /* NULL: a dynamic member */
    bool is_quick;           /* poll for messages more often: for the embedded broker */
    /* Counts connections that ended and sessions that expired, on any thread. */
    atomic_int *breaks;
    /* From poll or free_client: the group has given these partitions to the member. Nothing is
     * consumed before `assign`. */
    void (*assigned)(void *context, const rd_kafka_topic_partition_list_t *list);
    /* From poll or free_client: the group has taken all `count` partitions away. lost: other
     * members may have them already. */
    void (*revoked)(void *context, int count, bool lost);
    /* From poll: an error of the client, not of one message. */
    void (*failed)(void *context, rd_kafka_resp_err_t code, const char *text);
    void *context;
};

/* A producer. Everything is borrowed, as above. */
struct kafka_transactional {
    const char *transactional_id;
    int timeout_ms;     /* of a transaction */
    atomic_int *breaks; /* counts connections that ended, on any thread */
    /* From `serve` or `commit`: one message has got an offset, or never will (`code` says why). */
    void (*delivered)(void *context, enum topic topic, int32_t partition, int64_t offset,
                      rd_kafka_resp_err_t code);
    /* The client, for which free_client returned false, has ended after all; on any thread. */
    void (*ended)(void *context);
    void *context;
};

struct worker_kafka {
    const struct config *config;
    void *context; /* of the implementation */

    /* --- clients; NULL with an error --- */
    struct kafka_client *(*new_member)(const struct worker_kafka *k, const struct kafka_member *m,
                                       struct err *e);
    /* A consumer that is in no group: it reads what it is assigned, and makes requests. It sees
     * messages of open and aborted transactions, unless committed_only. */
    struct kafka_client *(*new_reader)(const struct worker_kafka *k, bool committed_only,
                                       struct err *e);
    struct kafka_client *(*new_producer)(const struct worker_kafka *k,
                                         const struct kafka_transactional *t, struct err *e);
    /* Leaves the group, and frees the client. False: it does not end and is left behind; it may
     * still count breaks. */
    bool (*free_client)(struct kafka_client *c);

    /* --- consumers --- */
    /* The next message, or an error as a message; NULL: nothing came within timeout_ms. */
    rd_kafka_message_t *(*poll)(struct kafka_client *member, int timeout_ms);
    /* Reads up to `n` messages and returns how many. With wait_ms > 0 it waits until it has all of
     * them, or until the time is over. */
    ssize_t (*read)(struct kafka_client *reader, int wait_ms, rd_kafka_message_t **messages,
                    size_t n);
    /* Makes the consumer read these partitions from their offsets on, and no others. */
    rd_kafka_resp_err_t (*assign)(struct kafka_client *consumer,
                                  const rd_kafka_topic_partition_list_t *list);
    /* The member and its current generation, which the caller destroys. NULL: it is no longer a
     * member. */
    rd_kafka_consumer_group_metadata_t *(*membership)(struct kafka_client *member);
    /* The error that has made the member unusable; RD_KAFKA_RESP_ERR_NO_ERROR: there is none. */
    rd_kafka_resp_err_t (*fatal_error)(struct kafka_client *member, char *text, size_t n);
    /* The end of a partition that the member consumes, as the last fetch told it; -1: unknown.
     * Makes no request. */
    int64_t (*end_heard)(struct kafka_client *member, const char *topic, int32_t partition);

    /* --- messages of any consumer --- */
    const char *(*topic)(const rd_kafka_message_t *m);
    int64_t (*timestamp_ms)(const rd_kafka_message_t *m);
    const rd_kafka_headers_t *(*headers)(const rd_kafka_message_t *m); /* NULL: none */
    void (*free_message)(rd_kafka_message_t *m);

    /* --- requests of any consumer --- */
    /* Of all topics. The caller frees the result with free_metadata. */
    rd_kafka_resp_err_t (*metadata)(struct kafka_client *c, const struct rd_kafka_metadata **all,
                                    int timeout_ms);
    void (*free_metadata)(const struct rd_kafka_metadata *all);
    /* The committed offsets of the group. Waits until no open transaction has sent one of them. */
    rd_kafka_resp_err_t (*committed)(struct kafka_client *c, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms);
    /* The first offset of each partition, and the one behind the last. The reader must not be
     * committed_only. ERR_RETRY or ERR_DENIED. */
    bool (*watermarks)(struct kafka_client *reader, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e);
    /* Asks to delete the records before these offsets. Only one such request at a time. */
    void (*delete_records)(struct kafka_client *c, const rd_kafka_topic_partition_list_t *before,
                           int timeout_ms);
    /* Whether the answer has come; `e` is then its outcome (ERR_NONE: success). */
    bool (*deleted)(struct kafka_client *c, int timeout_ms, struct err *e);
    /* Asks which of the rights `needed` the user has. Only one such request at a time. */
    void (*ask_rights)(struct kafka_client *c, const struct rights *needed);
    /* Whether all answers have come; waits for each no longer than timeout_ms. Only changes in
     * `missing` what the answers tell. That a broker does not answer is not reported here. */
    bool (*rights_answered)(struct kafka_client *c, const struct rights *needed,
                            struct rights *missing, int timeout_ms);

    /* --- producers; NULL: success; the caller destroys an error --- */
    /* Ends a transaction that a predecessor with the same transactional id has left open. */
    rd_kafka_error_t *(*init_transactions)(struct kafka_client *producer, int timeout_ms);
    rd_kafka_error_t *(*begin)(struct kafka_client *producer);
    /* Copies the message. RD_KAFKA_RESP_ERR__QUEUE_FULL: call `serve`, and try again. */
    rd_kafka_resp_err_t (*produce)(struct kafka_client *producer, const struct sink_message *m);
    /* Calls `delivered` for what has come, and waits up to timeout_ms for the first. */
    void (*serve)(struct kafka_client *producer, int timeout_ms);
    rd_kafka_error_t *(*send_offsets)(struct kafka_client *producer,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group,
                                      int timeout_ms);
    rd_kafka_error_t *(*commit)(struct kafka_client *producer, int timeout_ms);
};

/* The headers to send the message with: a copy of `headers_from` (NULL: none) without the headers
 * that this program has added, and then the message's own. NULL: there are none. The caller owns
 * the result. */
rd_kafka_headers_t *worker_kafka_headers(const struct sink_message *m,
                                         const rd_kafka_headers_t *headers_from);

/* The value of the last header with that name; p == NULL: there is none. `headers` may be NULL. The
 * value lives as long as the headers. */
struct slice worker_kafka_header(const rd_kafka_headers_t *headers, const char *name);

/* The implementation for real brokers. `config` is borrowed. */
struct worker_kafka kafka_of_librdkafka(const struct config *config);

#endif
