#include "streamer/base/buf.h"
#include "streamer/base/decimal.h"
#include "streamer/commands/command.h"
#include "streamer/commands/schemas.h"
#include "streamer/http/http_files.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/owners_topic.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topics.h"
#include "streamer/registry/schema_cache.h"
#include "streamer/service/preflight.h"
#include "streamer/service/state_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* --- this machine --- */

static bool check_state_dir(const struct config *c, struct err *e) {
    struct buf what = {0};
    bool ok = state_dir_check(c, &what, e);
    if (ok)
        (void)printf("\nstate.dir %s: %s\n", c->state_dir, buf_cstr(&what));
    buf_release(&what);
    return ok;
}

/* --- the cluster --- */

/* The faults of topics that were found so far. */
struct findings {
    int problems;
    int32_t partitions;        /* of result and internal topics; 0: none exists yet */
    const char *partitions_of; /* the first topic that has so many */
    bool any_missing;
    int32_t expected[TOPIC_COUNT]; /* partitions that each topic has or would get; 0: unknown */
};

static void report(struct findings *f, const struct err *problem) {
    (void)fflush(stdout);
    (void)command_fail(problem);
    f->problems++;
}

/* All result and internal topics must have the same number of partitions, because one task owns
 * partition p of each. */
static void check_partitions(const struct config *c, const struct rd_kafka_metadata_topic *topic,
                             struct findings *f) {
    struct err e;
    if (f->partitions == 0) {
        f->partitions = topic->partition_cnt;
        f->partitions_of = topic->topic;
        if (c->partitions != 0 && c->partitions != topic->partition_cnt) {
            (void)err_set(&e, ERR_STOP,
                          "kafka: topic %s: has %d partition%s, but partitions=%" PRId64
                          "; the number is fixed when app.id first "
                          "starts, set partitions=%d or another app.id",
                          topic->topic, topic->partition_cnt, plural(topic->partition_cnt),
                          c->partitions, topic->partition_cnt);
            report(f, &e);
        }
    } else if (topic->partition_cnt != f->partitions) {
        (void)err_set(&e, ERR_STOP,
                      "kafka: topic %s: has %d partition%s, but %s has "
                      "%d; result and internal topics need the same "
                      "number, delete the wrong one",
                      topic->topic, topic->partition_cnt, plural(topic->partition_cnt),
                      f->partitions_of, f->partitions);
        report(f, &e);
    }
}

static void check_leaders(const struct rd_kafka_metadata_topic *topic, struct findings *f) {
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &topic->partitions[i];
        if (p->leader >= 0)
            continue;
        struct err e;
        (void)err_set(&e, ERR_STOP,
                      "kafka: topic %s: partition %d has no leader (%s), check the brokers",
                      topic->topic, p->id, rd_kafka_err2str(p->err));
        report(f, &e);
    }
}

/* The num.partitions of a broker's settings. 0: it is not among them. */
static int32_t num_partitions(rd_kafka_event_t *described) {
    size_t count, entry_count = 0;
    const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(described), &count);
    const rd_kafka_ConfigEntry_t **entries =
        count > 0 ? rd_kafka_ConfigResource_configs(found[0], &entry_count) : NULL;
    for (size_t i = 0; i < entry_count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "num.partitions") == 0)
            return (int32_t)strtol(rd_kafka_ConfigEntry_value(entries[i]), NULL, 10);
    return 0;
}

/* How many partitions a topic gets that is created without a number. 0: unknown, because the
 * brokers do not say it or this user may not ask. */
static int32_t default_partitions(rd_kafka_t *client, const struct rd_kafka_metadata *metadata) {
    char broker[16];
    struct err ignored;
    if (metadata->broker_cnt == 0)
        return 0;
    (void)snprintf(broker, sizeof broker, "%" PRId32, metadata->brokers[0].id);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, broker);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "describe the brokers", &ignored);
    int32_t partitions = event != NULL ? num_partitions(event) : 0;
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return partitions;
}

/* Finds how many partitions each topic has, or would get. */
static void expect_partitions(const struct config *c, rd_kafka_t *client,
                              const struct rd_kafka_metadata *metadata, struct findings *f) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, c->topics[t]);
        f->expected[t] = topic != NULL ? topic->partition_cnt : 0;
    }
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (f->expected[t] == 0 && topic_is_input((enum topic)t))
            f->expected[t] =
                c->partitions > 0 ? (int32_t)c->partitions : default_partitions(client, metadata);
    int32_t n = topics_choose_n(c, f->expected);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (f->expected[t] == 0 && !topic_is_input((enum topic)t))
            f->expected[t] = n;
}

static void print_missing(const struct config *c, enum topic t, const char *role,
                          int32_t partitions) {
    const char *note = ", fixed from then on";
    if (topic_is_input(t))
        note = c->partitions > 0 ? "" : ", as num.partitions of the brokers says";
    else if (t == TOPIC_QUARANTINE)
        note = "";
    (void)printf("topic %s (%s): missing, `streamer run` creates it with ", c->topics[t], role);
    if (partitions > 0)
        (void)printf("%d partition%s%s\n", partitions, plural(partitions), note);
    else
        (void)printf("as many partitions as %s%s\n",
                     topic_is_input(t) ? "usual" : "the larger input", note);
}

/* False: the topic exists, but its partitions are unknown. */
static bool check_metadata(const struct rd_kafka_metadata_topic *topic, const char *role,
                           struct findings *f) {
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct err e;
        (void)err_set(&e, ERR_STOP,
                      "kafka: topic %s: %s, check the brokers and the rights of this user",
                      topic->topic, rd_kafka_err2str(topic->err));
        report(f, &e);
        return false;
    }
    (void)printf("topic %s (%s): %d partition%s\n", topic->topic, role, topic->partition_cnt,
                 plural(topic->partition_cnt));
    check_leaders(topic, f);
    return true;
}

static void check_topic(const struct config *c, enum topic t,
                        const struct rd_kafka_metadata *metadata, const struct rights *missing,
                        struct findings *f) {
    if (missing->hidden[t])
        return; /* only its rights can be checked */
    const char *role = topic_is_input(t) ? "input" : topic_is_result(t) ? "result" : "internal";
    const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, c->topics[t]);
    if (topic == NULL) {
        f->any_missing = true;
        print_missing(c, t, role, f->expected[t]);
    } else if (check_metadata(topic, role, f) && !topic_is_input(t) && t != TOPIC_QUARANTINE) {
        check_partitions(c, topic, f);
    }
}

static void check_owners_topic(const struct config *c, const struct rd_kafka_metadata *metadata,
                               const struct rights *missing, struct findings *f) {
    static const char role[] = "whose results are";
    if (missing->hidden[RIGHTS_OWNERS])
        return;
    const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, c->owners_topic);
    if (topic != NULL) {
        (void)check_metadata(topic, role, f);
        return;
    }
    f->any_missing = true;
    (void)printf("topic %s (%s): missing, `streamer run` creates it with 1 partition\n",
                 c->owners_topic, role);
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

/* Prints one line for each topic, group and so on. */
static void check_rights(const struct config *c, const struct rights *missing, struct findings *f) {
    for (int i = 0; i < RIGHTS_COUNT; i++) {
        struct rights one = *missing;
        struct err e;
        for (int other = 0; other < RIGHTS_COUNT; other++)
            one.of[other] = other == i ? missing->of[i] : 0;
        if (rights_are_none(&one))
            continue;
        (void)rights_deny(c, &one, &e);
        (void)err_prefix(&e, "kafka");
        report(f, &e);
    }
    if (rights_are_none(missing))
        (void)printf("rights: none that `streamer run` needs is missing\n");
}

/* A missing right is reported later, with the others. */
static bool check_owners(rd_kafka_t *client, const struct config *c, const struct rights *missing,
                         struct err *e) {
    struct owners owners = {0};
    bool ok = missing->of[RIGHTS_OWNERS] != 0 ||
              (owners_read(client, c, &owners, e) && owners_allow(&owners, c, e));
    owners_release(&owners);
    return ok;
}

static int check_cluster(const struct config *c, rd_kafka_t *client,
                         const struct rd_kafka_metadata *metadata, const char *cluster_id) {
    struct findings f = {0};
    expect_partitions(c, client, metadata, &f);
    (void)printf(
        "\nconnected: cluster %s, %d broker%s:", cluster_id != NULL ? cluster_id : "without an id",
        metadata->broker_cnt, plural(metadata->broker_cnt));
    for (int i = 0; i < metadata->broker_cnt; i++)
        (void)printf(" %s:%d", metadata->brokers[i].host, metadata->brokers[i].port);
    (void)printf("\n");
    struct err e;
    struct rights needed = rights_to_run(), missing;
    bool is_answered = rights_ask(client, c, &needed, &missing, &e);
    /* Reported first: other faults matter less if the topics are another application's. */
    struct err of_owners;
    if (!check_owners(client, c, &missing, &of_owners))
        return command_fail(&of_owners);
    for (int t = 0; t < TOPIC_COUNT; t++)
        check_topic(c, (enum topic)t, metadata, &missing, &f);
    check_owners_topic(c, metadata, &missing, &f);
    if (is_answered)
        check_rights(c, &missing, &f);
    else
        report(&f, &e);
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
    code = check_cluster(c, client, metadata, cluster_id);
    if (code == EXIT_DONE && !topics_check(client, c, CONNECT_TIMEOUT_MS, e))
        code = command_fail(e);
    rd_kafka_mem_free(client, cluster_id);
    rd_kafka_metadata_destroy(metadata);
done:
    rd_kafka_destroy(client);
    return code;
}

/* --- the registry --- */

static struct registry *open_registry(const struct config *c, struct err *e) {
    *e = (struct err){0};
    return c->registry.urls[0] != '\0' ? registry_of_config(c, NULL, NULL, e) : NULL;
}

/* Files of TLS and of schemas.dir. */
static bool check_schemas(const struct config *c, struct err *e) {
    struct registry *r = open_registry(c, e);
    registry_free(r);
    if (e->class != ERR_NONE || c->schemas_dir[0] == '\0')
        return e->class == ERR_NONE;
    const struct schema_cache_options o = {.directory = c->schemas_dir,
                                           .clock = clock_of_machine()};
    struct schema_cache *cache = schema_cache_new(&o, e);
    schema_cache_free(cache);
    return cache != NULL;
}

/* Without output.format=avro the registry is only read from: any answer of it will do. */
static int check_registry(const struct config *c) {
    struct err e;
    struct registry *r = open_registry(c, &e);
    if (r == NULL)
        return e.class == ERR_NONE ? EXIT_DONE : command_fail(&e);
    int code = EXIT_DONE;
    (void)printf("\nschema registry %s\n", c->registry.urls);
    if (c->output_format == OUTPUT_AVRO) {
        code = schemas_check(c, r);
    } else {
        struct registry_schema schema = {0};
        enum registry_result result = registry_by_id(r, 1, &schema, &e);
        if (result == REGISTRY_OK || result == REGISTRY_UNKNOWN)
            (void)printf("it answers\n");
        else
            code = command_fail(&e);
        registry_schema_release(&schema);
    }
    registry_free(r);
    return code;
}

/* The features that librdkafka was built with say which logins can work. */
static void print_library(void) {
    char features[256] = "";
    size_t size = sizeof features;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_get(conf, "builtin.features", features, &size);
    rd_kafka_conf_destroy(conf);
    (void)printf("\nlibrdkafka %s with %s\n", kafka_library_version(), features);
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e;
    if (c->log_level < LOG_ERROR && c->log_level != LOG_DEBUG)
        log_set_level(LOG_ERROR); /* the error itself says what librdkafka would log */
    config_print_effective(c);
    (void)printf("\n");
    print_rates(&c->rates);
    if (!preflight_clients(c, &e) || !check_state_dir(c, &e))
        return command_fail(&e);
    struct http_files files;
    if (!http_files_read(&files, c, &e))
        return command_fail(&e);
    http_files_release(&files);
    if (!check_schemas(c, &e))
        return command_fail(&e);
    print_library();
    (void)printf("the configuration is valid\n");
    if (!arguments_has(a, "--connect"))
        return EXIT_DONE;
    int code = check_connection(c, &e), of_registry = check_registry(c);
    return code != EXIT_DONE ? code : of_registry;
}

static const struct option options[] = {
    {"--connect", .help = "checks the brokers, rights and topics too, and the schema registry"},
    {0},
};

static const char *const examples[] = {
    "streamer check -c streamer.properties",
    "streamer check -c streamer.properties --connect",
    NULL,
};

const struct command check_command = {
    .name = "check",
    .summary = "checks the configuration and the state directory, and shows them; changes nothing",
    .options = options,
    .examples = examples,
    .run = run,
};
