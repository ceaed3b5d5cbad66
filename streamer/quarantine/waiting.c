#include "streamer/quarantine/waiting.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/topic_facts.h"

#include <stdlib.h>

#define ANSWER_MS 10000

/* A client that can ask for the group's offsets. It never joins the group. */
static rd_kafka_t *group_client(const struct config *c, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !(kafka_conf_set(conf, "group.id", c->app_id, e) &&
                          kafka_conf_set(conf, "enable.auto.commit", "false", e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return kafka_client(RD_KAFKA_CONSUMER, conf, e);
}

static bool count_one(void *context, const rd_kafka_message_t *m, struct err *e) {
    uint64_t *records = context;
    (void)m;
    (void)e;
    ++*records;
    return true;
}

/* Counts the records of a topic. *is_known stays as it is if the group's offsets are known. */
static bool count_topic(const struct whole_topic *w, rd_kafka_t *client, enum topic topic,
                        int32_t partitions, uint64_t *records, bool *is_known, struct err *e) {
    const char *name = w->config->topics[topic];
    int64_t *begin = mem_calloc((size_t)partitions, sizeof *begin);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, name, p);
    bool ok = true;
    if (rd_kafka_committed(client, list, ANSWER_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        *is_known = false;
    for (int32_t p = 0; p < partitions; p++) { /* nothing committed: negative */
        begin[p] = list->elems[p].offset > 0 ? list->elems[p].offset : 0;
        *is_known = *is_known && list->elems[p].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (*is_known)
        ok = whole_topic_read(w, topic, begin, partitions, count_one, records, e);
    rd_kafka_topic_partition_list_destroy(list);
    free(begin);
    return ok;
}

static bool count_all(const struct whole_topic *w, rd_kafka_t *client, uint64_t *records,
                      bool *is_known, struct err *e) {
    bool ok = true;
    for (int t = 0; ok && *is_known && t < TOPIC_COUNT; t++) {
        struct topic_facts facts;
        if (!topic_is_consumed((enum topic)t))
            continue;
        ok = topic_facts_ask(w->config, w->config->topics[t], &facts, e) &&
             (facts.partitions == 0 ||
              count_topic(w, client, (enum topic)t, facts.partitions, records, is_known, e));
    }
    return ok;
}

bool waiting_count(const struct whole_topic *w, uint64_t *records, bool *is_known, struct err *e) {
    *records = 0;
    *is_known = !w->is_embedded;
    if (w->is_embedded)
        return true;
    rd_kafka_t *client = group_client(w->config, e);
    if (client == NULL)
        return false;
    bool ok = count_all(w, client, records, is_known, e);
    (void)kafka_destroy(client);
    return ok;
}
