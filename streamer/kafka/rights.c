#include "streamer/kafka/rights.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/model/entity.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 5000 /* how long it waits for an answer */
/* About how long the list of missing rights may be: an error (struct err) holds more than the
 * list. */
#define TEXT_BYTES 720
#define TIMEOUT_TOO_LONG_MS "2147480000" /* librdkafka adds 100 to this value */

#define OPERATION(name) (1U << RD_KAFKA_ACL_OPERATION_##name)

static const struct {
    unsigned operation;
    const char *name; /* the name for kafka-acls.sh */
} names[] = {
    {OPERATION(READ), "Read"},         {OPERATION(WRITE), "Write"},
    {OPERATION(CREATE), "Create"},     {OPERATION(DELETE), "Delete"},
    {OPERATION(DESCRIBE), "Describe"}, {OPERATION(DESCRIBE_CONFIGS), "DescribeConfigs"},
};

static const char *topic_name(const struct config *c, int t) {
    if (t == RIGHTS_OWNERS)
        return c->owners_topic;
    return t == RIGHTS_REPLAYED ? c->replayed_topic : c->topics[t];
}

/* --- what is needed --- */

struct rights rights_to_run(void) {
    struct rights r = {
        .of = {[RIGHTS_GROUP] = OPERATION(READ), [RIGHTS_TRANSACTIONAL_IDS] = OPERATION(WRITE)}};
    for (int t = 0; t < TOPIC_COUNT; t++) {
        r.of[t] = OPERATION(CREATE);
        if (topic_is_consumed((enum topic)t) || topic_is_replayed((enum topic)t))
            r.of[t] |= OPERATION(READ);
        if (!topic_is_input((enum topic)t))
            r.of[t] |= OPERATION(WRITE) | OPERATION(DESCRIBE_CONFIGS);
        if (topic_is_repartition((enum topic)t)) /* to delete processed records */
            r.of[t] |= OPERATION(DELETE);
    }
    r.of[RIGHTS_OWNERS] =
        OPERATION(CREATE) | OPERATION(READ) | OPERATION(WRITE) | OPERATION(DESCRIBE_CONFIGS);
    return r;
}

struct rights rights_to_feed(enum entity entity) {
    struct rights r = {0};
    r.of[entity_info(entity)->input] = OPERATION(WRITE);
    return r;
}

struct rights rights_to_reset(void) {
    struct rights r = {.of = {[RIGHTS_GROUP] = OPERATION(DELETE)}};
    for (int t = 0; t < TOPIC_COUNT; t++) /* a reset tells which input records are gone */
        r.of[t] = topic_is_input((enum topic)t) ? OPERATION(DESCRIBE) : OPERATION(DELETE);
    r.of[RIGHTS_OWNERS] = OPERATION(CREATE) | OPERATION(READ) | OPERATION(WRITE);
    return r;
}

struct rights rights_to_replay(void) {
    struct rights r = {.of = {[RIGHTS_TRANSACTIONAL_IDS] = OPERATION(WRITE)}};
    r.of[TOPIC_CUSTOMERS] = r.of[TOPIC_ACCOUNTS] = OPERATION(WRITE);
    r.of[TOPIC_QUARANTINE] = OPERATION(READ);
    r.of[RIGHTS_REPLAYED] =
        OPERATION(CREATE) | OPERATION(READ) | OPERATION(WRITE) | OPERATION(DESCRIBE_CONFIGS);
    return r;
}

bool rights_are_none(const struct rights *r) {
    for (int i = 0; i < RIGHTS_COUNT; i++)
        if (r->of[i] != 0)
            return false;
    return true;
}

/* --- telling --- */

/* The name of the user. NULL: the kafka.* settings do not tell. */
static const char *user_of(const struct config *c) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (strcmp(c->kafka[i].name, "sasl.username") == 0)
            return c->kafka[i].value;
    return NULL;
}

static void put_resource(struct buf *out, const struct config *c, int of) {
    if (of < RIGHTS_TOPICS)
        buf_printf(out, "topic %s", topic_name(c, of));
    else if (of == RIGHTS_GROUP)
        buf_printf(out, "group %s", c->app_id);
    else
        buf_printf(out, "transactional ids that begin with %s-", c->app_id);
}

static void put_operations(struct buf *out, unsigned operations) {
    const char *comma = "";
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((operations & names[i].operation) == 0)
            continue;
        buf_printf(out, "%s%s", comma, names[i].name);
        comma = ", ";
    }
}

static void put_item(struct buf *out, const struct config *c, const struct rights *missing,
                     int of) {
    unsigned operations = missing->of[of];
    bool is_maybe_there =
        of < RIGHTS_TOPICS && missing->hidden[of] && (operations & OPERATION(CREATE)) != 0;
    put_resource(out, c, of);
    buf_put_str(out, ": missing ");
    put_operations(out, is_maybe_there ? operations & ~OPERATION(CREATE) : operations);
    buf_put_str(out, is_maybe_there ? " (and Create, if it is not there yet)" : "");
}

/* Appends a list such as "topic a: missing Read, Write; group g: missing Read". */
static void put_missing(struct buf *out, const struct config *c, const struct rights *missing) {
    int left = 0;
    for (int i = 0; i < RIGHTS_COUNT; i++) {
        if (missing->of[i] == 0)
            continue;
        if (out->n > TEXT_BYTES) {
            left++;
            continue;
        }
        buf_put_str(out, out->n > 0 ? "; " : "");
        put_item(out, c, missing, i);
    }
    if (left > 0)
        buf_printf(out, "; and %d more, which `streamer check --connect` lists,", left);
}

/* Appends the command that grants the first missing right. */
static void put_example(struct buf *out, const struct config *c, const struct rights *missing) {
    const char *user = user_of(c);
    int of = 0;
    while (missing->of[of] == 0)
        of++;
    buf_printf(out, "kafka-acls.sh --add --allow-principal User:%s", user != NULL ? user : "NAME");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if ((missing->of[of] & names[i].operation) != 0)
            buf_printf(out, " --operation %s", names[i].name);
    if (of < RIGHTS_TOPICS)
        buf_printf(out, " --topic %s", topic_name(c, of));
    else if (of == RIGHTS_GROUP)
        buf_printf(out, " --group %s", c->app_id);
    else
        buf_printf(out, " --transactional-id %s- --resource-pattern-type prefixed", c->app_id);
}

bool rights_deny(const struct config *c, const struct rights *missing, struct err *e) {
    const char *user = user_of(c);
    struct buf list = {0}, example = {0};
    put_missing(&list, c, missing);
    put_example(&example, c, missing);
    (void)err_set(e, ERR_DENIED, "%s for %s%s, grant that (%s)", buf_cstr(&list),
                  user != NULL ? "user " : "this user", user != NULL ? user : "",
                  buf_cstr(&example));
    buf_release(&list);
    buf_release(&example);
    return false;
}

bool rights_deny_one(const struct config *c, int of, rd_kafka_AclOperation_t operation,
                     struct err *e) {
    struct rights missing = {0};
    missing.of[of] = 1U << operation;
    return rights_deny(c, &missing, e);
}

static int topic_of(const struct config *c, const char *name) {
    int t = 0;
    while (t + 1 < RIGHTS_TOPICS && strcmp(topic_name(c, t), name) != 0)
        t++;
    return t;
}

bool rights_deny_topic(const struct config *c, const char *name, rd_kafka_AclOperation_t operation,
                       struct err *e) {
    return rights_deny_one(c, topic_of(c, name), operation, e);
}

/* --- what Kafka tells by itself --- */

static rd_kafka_AdminOptions_t *options_of(rd_kafka_t *client, rd_kafka_admin_op_t what) {
    char why[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, what);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    return options;
}

/* Makes the answer tell which operations the user may do. */
static void ask_for_rights_too(rd_kafka_AdminOptions_t *options) {
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
    if (error != NULL)
        rd_kafka_error_destroy(error);
}

/* Asks about the topics for which a right is needed. */
static void ask_of_topics(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                          rd_kafka_queue_t *queue) {
    const char *topics[RIGHTS_TOPICS];
    size_t count = 0;
    for (int t = 0; t < RIGHTS_TOPICS; t++)
        if (needed->of[t] != 0)
            topics[count++] = topic_name(c, t);
    rd_kafka_AdminOptions_t *options = options_of(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    ask_for_rights_too(options);
    rd_kafka_TopicCollection_t *collection = rd_kafka_TopicCollection_of_topic_names(topics, count);
    rd_kafka_DescribeTopics(client, collection, options, queue);
    rd_kafka_TopicCollection_destroy(collection);
    rd_kafka_AdminOptions_destroy(options);
}

static void ask_of_group(rd_kafka_t *client, const struct config *c, rd_kafka_queue_t *queue) {
    const char *groups[] = {c->app_id};
    rd_kafka_AdminOptions_t *options =
        kafka_group_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    ask_for_rights_too(options);
    rd_kafka_DescribeConsumerGroups(client, groups, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
}

int rights_send(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                rd_kafka_queue_t *queue) {
    ask_of_topics(client, c, needed, queue);
    if (needed->of[RIGHTS_GROUP] == 0)
        return 1;
    ask_of_group(client, c, queue);
    return 2;
}

/* The operations as a set. NULL: the broker does not tell, so all of them count as allowed. */
static unsigned set_of(const rd_kafka_AclOperation_t *operations, size_t count) {
    unsigned set = 0;
    for (size_t i = 0; operations != NULL && i < count; i++)
        set |= 1U << operations[i];
    return operations != NULL ? set : ~0U;
}

/* Read, Write and Delete imply Describe. So if even Describe is refused, all of these are missing,
 * and nothing is known about other rights. */
static void note_topic(const rd_kafka_TopicDescription_t *topic, int t, unsigned needed,
                       struct rights *missing) {
    size_t count;
    rd_kafka_resp_err_t code = rd_kafka_error_code(rd_kafka_TopicDescription_error(topic));
    missing->hidden[t] = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    missing->absent[t] = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    missing->of[t] = 0;
    if (missing->hidden[t])
        missing->of[t] =
            needed & (OPERATION(READ) | OPERATION(WRITE) | OPERATION(DELETE) | OPERATION(DESCRIBE));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    const rd_kafka_AclOperation_t *allowed =
        rd_kafka_TopicDescription_authorized_operations(topic, &count);
    missing->of[t] = needed & ~set_of(allowed, count) & ~OPERATION(CREATE);
}

static void note_topics(const rd_kafka_DescribeTopics_result_t *result, const struct config *c,
                        const struct rights *needed, struct rights *missing) {
    size_t count;
    const rd_kafka_TopicDescription_t **topics =
        rd_kafka_DescribeTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++)
        for (int t = 0; t < RIGHTS_TOPICS; t++)
            if (strcmp(topic_name(c, t), rd_kafka_TopicDescription_name(topics[i])) == 0)
                note_topic(topics[i], t, needed->of[t], missing);
}

static void note_group(rd_kafka_event_t *event, const struct rights *needed,
                       struct rights *missing) {
    size_t count;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    if (count == 0)
        return;
    rd_kafka_resp_err_t code =
        rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(groups[0]));
    const rd_kafka_AclOperation_t *allowed =
        rd_kafka_ConsumerGroupDescription_authorized_operations(groups[0], &count);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        missing->of[RIGHTS_GROUP] = needed->of[RIGHTS_GROUP];
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        missing->of[RIGHTS_GROUP] = needed->of[RIGHTS_GROUP] & ~set_of(allowed, count);
}

/* Only changes in `missing` what the answer tells. False with `e`: the request failed. */
static bool note_answer(rd_kafka_event_t *event, const struct config *c,
                        const struct rights *needed, struct rights *missing, struct err *e) {
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    bool is_of_group = rd_kafka_event_type(event) == RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT;
    if (is_of_group && code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        missing->of[RIGHTS_GROUP] = needed->of[RIGHTS_GROUP];
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY, "kafka: what this user may do is not known: %s",
                       rd_kafka_event_error_string(event));
    else if (is_of_group)
        note_group(event, needed, missing);
    else
        note_topics(rd_kafka_event_DescribeTopics_result(event), c, needed, missing);
    return true;
}

/* --- what has to be tried --- */

/* Lists the topics for which `operation` is needed and which do not exist, as far as the user may
 * know. */
static size_t unseen_topics(const struct config *c, const struct rights *needed,
                            const struct rights *missing, unsigned operation,
                            const char *topics[RIGHTS_TOPICS]) {
    size_t count = 0;
    for (int t = 0; t < RIGHTS_TOPICS; t++)
        if ((missing->absent[t] || missing->hidden[t]) && (needed->of[t] & operation) != 0)
            topics[count++] = topic_name(c, t);
    return count;
}

static void note_refused(const struct config *c, const char *name, rd_kafka_resp_err_t code,
                         unsigned operation, struct rights *missing) {
    for (int t = 0; t < RIGHTS_TOPICS; t++)
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
            strcmp(topic_name(c, t), name) == 0)
            missing->of[t] |= operation;
}

static void note_configs(rd_kafka_event_t *event, const struct config *c, struct rights *missing) {
    size_t count;
    const rd_kafka_ConfigResource_t **results = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        note_refused(c, rd_kafka_ConfigResource_name(results[i]),
                     rd_kafka_ConfigResource_error(results[i]), OPERATION(DESCRIBE_CONFIGS),
                     missing);
}

/* Kafka checks the right before it checks whether the topic exists. */
static bool try_describe_configs(rd_kafka_t *client, const struct config *c,
                                 const struct rights *needed, struct rights *missing,
                                 struct err *e) {
    const char *topics[RIGHTS_TOPICS];
    rd_kafka_ConfigResource_t *resources[RIGHTS_TOPICS];
    size_t count = unseen_topics(c, needed, missing, OPERATION(DESCRIBE_CONFIGS), topics);
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = options_of(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client, resources, count, options, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "describe topics", e);
    if (event != NULL) {
        note_configs(event, c, missing);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    return event != NULL;
}

static void note_created(rd_kafka_event_t *event, const struct config *c, struct rights *missing) {
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++)
        note_refused(c, rd_kafka_topic_result_name(results[i]),
                     rd_kafka_topic_result_error(results[i]), OPERATION(CREATE), missing);
}

/* Lets Kafka validate a request that would create the topics, and creates nothing. */
static bool try_create(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                       struct rights *missing, struct err *e) {
    char why[256];
    const char *topics[RIGHTS_TOPICS];
    rd_kafka_NewTopic_t *requests[RIGHTS_TOPICS];
    size_t count = unseen_topics(c, needed, missing, OPERATION(CREATE), topics);
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        requests[i] = rd_kafka_NewTopic_new(topics[i], 1, -1, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = options_of(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof why);
    rd_kafka_CreateTopics(client, requests, count, options, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "look at topics to create", e);
    if (event != NULL) {
        note_created(event, c, missing);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(requests, count);
    return event != NULL;
}

static void say_nothing(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk, (void)level, (void)facility, (void)text;
}

/* No request tells the rights on transactional ids. So this tries to use an id, with a timeout that
 * no broker allows: Kafka checks the right first and the timeout second, and begins nothing. Should
 * a broker allow the timeout, no instance is fenced, because none has this id. */
static bool try_transactional_id(const struct config *c, struct rights *missing, struct err *e) {
    struct buf id = {0};
    buf_printf(&id, "%s-check", c->app_id);
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !(kafka_conf_set(conf, "transactional.id", buf_cstr(&id), e) &&
                          kafka_conf_set(conf, "transaction.timeout.ms", TIMEOUT_TOO_LONG_MS, e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    buf_release(&id);
    if (conf != NULL)
        rd_kafka_conf_set_log_cb(conf, say_nothing);
    rd_kafka_t *client = kafka_client(RD_KAFKA_PRODUCER, conf, e);
    if (client == NULL)
        return false;
    rd_kafka_error_t *error = rd_kafka_init_transactions(client, ANSWER_MS);
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        missing->of[RIGHTS_TRANSACTIONAL_IDS] = OPERATION(WRITE);
    if (error != NULL)
        rd_kafka_error_destroy(error);
    (void)kafka_destroy(client);
    return true;
}

/* --- asking --- */

int rights_take(rd_kafka_queue_t *queue, int pending, int wait_ms, const struct config *c,
                const struct rights *needed, struct rights *missing, struct err *e) {
    rd_kafka_event_t *event;
    while (pending > 0 && (event = rd_kafka_queue_poll(queue, wait_ms)) != NULL) {
        (void)note_answer(event, c, needed, missing, e);
        rd_kafka_event_destroy(event);
        pending--;
    }
    return pending;
}

/* The requests wait for the controller. librdkafka's mock broker has none. */
static bool has_controller(rd_kafka_t *client) {
    const struct rd_kafka_metadata *md;
    bool found = false;
    if (rd_kafka_metadata(client, 0, NULL, &md, ANSWER_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < md->broker_cnt; i++)
        found = found || md->brokers[i].id == rd_kafka_controllerid(client, 0);
    rd_kafka_metadata_destroy(md);
    return found;
}

bool rights_ask(rd_kafka_t *client, const struct config *c, const struct rights *needed,
                struct rights *missing, struct err *e) {
    *missing = (struct rights){0};
    e->class = ERR_NONE;
    if (!has_controller(client))
        return err_set(e, ERR_RETRY,
                       "kafka: what this user may do is not known: there is no controller");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    int pending = rights_send(client, c, needed, queue);
    pending = rights_take(queue, pending, 2 * ANSWER_MS, c, needed, missing, e);
    rd_kafka_queue_destroy(queue);
    if (pending > 0)
        return err_set(e, ERR_RETRY, "kafka: what this user may do is not known: no answer");
    return e->class == ERR_NONE && try_describe_configs(client, c, needed, missing, e) &&
           try_create(client, c, needed, missing, e) &&
           (needed->of[RIGHTS_TRANSACTIONAL_IDS] == 0 || try_transactional_id(c, missing, e));
}

bool rights_may_read(rd_kafka_t *client, const struct config *c, const char *topic, struct err *e) {
    struct rights needed = {0}, missing;
    needed.of[topic_of(c, topic)] = OPERATION(READ);
    return !rights_ask(client, c, &needed, &missing, e) || rights_are_none(&missing) ||
           rights_deny(c, &missing, e);
}
