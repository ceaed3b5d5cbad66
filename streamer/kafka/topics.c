#include "streamer/kafka/topics.h"

#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/owners_topic.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topic_configs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Quarantine and repartition topics must accept any input record with its headers, whatever the
 * input topic allows. */
#define LARGE_MESSAGE_BYTES "67108864"
#define ANY_DIFFERENCE_MS "9223372036854775807"
#define ADMIN_TIMEOUT_MS 30000
/* How long a broker may not know a topic that another broker has just created. */
#define NEW_TOPIC_MS 30000
#define NEW_TOPIC_PAUSE_US 100000

/* --- what is there --- */

/* Sets the partition counts (0: no such topic) and has_owners_topic. */
static bool read_partitions(rd_kafka_t *client, const struct config *c, int timeout_ms,
                            struct topic_layout *layout, struct err *e) {
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &md, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY,
                       "kafka.bootstrap.servers=%s: no answer from the brokers (%s); check the "
                       "address, that Kafka runs, and the security settings",
                       c->bootstrap, rd_kafka_err2str(code));
    for (int t = 0; t < TOPIC_COUNT; t++) {
        layout->partitions[t] = 0;
        for (int i = 0; i < md->topic_cnt; i++)
            if (strcmp(md->topics[i].topic, c->topics[t]) == 0 &&
                md->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
                layout->partitions[t] = md->topics[i].partition_cnt;
    }
    layout->has_owners_topic = kafka_metadata_topic(md, c->owners_topic) != NULL;
    rd_kafka_metadata_destroy(md);
    return true;
}

/* --- creating --- */

static void add_config(rd_kafka_NewTopic_t *topic, const char *name, const char *value) {
    (void)rd_kafka_NewTopic_set_config(topic, name, value);
}

/* Only this program deletes records: those of repartition topics, once they are processed. */
static void keep_for_ever(rd_kafka_NewTopic_t *topic) {
    add_config(topic, "retention.ms", "-1");
    add_config(topic, "retention.bytes", "-1");
}

static rd_kafka_NewTopic_t *plan_topic(const struct config *c, enum topic t, int32_t n,
                                       struct err *e) {
    char text[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(c->topics[t], n, (int)c->replication_factor, text, sizeof text);
    if (topic == NULL) {
        (void)err_set(e, ERR_CONFIG, "topic %s: %s", c->topics[t], text);
        return NULL;
    }
    if (topic_is_input(t))
        return topic;
    add_config(topic, "cleanup.policy", topic_is_replayed(t) ? "compact" : "delete");
    add_config(topic, "message.timestamp.type", "CreateTime");
    if (!topic_is_replayed(t)) {
        keep_for_ever(topic);
        add_config(topic, "max.message.bytes", LARGE_MESSAGE_BYTES);
        add_config(topic, "message.timestamp.after.max.ms", ANY_DIFFERENCE_MS);
        add_config(topic, "message.timestamp.before.max.ms", ANY_DIFFERENCE_MS);
    }
    return topic;
}

/* Whether the error may pass, such as one of a cluster without a controller. */
static bool may_pass(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
           code == RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static bool check_created(rd_kafka_event_t *event, const struct config *c, struct err *e) {
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        const char *name = rd_kafka_topic_result_name(results[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            log_info("topic created", "topic=%s", name);
        else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return rights_deny_topic(c, name, RD_KAFKA_ACL_OPERATION_CREATE, e);
        else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) /* by another instance */
            return err_set(e, may_pass(code) ? ERR_RETRY : ERR_STOP,
                           "topic %s: cannot create it: %s; create it by hand", name,
                           rd_kafka_topic_result_error_string(results[i]));
    }
    return true;
}

static bool submit(rd_kafka_t *client, const struct config *c, rd_kafka_NewTopic_t **topics,
                   size_t count, struct err *e) {
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_TIMEOUT_MS, text, sizeof text);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, text, sizeof text);
    rd_kafka_CreateTopics(client, topics, count, options, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "create topics", e);
    bool ok = event != NULL && check_created(event, c, e);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return ok;
}

static bool create_topics(rd_kafka_t *client, const struct config *c,
                          const struct topic_layout *layout, bool users_topics, struct err *e) {
    rd_kafka_NewTopic_t *topics[TOPIC_COUNT];
    size_t count = 0;
    bool ok = true;
    for (int t = 0; t < TOPIC_COUNT && ok; t++) {
        if (layout->partitions[t] > 0 || topic_is_input((enum topic)t) != users_topics)
            continue;
        int32_t n = !users_topics ? layout->n : c->partitions > 0 ? (int32_t)c->partitions : -1;
        topics[count] = plan_topic(c, (enum topic)t, n, e);
        ok = topics[count] != NULL;
        count += ok;
    }
    ok = ok && (count == 0 || submit(client, c, topics, count, e));
    rd_kafka_NewTopic_destroy_array(topics, count);
    return ok;
}

/* Asks whether the topic exists, before an attempt to create it: Kafka checks the right to create a
 * topic before it checks whether it exists. */
static bool has_topic(rd_kafka_t *client, const struct config *c, const char *name, bool *is_there,
                      struct err *e) {
    const struct rd_kafka_metadata *md =
        kafka_metadata(client, c->bootstrap, ADMIN_TIMEOUT_MS, NULL, e);
    if (md == NULL)
        return false;
    *is_there = kafka_metadata_topic(md, name) != NULL;
    rd_kafka_metadata_destroy(md);
    return true;
}

/* Creates a topic of one partition, of which no record is ever deleted. */
static bool create_one(rd_kafka_t *client, const struct config *c, const char *name,
                       const char *policy, struct err *e) {
    char text[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, 1, (int)c->replication_factor, text, sizeof text);
    if (topic == NULL)
        return err_set(e, ERR_CONFIG, "topic %s: %s", name, text);
    add_config(topic, "cleanup.policy", policy);
    keep_for_ever(topic);
    bool ok = submit(client, c, &topic, 1, e);
    rd_kafka_NewTopic_destroy(topic);
    return ok;
}

bool topics_create_owners(rd_kafka_t *client, const struct config *c, struct err *e) {
    bool is_there;
    return has_topic(client, c, c->owners_topic, &is_there, e) &&
           (is_there || create_one(client, c, c->owners_topic, "delete", e));
}

bool topics_create_replayed(rd_kafka_t *client, const struct config *c, struct err *e) {
    bool is_there;
    return has_topic(client, c, c->replayed_topic, &is_there, e) &&
           (is_there || create_one(client, c, c->replayed_topic, "compact", e)) &&
           topic_configs_check_replayed(client, c, e);
}

/* Creates topics, and waits until the metadata of a broker list them. */
static bool create_and_see(rd_kafka_t *client, const struct config *c, struct topic_layout *layout,
                           bool users_topics, struct err *e) {
    if (!create_topics(client, c, layout, users_topics, e))
        return false;
    int64_t until = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + NEW_TOPIC_MS;
    while (clock_ms(clock_of_machine(), CLOCK_MONOTONIC) < until) {
        bool all = true;
        if (!read_partitions(client, c, ADMIN_TIMEOUT_MS, layout, e))
            return false;
        for (int t = 0; t < TOPIC_COUNT; t++)
            all =
                all && (layout->partitions[t] > 0 || topic_is_input((enum topic)t) != users_topics);
        if (all)
            return true;
        (void)usleep(NEW_TOPIC_PAUSE_US);
    }
    return err_set(e, ERR_RETRY,
                   "the topics just created do not show up; look at the brokers' logs");
}

/* --- checking --- */

int32_t topics_choose_n(const struct config *c, const int32_t partitions[TOPIC_COUNT]) {
    int32_t customers = partitions[TOPIC_CUSTOMERS], accounts = partitions[TOPIC_ACCOUNTS];
    if (partitions[TOPIC_ACCOUNT_LINKS] > 0)
        return partitions[TOPIC_ACCOUNT_LINKS];
    if (c->partitions > 0)
        return (int32_t)c->partitions;
    if (customers == 0 || accounts == 0)
        return 0;
    return customers > accounts ? customers : accounts;
}

static bool choose_n(const struct config *c, struct topic_layout *layout, struct err *e) {
    layout->n = topics_choose_n(c, layout->partitions);
    if (c->partitions > 0 && c->partitions != layout->n)
        return err_set(
            e, ERR_CONFIG,
            "partitions=%d: app.id %s was created with %d (topic %s) and keeps that number; set "
            "partitions=%d "
            "or use another app.id and other result topics",
            (int)c->partitions, c->app_id, layout->n, c->topics[TOPIC_ACCOUNT_LINKS], layout->n);
    return true;
}

static bool is_new(const struct topic_layout *layout) {
    return layout->partitions[TOPIC_ACCOUNT_LINKS] == 0;
}

/* Whether messages in the topic would wrongly be taken for those of the app.id, so that it must be
 * empty. A topic without an owner counts as the work of the app.id if that is not new and owns no
 * topic yet, because version 0.1.0 recorded no owners. */
static bool must_be_empty(const struct config *c, const struct topic_layout *layout,
                          const struct owners *owners, enum topic t) {
    return topic_is_replayed(t) &&
           (is_new(layout) || (topic_is_result(t) && owners_find(owners, c->topics[t]) == NULL &&
                               owners_know(owners, c->app_id)));
}

static bool holds_messages(const struct config *c, const struct topic_layout *layout,
                           const struct owners *owners, enum topic t, struct err *e) {
    const char *name = c->topics[t];
    if (!is_new(layout))
        return err_set(
            e, ERR_CONFIG,
            "topic %s: holds messages already, but app.id %s owns other topics: they are another "
            "application's; give the name that it had or another one (%s), or delete the topic",
            name, c->app_id, config_topic_key(c, t));
    if (owners_find(owners, name) != NULL)
        return err_set(
            e, ERR_CONFIG,
            "topic %s: holds messages of app.id %s, but its topic %s was deleted; reprocess "
            "everything (streamer reset)",
            name, c->app_id, c->topics[TOPIC_ACCOUNT_LINKS]);
    return err_set(
        e, ERR_CONFIG,
        "topic %s: holds messages already, but app.id %s is new (it has no topic %s): they are "
        "another application's; give other names (topic.*), or delete the topic",
        name, c->app_id, c->topics[TOPIC_ACCOUNT_LINKS]);
}

static bool check_empty(rd_kafka_t *client, const struct config *c,
                        const struct topic_layout *layout, const struct owners *owners,
                        struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!must_be_empty(c, layout, owners, (enum topic)t))
            continue;
        for (int32_t p = 0; p < layout->partitions[t]; p++) {
            int64_t low, high;
            rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
                client, c->topics[t], p, &low, &high, ADMIN_TIMEOUT_MS);
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
                return err_set(e, ERR_RETRY, "offsets of %s partition %d: %s", c->topics[t], p,
                               rd_kafka_err2str(code));
            if (high > low)
                return holds_messages(c, layout, owners, (enum topic)t, e);
        }
    }
    return true;
}

static bool has_offsets(rd_kafka_event_t *event) {
    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_topic_partition_list_t *list =
        count > 0 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    for (int i = 0; list != NULL && i < list->cnt; i++)
        if (list->elems[i].offset >= 0)
            return true;
    return false;
}

static bool refuse_offsets(const struct config *c, struct err *e) {
    return err_set(
        e, ERR_STOP,
        "group %s: has offsets, but topic %s was deleted, and with it what app.id %s made of the "
        "input before them; reprocess everything (streamer reset)",
        c->app_id, c->topics[TOPIC_ACCOUNT_LINKS], c->app_id);
}

/* An app.id that has run before, and finds its topics deleted, must not go on at its committed
 * offsets: the results before them would be missing. */
static bool check_offsets(rd_kafka_t *client, const struct config *c,
                          const struct topic_layout *layout, const struct owners *owners,
                          struct err *e) {
    if (!is_new(layout) || !owners_know(owners, c->app_id))
        return true;
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(c->app_id, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ListConsumerGroupOffsets(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "list the group's offsets", e);
    bool ok = event != NULL && (!has_offsets(event) || refuse_offsets(c, e));
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    return ok;
}

/* Checks that all topics have n partitions or, if n is not known yet, the same number. */
static bool check_partitions(const struct config *c, const struct topic_layout *layout,
                             struct err *e) {
    int32_t n = layout->n;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (topic_is_input((enum topic)t) || t == TOPIC_QUARANTINE || layout->partitions[t] == 0)
            continue;
        n = n > 0 ? n : layout->partitions[t];
        if (layout->partitions[t] != n)
            return err_set(
                e, ERR_CONFIG,
                "topic %s: has %d partitions, needs %d like the others of app.id %s; delete it "
                "(it is created "
                "anew), or give another name for it or another app.id",
                c->topics[t], layout->partitions[t], n, c->app_id);
    }
    return true;
}

/* The checks that need no topic to be created. */
static bool check_existing(rd_kafka_t *client, const struct config *c, struct topic_layout *layout,
                           const struct owners *owners, struct err *e) {
    return choose_n(c, layout, e) && check_empty(client, c, layout, owners, e) &&
           check_offsets(client, c, layout, owners, e) && check_partitions(c, layout, e) &&
           topic_configs_check(client, c, layout, e);
}

/* --- whose they are --- */

static bool read_owners(rd_kafka_t *client, const struct config *c, struct owners *owners,
                        struct err *e) {
    return owners_read(client, c, owners, e) && owners_allow(owners, c, e) &&
           owners_are_whole(owners, c, e);
}

/* Makes the app.id the owner of its result topics, so that no other app.id may write to them. The
 * loop asks again only if another app.id has just released some of them. */
static bool make_ours(rd_kafka_t *client, const struct config *c, struct owners *owners,
                      struct err *e) {
    if (!owners_have(owners, c, NULL) && !topics_create_owners(client, c, e))
        return false;
    while (!owners_have(owners, c, NULL))
        if (!owners_append(c, OWNERS_OWNED, NULL, owners, e) || !owners_allow(owners, c, e) ||
            !owners_are_whole(owners, c, e))
            return false;
    return true;
}

/* --- the whole --- */

static bool is_complete(const struct topic_layout *layout) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (layout->partitions[t] == 0)
            return false;
    return true;
}

static bool create_missing(rd_kafka_t *client, const struct config *c, struct topic_layout *layout,
                           struct err *e) {
    return is_complete(layout) ||
           (create_and_see(client, c, layout, true, e) && choose_n(c, layout, e) &&
            check_partitions(c, layout, e) && create_and_see(client, c, layout, false, e) &&
            check_partitions(c, layout, e) && topic_configs_check(client, c, layout, e));
}

bool topics_ensure(rd_kafka_t *client, const struct config *c, int timeout_ms,
                   struct topic_layout *layout, struct err *e) {
    struct owners owners = {0};
    *layout = (struct topic_layout){.delete_retention_ms = INT64_MAX};
    bool ok = read_partitions(client, c, timeout_ms, layout, e) &&
              read_owners(client, c, &owners, e) && check_existing(client, c, layout, &owners, e) &&
              make_ours(client, c, &owners, e) && create_missing(client, c, layout, e);
    owners_release(&owners);
    return ok;
}

bool topics_check(rd_kafka_t *client, const struct config *c, int timeout_ms, struct err *e) {
    struct topic_layout layout = {.delete_retention_ms = INT64_MAX};
    struct owners owners = {0};
    bool ok = read_partitions(client, c, timeout_ms, &layout, e) &&
              read_owners(client, c, &owners, e) && check_existing(client, c, &layout, &owners, e);
    owners_release(&owners);
    return ok;
}
