#include "streamer/kafka/producer.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/rights.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLOW_COMMIT_MS 5000

/* Delivery reports are served after so many messages. Messages are then freed while they are still
 * in the CPU cache. */
#define POLL_EVERY 256

struct producer {
    struct sink sink; /* first */
    const struct worker_kafka *kafka;
    struct kafka_client *client;
    const struct clock *clock;
    int32_t n;
    int timeout_ms;     /* of each blocking call: transaction.timeout.ms */
    int64_t *positions; /* [topic * n + partition] */
    struct err failed;  /* the first message of the transaction that was refused or not delivered */
    bool open, doubtful;
    int unpolled;      /* messages since delivery reports were last served */
    atomic_int breaks; /* connections that ended; counted on librdkafka's threads */
    int breaks_before; /* `breaks` when the transaction began */
};

/* What the user must do before this can go on. NULL: trying again may help. */
static const char *cure_of(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? "; raise max.message.bytes of that topic"
           : code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
               ? "; raise message.timestamp.after.max.ms and message.timestamp.before.max.ms of "
                 "that topic to those of the input topics"
               : NULL;
}

/* Notes that a message was refused or not delivered. */
static void note_refused(struct producer *p, rd_kafka_resp_err_t code, const char *what,
                         const char *topic) {
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        (void)rights_deny_topic(p->kafka->config, topic, RD_KAFKA_ACL_OPERATION_WRITE, &p->failed);
        return;
    }
    const char *cure = cure_of(code);
    (void)err_set(&p->failed, cure != NULL ? ERR_STOP : ERR_RETRY, "%s topic %s: %s%s", what, topic,
                  rd_kafka_err2str(code), cure != NULL ? cure : "");
}

/* Called from serve and commit, on the worker's thread. */
static void on_delivery(void *context, enum topic topic, int32_t partition, int64_t offset,
                        rd_kafka_resp_err_t code) {
    struct producer *p = context;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool purged =
            code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
        if (!purged && p->failed.class == ERR_NONE)
            note_refused(p, code, "deliver to", p->kafka->config->topics[topic]);
        return;
    }
    if (partition >= p->n)
        return; /* a quarantine may have more partitions; its positions are not needed */
    int64_t *position = &p->positions[(int64_t)topic * p->n + partition];
    if (offset + 1 > *position)
        *position = offset + 1;
}

static void sink_send(struct sink *sink, const struct sink_message *m) {
    struct producer *p = (struct producer *)sink;
    if (p->failed.class != ERR_NONE)
        return;
    rd_kafka_resp_err_t code;
    while ((code = p->kafka->produce(p->client, m)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           p->failed.class == ERR_NONE)
        p->kafka->serve(p->client, 100);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (p->failed.class == ERR_NONE)
            note_refused(p, code, "produce to", p->kafka->config->topics[m->topic]);
    } else if (++p->unpolled >= POLL_EVERY) {
        p->unpolled = 0;
        p->kafka->serve(p->client, 0);
    }
}

/* True: `code` alone tells which right is missing, and `e` says so. */
static bool names_right(const struct producer *p, rd_kafka_resp_err_t code, struct err *e) {
    const struct config *c = p->kafka->config;
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        return !rights_deny_one(c, RIGHTS_TRANSACTIONAL_IDS, RD_KAFKA_ACL_OPERATION_WRITE, e);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return !rights_deny_one(c, RIGHTS_GROUP, RD_KAFKA_ACL_OPERATION_READ, e);
    return false; /* of a topic, either the right to write or the right to read may be missing */
}

/* Sets `e` after a failed transactional call. Destroys `error`. Returns false if there is one. */
static bool succeeded(const struct producer *p, rd_kafka_error_t *error, const char *what,
                      struct err *e) {
    if (error == NULL)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fenced = code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
                  code == RD_KAFKA_RESP_ERR__FENCED;
    const char *cure = cure_of(code);
    enum err_class class = cure != NULL ? ERR_STOP : kafka_class_of(code);
    if (!names_right(p, code, e))
        (void)err_set(e, fenced ? ERR_FENCED : class, "%s: %s%s", what,
                      rd_kafka_error_string(error), cure != NULL ? cure : "");
    rd_kafka_error_destroy(error);
    return false;
}

static void release(void *producer) {
    struct producer *p = producer;
    free(p->positions);
    free(p);
}

struct producer *producer_new(const struct worker_kafka *k, const struct clock *clock,
                              const char *transactional_id, int32_t n, struct err *e) {
    struct producer *p = mem_calloc(1, sizeof *p);
    *p = (struct producer){.sink = {sink_send},
                           .kafka = k,
                           .clock = clock,
                           .n = n,
                           .timeout_ms = (int)k->config->transaction_timeout_ms};
    p->positions = mem_alloc((size_t)n * TOPIC_COUNT * sizeof *p->positions);
    for (int64_t i = 0; i < (int64_t)n * TOPIC_COUNT; i++)
        p->positions[i] = -1;
    p->client = k->new_producer(k,
                                &(struct kafka_transactional){.transactional_id = transactional_id,
                                                              .timeout_ms = p->timeout_ms,
                                                              .breaks = &p->breaks,
                                                              .delivered = on_delivery,
                                                              .ended = release,
                                                              .context = p},
                                e);
    if (p->client != NULL &&
        succeeded(p, k->init_transactions(p->client, 2 * p->timeout_ms), "init transactions", e))
        return p;
    producer_free(p);
    return NULL;
}

void producer_free(struct producer *p) {
    if (p == NULL)
        return;
    /* A client that does not end still counts into `breaks`. */
    if (p->client == NULL || p->kafka->free_client(p->client))
        release(p);
}

struct sink *producer_sink(struct producer *p) {
    return &p->sink;
}

bool producer_is_usable(const struct producer *p) {
    return !p->open && !p->doubtful;
}

int64_t producer_position(const struct producer *p, enum topic topic, int32_t partition) {
    return p->positions[(int64_t)topic * p->n + partition];
}

bool producer_begin(struct producer *p, struct err *e) {
    assert(!p->open);
    if (p->doubtful)
        return err_set(
            e, ERR_RETRY,
            "the last commit went through, but slowly or over a broken connection: a late copy "
            "of a request may still come; going on with a new producer");
    p->failed.class = ERR_NONE;
    p->breaks_before = atomic_load(&p->breaks);
    p->open = succeeded(p, p->kafka->begin(p->client), "begin", e);
    return p->open;
}

static rd_kafka_error_t *send_offsets(struct producer *p,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group) {
    rd_kafka_error_t *error = p->kafka->send_offsets(p->client, offsets, group, p->timeout_ms);
    if (error == NULL || rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__STATE)
        return error;
    /* The transaction has failed for another reason before. A second call returns that reason. */
    rd_kafka_error_destroy(error);
    return p->kafka->send_offsets(p->client, offsets, group, p->timeout_ms);
}

bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                     const rd_kafka_consumer_group_metadata_t *group, struct err *e) {
    assert(p->open && offsets->cnt > 0); /* an offset in every transaction fences zombies */
    if (p->failed.class != ERR_NONE) {
        *e = p->failed;
        return false;
    }
    if (group == NULL)
        return err_set(e, ERR_RETRY, "send offsets: not a member of the group any more");
    int64_t started = clock_ms(p->clock, CLOCK_MONOTONIC);
    bool ok = succeeded(p, send_offsets(p, offsets, group), "send offsets", e) &&
              succeeded(p, p->kafka->commit(p->client, p->timeout_ms), "commit", e);
    if (!ok && (p->failed.class == ERR_STOP || p->failed.class == ERR_DENIED))
        *e = p->failed; /* the cause, which says more */
    if (!ok)
        return false;
    p->open = false;
    p->doubtful = clock_ms(p->clock, CLOCK_MONOTONIC) - started > SLOW_COMMIT_MS ||
                  atomic_load(&p->breaks) != p->breaks_before;
    return true;
}
