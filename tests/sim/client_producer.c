#include "client_parts.h"
#include "clients.h"
#include "instance.h"
#include "streamer/base/mem.h"
#include "unit/support.h"

#include <assert.h>

#define SLOW_MS 6000 /* a commit that takes so long counts as slow (producer.c) */

static rd_kafka_error_t *failure(rd_kafka_resp_err_t code) {
    return rd_kafka_error_new(code, "%s", rd_kafka_err2str(code));
}

static rd_kafka_error_t *init_transactions(struct kafka_client *c, int timeout_ms) {
    (void)timeout_ms;
    client_pause(c);
    if (sim_strikes(c->sim, 20))
        return failure(RD_KAFKA_RESP_ERR__TIMED_OUT);
    c->epoch = broker_init_producer(&c->sim->broker, c->producer);
    client_pause(c);
    return sim_strikes(c->sim, 20) ? failure(RD_KAFKA_RESP_ERR__TIMED_OUT) : NULL;
}

static rd_kafka_error_t *begin(struct kafka_client *c) {
    instance_look(c->instance);
    if (sim_strikes(c->sim, 2))
        return failure(RD_KAFKA_RESP_ERR__STATE);
    c->begun = false;
    c->delivered = 0;
    c->broken = RD_KAFKA_RESP_ERR_NO_ERROR;
    return NULL;
}

/* The broker hears of a transaction with the first message or offset that belongs to it. */
static bool enter(struct kafka_client *c) {
    if (!c->begun && c->broken == RD_KAFKA_RESP_ERR_NO_ERROR) {
        c->begun = broker_begin(&c->sim->broker, c->producer, c->epoch);
        if (!c->begun)
            c->broken = RD_KAFKA_RESP_ERR__FENCED;
    }
    return c->begun && c->broken == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool is_lost(const struct sink_message *m) {
    return (m->topic == TOPIC_ACCOUNT_LINKS && mutated_now(MUTATION_LOSE_LINK)) ||
           (m->topic == TOPIC_CUSTOMER_REFS && mutated_now(MUTATION_LOSE_REF)) ||
           (topic_is_repartition(m->topic) && mutated_now(MUTATION_LOSE_FORWARDED)) ||
           (m->topic == TOPIC_CONFIRMATIONS && mutated_now(MUTATION_LOSE_CONFIRMATION)) ||
           (!topic_is_consumed(m->topic) && m->value.p == NULL && m->topic != TOPIC_CONFIRMATIONS &&
            mutated_now(MUTATION_LOSE_RESULT_TOMBSTONE));
}

static void note_delivery(struct kafka_client *c, const struct sink_message *m, int64_t offset,
                          rd_kafka_resp_err_t code) {
    c->deliveries = mem_grow(c->deliveries, &c->delivery_cap, (size_t)c->delivery_count + 1,
                             sizeof *c->deliveries);
    c->deliveries[c->delivery_count++] = (struct delivery){m->topic, m->partition, offset, code};
}

/* The rates are always the same, so a refresh must find the same results that were emitted. This is
 * not checked if others may have the partition by now: what a member of an old generation restores
 * is of several moments, and its transaction is refused. */
static void check_refresh(const struct kafka_client *c, const struct sink_message *m) {
    const struct sim_worker *w = c->instance->running;
    if (w->worker->message_count == 0 && !c->sim->doubts &&
        client_generation(w->worker->consumer) == c->sim->broker.generation &&
        (mutated(MUTATION_NONE) || mutated(MUTATION_NO_LOOK_AHEAD)))
        fail_msg("partition %d: a rebuilt state is not what was emitted: a message to topic %d, "
                 "key %.*s",
                 m->partition, (int)m->topic, (int)m->key.n, m->key.p);
}

static void trace_message(const struct kafka_client *c, const struct sink_message *m,
                          int64_t offset) {
    bool is_text = m->topic <= TOPIC_CUSTOMER_PROFILE;
    sim_trace(c->sim, c->instance, "    sends topic %d partition %d offset %lld key %.*s %.*s%s",
              (int)m->topic, m->partition, (long long)offset, (int)m->key.n,
              m->key.p != NULL ? m->key.p : "", is_text ? (int)m->value.n : 0,
              m->value.p != NULL ? m->value.p : "", m->value.p == NULL ? "tombstone" : "");
}

static rd_kafka_resp_err_t produce(struct kafka_client *c, const struct sink_message *sent) {
    struct sink_message m = *sent;
    check_refresh(c, &m);
    if (is_lost(&m))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (sim_strikes(c->sim, 2))
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (m.header_count == 2 && mutated_now(MUTATION_LOSE_POSITION))
        m.header_count = 1; /* the position is the last header */
    if (!enter(c) || sim_strikes(c->sim, 1)) {
        note_delivery(c, &m, -1, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_headers_t *all = worker_kafka_headers(
        &m, m.headers_from != NULL ? c->instance->kafka.headers(m.headers_from) : NULL);
    int64_t offset = broker_send(&c->sim->broker, c->producer, c->epoch, &m, all);
    trace_message(c, &m, offset);
    if (offset < 0)
        c->broken = RD_KAFKA_RESP_ERR__FENCED;
    else
        note_delivery(c, &m, offset, RD_KAFKA_RESP_ERR_NO_ERROR);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void serve(struct kafka_client *c, int timeout_ms) {
    (void)timeout_ms;
    for (int k = 0; k < c->delivery_count; k++) {
        const struct delivery *d = &c->deliveries[k];
        c->writer.delivered(c->writer.context, d->topic, d->partition, d->offset, d->code);
        c->delivered += d->code == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (d->code != RD_KAFKA_RESP_ERR_NO_ERROR && c->broken == RD_KAFKA_RESP_ERR_NO_ERROR)
            c->broken = RD_KAFKA_RESP_ERR__STATE;
    }
    c->delivery_count = 0;
}

static rd_kafka_error_t *send_offsets(struct kafka_client *c,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      const rd_kafka_consumer_group_metadata_t *group,
                                      int timeout_ms) {
    struct sim *s = c->sim;
    struct offset all[64];
    (void)timeout_ms;
    assert(offsets->cnt <= (int)ARRAY_LEN(all));
    client_pause(c);
    serve(c, 0);
    if (!enter(c))
        return failure(c->broken);
    if (sim_strikes(s, 5))
        return failure(RD_KAFKA_RESP_ERR__TIMED_OUT);
    if (sim_strikes(s, 1))
        return failure(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    for (int k = 0; k < offsets->cnt; k++) {
        const rd_kafka_topic_partition_t *tp = &offsets->elems[k];
        all[k] = (struct offset){client_topic_named(s, tp->topic), tp->partition, tp->offset};
    }
    if (!broker_send_offsets(&s->broker, c->producer, c->epoch,
                             rd_kafka_consumer_group_metadata_generation_id(group), all,
                             offsets->cnt))
        return failure(c->epoch == s->broker.epochs[c->producer]
                           ? RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION
                           : RD_KAFKA_RESP_ERR__FENCED);
    client_pause(c);
    return sim_strikes(s, 5) ? failure(RD_KAFKA_RESP_ERR__TIMED_OUT) : NULL;
}

static rd_kafka_error_t *commit(struct kafka_client *c, int timeout_ms) {
    struct sim *s = c->sim;
    (void)timeout_ms;
    client_pause(c);
    serve(c, 0);
    if (sim_strikes(s, 40))
        return failure(RD_KAFKA_RESP_ERR__TIMED_OUT);
    if (c->broken != RD_KAFKA_RESP_ERR_NO_ERROR ||
        !broker_commit(&s->broker, c->producer, c->epoch))
        return failure(c->broken != RD_KAFKA_RESP_ERR_NO_ERROR ? c->broken
                                                               : RD_KAFKA_RESP_ERR__FENCED);
    sim_trace(s, c->instance, "committed");
    if (sim_strikes(s, 5))
        s->broker.now_ms += SLOW_MS;
    if (sim_strikes(s, 5))
        atomic_fetch_add(c->writer.breaks, 1);
    client_pause(c);
    if (sim_strikes(s, 40))
        return failure(RD_KAFKA_RESP_ERR__TIMED_OUT);
    c->instance->running->committed += c->delivered;
    return NULL;
}

void client_set_producer(struct worker_kafka *k) {
    k->init_transactions = init_transactions;
    k->begin = begin;
    k->produce = produce;
    k->serve = serve;
    k->send_offsets = send_offsets;
    k->commit = commit;
}
