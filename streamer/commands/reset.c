/* reset: the full refresh. It deletes state and results of an app.id, so that the next run
 * processes all input again. Before it deletes anything it writes to the topic of the owners
 * (owners.h) that a reset has begun, and when all is deleted, that it is done. After a crash in
 * between no run starts, and another reset finishes the work. */
#include "streamer/commands/command.h"
#include "streamer/commands/confirm.h"
#include "streamer/kafka/input_loss.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/owners_topic.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topics.h"
#include "streamer/service/state_dir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 30000
#define VANISH_TRIES 300

/* --- asking the brokers --- */

/* No instance may run while the topics are deleted. */
static bool group_is_idle(rd_kafka_t *client, const struct config *c, struct err *e) {
    const char *groups[] = {c->app_id};
    size_t count, members = 0;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        kafka_group_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(client, groups, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = kafka_admin_result(queue, "describe the consumer group", e);
    if (event != NULL) {
        const rd_kafka_ConsumerGroupDescription_t **descriptions =
            rd_kafka_DescribeConsumerGroups_result_groups(
                rd_kafka_event_DescribeConsumerGroups_result(event), &count);
        for (size_t i = 0; i < count; i++)
            members += rd_kafka_ConsumerGroupDescription_member_count(descriptions[i]);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    if (event == NULL)
        return false;
    return members == 0 ||
           err_set(
               e, ERR_STOP,
               "reset: %zu instance%s of app.id %s run%s (or died seconds ago); stop all of them "
               "first, nothing was changed",
               members, members == 1 ? "" : "s", c->app_id, members == 1 ? "s" : "");
}

/* Checks the rights before anything is deleted. A topic that this user may not see would seem to be
 * missing. */
static bool may_reset(rd_kafka_t *client, const struct config *c, bool keep_quarantine,
                      struct err *e) {
    struct rights needed = rights_to_reset(), missing;
    if (keep_quarantine)
        needed.of[TOPIC_QUARANTINE] = 0;
    if (!rights_ask(client, c, &needed, &missing, e))
        return err_prefix(e, "reset");
    if (rights_are_none(&missing))
        return true;
    (void)rights_deny(c, &missing, e);
    return err_prefix(e, "reset: nothing was changed");
}

/* Finds the topics to delete that exist. */
static bool find_topics(rd_kafka_t *client, const struct config *c,
                        const struct kafka_trouble *trouble, bool keep_quarantine,
                        bool present[TOPIC_COUNT], struct err *e) {
    const struct rd_kafka_metadata *md =
        kafka_metadata(client, c->bootstrap, CALL_TIMEOUT_MS, trouble, e);
    if (md == NULL)
        return false;
    for (int t = 0; t < TOPIC_COUNT; t++)
        present[t] = !topic_is_input((enum topic)t) &&
                     !(keep_quarantine && t == TOPIC_QUARANTINE) &&
                     kafka_metadata_topic(md, c->topics[t]) != NULL;
    rd_kafka_metadata_destroy(md);
    return true;
}

/* --- who owns the topics --- */

/* Refuses to delete a topic that belongs to another app.id, or may belong to one. A topic without
 * an owner belongs to this app.id if that has internal topics (version 0.1.0 did not write down who
 * owns a topic), or owns other topics. */
static bool is_ours(const struct owners *owners, const struct config *c,
                    const bool present[TOPIC_COUNT], struct err *e) {
    if (!owners_allow(owners, c, e))
        return false;
    if (present[TOPIC_ACCOUNT_LINKS] || owners_know(owners, c->app_id))
        return true;
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (present[t] && topic_is_result((enum topic)t))
            return err_set(e, ERR_CONFIG,
                           "reset: topic %s: nothing says that it is app.id "
                           "%s's (no record in topic %s, no topic %s); "
                           "check app.id and topic.*, or delete it by hand",
                           c->topics[t], c->app_id, c->owners_topic,
                           c->topics[TOPIC_ACCOUNT_LINKS]);
    return true;
}

static bool check_owner(rd_kafka_t *client, const struct config *c, const bool present[TOPIC_COUNT],
                        struct err *e) {
    struct owners owners = {0};
    bool ok = owners_read(client, c, &owners, e) && is_ours(&owners, c, present, e);
    owners_release(&owners);
    return ok;
}

/* The topics that app.id gives up. It still owns a quarantine that is kept. */
static void choose_given_up(bool keep_quarantine, bool which[TOPIC_COUNT]) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        which[t] = !(keep_quarantine && t == TOPIC_QUARANTINE);
}

/* From here on no `run` starts. */
static bool tell_begin(rd_kafka_t *client, const struct config *c, bool keep_quarantine,
                       struct err *e) {
    struct owners owners = {0};
    bool which[TOPIC_COUNT];
    choose_given_up(keep_quarantine, which);
    bool ok =
        topics_create_owners(client, c, e) &&
        owners_append(c, OWNERS_RESETTING, which, &owners, e) && owners_allow(&owners, c, e) &&
        (owners_have(&owners, c, which) || err_set(e, ERR_STOP,
                                                   "reset: another app.id gave up topics just "
                                                   "now, nothing was deleted; run reset again"));
    owners_release(&owners);
    return ok;
}

static bool tell_end(const struct config *c, bool keep_quarantine, struct err *e) {
    struct owners owners = {0};
    bool which[TOPIC_COUNT];
    choose_given_up(keep_quarantine, which);
    bool ok = owners_append(c, OWNERS_RELEASED, which, &owners, e);
    owners_release(&owners);
    return ok;
}

/* --- asking the user --- */

static void say_what_goes(const struct config *c, const bool present[TOPIC_COUNT],
                          bool keep_quarantine) {
    (void)printf("reset of app.id %s deletes for good:\n", c->app_id);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (present[t])
            (void)printf("  topic %s\n", c->topics[t]);
    (void)printf("  the offsets of group %s\n  the state in %s\n", c->app_id, c->state_dir);
    if (keep_quarantine)
        (void)printf("Topic %s is kept; what is rejected again is added to it.\n",
                     c->topics[TOPIC_QUARANTINE]);
    (void)printf("Topic %s is kept, if it is there: what was replayed is in the input, and is not "
                 "replayed again.\n",
                 c->replayed_topic);
}

/* `losses` is the text of input_loss_describe. */
static void say_what_comes(const struct config *c, const char *losses) {
    (void)printf(
        "Then `streamer run` reprocesses what %s and %s still hold, from their beginning.\n",
        c->topics[TOPIC_CUSTOMERS], c->topics[TOPIC_ACCOUNTS]);
    if (losses[0] == '\0')
        (void)printf("All their partitions still start at 0.\n");
    else
        (void)printf("What is not in them any more is lost by that:\n%s", losses);
}

/* --- deleting --- */

static bool check_deleted(rd_kafka_event_t *event, struct err *e) {
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return err_set(e, ERR_STOP, "reset: topic %s: %s; mend that and run reset again",
                           rd_kafka_topic_result_name(results[i]),
                           rd_kafka_topic_result_error_string(results[i]));
    }
    return true;
}

static bool delete_topics(rd_kafka_t *client, const struct config *c,
                          const struct kafka_trouble *trouble, bool keep_quarantine,
                          bool present[TOPIC_COUNT], struct err *e) {
    rd_kafka_DeleteTopic_t *topics[TOPIC_COUNT];
    size_t count = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (present[t])
            topics[count++] = rd_kafka_DeleteTopic_new(c->topics[t]);
    if (count == 0)
        return true;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopics(client, topics, count, NULL, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "delete topics", e);
    bool ok = event != NULL && check_deleted(event, e);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy_array(topics, count);
    /* The next run must not find a topic that is still being deleted. */
    for (int tries = 0; ok && count > 0; tries++) {
        ok = find_topics(client, c, trouble, keep_quarantine, present, e);
        count = 0;
        for (int t = 0; ok && t < TOPIC_COUNT; t++)
            count += present[t];
        if (count > 0 && tries == VANISH_TRIES)
            return err_set(
                e, ERR_STOP,
                "reset: the deleted topics are still there; look at the brokers' logs, then run "
                "reset again");
        if (count > 0)
            (void)usleep(100000);
    }
    return ok;
}

static bool delete_offsets(rd_kafka_t *client, const struct config *c, struct err *e) {
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(c->app_id);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_group_options(client, RD_KAFKA_ADMIN_OP_DELETEGROUPS);
    rd_kafka_DeleteGroups(client, &group, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = kafka_admin_result(queue, "delete the group's offsets", e);
    bool ok = event != NULL;
    if (ok) {
        size_t count;
        const rd_kafka_group_result_t **results =
            rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
        for (size_t i = 0; ok && i < count; i++) {
            const rd_kafka_error_t *error = rd_kafka_group_result_error(results[i]);
            if (error != NULL && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
                ok = err_set(e, ERR_STOP,
                             "reset: offsets of group %s: %s; mend that and run reset again",
                             c->app_id, rd_kafka_error_string(error));
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteGroup_destroy(group);
    return ok;
}

/* --- the command --- */

static bool ask(rd_kafka_t *client, const struct config *c, const struct kafka_trouble *trouble,
                const bool present[TOPIC_COUNT], bool keep_quarantine, bool yes, struct err *e) {
    struct buf losses = {0};
    bool ok = input_loss_describe(client, c, trouble, CALL_TIMEOUT_MS, &losses, e);
    if (ok) {
        say_what_goes(c, present, keep_quarantine);
        say_what_comes(c, buf_cstr(&losses));
    }
    buf_release(&losses);
    return ok && confirm("reset", yes, e);
}

static bool reset(rd_kafka_t *client, const struct config *c, const struct kafka_trouble *trouble,
                  bool yes, bool keep_quarantine, struct err *e) {
    bool present[TOPIC_COUNT];
    return find_topics(client, c, trouble, keep_quarantine, present, e) &&
           may_reset(client, c, keep_quarantine, e) && check_owner(client, c, present, e) &&
           group_is_idle(client, c, e) &&
           ask(client, c, trouble, present, keep_quarantine, yes, e) &&
           group_is_idle(client, c, e) && tell_begin(client, c, keep_quarantine, e) &&
           delete_topics(client, c, trouble, keep_quarantine, present, e) &&
           delete_offsets(client, c, e) && state_dir_remove(c, e) &&
           tell_end(c, keep_quarantine, e);
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e;
    bool yes = arguments_has(a, "--yes"), keep_quarantine = arguments_has(a, "--keep-quarantine");
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, &e);
    if (client == NULL)
        return command_fail(&e);
    bool ok = reset(client, c, &trouble, yes, keep_quarantine, &e);
    rd_kafka_destroy(client);
    if (!ok)
        return command_fail(&e);
    (void)printf(
        "done; other instances' state directories, if there are any, must be removed by hand\n");
    return EXIT_DONE;
}

static const struct option options[] = {
    OPTION_YES,
    {"--keep-quarantine", .help = "leaves the quarantine's topic as it is"},
    {0},
};

static const char *const examples[] = {
    "streamer reset -c streamer.properties",
    "streamer reset -c streamer.properties --keep-quarantine --yes",
    NULL,
};

const struct command reset_command = {
    .name = "reset",
    .summary = "full refresh: forgets state and results, so that the next run reprocesses the "
               "input from its beginning; says what is lost by that and asks first",
    .options = options,
    .examples = examples,
    .run = run,
};
