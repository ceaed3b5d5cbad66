#include "streamer/base/buf.h"
#include "streamer/base/decimal.h"
#include "streamer/commands.h"
#include "streamer/kafka.h"
#include "streamer/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 10000

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

/* --- rules --- */

static void print_rates(const struct rates *r) {
    struct buf line = {0};
    for (int i = 0; i < r->tier_count; i++) {
        buf_clear(&line);
        buf_put_str(&line, i + 1 < r->tier_count ? "balance below " : "any other balance");
        if (i + 1 < r->tier_count)
            decimal_put(&line, r->tiers[i].below_cents, 2);
        buf_put_str(&line, ": ");
        decimal_put(&line, r->tiers[i].rate_milli, 3);
        buf_put_str(&line, ", with a loan ");
        decimal_put(&line, r->tiers[i].rate_milli + r->loan_bonus_milli, 3);
        (void)printf("%s\n", buf_cstr(&line));
    }
    buf_release(&line);
}

/* --- librdkafka's own rules: only a client that is made finds what does not go together --- */

static bool set_integer(rd_kafka_conf_t *conf, const char *name, int64_t value, struct err *e) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return kafka_conf_set(conf, name, text, e);
}

static bool make_client(const struct config *c, rd_kafka_type_t type, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf == NULL)
        return false;
    bool ok = kafka_conf_set(conf, "bootstrap.servers", "", e); /* it is not to connect */
    if (type == RD_KAFKA_CONSUMER)
        ok = ok && kafka_conf_set(conf, "group.id", c->app_id, e);
    else
        ok = ok && kafka_conf_set(conf, "transactional.id", c->app_id, e) &&
             set_integer(conf, "transaction.timeout.ms", c->transaction_timeout_ms, e);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_t *client = kafka_client(type, conf, e);
    if (client != NULL)
        rd_kafka_destroy(client);
    return client != NULL;
}

/* --- the cluster --- */

/* What is wrong with the topics so far. */
struct findings {
    int problems;
    int32_t partitions;        /* of the result and internal topics; 0: none is there yet */
    const char *partitions_of; /* the first of them */
    bool any_missing;
};

static void report(struct findings *f, const struct err *problem) {
    (void)fflush(stdout);
    (void)command_fail(problem);
    f->problems++;
}

/* Every result and internal topic must have as many partitions as the others: one task owns partition p of
 * all. */
static void check_partitions(const struct config *c, const struct rd_kafka_metadata_topic *topic,
                             struct findings *f) {
    struct err e;
    if (f->partitions == 0) {
        f->partitions = topic->partition_cnt;
        f->partitions_of = topic->topic;
        if (c->partitions != 0 && c->partitions != topic->partition_cnt) {
            (void)err_set(
                &e, ERR_STOP,
                "kafka: topic %s: has %d partition%s, but partitions=%" PRId64
                "; the number is fixed when app.id first starts, set partitions=%d or another app.id",
                topic->topic, topic->partition_cnt, plural(topic->partition_cnt), c->partitions,
                topic->partition_cnt);
            report(f, &e);
        }
    } else if (topic->partition_cnt != f->partitions) {
        (void)err_set(
            &e, ERR_STOP,
            "kafka: topic %s: has %d partition%s, but %s has %d; result and internal topics need the same "
            "number, delete the wrong one",
            topic->topic, topic->partition_cnt, plural(topic->partition_cnt), f->partitions_of,
            f->partitions);
        report(f, &e);
    }
}

static void check_leaders(const struct rd_kafka_metadata_topic *topic, struct findings *f) {
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &topic->partitions[i];
        if (p->leader >= 0)
            continue;
        struct err e;
        (void)err_set(&e, ERR_STOP, "kafka: topic %s: partition %d has no leader (%s), check the brokers",
                      topic->topic, p->id, rd_kafka_err2str(p->err));
        report(f, &e);
    }
}

static void check_topic(const struct config *c, enum topic t, const struct rd_kafka_metadata *metadata,
                        struct findings *f) {
    const char *name = c->topics[t];
    const char *role = topic_is_users(t) ? "input" : t <= TOPIC_QUARANTINE ? "result" : "internal";
    const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, name);
    if (topic == NULL) {
        f->any_missing = true;
        (void)printf("topic %s (%s): missing, `streamer run` creates it\n", name, role);
        return;
    }
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct err e;
        (void)err_set(&e, ERR_STOP, "kafka: topic %s: %s, check the brokers and the rights of this user",
                      name, rd_kafka_err2str(topic->err));
        report(f, &e);
        return;
    }
    (void)printf("topic %s (%s): %d partition%s\n", name, role, topic->partition_cnt,
                 plural(topic->partition_cnt));
    check_leaders(topic, f);
    if (!topic_is_users(t) && t != TOPIC_QUARANTINE)
        check_partitions(c, topic, f);
}

static void check_replication(const struct config *c, const struct rd_kafka_metadata *metadata,
                              struct findings *f) {
    if (!f->any_missing || c->replication_factor <= metadata->broker_cnt)
        return;
    struct err e;
    (void)err_set(&e, ERR_STOP,
                  "kafka: replication.factor=%" PRId64
                  ", but the cluster has %d broker%s, so the missing topics cannot "
                  "be created; set %d or less",
                  c->replication_factor, metadata->broker_cnt, plural(metadata->broker_cnt),
                  metadata->broker_cnt);
    report(f, &e);
}

static int check_cluster(const struct config *c, const struct rd_kafka_metadata *metadata,
                         const char *cluster_id) {
    struct findings f = {0};
    (void)printf("\nconnected: cluster %s, %d broker%s:", cluster_id != NULL ? cluster_id : "without an id",
                 metadata->broker_cnt, plural(metadata->broker_cnt));
    for (int i = 0; i < metadata->broker_cnt; i++)
        (void)printf(" %s:%d", metadata->brokers[i].host, metadata->brokers[i].port);
    (void)printf("\n");
    for (int t = 0; t < TOPIC_COUNT; t++)
        check_topic(c, (enum topic)t, metadata, &f);
    check_replication(c, metadata, &f);
    return f.problems == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int check_connection(const struct config *c, struct err *e) {
    struct kafka_trouble trouble;
    int code = EXIT_FAILED;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return command_fail(e);
    const struct rd_kafka_metadata *metadata =
        kafka_metadata(client, c->bootstrap, CONNECT_TIMEOUT_MS, &trouble, e);
    if (metadata == NULL) {
        (void)command_fail(e);
        goto done;
    }
    char *cluster_id = rd_kafka_clusterid(client, 0);
    code = check_cluster(c, metadata, cluster_id);
    if (code == EXIT_DONE && !topics_check(client, c, CONNECT_TIMEOUT_MS, e))
        code = command_fail(e);
    rd_kafka_mem_free(client, cluster_id);
    rd_kafka_metadata_destroy(metadata);
done:
    rd_kafka_destroy(client);
    return code;
}

/* What it is built with says which logins can work. */
static void print_library(void) {
    char features[256] = "";
    size_t size = sizeof features;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_get(conf, "builtin.features", features, &size);
    rd_kafka_conf_destroy(conf);
    (void)printf("\nlibrdkafka %s with %s\n", kafka_library_version(), features);
}

int command_check(const struct config *c, bool connect) {
    struct err e;
    if (c->log_level < LOG_ERROR && c->log_level != LOG_DEBUG)
        log_set_level(LOG_ERROR); /* librdkafka's story is in the error itself */
    config_print_effective(c);
    (void)printf("\n");
    print_rates(&c->rates);
    if (!make_client(c, RD_KAFKA_PRODUCER, &e) || !make_client(c, RD_KAFKA_CONSUMER, &e))
        return command_fail(&e);
    print_library();
    (void)printf("the configuration is valid\n");
    return connect ? check_connection(c, &e) : EXIT_DONE;
}
