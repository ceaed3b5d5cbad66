/* rights: what the user of the kafka.* settings must be allowed to do on a cluster with ACLs
 * (docker/README.md, "Rights"), and what of that is missing. Kafka is asked, because errors do not
 * tell: some name no topic, and librdkafka tells a refused fetch once and then waits in silence. */
#ifndef STREAMER_KAFKA_RIGHTS_H
#define STREAMER_KAFKA_RIGHTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* What rights are of: a topic (enum topic), or one of these. The first RIGHTS_TOPICS are topics. */
enum {
    RIGHTS_OWNERS = TOPIC_COUNT, /* topic.owners */
    RIGHTS_TOPICS,
    RIGHTS_GROUP = RIGHTS_TOPICS,
    RIGHTS_TRANSACTIONAL_IDS,
    RIGHTS_COUNT
};

/* Zero-initialized: none. */
struct rights {
    unsigned of[RIGHTS_COUNT]; /* sets of 1 << RD_KAFKA_ACL_OPERATION_… */
    /* Of missing rights: the topic is not there; the user may not even know whether it is. */
    bool absent[RIGHTS_TOPICS], hidden[RIGHTS_TOPICS];
};

struct rights rights_to_run(void); /* Create counts for topics that are not there */
struct rights rights_to_feed(enum entity entity);
struct rights rights_to_reset(void);
bool rights_are_none(const struct rights *r);

/* What of `needed` is missing. Creates nothing and fences nobody. Waits for the brokers, for some
 * seconds at most. Where Kafka does not tell nothing counts as missing. False with `e` (ERR_RETRY):
 * there was no answer. `client` is any handle. */
bool rights_ask(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                struct rights *missing, struct err *e);

/* What Kafka tells of that by itself, in two halves. The first one sends the requests, without
 * waiting, and returns how many answers will come to `queue`. */
int rights_send(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                rd_kafka_queue_t *queue);
/* Takes up to `pending` answers, and waits for each no longer than wait_ms. Of what they do not
 * tell, `missing` stays as it was; `e` (ERR_RETRY) is set if a request failed. Returns how many are
 * still to come. */
int rights_take(rd_kafka_queue_t *queue, int pending, int wait_ms, const struct config *c,
                const struct rights *needed, struct rights *missing, struct err *e);

/* Sets `e` to one line (ERR_DENIED) that names what is missing, where, for whom, and how to grant
 * it. Returns false. */
bool rights_deny(const struct config *c, const struct rights *missing, struct err *e);
/* The same of one right: `operation` is missing on `of`. */
bool rights_deny_one(const struct config *c, int of, rd_kafka_AclOperation_t operation,
                     struct err *e);
/* The same by the name of a topic, which must be one of the configuration's. */
bool rights_deny_topic(const struct config *c, const char *name, rd_kafka_AclOperation_t operation,
                       struct err *e);

#endif
