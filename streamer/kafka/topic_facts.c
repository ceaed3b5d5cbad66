#include "streamer/kafka/topic_facts.h"

#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/topic_reader.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 10000

/* --- delete.retention.ms --- */

static void take_entries(const rd_kafka_ConfigResource_t *r, struct topic_facts *facts) {
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(r, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL &&
            strcmp(rd_kafka_ConfigEntry_name(entries[i]), "delete.retention.ms") == 0)
            facts->delete_retention_ms = strtoll(value, NULL, 10);
    }
}

static void take_described(rd_kafka_event_t *event, struct topic_facts *facts) {
    size_t count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_ConfigResource_error(resources[i]) == RD_KAFKA_RESP_ERR_NO_ERROR)
            take_entries(resources[i], facts);
}

static bool ask_retention(rd_kafka_t *client, const char *topic, struct topic_facts *facts,
                          struct err *e) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    facts->delete_retention_ms = TOPIC_DELETE_RETENTION_MS;
    rd_kafka_DescribeConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "kafka: describe a topic", e);
    if (event != NULL) {
        take_described(event, facts);
        rd_kafka_event_destroy(event);
    } else {
        e->class = ERR_STOP;
    }
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    return event != NULL;
}

/* --- all --- */

static bool connect_brokers(rd_kafka_t *client, const struct config *c,
                            const struct kafka_trouble *trouble, struct err *e) {
    const struct rd_kafka_metadata *m =
        kafka_metadata(client, c->bootstrap, CONNECT_TIMEOUT_MS, trouble, e);
    if (m != NULL)
        rd_kafka_metadata_destroy(m);
    return m != NULL;
}

bool topic_facts_ask(const struct config *c, const char *topic, struct topic_facts *facts,
                     struct err *e) {
    struct kafka_trouble trouble = {0};
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    *facts = (struct topic_facts){0};
    if (client == NULL)
        return false;
    bool ok = connect_brokers(client, c, &trouble, e);
    facts->is_embedded = ok && kafka_is_embedded(client);
    if (ok && !facts->is_embedded)
        ok = ask_retention(client, topic, facts, e);
    (void)kafka_destroy(client);
    return ok;
}
