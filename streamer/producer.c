#include "streamer/producer.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/kafka.h"
#include "streamer/pipeline.h"
#include "streamer/topics.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOW_COMMIT_MS 5000

/* Messages sent between two looks at delivery reports: those that are through are freed while they lie in the cache. */
#define POLL_EVERY 256

struct producer {
    struct sink sink; /* first */
    rd_kafka_t *rk;
    const struct config *config;
    int32_t n;
    int timeout_ms;                        /* for each blocking step: the transaction's own */
    int64_t *positions;                    /* [topic * n + partition] */
    rd_kafka_topic_t *topics[TOPIC_COUNT]; /* NULL: not written to */
    struct err failed; /* sticky within a transaction: a message that was refused or not delivered */
    bool open, doubtful;
    int unpolled;      /* messages since delivery reports were served */
    atomic_int breaks; /* connections that ended; counted on librdkafka's threads */
    int breaks_before; /* the transaction */
};

static int64_t monotonic_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the user must do before it can go on; NULL where trying again may help. */
static const char *cure_of(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? "; raise max.message.bytes of that topic"
           : code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
               ? "; raise message.timestamp.after.max.ms and message.timestamp.before.max.ms of that "
                 "topic to those of the input topics"
           : code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? "; grant the right to write to it"
           : code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? "; grant the right to read as that group"
           : code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
               ? "; grant the right to write with transactional.id starting with app.id"
               : NULL;
}

static void refused(struct err *e, rd_kafka_resp_err_t code, const char *what, const char *topic) {
    const char *cure = cure_of(code);
    (void)err_set(e, cure != NULL ? ERR_STOP : ERR_RETRY, "%s topic %s: %s%s", what, topic,
                  rd_kafka_err2str(code), cure != NULL ? cure : "");
}

/* Called from poll and flush, on the worker's thread. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct producer *p = opaque;
    (void)rk;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool purged = m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
        if (!purged && p->failed.class == ERR_NONE)
            refused(&p->failed, m->err, "deliver to", rd_kafka_topic_name(m->rkt));
        return;
    }
    if (m->partition >= p->n)
        return; /* a quarantine with partitions of its own: nobody asks for its positions */
    int64_t *position = &p->positions[(int64_t)(intptr_t)m->_private * p->n + m->partition];
    if (m->offset + 1 > *position)
        *position = m->offset + 1;
}

/* The headers of `like` without our own, then the message's. NULL if there are none. */
static rd_kafka_headers_t *make_headers(const struct sink_message *m) {
    rd_kafka_headers_t *like = NULL; /* the message's own */
    if (m->like != NULL && rd_kafka_message_headers(m->like, &like) != RD_KAFKA_RESP_ERR_NO_ERROR)
        like = NULL;
    if (like == NULL && m->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers =
        like != NULL ? rd_kafka_headers_copy(like) : rd_kafka_headers_new(m->header_count);
    if (like != NULL)
        (void)rd_kafka_header_remove(headers, PIPELINE_SOURCE_HEADER);
    for (size_t i = 0; i < m->header_count; i++)
        (void)rd_kafka_header_add(headers, m->headers[i].name, -1, m->headers[i].value.p,
                                  (ssize_t)m->headers[i].value.n);
    return headers;
}

static rd_kafka_resp_err_t produce(struct producer *p, const struct sink_message *m,
                                   rd_kafka_headers_t *headers) {
    /* librdkafka takes a non-const pointer and copies. */
    union {
        const void *in;
        void *out;
    } key = {m->key.p}, value = {m->value.p};
    rd_kafka_topic_t *topic = p->topics[m->topic];
    void *opaque = (void *)(intptr_t)m->topic;
    if (headers == NULL && m->timestamp_ms == 0)
        return rd_kafka_produce(topic, m->partition, RD_KAFKA_MSG_F_COPY, value.out, m->value.n, key.out,
                                m->key.n, opaque) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    if (headers == NULL)
        return rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
                                 RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_TIMESTAMP(m->timestamp_ms), RD_KAFKA_V_OPAQUE(opaque),
                                 RD_KAFKA_V_END);
    return rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
                             RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
                             RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

static void sink_send(struct sink *sink, const struct sink_message *m) {
    struct producer *p = (struct producer *)sink;
    if (p->failed.class != ERR_NONE)
        return;
    rd_kafka_headers_t *headers = make_headers(m);
    rd_kafka_resp_err_t code;
    while ((code = produce(p, m, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && p->failed.class == ERR_NONE)
        (void)rd_kafka_poll(p->rk, 100);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) { /* the headers are the message's now */
        if (++p->unpolled >= POLL_EVERY) {
            p->unpolled = 0;
            (void)rd_kafka_poll(p->rk, 0);
        }
        return;
    }
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    if (p->failed.class == ERR_NONE)
        refused(&p->failed, code, "produce to", p->config->topics[m->topic]);
}

/* What to do about a failed transactional call. Destroys `error`; false if there is one. */
static bool check(rd_kafka_error_t *error, const char *what, struct err *e) {
    if (error == NULL)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fenced = code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH || code == RD_KAFKA_RESP_ERR__FENCED;
    const char *cure = cure_of(code);
    enum err_class class = cure != NULL ? ERR_STOP : ERR_RETRY;
    (void)err_set(e, fenced ? ERR_FENCED : class, "%s: %s%s", what, rd_kafka_error_string(error),
                  cure != NULL ? cure : "");
    rd_kafka_error_destroy(error);
    return false;
}

/* The first message to a topic would wait for its metadata inside a transaction. */
static bool open_topics(struct producer *p, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct rd_kafka_metadata *md;
        if (topic_is_users((enum topic)t))
            continue;
        p->topics[t] = rd_kafka_topic_new(p->rk, p->config->topics[t], NULL);
        if (p->topics[t] == NULL)
            return err_set(e, ERR_RETRY, "topic %s: %s", p->config->topics[t],
                           rd_kafka_err2str(rd_kafka_last_error()));
        if (rd_kafka_metadata(p->rk, 0, p->topics[t], &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(md);
    }
    return true;
}

struct producer *producer_new(const struct config *c, const char *transactional_id, int32_t n,
                              struct err *e) {
    char timeout[24];
    struct producer *p = mem_calloc(1, sizeof *p);
    *p = (struct producer){
        .sink = {sink_send}, .config = c, .n = n, .timeout_ms = (int)c->transaction_timeout_ms};
    p->positions = mem_alloc((size_t)n * TOPIC_COUNT * sizeof *p->positions);
    for (int64_t i = 0; i < (int64_t)n * TOPIC_COUNT; i++)
        p->positions[i] = -1;
    (void)snprintf(timeout, sizeof timeout, "%d", p->timeout_ms);
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "transactional.id", transactional_id, e) &&
          kafka_conf_set(conf, "transaction.timeout.ms", timeout, e) &&
          kafka_conf_set_default(conf, c, "compression.type", "lz4", e) &&
          /* The next transaction meets CONCURRENT_TRANSACTIONS while the last one's markers are written. */
          kafka_conf_set_default(conf, c, "retry.backoff.ms", "10", e) &&
          kafka_conf_set(conf, "message.max.bytes", "67108864", e) &&
          kafka_conf_count_breaks(conf, &p->breaks, e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    if (conf != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, p);
    }
    p->rk = kafka_client(RD_KAFKA_PRODUCER, conf, e);
    if (p->rk != NULL &&
        check(rd_kafka_init_transactions(p->rk, 2 * p->timeout_ms), "init transactions", e) &&
        open_topics(p, e))
        return p;
    producer_free(p);
    return NULL;
}

void producer_free(struct producer *p) {
    if (p == NULL)
        return;
    if (p->rk != NULL) {
        (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_poll(p->rk, 0);
        for (int t = 0; t < TOPIC_COUNT; t++)
            if (p->topics[t] != NULL)
                rd_kafka_topic_destroy(p->topics[t]);
        if (!kafka_destroy(p->rk))
            return; /* breaks may still be counted */
    }
    free(p->positions);
    free(p);
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
            "the last commit went through, but slowly or over a broken connection: a late copy of a "
            "request may still come; going on with a new producer");
    p->failed.class = ERR_NONE;
    p->breaks_before = atomic_load(&p->breaks);
    p->open = check(rd_kafka_begin_transaction(p->rk), "begin", e);
    return p->open;
}

static rd_kafka_error_t *send_offsets(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group) {
    rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(p->rk, offsets, group, p->timeout_ms);
    if (error == NULL || rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__STATE)
        return error;
    /* The transaction failed meanwhile, of something else: asked again, it says of what. */
    rd_kafka_error_destroy(error);
    return rd_kafka_send_offsets_to_transaction(p->rk, offsets, group, p->timeout_ms);
}

bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                     const rd_kafka_consumer_group_metadata_t *group, struct err *e) {
    assert(p->open && offsets->cnt > 0); /* every transaction sends an offset: that fences zombies */
    if (p->failed.class != ERR_NONE) {
        *e = p->failed;
        return false;
    }
    if (group == NULL)
        return err_set(e, ERR_RETRY, "send offsets: not a member of the group any more");
    int64_t started = monotonic_ms();
    bool ok = check(send_offsets(p, offsets, group), "send offsets", e) &&
              check(rd_kafka_commit_transaction(p->rk, p->timeout_ms), "commit", e);
    if (!ok && p->failed.class == ERR_STOP)
        *e = p->failed; /* why, rather than that */
    if (!ok)
        return false;
    p->open = false;
    p->doubtful = monotonic_ms() - started > SLOW_COMMIT_MS || atomic_load(&p->breaks) != p->breaks_before;
    return true;
}
