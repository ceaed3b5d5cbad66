/* rights: what the user of the kafka.* settings must be allowed to do on a cluster with ACLs
 * (docker/README.md, "Rights"), and which of these rights are missing. Kafka is asked for them,
 * because its errors do not tell enough: some name no topic, and librdkafka reports a refused fetch
 * only once. */
#ifndef STREAMER_KAFKA_RIGHTS_H
#define STREAMER_KAFKA_RIGHTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* What a right is for: a topic (enum topic), or one of these. The first RIGHTS_TOPICS are all
 * topics, that of the owners and that of the replays included. */
enum {
    RIGHTS_OWNERS = TOPIC_COUNT, /* topic.owners */
    RIGHTS_REPLAYED,             /* <app.id>-replayed */
    RIGHTS_TOPICS,
    RIGHTS_GROUP = RIGHTS_TOPICS,
    RIGHTS_TRANSACTIONAL_IDS,
    RIGHTS_COUNT
};

/* A set of rights. A zero-initialized set is empty. */
struct rights {
    unsigned of[RIGHTS_COUNT]; /* a set of 1 << RD_KAFKA_ACL_OPERATION_… for each of them */
    /* Only for missing rights. absent: the topic does not exist. hidden: the user may not even know
     * whether it exists. */
    bool absent[RIGHTS_TOPICS], hidden[RIGHTS_TOPICS];
};

struct rights rights_to_run(void); /* Create only matters for topics that do not exist */
struct rights rights_to_feed(enum entity entity);
struct rights rights_to_reset(void);
struct rights rights_to_replay(void); /* quarantined records; into either input */
bool rights_are_none(const struct rights *r);

/* Sets `missing` to the rights of `needed` that the user lacks. Creates nothing and fences nobody.
 * Waits some seconds for the brokers. A right that Kafka does not tell about does not count as
 * missing. False with `e` (ERR_RETRY): there was no answer. `client` is any handle. */
bool rights_ask(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                struct rights *missing, struct err *e);
/* False with `e` (ERR_DENIED): the user may not read this topic of the configuration. True also
 * where the brokers do not tell. */
bool rights_may_read(rd_kafka_t *client, const struct config *c, const char *topic, struct err *e);

/* The two halves of a shorter check, which only asks what Kafka tells by itself. This half sends
 * the requests, without waiting, and returns how many answers will come to `queue`. */
int rights_send(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                rd_kafka_queue_t *queue);
/* The other half: takes up to `pending` answers, waits for each no longer than wait_ms, and returns
 * how many are still to come. Only changes in `missing` what the answers tell. Sets `e` (ERR_RETRY)
 * if a request failed. */
int rights_take(rd_kafka_queue_t *queue, int pending, int wait_ms, const struct config *c,
                const struct rights *needed, struct rights *missing, struct err *e);

/* Sets `e` to one line (ERR_DENIED) that names the missing rights and their user, and shows how to
 * grant them. Returns false. */
bool rights_deny(const struct config *c, const struct rights *missing, struct err *e);
/* The same for one right: `operation` on `of`, a topic or one of the enum above. */
bool rights_deny_one(const struct config *c, int of, rd_kafka_AclOperation_t operation,
                     struct err *e);
/* The same for a topic by its name, which must be one of the configuration. */
bool rights_deny_topic(const struct config *c, const char *name, rd_kafka_AclOperation_t operation,
                       struct err *e);

#endif
