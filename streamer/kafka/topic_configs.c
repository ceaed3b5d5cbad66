#include "streamer/kafka/topic_configs.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/rights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a broker may not know a topic that another broker has just created. */
#define NEW_TOPIC_MS 30000
#define NEW_TOPIC_PAUSE_US 100000

static const char *entry_value(const rd_kafka_ConfigResource_t *r, const char *name) {
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(r, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

static bool check_config(const struct config *c, enum topic t, const rd_kafka_ConfigResource_t *r,
                         struct topic_layout *layout, struct err *e) {
    const char *policy = entry_value(r, "cleanup.policy");
    const char *wanted = topic_is_replayed(t) ? "compact" : "delete";
    if (policy != NULL && strcmp(policy, wanted) != 0)
        return err_set(
            e, ERR_CONFIG,
            "topic %s: cleanup.policy is %s, must be %s; change it (kafka-configs.sh --alter "
            "--topic %s --add-config cleanup.policy=%s) or give another name for it",
            c->topics[t], policy, wanted, c->topics[t], wanted);
    const char *retention = entry_value(r, "retention.ms");
    if (topic_is_repartition(t) && retention != NULL && strcmp(retention, "-1") != 0)
        return err_set(
            e, ERR_CONFIG,
            "topic %s: retention.ms is %s, must be -1: records wait there to be processed",
            c->topics[t], retention);
    const char *tombstones = entry_value(r, "delete.retention.ms");
    if (topic_is_replayed(t) && tombstones != NULL) {
        int64_t ms = strtoll(tombstones, NULL, 10);
        if (ms < layout->delete_retention_ms)
            layout->delete_retention_ms = ms;
    }
    return true;
}

/* No record of the owners topic may be deleted. */
static bool check_owners_config(const struct config *c, const rd_kafka_ConfigResource_t *r,
                                struct err *e) {
    static const char *const wanted[][2] = {
        {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const char *name = wanted[i][0], *value = entry_value(r, name);
        if (value != NULL && strcmp(value, wanted[i][1]) != 0)
            return err_set(e, ERR_CONFIG,
                           "topic %s: %s is %s, must be %s: no record of it may go; change it "
                           "(kafka-configs.sh --alter --topic %s --add-config %s=%s)",
                           c->owners_topic, name, value, wanted[i][1], c->owners_topic, name,
                           wanted[i][1]);
    }
    return true;
}

/* A mark must never go. */
static bool check_replayed_config(const struct config *c, const rd_kafka_ConfigResource_t *r,
                                  struct err *e) {
    const char *policy = entry_value(r, "cleanup.policy");
    return policy == NULL || strcmp(policy, "compact") == 0 ||
           err_set(e, ERR_CONFIG,
                   "topic %s: cleanup.policy is %s, must be compact, or records are replayed twice "
                   "when it has forgotten them; change it (kafka-configs.sh --alter --topic %s "
                   "--add-config cleanup.policy=compact)",
                   c->replayed_topic, policy, c->replayed_topic);
}

/* ERR_RETRY: the broker does not know the topic yet. */
static bool check_described(const struct config *c, rd_kafka_event_t *event,
                            struct topic_layout *layout, struct err *e) {
    size_t count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigResource_name(resources[i]);
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[i]);
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return rights_deny_topic(c, name, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, e);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return err_set(e,
                           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? ERR_RETRY : ERR_STOP,
                           "topic %s: cannot read its configuration: %s", name,
                           rd_kafka_ConfigResource_error_string(resources[i]));
        if (strcmp(c->owners_topic, name) == 0 && !check_owners_config(c, resources[i], e))
            return false;
        if (strcmp(c->replayed_topic, name) == 0 && !check_replayed_config(c, resources[i], e))
            return false;
        for (int t = 0; t < TOPIC_COUNT; t++)
            if (strcmp(c->topics[t], name) == 0 &&
                !check_config(c, (enum topic)t, resources[i], layout, e))
                return false;
    }
    return true;
}

static bool describe_and_check(rd_kafka_t *client, const struct config *c,
                               rd_kafka_ConfigResource_t **resources, size_t count,
                               struct topic_layout *layout, struct err *e) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConfigs(client, resources, count, NULL, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "describe topics", e);
    bool ok = event != NULL && check_described(c, event, layout, e);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return ok;
}

/* Asks for up to 30 s while a broker does not know a topic yet. Destroys the resources. */
static bool check_resources(rd_kafka_t *client, const struct config *c,
                            rd_kafka_ConfigResource_t **resources, size_t count,
                            struct topic_layout *layout, struct err *e) {
    int64_t until = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + NEW_TOPIC_MS;
    bool ok = count == 0 || describe_and_check(client, c, resources, count, layout, e);
    while (!ok && e->class == ERR_RETRY && clock_ms(clock_of_machine(), CLOCK_MONOTONIC) < until) {
        (void)usleep(NEW_TOPIC_PAUSE_US);
        ok = describe_and_check(client, c, resources, count, layout, e);
    }
    rd_kafka_ConfigResource_destroy_array(resources, count);
    return ok;
}

bool topic_configs_check_replayed(rd_kafka_t *client, const struct config *c, struct err *e) {
    struct topic_layout layout = {0};
    rd_kafka_ConfigResource_t *resources[] = {
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, c->replayed_topic)};
    return check_resources(client, c, resources, ARRAY_LEN(resources), &layout, e);
}

bool topic_configs_check(rd_kafka_t *client, const struct config *c, struct topic_layout *layout,
                         struct err *e) {
    rd_kafka_ConfigResource_t *resources[TOPIC_COUNT + 1];
    size_t count = 0;
    if (layout->has_owners_topic)
        resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, c->owners_topic);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (!topic_is_input((enum topic)t) && layout->partitions[t] > 0)
            resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, c->topics[t]);
    return check_resources(client, c, resources, count, layout, e);
}
