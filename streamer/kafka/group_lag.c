#include "streamer/kafka/group_lag.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topic_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define POLL_MS 100
#define PAUSE_US 300000

struct looking {
    const struct config *config;
    const struct group_lag_options *options;
    struct kafka_trouble trouble;
    rd_kafka_t *asking;                   /* sees messages of open transactions, too */
    rd_kafka_t *member;                   /* asks for the group's offsets, and never joins it */
    rd_kafka_topic_partition_list_t *all; /* partitions, topic by topic, and where each begins */
    int64_t *low, *high;                  /* by partition of `all` */
    bool *is_read;                        /* the same: its end is not reached */
};

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

/* --- clients and partitions --- */

/* A client that never joins the group. read_uncommitted: it counts the messages of open
 * transactions among those that a topic has. read_committed: it waits for offsets that are just
 * being committed. */
static rd_kafka_t *client_new(struct looking *l, const char *isolation, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(l->config, e);
    if (conf != NULL && !(kafka_conf_set_trouble(conf, l->config, &l->trouble, e) &&
                          kafka_conf_set(conf, "group.id", l->config->app_id, e) &&
                          kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
                          kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
                          kafka_conf_set(conf, "fetch.wait.max.ms", "20", e) &&
                          kafka_conf_set(conf, "isolation.level", isolation, e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return kafka_client(RD_KAFKA_CONSUMER, conf, e);
}

static bool add_topic(struct looking *l, const struct rd_kafka_metadata *m, const char *topic,
                      struct err *e) {
    const struct rd_kafka_metadata_topic *t = kafka_metadata_topic(m, topic);
    if (t == NULL || t->partition_cnt == 0)
        return err_set(e, ERR_STOP,
                       "kafka: there is no topic %s, or no right to see it; start `streamer run`, "
                       "which creates it, or check app.id and the topic.* settings",
                       topic);
    for (int32_t p = 0; p < t->partition_cnt; p++)
        rd_kafka_topic_partition_list_add(l->all, topic, p);
    return true;
}

static bool find_partitions(struct looking *l, struct err *e) {
    const struct rd_kafka_metadata *m =
        kafka_metadata(l->asking, l->config->bootstrap, ANSWER_MS, &l->trouble, e);
    bool ok = m != NULL;
    l->all = rd_kafka_topic_partition_list_new(0);
    for (int t = 0; ok && t < TOPIC_COUNT; t++)
        if (topic_is_consumed((enum topic)t))
            ok = add_topic(l, m, l->config->topics[t], e);
    if (m != NULL)
        rd_kafka_metadata_destroy(m);
    l->low = mem_calloc((size_t)l->all->cnt + 1, sizeof *l->low);
    l->high = mem_calloc((size_t)l->all->cnt + 1, sizeof *l->high);
    l->is_read = mem_calloc((size_t)l->all->cnt + 1, sizeof *l->is_read);
    return ok;
}

/* --- one look --- */

static bool ask_committed(struct looking *l, struct err *e) {
    rd_kafka_resp_err_t code = rd_kafka_committed(l->member, l->all, ANSWER_MS);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < l->all->cnt; i++)
        code = l->all->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        (void)rights_deny_one(l->config, RIGHTS_GROUP, RD_KAFKA_ACL_OPERATION_DESCRIBE, e);
        e->class = ERR_STOP;
        return err_prefix(e, "kafka");
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_RETRY, "kafka: the offsets of group %s: %s", l->config->app_id,
                   rd_kafka_err2str(code));
}

/* The first offset that the group has not processed. */
static int64_t position(const struct looking *l, int i) {
    int64_t committed = l->all->elems[i].offset;
    return committed > l->low[i] ? committed : l->low[i];
}

/* Assigns the partitions that have something left, from there on, and notes which they are. Returns
 * how many. */
static int assign_rest(struct looking *l) {
    rd_kafka_topic_partition_list_t *rest = rd_kafka_topic_partition_list_new(l->all->cnt);
    for (int i = 0; i < l->all->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &l->all->elems[i];
        l->is_read[i] = l->high[i] > position(l, i);
        if (l->is_read[i])
            rd_kafka_topic_partition_list_add(rest, tp->topic, tp->partition)->offset =
                position(l, i);
    }
    int count = rest->cnt;
    (void)kafka_assign(l->member, rest);
    rd_kafka_topic_partition_list_destroy(rest);
    return count;
}

/* Where the message's partition is in the list. */
static int index_of(const struct looking *l, const rd_kafka_message_t *m) {
    const rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(l->all, rd_kafka_topic_name(m->rkt), m->partition);
    return (int)(tp - l->all->elems);
}

/* Takes a message or the end of a partition. *left is how many partitions have not reached their
 * end. False with ERR_RETRY: something lies before the end. */
static bool take(struct looking *l, const rd_kafka_message_t *m, int *left, struct err *e) {
    bool is_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (!is_end && m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return true; /* it passes, or nothing comes for long */
    int i = index_of(l, m);
    if (m->offset < l->high[i])
        return err_set(e, ERR_RETRY, "topic %s, partition %d, offset %" PRId64 ": %s",
                       l->all->elems[i].topic, m->partition, m->offset,
                       is_end ? "a transaction is open" : "the record is not processed yet");
    *left -= l->is_read[i];
    l->is_read[i] = false;
    return true;
}

/* Whether nothing but markers of transactions lies before the ends. */
static bool has_markers_only(struct looking *l, struct err *e) {
    int64_t until_ms = now_ms() + ANSWER_MS;
    int left = assign_rest(l);
    bool ok = true;
    while (ok && left > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(l->member, POLL_MS);
        ok = m == NULL || take(l, m, &left, e);
        if (m != NULL)
            rd_kafka_message_destroy(m);
        if (ok && now_ms() > until_ms)
            ok = err_set(e, ERR_RETRY, "what is not processed yet cannot be read");
    }
    (void)kafka_assign(l->member, NULL);
    return ok;
}

/* ERR_RETRY: not everything is processed, or the brokers did not answer. */
static bool look(struct looking *l, struct err *e) {
    return ask_committed(l, e) &&
           kafka_watermarks(l->asking, l->all, l->low, l->high, ANSWER_MS, e) &&
           has_markers_only(l, e);
}

/* --- waiting --- */

static bool is_stopped(const struct looking *l) {
    return l->options->stop != NULL && atomic_load(l->options->stop);
}

static bool wait(struct looking *l, struct err *e) {
    int64_t end_ms = now_ms() + l->options->timeout_ms;
    while (!look(l, e)) {
        if (is_stopped(l))
            return err_set(e, ERR_STOP, "interrupted");
        if (e->class != ERR_RETRY && e->class != ERR_DENIED)
            return false;
        if (now_ms() >= end_ms) {
            struct err last = *e;
            return err_set(e, ERR_STOP,
                           "not settled after %" PRId64 " s: %.800s; look at `streamer status`, or "
                           "raise --timeout",
                           l->options->timeout_ms / 1000, last.text);
        }
        (void)usleep(PAUSE_US);
    }
    return true;
}

bool group_lag_wait(const struct config *c, const struct group_lag_options *o, struct err *e) {
    struct looking l = {.config = c, .options = o};
    l.asking = client_new(&l, "read_uncommitted", e);
    l.member = l.asking != NULL ? client_new(&l, "read_committed", e) : NULL;
    if (l.member != NULL)
        (void)rd_kafka_poll_set_consumer(l.member);
    bool ok = l.member != NULL && find_partitions(&l, e);
    *o->is_embedded = ok && kafka_is_embedded(l.asking);
    ok = ok && (*o->is_embedded || wait(&l, e));
    if (l.member != NULL)
        (void)kafka_destroy(l.member);
    if (l.asking != NULL)
        (void)kafka_destroy(l.asking);
    if (l.all != NULL)
        rd_kafka_topic_partition_list_destroy(l.all);
    free(l.low);
    free(l.high);
    free(l.is_read);
    return ok;
}
