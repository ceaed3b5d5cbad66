#include "streamer/kafka/sender.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"

#include <stdio.h>
#include <stdlib.h>

#define QUEUE_MAX_KBYTES "131072"
/* A batch must fit into a topic whose max.message.bytes is small. A larger message is a batch of
 * its own. */
#define BATCH_BYTES "65536"
#define MESSAGE_MAX_BYTES "67108864"
#define POLL_MS 100
#define INIT_STEP_MS 500 /* how often it looks whether the user has interrupted */

struct sender {
    const struct config *config;
    rd_kafka_t *client;
    struct kafka_trouble trouble;
    int timeout_ms;
    rd_kafka_resp_err_t refused; /* of the first message that could not be delivered */
    char refused_topic[256];
    int64_t offset;
    bool is_doubtful;
};

/* --- the client --- */

/* Whether librdkafka has dropped the message because its transaction had failed before. */
static bool is_consequence(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

/* Called from rd_kafka_poll and from the commit. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct sender *s = m->_private;
    (void)rk;
    (void)opaque;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->offset = m->offset;
    } else if (s->refused == RD_KAFKA_RESP_ERR_NO_ERROR && !is_consequence(m->err)) {
        s->refused = m->err;
        (void)snprintf(s->refused_topic, sizeof s->refused_topic, "%s",
                       rd_kafka_topic_name(m->rkt));
    }
}

static rd_kafka_conf_t *conf_of(struct sender *s, const char *transactional_id, struct err *e) {
    char timeout[24];
    (void)snprintf(timeout, sizeof timeout, "%d", s->timeout_ms);
    rd_kafka_conf_t *conf = kafka_conf(s->config, e);
    if (conf != NULL && !(kafka_conf_set(conf, "transactional.id", transactional_id, e) &&
                          kafka_conf_set(conf, "transaction.timeout.ms", timeout, e) &&
                          kafka_conf_set(conf, "queue.buffering.max.kbytes", QUEUE_MAX_KBYTES, e) &&
                          kafka_conf_set(conf, "message.max.bytes", MESSAGE_MAX_BYTES, e) &&
                          kafka_conf_set(conf, "batch.size", BATCH_BYTES, e) &&
                          kafka_conf_set_default(conf, s->config, "retry.backoff.ms", "10", e) &&
                          kafka_conf_set_trouble(conf, s->config, &s->trouble, e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    if (conf != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return conf;
}

/* --- errors --- */

static bool is_fenced(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH || code == RD_KAFKA_RESP_ERR__FENCED;
}

/* Why a message was not delivered. Returns false. */
static bool fail_delivery(const struct sender *s, const char *topic, rd_kafka_resp_err_t code,
                          struct err *e) {
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return rights_deny_topic(s->config, topic, RD_KAFKA_ACL_OPERATION_WRITE, e);
    const char *cure = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? "raise its max.message.bytes"
                                                                    : "check the brokers";
    return err_set(e, is_fenced(code) ? ERR_FENCED : ERR_STOP,
                   "kafka: topic %s: a message was not delivered: %s, %s", topic,
                   rd_kafka_err2str(code), cure);
}

/* Why a call failed. Destroys `error`. Returns false. */
static bool fail_call(struct sender *s, rd_kafka_error_t *error, const char *what, struct err *e) {
    char why[256];
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(s->client, why, sizeof why);
    bool has_trouble = s->trouble.text[0] != '\0';
    if (is_fenced(code) || is_fenced(fatal))
        (void)err_set(e, ERR_FENCED, "kafka: %s: another producer has taken over", what);
    else if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        (void)rights_deny_one(s->config, RIGHTS_TRANSACTIONAL_IDS, RD_KAFKA_ACL_OPERATION_WRITE, e);
    else if (s->refused != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)fail_delivery(s, s->refused_topic, s->refused, e);
    else
        (void)err_set(e, ERR_STOP, "kafka: %s: %s%s%s%s, check the brokers", what,
                      rd_kafka_error_string(error), has_trouble ? " (" : "",
                      has_trouble ? s->trouble.text : "", has_trouble ? ")" : "");
    rd_kafka_error_destroy(error);
    return false;
}

static bool succeeded(struct sender *s, rd_kafka_error_t *error, const char *what, struct err *e) {
    return error == NULL || fail_call(s, error, what, e);
}

/* --- the sender --- */

/* Whether it only takes longer. In place of a timeout librdkafka tells the last answer, such as
 * CONCURRENT_TRANSACTIONS while the broker ends what another sender has left open. */
static bool takes_longer(const rd_kafka_error_t *error) {
    return rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           rd_kafka_error_is_retriable(error);
}

/* librdkafka goes on with a beginning that has timed out when it is called again. */
static bool init_transactions(struct sender *s, struct err *e) {
    const atomic_bool *stop = s->config->stop;
    for (int left_ms = 2 * s->timeout_ms;; left_ms -= INIT_STEP_MS) {
        int step_ms = left_ms < INIT_STEP_MS ? left_ms : INIT_STEP_MS;
        rd_kafka_error_t *error = rd_kafka_init_transactions(s->client, step_ms);
        bool goes_on =
            takes_longer(error) && left_ms > step_ms && !kafka_trouble_lasts(&s->trouble);
        if (!goes_on)
            return succeeded(s, error, "init transactions", e);
        rd_kafka_error_destroy(error);
        (void)rd_kafka_poll(s->client, 0); /* serves the error callback */
        if (stop != NULL && atomic_load(stop))
            return err_set(e, ERR_STOP, "interrupted before %s answered", s->config->bootstrap);
    }
}

struct sender *sender_new(const struct config *c, const char *transactional_id, struct err *e) {
    struct sender *s = mem_calloc(1, sizeof *s);
    *s = (struct sender){.config = c, .timeout_ms = (int)c->transaction_timeout_ms, .offset = -1};
    s->client = kafka_client(RD_KAFKA_PRODUCER, conf_of(s, transactional_id, e), e);
    if (s->client != NULL && init_transactions(s, e))
        return s;
    sender_free(s);
    return NULL;
}

void sender_free(struct sender *s) {
    if (s == NULL)
        return;
    if (s->client != NULL) {
        (void)rd_kafka_purge(s->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_poll(s->client, 0);
        if (!kafka_destroy(s->client))
            return; /* its threads still use the rest */
    }
    free(s);
}

bool sender_begin(struct sender *s, struct err *e) {
    s->is_doubtful = false;
    return succeeded(s, rd_kafka_begin_transaction(s->client), "begin", e);
}

static rd_kafka_headers_t *headers_of(const struct sender_message *m) {
    rd_kafka_headers_t *all = rd_kafka_headers_new(m->header_count);
    for (size_t i = 0; i < m->header_count; i++)
        (void)rd_kafka_header_add(all, m->headers[i].name, -1, m->headers[i].value.p,
                                  (ssize_t)m->headers[i].value.n);
    return all;
}

/* librdkafka takes the headers if it succeeds. */
static rd_kafka_resp_err_t produce(struct sender *s, const struct sender_message *m,
                                   rd_kafka_headers_t *headers) {
    /* librdkafka takes a non-const pointer, but only copies. */
    union {
        const void *in;
        void *out;
    } key = {m->key.p}, value = {m->value.p};
    return rd_kafka_producev(
        s->client, RD_KAFKA_V_TOPIC(m->topic), RD_KAFKA_V_PARTITION(m->partition),
        RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
        RD_KAFKA_V_OPAQUE(s), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

bool sender_send(struct sender *s, const struct sender_message *m, struct err *e) {
    rd_kafka_headers_t *headers = headers_of(m);
    rd_kafka_resp_err_t code;
    while ((code = produce(s, m, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           s->refused == RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)rd_kafka_poll(s->client, POLL_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
        return fail_delivery(s, m->topic, code, e);
    }
    (void)rd_kafka_poll(s->client, 0);
    return true;
}

bool sender_commit(struct sender *s, struct err *e) {
    if (s->refused == RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)rd_kafka_flush(s->client, s->timeout_ms);
    if (s->refused != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_delivery(s, s->refused_topic, s->refused, e);
    rd_kafka_error_t *error = rd_kafka_commit_transaction(s->client, s->timeout_ms);
    /* Whoever is fenced may have committed before, and only missed the answer. */
    s->is_doubtful = error != NULL && !rd_kafka_error_txn_requires_abort(error);
    return succeeded(s, error, "commit", e);
}

bool sender_is_doubtful(const struct sender *s) {
    return s->is_doubtful;
}

int64_t sender_offset(const struct sender *s) {
    return s->offset;
}
