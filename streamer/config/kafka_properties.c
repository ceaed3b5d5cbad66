#include "streamer/config/kafka_properties.h"

#include "streamer/base/mem.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A pattern may start or end with '*'. */
static const struct refusal {
    const char *pattern, *why;
} refusals[] = {
    {"metadata.broker.list", "it is another name of the broker list, use kafka.bootstrap.servers"},
    {"group.id", "the consumer group is the application, use app.id"},
    {"group.instance.id", "each consumer of a process needs its own, use instance.id"},
    {"group.protocol.type", "the consumer group's protocol is fixed, remove it"},
    {"group.protocol",
     "partition p of every topic must land on one member, which only classic gives, remove it"},
    {"group.remote.assignor", "partition p of every topic must land on one member, remove it"},
    {"partition.assignment.strategy",
     "partition p of every topic must land on one member, remove it"},
    {"enable.auto.commit", "offsets are committed by the transaction of their results, remove it"},
    {"auto.commit.enable", "offsets are committed by the transaction of their results, remove it"},
    {"enable.auto.offset.store",
     "offsets are committed by the transaction of their results, remove it"},
    {"auto.commit.interval.ms",
     "offsets are committed by the transaction of their results, use batch.max.ms"},
    {"offset.store.*", "offsets are committed by the transaction of their results, remove it"},
    {"auto.offset.reset", "input is read from its beginning and never skipped, remove it"},
    {"isolation.level", "only committed records may be read, remove it"},
    {"enable.partition.eof",
     "the processor needs end-of-partition events to restore its state, remove it"},
    {"topic.blacklist", "it would hide topics that the processor needs, remove it"},
    {"allow.auto.create.topics",
     "the processor creates its topics with the right partitions, remove it"},
    {"transactional.id", "each worker needs its own and a stable one, use app.id"},
    {"transaction.timeout.ms", "the processor depends on it, use transaction.timeout"},
    {"enable.idempotence", "exactly-once needs it and it is on, remove it"},
    {"enable.gapless.guarantee", "transactions give more than that, remove it"},
    {"acks", "streamer always uses acks=all, remove it"},
    {"request.required.acks", "streamer always uses acks=all, remove it"},
    {"max.in.flight", "the order of messages depends on it, remove it"},
    {"max.in.flight.requests.per.connection", "the order of messages depends on it, remove it"},
    {"retries", "exactly-once needs unlimited ones, use transaction.timeout to bound the time"},
    {"message.send.max.retries",
     "exactly-once needs unlimited ones, use transaction.timeout to bound the time"},
    {"message.timeout.ms", "a message may not be given up alone, use transaction.timeout"},
    {"delivery.timeout.ms", "a message may not be given up alone, use transaction.timeout"},
    {"delivery.report.only.error", "the processor needs every delivery report, remove it"},
    {"queuing.strategy", "the order of messages depends on it, remove it"},
    {"msg_order_cmp", "the order of messages depends on it, remove it"},
    {"partitioner", "partitions are chosen by murmur2 of the id as in Java clients, remove it"},
    {"log.queue", "librdkafka's log goes to the program's own log, use log.level"},
    {"enabled_events", "the program sets its own callbacks, remove it"},
    {"internal.termination.signal", "signals are the program's own, remove it"},
    {"plugin.library.paths", "plugins could change what is read and written, remove it"},
    {"interceptors", "interceptors could change what is read and written, remove it"},
    {"test.mock.*",
     "it is for tests of librdkafka, use streamer run --embedded for a broker in the process"},
    {"*_cb", "it is set by the program, remove it"},
    {"opaque", "it is set by the program, remove it"},
    {"default_topic_conf", "it is set by the program, set the topic properties themselves"},
    {"sasl.jaas.config",
     "only Java clients have it, set kafka.sasl.username and kafka.sasl.password"},
    {"ssl.truststore.*", "only Java clients have it, set kafka.ssl.ca.location to a PEM file"},
    {"ssl_key", "it is set by a program only, use kafka.ssl.key.location or kafka.ssl.key.pem"},
    {"ssl_certificate", "it is set by a program only, use "
                        "kafka.ssl.certificate.location or kafka.ssl.certificate.pem"},
    {"ssl_ca", "it is set by a program only, use kafka.ssl.ca.location or kafka.ssl.ca.pem"},
    {"ssl_engine_callback_data", "it is set by a program only, remove it"},
};

static bool matches(const char *pattern, const char *name) {
    size_t n = strlen(pattern), name_len = strlen(name);
    if (pattern[0] == '*')
        return name_len >= n - 1 && strcmp(name + name_len - (n - 1), pattern + 1) == 0;
    if (pattern[n - 1] == '*')
        return strncmp(name, pattern, n - 1) == 0;
    return strcmp(name, pattern) == 0;
}

const char *kafka_property_refusal(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (matches(refusals[i].pattern, name))
            return refusals[i].why;
    return NULL;
}

/* The properties that librdkafka marks as sensitive, except paths of files. */
static const char *const secrets[] = {
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.ca.pem",
    "ssl.keystore.password",
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
};

/* The properties of sasl.* that an operator needs to see. All others are masked, known or not. */
static const char *const open_sasl[] = {
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
};

#define FILE_SUFFIX ".file"

const char *kafka_property_of_file(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        size_t n = strlen(secrets[i]);
        if (strncmp(name, secrets[i], n) == 0 && strcmp(name + n, FILE_SUFFIX) == 0)
            return secrets[i];
    }
    return NULL;
}

bool kafka_property_is_secret(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strcmp(name, secrets[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(open_sasl); i++)
        if (strcmp(name, open_sasl[i]) == 0)
            return false;
    return strncmp(name, "sasl.", 5) == 0 || strcmp(name, "ssl.key.pem") == 0 ||
           strcasestr(name, "password") != NULL || strcasestr(name, "secret") != NULL ||
           strcasestr(name, "token") != NULL;
}

static void add_name(struct kafka_property_names *n, const char *name, const char *suffix) {
    size_t size = strlen(name) + strlen(suffix) + 1;
    n->names = mem_realloc(n->names, (n->count + 1) * sizeof *n->names);
    n->names[n->count] = mem_alloc(size);
    (void)snprintf(n->names[n->count++], size, "%s%s", name, suffix);
}

/* Takes the names out of librdkafka's own documentation, whose lines are "name   |  C/P | …". */
void kafka_property_names_init(struct kafka_property_names *n) {
    *n = (struct kafka_property_names){0};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        add_name(n, secrets[i], FILE_SUFFIX);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return;
    rd_kafka_conf_properties_show(f);
    if (fclose(f) != 0)
        goto done;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strcspn(line, " |");
        if (line[length] != ' ' || strchr(line, '|') == NULL || strncmp(line, "Property ", 9) == 0)
            continue;
        line[length] = '\0';
        add_name(n, line, "");
    }
done:
    free(text);
}

void kafka_property_names_release(struct kafka_property_names *n) {
    for (size_t i = 0; i < n->count; i++)
        free(n->names[i]);
    free(n->names);
    *n = (struct kafka_property_names){0};
}

static bool unknown_property(const char *name, struct err *e) {
    struct kafka_property_names known;
    kafka_property_names_init(&known);
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < known.count; i++)
        nearest_offer(&nearest, known.names[i]);
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "librdkafka has no such property, did you mean kafka.%s?",
                      nearest.best);
    else
        (void)err_set(e, ERR_CONFIG,
                      "librdkafka has no such property, its CONFIGURATION.md lists them");
    kafka_property_names_release(&known);
    return false;
}

bool kafka_property_check(const char *name, const char *value, struct err *e) {
    const char *refusal = kafka_property_refusal(name);
    if (refusal != NULL)
        return err_set(e, ERR_CONFIG, "cannot be set: %s", refusal);
    char why[256] = "";
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    rd_kafka_conf_res_t result = rd_kafka_conf_set(scratch, name, value, why, sizeof why);
    rd_kafka_conf_destroy(scratch);
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return unknown_property(name, e);
    if (result != RD_KAFKA_CONF_OK) {
        why[strcspn(why, "\r\n")] = '\0';
        if (kafka_property_is_secret(name))
            return err_set(e, ERR_CONFIG, "librdkafka refuses the value, correct it");
        return err_set(e, ERR_CONFIG, "librdkafka refuses the value: %s, correct it", why);
    }
    return true;
}
