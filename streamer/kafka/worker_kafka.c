#include "streamer/kafka/worker_kafka.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/offset_sender.h"
#include "streamer/task/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_MS 5000
#define OFFSETS_MS 5000 /* the longest time for sending offsets */

struct kafka_client {
    rd_kafka_t *rk;
    struct kafka_member member;        /* only of a member; else all zero */
    struct kafka_transactional writer; /* only of a producer; else all zero */
    rd_kafka_queue_t *messages;        /* only of a reader */
    rd_kafka_queue_t *answers;         /* the answers to delete_records */
    rd_kafka_queue_t *rights;          /* the answers to ask_rights */
    int rights_pending;                /* how many of these answers are still to come */
    const struct config *config;
    struct offset_sender *sender; /* only of a producer */
    /* Only of a producer, made by init_transactions. NULL: it does not write to the topic. */
    rd_kafka_topic_t *topics[TOPIC_COUNT];
};

/* Takes ownership of `c` and of `conf`, which may be NULL. NULL with an error. */
static struct kafka_client *open_client(struct kafka_client *c, rd_kafka_type_t type,
                                        rd_kafka_conf_t *conf, struct err *e) {
    if (conf != NULL)
        rd_kafka_conf_set_opaque(conf, c);
    c->rk = kafka_client(type, conf, e);
    if (c->rk == NULL) {
        free(c);
        return NULL;
    }
    if (type == RD_KAFKA_CONSUMER)
        (void)rd_kafka_poll_set_consumer(c->rk);
    return c;
}

/* The configuration that all consumers have in common. NULL with an error. */
static rd_kafka_conf_t *consumer_conf(const struct config *c, const char *isolation,
                                      struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "group.id", c->app_id, e) &&
          kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
          kafka_conf_set(conf, "enable.auto.offset.store", "false", e) &&
          kafka_conf_set(conf, "auto.offset.reset", "error", e) &&
          kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
          kafka_conf_set_default(conf, c, "fetch.queue.backoff.ms", KAFKA_QUEUE_BACKOFF_MS, e) &&
          kafka_conf_set(conf, "isolation.level", isolation, e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

/* --- a member of the group --- */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque) {
    const struct kafka_client *c = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        c->member.assigned(c->member.context, list);
        return;
    }
    c->member.revoked(c->member.context, list->cnt, rd_kafka_assignment_lost(rk) != 0);
    /* This must not be kafka_assign: while the consumer is being closed, nobody may answer the
     * requests that kafka_assign waits for. */
    (void)rd_kafka_assign(rk, NULL);
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque) {
    const struct kafka_client *c = opaque;
    (void)rk;
    c->member.failed(c->member.context, (rd_kafka_resp_err_t)code, text);
}

/* Called on a thread of librdkafka. Only the log tells that a session expired because no answer
 * came. */
static void on_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text) {
    const struct kafka_client *c = rk != NULL ? rd_kafka_opaque(rk) : NULL;
    if (c != NULL && strcmp(facility, "SESSTMOUT") == 0)
        atomic_fetch_add(c->member.breaks, 1);
    kafka_log_watched(rk, syslog_level, facility, text);
}

static rd_kafka_conf_t *member_conf(const struct config *c, const struct kafka_member *m,
                                    struct err *e) {
    rd_kafka_conf_t *conf = consumer_conf(c, "read_committed", e);
    if (conf == NULL)
        return NULL;
    bool ok =
        kafka_conf_set(conf, "partition.assignment.strategy", "range", e) &&
        kafka_conf_set_default(conf, c, "fetch.wait.max.ms", m->is_quick ? "10" : "100", e) &&
        /* How soon others take over after a kill -9. */
        kafka_conf_set_default(conf, c, "session.timeout.ms", "10000", e) &&
        /* All partitions share a queue, so a long one would delay links and refs. */
        kafka_conf_set_default(conf, c, "queued.min.messages", "10000", e) &&
        kafka_conf_set_default(conf, c, "queued.max.messages.kbytes", "16384", e) &&
        kafka_conf_set_default(conf, c, "fetch.message.max.bytes", "262144", e) &&
        kafka_conf_count_breaks(conf, m->breaks, e) && kafka_conf_advertise(conf, c, e) &&
        (m->instance_id == NULL || kafka_conf_set(conf, "group.instance.id", m->instance_id, e));
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

static bool subscribe(rd_kafka_t *rk, const struct config *c, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPIC_COUNT);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topic_is_consumed((enum topic)t))
            (void)rd_kafka_topic_partition_list_add(list, c->topics[t], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "subscribe: %s", rd_kafka_err2str(code));
}

static bool end_client(struct kafka_client *c) {
    if (c->writer.transactional_id != NULL) {
        (void)rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_poll(c->rk, 0);
    }
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (c->topics[t] != NULL)
            rd_kafka_topic_destroy(c->topics[t]);
    if (c->messages != NULL)
        rd_kafka_queue_destroy(c->messages);
    if (c->answers != NULL)
        rd_kafka_queue_destroy(c->answers);
    if (c->rights != NULL)
        rd_kafka_queue_destroy(c->rights);
    if (c->member.breaks != NULL)
        (void)rd_kafka_consumer_close(c->rk);
    if (!kafka_destroy(c->rk))
        return false;
    free(c);
    return true;
}

static void end_late(void *client) {
    struct kafka_client *c = client;
    struct kafka_transactional writer = c->writer;
    if (end_client(c))
        writer.ended(writer.context);
}

static bool free_client(struct kafka_client *c) {
    return offset_sender_free(c->sender, end_late, c) && end_client(c);
}

static struct kafka_client *new_member(const struct worker_kafka *k, const struct kafka_member *m,
                                       struct err *e) {
    struct kafka_client *c = mem_calloc(1, sizeof *c);
    *c = (struct kafka_client){.member = *m, .config = k->config};
    c = open_client(c, RD_KAFKA_CONSUMER, member_conf(k->config, m, e), e);
    if (c == NULL || subscribe(c->rk, k->config, e))
        return c;
    (void)free_client(c);
    return NULL;
}

static rd_kafka_message_t *poll_member(struct kafka_client *c, int timeout_ms) {
    return rd_kafka_consumer_poll(c->rk, timeout_ms);
}

/* librdkafka forgets the member and its generation once they are lost. Kafka does not fence a
 * transactional commit without them, so that counts as no membership. */
static rd_kafka_consumer_group_metadata_t *membership(struct kafka_client *c) {
    rd_kafka_consumer_group_metadata_t *now = rd_kafka_consumer_group_metadata(c->rk);
    if (now == NULL || rd_kafka_consumer_group_metadata_generation_id(now) >= 0)
        return now;
    rd_kafka_consumer_group_metadata_destroy(now);
    return NULL;
}

static rd_kafka_resp_err_t fatal_error(struct kafka_client *c, char *text, size_t n) {
    return rd_kafka_fatal_error(c->rk, text, n);
}

static int64_t end_heard(struct kafka_client *c, const char *topic, int32_t partition) {
    int64_t low, high;
    return rd_kafka_get_watermark_offsets(c->rk, topic, partition, &low, &high) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR
               ? high
               : -1;
}

/* --- readers --- */

static struct kafka_client *new_reader(const struct worker_kafka *k, bool committed_only,
                                       struct err *e) {
    struct kafka_client *c = mem_calloc(1, sizeof *c);
    *c = (struct kafka_client){.config = k->config};
    rd_kafka_conf_t *conf =
        consumer_conf(k->config, committed_only ? "read_committed" : "read_uncommitted", e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "fetch.wait.max.ms", "20", e) &&
          kafka_conf_set_default(conf, k->config, "queued.max.messages.kbytes", "32768", e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    c = open_client(c, RD_KAFKA_CONSUMER, conf, e);
    if (c != NULL)
        c->messages = rd_kafka_queue_get_consumer(c->rk);
    return c;
}

static ssize_t read_messages(struct kafka_client *c, int wait_ms, rd_kafka_message_t **messages,
                             size_t n) {
    return rd_kafka_consume_batch_queue(c->messages, wait_ms, messages, n);
}

static rd_kafka_resp_err_t assign(struct kafka_client *c,
                                  const rd_kafka_topic_partition_list_t *list) {
    return kafka_assign(c->rk, list);
}

/* --- messages --- */

static const char *topic(const rd_kafka_message_t *m) {
    return rd_kafka_topic_name(m->rkt);
}

static int64_t timestamp_ms(const rd_kafka_message_t *m) {
    rd_kafka_timestamp_type_t type;
    return rd_kafka_message_timestamp(m, &type);
}

static const rd_kafka_headers_t *headers(const rd_kafka_message_t *m) {
    rd_kafka_headers_t *all;
    return rd_kafka_message_headers(m, &all) == RD_KAFKA_RESP_ERR_NO_ERROR ? all : NULL;
}

/* --- requests --- */

static rd_kafka_resp_err_t metadata(struct kafka_client *c, const struct rd_kafka_metadata **all,
                                    int timeout_ms) {
    return rd_kafka_metadata(c->rk, 1, NULL, all, timeout_ms);
}

static rd_kafka_resp_err_t committed(struct kafka_client *c, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms) {
    return rd_kafka_committed(c->rk, list, timeout_ms);
}

static bool watermarks(struct kafka_client *c, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e) {
    return kafka_watermarks(c->rk, list, low, high, timeout_ms, e);
}

static void delete_records(struct kafka_client *c, const rd_kafka_topic_partition_list_t *before,
                           int timeout_ms) {
    char why[256];
    if (c->answers == NULL)
        c->answers = rd_kafka_queue_new(c->rk);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(c->rk, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why);
    rd_kafka_DeleteRecords(c->rk, &request, 1, options, c->answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteRecords_destroy(request);
}

static bool deleted(struct kafka_client *c, int timeout_ms, struct err *e) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(c->answers, timeout_ms);
    e->class = ERR_NONE;
    if (event == NULL)
        return false;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)err_set(e, ERR_RETRY, "%s", rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    return true;
}

static void ask_rights(struct kafka_client *c, const struct rights *needed) {
    if (c->rights == NULL)
        c->rights = rd_kafka_queue_new(c->rk);
    c->rights_pending = rights_send(c->rk, c->config, needed, c->rights);
}

static bool rights_answered(struct kafka_client *c, const struct rights *needed,
                            struct rights *missing, int timeout_ms) {
    struct err ignored;
    c->rights_pending =
        rights_take(c->rights, c->rights_pending, timeout_ms, c->config, needed, missing, &ignored);
    return c->rights_pending == 0;
}

/* --- a producer --- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    const struct kafka_client *c = opaque;
    (void)rk;
    c->writer.delivered(c->writer.context, (enum topic)(intptr_t)m->_private, m->partition,
                        m->offset, m->err);
}

static rd_kafka_conf_t *producer_conf(const struct config *c, const struct kafka_transactional *t,
                                      struct err *e) {
    char timeout[24];
    (void)snprintf(timeout, sizeof timeout, "%d", t->timeout_ms);
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !(kafka_conf_set(conf, "transactional.id", t->transactional_id, e) &&
                          kafka_conf_set(conf, "transaction.timeout.ms", timeout, e) &&
                          kafka_conf_set_default(conf, c, "compression.type", "lz4", e) &&
                          /* A transaction gets CONCURRENT_TRANSACTIONS while the markers of the
                             last one are written. */
                          kafka_conf_set_default(conf, c, "retry.backoff.ms", "10", e) &&
                          kafka_conf_set(conf, "message.max.bytes", "67108864", e) &&
                          kafka_conf_count_breaks(conf, t->breaks, e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    if (conf != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return conf;
}

static struct kafka_client *new_producer(const struct worker_kafka *k,
                                         const struct kafka_transactional *t, struct err *e) {
    struct kafka_client *c = mem_calloc(1, sizeof *c);
    *c = (struct kafka_client){.writer = *t, .config = k->config};
    c = open_client(c, RD_KAFKA_PRODUCER, producer_conf(k->config, t, e), e);
    if (c != NULL)
        c->sender = offset_sender_new(c->rk, e);
    if (c == NULL || c->sender != NULL)
        return c;
    (void)end_client(c);
    return NULL;
}

/* Loads the metadata of the topics, for which the first message would otherwise wait inside a
 * transaction. */
static rd_kafka_error_t *open_topics(struct kafka_client *c) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct rd_kafka_metadata *md;
        if (topic_is_input((enum topic)t) || c->topics[t] != NULL)
            continue;
        c->topics[t] = rd_kafka_topic_new(c->rk, c->config->topics[t], NULL);
        if (c->topics[t] == NULL)
            return rd_kafka_error_new(rd_kafka_last_error(), "topic %s: %s", c->config->topics[t],
                                      rd_kafka_err2str(rd_kafka_last_error()));
        if (rd_kafka_metadata(c->rk, 0, c->topics[t], &md, METADATA_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(md);
    }
    return NULL;
}

static rd_kafka_error_t *init_transactions(struct kafka_client *c, int timeout_ms) {
    rd_kafka_error_t *error = rd_kafka_init_transactions(c->rk, timeout_ms);
    return error != NULL ? error : open_topics(c);
}

static rd_kafka_error_t *begin(struct kafka_client *c) {
    return rd_kafka_begin_transaction(c->rk);
}

rd_kafka_headers_t *worker_kafka_headers(const struct sink_message *m,
                                         const rd_kafka_headers_t *headers_from) {
    if (headers_from == NULL && m->header_count == 0)
        return NULL;
    rd_kafka_headers_t *all = headers_from != NULL ? rd_kafka_headers_copy(headers_from)
                                                   : rd_kafka_headers_new(m->header_count);
    if (headers_from != NULL)
        (void)rd_kafka_header_remove(all, PIPELINE_SOURCE_HEADER);
    for (size_t i = 0; i < m->header_count; i++)
        (void)rd_kafka_header_add(all, m->headers[i].name, -1, m->headers[i].value.p,
                                  (ssize_t)m->headers[i].value.n);
    return all;
}

struct slice worker_kafka_header(const rd_kafka_headers_t *headers, const char *name) {
    struct slice value = slice_null();
    const void *p;
    if (headers != NULL &&
        rd_kafka_header_get_last(headers, name, &p, &value.n) == RD_KAFKA_RESP_ERR_NO_ERROR)
        value.p = p != NULL ? p : "";
    return value;
}

/* Takes ownership of the headers if it succeeds. */
static rd_kafka_resp_err_t produce_with(struct kafka_client *c, const struct sink_message *m,
                                        rd_kafka_headers_t *all) {
    /* librdkafka takes a non-const pointer, but only copies. */
    union {
        const void *in;
        void *out;
    } key = {m->key.p}, value = {m->value.p};
    rd_kafka_topic_t *to = c->topics[m->topic];
    void *opaque = (void *)(intptr_t)m->topic;
    if (all == NULL && m->timestamp_ms == 0)
        return rd_kafka_produce(to, m->partition, RD_KAFKA_MSG_F_COPY, value.out, m->value.n,
                                key.out, m->key.n, opaque) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    if (all == NULL)
        return rd_kafka_producev(
            c->rk, RD_KAFKA_V_RKT(to), RD_KAFKA_V_PARTITION(m->partition),
            RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
            RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    return rd_kafka_producev(
        c->rk, RD_KAFKA_V_RKT(to), RD_KAFKA_V_PARTITION(m->partition),
        RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(all), RD_KAFKA_V_END);
}

static rd_kafka_resp_err_t produce(struct kafka_client *c, const struct sink_message *m) {
    rd_kafka_headers_t *all =
        worker_kafka_headers(m, m->headers_from != NULL ? headers(m->headers_from) : NULL);
    rd_kafka_resp_err_t code = produce_with(c, m, all);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && all != NULL)
        rd_kafka_headers_destroy(all);
    return code;
}

static void serve(struct kafka_client *c, int timeout_ms) {
    (void)rd_kafka_poll(c->rk, timeout_ms);
}

static rd_kafka_error_t *send_offsets(struct kafka_client *c,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group,
                                      int timeout_ms) {
    return offset_sender_send(c->sender, offsets, group,
                              timeout_ms < OFFSETS_MS ? timeout_ms : OFFSETS_MS);
}

static rd_kafka_error_t *commit(struct kafka_client *c, int timeout_ms) {
    return rd_kafka_commit_transaction(c->rk, timeout_ms);
}

struct worker_kafka kafka_of_librdkafka(const struct config *config) {
    return (struct worker_kafka){
        .config = config,
        .new_member = new_member,
        .new_reader = new_reader,
        .new_producer = new_producer,
        .free_client = free_client,
        .poll = poll_member,
        .read = read_messages,
        .assign = assign,
        .membership = membership,
        .fatal_error = fatal_error,
        .end_heard = end_heard,
        .topic = topic,
        .timestamp_ms = timestamp_ms,
        .headers = headers,
        .free_message = rd_kafka_message_destroy,
        .metadata = metadata,
        .free_metadata = rd_kafka_metadata_destroy,
        .committed = committed,
        .watermarks = watermarks,
        .delete_records = delete_records,
        .deleted = deleted,
        .ask_rights = ask_rights,
        .rights_answered = rights_answered,
        .init_transactions = init_transactions,
        .begin = begin,
        .produce = produce,
        .serve = serve,
        .send_offsets = send_offsets,
        .commit = commit,
    };
}
