#include "streamer/kafka/topic_facts.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 10000

bool kafka_is_embedded(rd_kafka_t *client) {
    static const char mock[] = "mockCluster"; /* librdkafka's rdkafka_mock.c names it so */
    char *id = rd_kafka_clusterid(client, ANSWER_MS);
    bool is_mock = id != NULL && strncmp(id, mock, strlen(mock)) == 0;
    if (id != NULL)
        rd_kafka_mem_free(client, id);
    return is_mock;
}

static bool read_partitions(rd_kafka_t *client, const struct config *c,
                            const struct kafka_trouble *trouble, const char *const *topics,
                            size_t count, struct topic_facts *facts, struct err *e) {
    const struct rd_kafka_metadata *md =
        kafka_metadata(client, c->bootstrap, ANSWER_MS, trouble, e);
    if (md == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_metadata_topic *t = kafka_metadata_topic(md, topics[i]);
        bool is_there = t != NULL && t->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        facts[i] = (struct topic_facts){.partitions = is_there ? t->partition_cnt : 0,
                                        .retention_ms = TOPIC_FACT_UNKNOWN,
                                        .delete_retention_ms = TOPIC_DELETE_RETENTION_MS,
                                        .message_max_bytes = TOPIC_FACT_UNKNOWN};
    }
    rd_kafka_metadata_destroy(md);
    return true;
}

static void note_config(const rd_kafka_ConfigResource_t *r, struct topic_facts *facts) {
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(r, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL && strcmp(name, "retention.ms") == 0)
            facts->retention_ms = strtoll(value, NULL, 10);
        if (value != NULL && strcmp(name, "delete.retention.ms") == 0)
            facts->delete_retention_ms = strtoll(value, NULL, 10);
        if (value != NULL && strcmp(name, "max.message.bytes") == 0)
            facts->message_max_bytes = strtoll(value, NULL, 10);
        if (value != NULL && strcmp(name, "message.timestamp.type") == 0)
            facts->has_append_times = strcmp(value, "LogAppendTime") == 0;
    }
}

static void note_configs(rd_kafka_event_t *event, const char *const *topics, size_t count,
                         struct topic_facts *facts) {
    size_t resources;
    const rd_kafka_ConfigResource_t **all = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resources);
    for (size_t r = 0; r < resources; r++)
        for (size_t i = 0; i < count; i++)
            if (strcmp(rd_kafka_ConfigResource_name(all[r]), topics[i]) == 0)
                note_config(all[r], &facts[i]);
}

/* An answer that does not come leaves the facts unknown. */
static void read_configs(rd_kafka_t *client, const struct config *c, const char *const *topics,
                         size_t count, struct topic_facts *facts) {
    char why[256];
    struct err ignored;
    rd_kafka_ConfigResource_t **resources = mem_calloc(count, sizeof(rd_kafka_ConfigResource_t *));
    for (size_t i = 0; i < count; i++)
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_DescribeConfigs(client, resources, count, options, queue);
    rd_kafka_event_t *event =
        kafka_admin_result_unless(queue, c->stop, "describe topics", &ignored);
    if (event != NULL) {
        note_configs(event, topics, count, facts);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    free(resources);
}

bool topic_facts_read(rd_kafka_t *client, const struct config *c,
                      const struct kafka_trouble *trouble, const char *const *topics, size_t count,
                      struct topic_facts *facts, struct err *e) {
    if (!read_partitions(client, c, trouble, topics, count, facts, e))
        return false;
    bool is_embedded = kafka_is_embedded(client);
    for (size_t i = 0; i < count; i++)
        facts[i].is_embedded = is_embedded;
    if (!is_embedded)
        read_configs(client, c, topics, count, facts);
    return true;
}

bool topic_facts_ask(const struct config *c, const char *topic, struct topic_facts *facts,
                     struct err *e) {
    struct kafka_trouble trouble = {0};
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return false;
    bool ok = topic_facts_read(client, c, &trouble, &topic, 1, facts, e);
    (void)kafka_destroy(client);
    return ok;
}
