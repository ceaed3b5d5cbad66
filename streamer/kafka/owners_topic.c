#include "streamer/kafka/owners_topic.h"

#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"

#define TIMEOUT_MS 30000
#define TIMEOUT_MS_TEXT "30000"
#define STEP_MS 100
#define PARTITION 0

/* --- reading --- */

static rd_kafka_t *new_reader(const struct config *c, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "group.id", c->app_id, e) && /* needed, but never joined */
          kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
          kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
          kafka_conf_set(conf, "auto.offset.reset", "error", e) &&
          kafka_conf_set(conf, "fetch.wait.max.ms", "20", e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    rd_kafka_t *reader = kafka_client(RD_KAFKA_CONSUMER, conf, e);
    if (reader != NULL)
        (void)rd_kafka_poll_set_consumer(reader);
    return reader;
}

/* Whether waiting cannot help. */
static bool is_lasting(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
}

/* Sets `e`. operation: Read or Write. Returns false. */
static bool fail(const struct config *c, rd_kafka_AclOperation_t operation,
                 rd_kafka_resp_err_t code, struct err *e) {
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return rights_deny_one(c, RIGHTS_OWNERS, operation, e);
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return err_set(
            e, ERR_STOP,
            "topic %s: its first records were deleted, so that it does not say any more whose "
            "the result topics are; delete it, then each app.id asks for its own anew when it "
            "starts",
            c->owners_topic);
    return err_set(e, ERR_STOP, "topic %s: cannot %s it: %s; check the brokers", c->owners_topic,
                   operation == RD_KAFKA_ACL_OPERATION_READ ? "read" : "write to",
                   rd_kafka_err2str(code));
}

static void apply(struct owners *o, const struct config *c, const rd_kafka_message_t *m) {
    if (!owners_apply(o, slice_of(m->key, m->key_len), slice_of(m->payload, m->len)))
        log_warn("a record that is not understood is left out", "topic=%s partition=%d offset=%lld",
                 c->owners_topic, PARTITION, (long long)m->offset);
}

/* Reads up to the end, and at least to the record at offset `through` (-1: none), because a new
 * leader may briefly report an end before its last records. */
static bool read_records(rd_kafka_t *reader, const struct config *c, int64_t through,
                         struct owners *o, struct err *e) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    bool at_end = false;
    for (int64_t until = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + TIMEOUT_MS;
         !at_end && !is_lasting(code) && clock_ms(clock_of_machine(), CLOCK_MONOTONIC) < until;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(reader, STEP_MS);
        if (m == NULL)
            continue;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            apply(o, c, m);
        else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            at_end = m->offset > through;
        else
            code = m->err;
        rd_kafka_message_destroy(m);
    }
    return at_end || fail(c, RD_KAFKA_ACL_OPERATION_READ, code, e);
}

static bool read_through(const struct config *c, int64_t through, struct owners *o, struct err *e) {
    rd_kafka_t *reader = new_reader(c, e);
    if (reader == NULL)
        return false;
    /* Offset 0, because librdkafka would first look up RD_KAFKA_OFFSET_BEGINNING, which takes half
     * a second. */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->owners_topic, PARTITION)->offset = 0;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    owners_release(o);
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR ? read_records(reader, c, through, o, e)
                                                 : fail(c, RD_KAFKA_ACL_OPERATION_READ, code, e);
    rd_kafka_destroy(reader);
    return ok;
}

bool owners_read(rd_kafka_t *client, const struct config *c, struct owners *o, struct err *e) {
    const struct rd_kafka_metadata *md = kafka_metadata(client, c->bootstrap, TIMEOUT_MS, NULL, e);
    if (md == NULL)
        return false;
    bool is_there = kafka_metadata_topic(md, c->owners_topic) != NULL;
    rd_kafka_metadata_destroy(md);
    owners_release(o);
    return !is_there || read_through(c, -1, o, e);
}

/* --- appending --- */

struct delivery {
    rd_kafka_resp_err_t code;
    int64_t offset;
};

/* Called from rd_kafka_flush. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct delivery *delivery = opaque;
    (void)rk;
    *delivery = (struct delivery){.code = m->err, .offset = m->offset};
}

static rd_kafka_t *new_writer(const struct config *c, struct delivery *delivery, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "enable.idempotence", "true", e) && /* this implies acks=all */
          kafka_conf_set(conf, "message.timeout.ms", TIMEOUT_MS_TEXT, e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    if (conf != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, delivery);
    }
    return kafka_client(RD_KAFKA_PRODUCER, conf, e);
}

/* Sends the record, and waits until it has its offset. */
static bool deliver(rd_kafka_t *writer, const struct config *c, struct buf *value,
                    const struct delivery *delivery, struct err *e) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(writer, c->owners_topic, NULL);
    bool ok = topic != NULL && rd_kafka_produce(topic, PARTITION, RD_KAFKA_MSG_F_COPY, value->p,
                                                value->n, c->app_id, strlen(c->app_id), NULL) == 0;
    rd_kafka_resp_err_t code = ok ? rd_kafka_flush(writer, TIMEOUT_MS) : rd_kafka_last_error();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = delivery->code;
    if (topic != NULL)
        rd_kafka_topic_destroy(topic);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, RD_KAFKA_ACL_OPERATION_WRITE, code, e);
}

bool owners_append(const struct config *c, enum owners_state state, const bool *which,
                   struct owners *o, struct err *e) {
    struct delivery delivery = {.code = RD_KAFKA_RESP_ERR__TIMED_OUT};
    rd_kafka_t *writer = new_writer(c, &delivery, e);
    if (writer == NULL)
        return false;
    struct buf value = {0};
    owners_put_record(&value, state, c, which);
    bool ok = deliver(writer, c, &value, &delivery, e);
    buf_release(&value);
    rd_kafka_destroy(writer);
    return ok && read_through(c, delivery.offset, o, e);
}
