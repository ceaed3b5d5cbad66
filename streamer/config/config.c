#include "streamer/config/config.h"

#include "streamer/base/address.h"
#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/config/config_value.h"
#include "streamer/config/kafka_properties.h"
#include "streamer/config/properties.h"
#include "streamer/config/secret_file.h"
#include "streamer/model/field_names.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The type of the member of struct config at the option's offset. */
enum kind {
    KIND_TEXT,          /* char * */
    KIND_OPTIONAL_TEXT, /* char *, NULL for "" */
    KIND_SECRET,        /* char *, never shown; the option <key>.file names a file that holds it */
    KIND_INTEGER,       /* int64_t */
    KIND_DURATION,      /* int64_t, milliseconds */
    KIND_LOG_LEVEL,     /* enum log_level */
    KIND_TIERS,         /* struct rates, its tiers */
    KIND_RATE,          /* int32_t, thousandths */
    KIND_CHOICE,        /* an enum, whose values are those of the option's choices in their order */
};

struct option {
    const char *key;
    enum kind kind;
    size_t offset;
    const char *fallback;
    int64_t min, max;   /* integer, duration */
    value_check *check; /* text; NULL: any */
    const char *help;
    const char *const *choices; /* ended by NULL */
};

#define OPTION(key, kind, member, fallback, min, max, check, help)                                 \
    { key, kind, offsetof(struct config, member), fallback, min, max, check, help, NULL }
#define TEXT(key, member, fallback, check, help)                                                   \
    OPTION(key, KIND_TEXT, member, fallback, 0, 0, check, help)
#define SECRET(key, member, check, help)                                                           \
    OPTION(key, KIND_SECRET, member, "", 0, 0, check, help),                                       \
        TEXT(key ".file", member##_file, "", NULL, "File that holds " key)
#define INTEGER(key, member, fallback, min, max, help)                                             \
    OPTION(key, KIND_INTEGER, member, fallback, min, max, NULL, help)
#define DURATION(key, member, fallback, min, max, help)                                            \
    OPTION(key, KIND_DURATION, member, fallback, min, max, NULL, help)
#define CHOICE(key, member, fallback, choices, help)                                               \
    { key, KIND_CHOICE, offsetof(struct config, member), fallback, 0, 0, NULL, help, choices }
#define TOPIC(name, topic, help) TEXT("topic." name, topics[topic], name, check_topic, help)

static const char *const order_choices[] = {"auto", "event_time", "log", NULL};
static const char *const truncate_choices[] = {"apply", "quarantine", NULL};
static const char *const forward_choices[] = {"redirect", "proxy", NULL};
static const char *const boolean_choices[] = {"false", "true", NULL}; /* of an int */
static const char *const header_choices[] = {"source", "none", NULL};
static const char *const output_format_choices[] = {"json", "avro", "connect-json", NULL};
static const char *const decimals_choices[] = {"string", "number", NULL};
static const char *const format_choices[] = {"logfmt", "json", NULL};

static const struct option options[] = {
    TEXT("app.id", app_id, "streamer", check_app_id,
         "Name of the application: consumer group, transactions, "
         "internal topics, state; instances that share it share the work"),
    OPTION("instance.id", KIND_OPTIONAL_TEXT, instance_id, "", 0, 0, check_instance_id,
           "Stable name of this instance, so that a quick restart "
           "moves no partitions (static membership); empty: none"),
    TEXT("state.dir", state_dir, "./streamer-state", check_directory,
         "Folder of the local state; if it is lost, it is rebuilt from the topics"),
    INTEGER("state.memory.bytes", state_memory_bytes, "50331648", 8388608, 1099511627776,
            "Memory for the local state: rows, blocks of files, write buffers"),
    TEXT("kafka.bootstrap.servers", bootstrap, "localhost:9092", check_servers,
         "Brokers to start from: HOST:PORT,..."),

    TOPIC("customers", TOPIC_CUSTOMERS, "Input: changes of customers"),
    TOPIC("accounts", TOPIC_ACCOUNTS, "Input: changes of accounts"),
    TOPIC("customer_history", TOPIC_CUSTOMER_HISTORY, "Result: versions of customers"),
    TOPIC("account_history", TOPIC_ACCOUNT_HISTORY, "Result: versions of accounts"),
    TOPIC("account_with_customer", TOPIC_ACCOUNT_WITH_CUSTOMER,
          "Result: current accounts joined with their customers"),
    TOPIC("account_summary", TOPIC_ACCOUNT_SUMMARY,
          "Result: mart of savings accounts with their interest"),
    TOPIC("customer_profile", TOPIC_CUSTOMER_PROFILE,
          "Result: mart of customers with their totals"),
    TOPIC("quarantine", TOPIC_QUARANTINE, "Result: rejected input, the reason in its headers"),
    TEXT("topic.owners", owners_topic, "streamer-owners", check_topic,
         "Which app.id each result topic belongs to; give all applications of a cluster the same"),
    INTEGER("partitions", partitions, "0", 0, 10000,
            "Partitions of result and internal topics, fixed when "
            "app.id first starts; 0: as many as the larger input has"),
    INTEGER("replication.factor", replication_factor, "-1", -1, 100,
            "Replicas of the topics that are created; -1: the broker's default"),

    CHOICE("order.customers", orders[ENTITY_CUSTOMER], "auto", order_choices,
           "Order of the customers: log (of the partition, as a database's log has "
           "it), event_time, or auto: log for records with Debezium's metadata"),
    CHOICE("order.accounts", orders[ENTITY_ACCOUNT], "auto", order_choices,
           "The same of the accounts"),
    TEXT("fields.customers", field_names[ENTITY_CUSTOMER], "", check_customer_field_names,
         "More names of fields in customers: FIELD=NAME,..., as customer_id=cust_no,has_loan=loan"),
    TEXT("fields.accounts", field_names[ENTITY_ACCOUNT], "", check_account_field_names,
         "More names of fields in accounts"),
    CHOICE("truncate", truncate, "apply", truncate_choices,
           "What a truncated table (op t) does: apply ends all "
           "its rows, quarantine refuses it as unsupported_op"),
    CHOICE("output.headers", output_headers, "source", header_choices,
           "Headers of result messages: source (streamer.source, "
           "the input record that caused it) or none"),
    CHOICE("output.format", output_format, "json", output_format_choices,
           "Values of result messages: json; avro (Confluent's wire format, needs "
           "schema.registry.url); connect-json (with a schema, as Connect's JsonConverter reads)"),
    CHOICE(
        "output.decimals", output_decimals, "string", decimals_choices,
        "Amounts and rates of output.format=json: JSON strings, or numbers with the same digits"),

    TEXT("schema.registry.url", registry.urls, "", check_registry_urls,
         "Schema registry with Confluent's REST API: http://HOST:8081,... (each is tried); "
         "empty: none"),
    CHOICE("schema.registry.auto.register", registry.auto_register, "true", boolean_choices,
           "Whether the schemas of results are registered with output.format=avro; false: they "
           "are looked up only, and a missing one ends the start"),
    SECRET("schema.registry.bearer.token", registry.bearer_token, check_bearer_token,
           "Token for the registry (Authorization: Bearer TOKEN); empty: none"),
    SECRET("schema.registry.basic.auth.user.info", registry.user_info, check_user_info,
           "Login for the registry, USER:PASSWORD; empty: none"),
    TEXT("schema.registry.ssl.ca.location", registry.ca, "", NULL,
         "PEM file with the authorities that vouch for the registry; empty: the system's"),
    TEXT("schema.registry.ssl.certificate.location", registry.certificate, "", NULL,
         "PEM file with the certificate that the registry is shown; empty: none"),
    TEXT("schema.registry.ssl.key.location", registry.key, "", NULL,
         "PEM file with its private key, not encrypted"),
    TEXT("schemas.dir", schemas_dir, "", NULL,
         "Folder of Avro schemas (*.avsc) of records in single-object encoding that no registry "
         "knows; read at start; empty: none"),

    DURATION("late.window", late_window_ms, "3d", 0, 3650 * DAY_MS,
             "How far behind the newest event of its id an event "
             "may come; later ones are quarantined as too_late"),
    DURATION("future.window", future_window_ms, "1d", 0, 3650 * DAY_MS,
             "How far ahead of its Kafka timestamp an event may be; others "
             "are quarantined as too_early, in a log they take that timestamp"),
    INTEGER("record.max.bytes", record_max_bytes, "1048576", 1024, 104857600,
            "Longest input value; longer ones are quarantined as too_large"),
    INTEGER("batch.max.records", batch_max_records, "5000", 1, 100000,
            "Input records of one transaction, at most"),
    DURATION("batch.max.ms", batch_max_ms, "100ms", 1, MINUTE_MS,
             "How long a transaction collects records while more keep coming"),
    INTEGER("transaction.max.messages", transaction_max_messages, "40000", 1, 1000000,
            "Output messages of one transaction, about; a change "
            "of a customer with more accounts takes several"),
    INTEGER("confirmations.max", confirmations_max, "10000", 1, 1000000,
            "Events that changed nothing, remembered for one id"),
    DURATION("transaction.timeout", transaction_timeout_ms, "15s", SECOND_MS, 15 * MINUTE_MS,
             "When the broker gives up the open transaction of an instance that died"),

    DURATION("freshness.warn", freshness_warn_ms, "24h", SECOND_MS, 3650 * DAY_MS,
             "How old the newest record of an input topic may be before its freshness warns; by "
             "Kafka timestamps"),
    DURATION("freshness.error", freshness_error_ms, "48h", SECOND_MS, 3650 * DAY_MS,
             "The same before it is an error; not less than freshness.warn"),

    DURATION("retry.timeout", retry_timeout_ms, "15m", 0, 365 * DAY_MS,
             "How long what fails (brokers gone, disk full) is "
             "tried again before the program gives up and exits"),
    INTEGER("workers", workers, "1", 1, 64,
            "Threads that process, each with its share of the "
            "partitions; more instances do the same on more machines"),

    OPTION("rates.tiers", KIND_TIERS, rates, "10000:0.01,20000:0.015,*:0.02", 0, 0, NULL,
           "Interest by balance: BELOW:RATE,..., the last with the bound *"),
    OPTION("rates.loan.bonus", KIND_RATE, rates.loan_bonus_milli, "0.005", 0, 0, NULL,
           "Added to the rate of a customer who has a loan; with the highest tier at most 1"),

    TEXT("http.listen", http_listen, "127.0.0.1:9464", check_listen,
         "HOST:PORT of metrics, health and queries, [::1]:9464 for IPv6; empty: none"),
    INTEGER("http.max.connections", http_max_connections, "64", 1, 10000,
            "HTTP answers under way at a time; 16 connections "
            "more may wait, and health always has room"),
    TEXT("http.advertised.url", http_advertised_url, "", check_url,
         "http://HOST[:PORT] or https://HOST[:PORT] by "
         "which others reach this instance; empty: not told"),
    TEXT("http.hosts", http_hosts, "", check_hosts,
         "Names that a request's Host may have, besides IP addresses, localhost and those "
         "of http.listen and http.advertised.url: NAME,... with * for any characters"),
    TEXT("http.token.file", http_token_file, "", NULL,
         "File with the token that requests have to bring (Authorization: Bearer "
         "TOKEN), but those to /healthz and /readyz; read at start; empty: none"),
    CHOICE("http.metrics.open", http_metrics_open, "false", boolean_choices,
           "Whether /metrics asks for no token, either"),
    CHOICE("http.insecure", http_insecure, "false", boolean_choices,
           "Whether http.listen may be reachable from other machines without a token"),
    TEXT("http.tls.certificate", http_tls_certificate, "", NULL,
         "PEM file with the certificate for TLS, and those between "
         "it and the authority; read at start; empty: plain HTTP"),
    TEXT("http.tls.key", http_tls_key, "", NULL, "PEM file with its private key, not encrypted"),
    TEXT("http.peers", http_peers, "", check_hosts,
         "Other instances whose http.advertised.url is believed: "
         "HOST[:PORT],... with * for any characters of a host; empty: none"),
    CHOICE("http.forward", http_forward, "redirect", forward_choices,
           "What a request gets whose id another instance has: redirect "
           "(307 to that one) or proxy (its answer through this one)"),
    TEXT("http.tls.ca", http_tls_ca, "", NULL,
         "PEM file with the authorities that vouch for other "
         "instances, for http.forward=proxy; empty: the system's"),
    CHOICE("http.show.values", http_show_values, "false", boolean_choices,
           "Whether status and reports show values of records; false: *** in their place"),

    INTEGER("quality.scan.rows_per_second", quality_scan_rows_per_second, "20000", 1, 100000000,
            "Rows and versions that the quality checks read in a second, beside the records"),
    OPTION("quality.quarantine.warn", KIND_RATE, quality_quarantine_warn_milli, "0.01", 0, 0, NULL,
           "Share of the last 1,000 records, or of the last hour, that is rejected: from here on "
           "the quality check warns (judged from 20 records on)"),
    OPTION("quality.quarantine.error", KIND_RATE, quality_quarantine_error_milli, "0.1", 0, 0, NULL,
           "The same: from here on the quality check fails"),
    DURATION("quality.orphans.warn", quality_orphans_warn_ms, "1h", 0, 3650 * DAY_MS,
             "How long an account may wait for its customer before the quality check warns"),

    SECRET("alert.webhook.url", alert_webhook_url, check_receiver_url,
           "Where a message is posted when a check or readiness changes to warn or fail, and when "
           "it recovers (JSON as Slack takes it): http://... or https://...; empty: nowhere"),
    TEXT("alert.webhook.ssl.ca.location", alert_webhook_ca, "", NULL,
         "PEM file with the authorities that vouch for that receiver; empty: the system's"),
    TEXT("openlineage.url", openlineage_url, "", check_openlineage_url,
         "Receiver of OpenLineage events, which get POST <url>/api/v1/lineage when the process "
         "starts and ends, and each hour: http[s]://HOST[:PORT][/PATH]; empty: none"),
    SECRET("openlineage.api.key", openlineage_api_key, check_bearer_token,
           "Key for that receiver (Authorization: Bearer KEY); empty: none"),
    TEXT("openlineage.ssl.ca.location", openlineage_ca, "", NULL,
         "PEM file with the authorities that vouch for that receiver; empty: the system's"),
    OPTION("log.level", KIND_LOG_LEVEL, log_level, "info", 0, 0, NULL,
           "Least severe log lines shown: debug, info, warn "
           "or error; SIGUSR1 shows more, SIGUSR2 less"),
    CHOICE("log.format", log_format, "logfmt", format_choices,
           "Log lines on standard error: logfmt, or json, "
           "an object a line whose values are strings"),
};

enum { OPTION_COUNT = ARRAY_LEN(options) };

static const char *const internal_suffixes[TOPIC_COUNT] = {
    [TOPIC_REPARTITION_CUSTOMERS] = "repartition-customers",
    [TOPIC_REPARTITION_ACCOUNTS] = "repartition-accounts",
    [TOPIC_ACCOUNT_LINKS] = "account-links",
    [TOPIC_CUSTOMER_REFS] = "customer-refs",
    [TOPIC_CONFIRMATIONS] = "confirmations",
};

#define KAFKA_PREFIX "kafka."
#define MASK "********" /* shown for a secret */
#define ENV_PREFIX "STREAMER_"

static bool has_prefix(const char *s, const char *prefix) {
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* --- values --- */

static bool set_text(const struct option *o, const char *text, char **value, struct err *e) {
    if (o->check != NULL && !o->check(text, e))
        return false;
    free(*value);
    *value = o->kind == KIND_OPTIONAL_TEXT && text[0] == '\0' ? NULL : mem_strdup(text);
    return true;
}

static bool set_choice(const struct option *o, const char *text, void *member, struct err *e) {
    struct buf valid = {0};
    for (int i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(text, o->choices[i]) == 0) {
            buf_release(&valid);
            memcpy(member, &i, sizeof i); /* the enums are ints */
            return true;
        }
        buf_printf(&valid, "%s%s",
                   i == 0                      ? ""
                   : o->choices[i + 1] != NULL ? ", "
                                               : " or ",
                   o->choices[i]);
    }
    (void)err_set(e, ERR_CONFIG, "\"%.80s\" is not valid, use %s", text, buf_cstr(&valid));
    buf_release(&valid);
    return false;
}

static bool set_option(struct config *c, const struct option *o, const char *text, struct err *e) {
    void *member = (char *)c + o->offset;
    switch (o->kind) {
    case KIND_TEXT:
    case KIND_OPTIONAL_TEXT:
    case KIND_SECRET:
        return set_text(o, text, member, e);
    case KIND_INTEGER:
        return parse_integer(text, o->min, o->max, member, e);
    case KIND_DURATION:
        return parse_duration(text, o->min, o->max, member, e);
    case KIND_LOG_LEVEL:
        return parse_log_level(text, member, e);
    case KIND_TIERS:
        return rates_parse_tiers(member, slice_str(text), e);
    case KIND_RATE:
        return rates_parse_rate(slice_str(text), member, e);
    case KIND_CHOICE:
        return set_choice(o, text, member, e);
    }
    assert(false && "an option of no kind");
    return false;
}

/* --- keys --- */

static const struct option *find_option(const char *key) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(options[i].key, key) == 0)
            return &options[i];
    return NULL;
}

static void replace(char **text, const char *by) {
    char *copy = mem_strdup(by);
    free(*text);
    *text = copy;
}

/* The property of this name. A new one has no value yet. */
static struct kafka_property *kafka_property(struct config *c, const char *name) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (strcmp(c->kafka[i].name, name) == 0)
            return &c->kafka[i];
    c->kafka = mem_realloc(c->kafka, (c->kafka_count + 1) * sizeof *c->kafka);
    c->kafka[c->kafka_count] = (struct kafka_property){.name = mem_strdup(name)};
    return &c->kafka[c->kafka_count++];
}

static bool set_twice(const struct kafka_property *p, const char *suffix, struct err *e) {
    return err_set(e, ERR_CONFIG, "%s sets " KAFKA_PREFIX "%s%s, remove one of the two", p->origin,
                   p->name, suffix);
}

/* Files are read when all settings are known, because a later setting may name another file. */
static bool set_kafka_file(struct config *c, const char *name, const char *path, const char *origin,
                           struct err *e) {
    if (path[0] == '\0')
        return err_set(e, ERR_CONFIG, "is empty, give the path of a file");
    struct kafka_property *p = kafka_property(c, name);
    if (p->value != NULL)
        return set_twice(p, "", e);
    replace(&p->file, path);
    replace(&p->origin, origin);
    return true;
}

static bool set_kafka(struct config *c, const char *name, const char *value, const char *origin,
                      struct err *e) {
    const char *secret = kafka_property_of_file(name);
    if (secret != NULL)
        return set_kafka_file(c, secret, value, origin, e);
    if (!kafka_property_check(name, value, e))
        return false;
    struct kafka_property *p = kafka_property(c, name);
    if (p->file != NULL)
        return set_twice(p, ".file", e);
    replace(&p->value, value);
    replace(&p->origin, origin);
    return true;
}

static bool read_kafka_secrets(struct config *c, struct err *e) {
    for (size_t i = 0; i < c->kafka_count; i++) {
        struct kafka_property *p = &c->kafka[i];
        if (p->file == NULL)
            continue;
        p->value = secret_file_read(p->file, e);
        if (p->value == NULL || !kafka_property_check(p->name, p->value, e))
            return err_prefix(e, "%s: " KAFKA_PREFIX "%s.file", p->origin, p->name);
    }
    return true;
}

static bool unknown_key(const char *key, struct err *e) {
    const char *refusal = kafka_property_refusal(key);
    if (refusal != NULL)
        return err_set(e, ERR_CONFIG, "cannot be set: %s", refusal);
    struct nearest nearest = nearest_to(key);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        nearest_offer(&nearest, options[i].key);
    struct kafka_property_names kafka;
    kafka_property_names_init(&kafka);
    struct buf name = {0};
    for (size_t i = 0; i < kafka.count; i++) {
        buf_clear(&name);
        buf_printf(&name, KAFKA_PREFIX "%s", kafka.names[i]);
        nearest_offer(&nearest, buf_cstr(&name));
    }
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "unknown key, did you mean %s?", nearest.best);
    else
        (void)err_set(e, ERR_CONFIG, "unknown key, `streamer help` lists the valid ones");
    buf_release(&name);
    kafka_property_names_release(&kafka);
    return false;
}

static bool is_secret(const char *key) {
    const struct option *o = find_option(key);
    return o != NULL ? o->kind == KIND_SECRET
                     : has_prefix(key, KAFKA_PREFIX) &&
                           kafka_property_is_secret(key + strlen(KAFKA_PREFIX));
}

/* Quotes would become part of the value, so they are refused. A secret may begin and end with a
 * quote. */
static bool is_unquoted(const char *key, const char *value, struct err *e) {
    size_t n = strlen(value);
    bool quoted = n > 1 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0];
    return !quoted || is_secret(key) ||
           err_set(e, ERR_CONFIG, "no quotes around a value, write %.100s=%.*s", key,
                   (int)(n - 2 < 80 ? n - 2 : 80), value + 1);
}

static bool set_value(struct config *c, const struct option *o, const char *key, const char *value,
                      const char *origin, struct err *e) {
    if (o == NULL && !has_prefix(key, KAFKA_PREFIX))
        return unknown_key(key, e);
    if (!is_unquoted(key, value, e))
        return false;
    bool ok = o != NULL ? set_option(c, o, value, e)
                        : set_kafka(c, key + strlen(KAFKA_PREFIX), value, origin, e);
    if (!ok && is_comment_behind(value))
        (void)err_set(e, ERR_CONFIG,
                      "no comments behind a value, put what follows '#' into a line of its own");
    return ok;
}

/* Sets `key`; the error begins with the origin and the key. */
static bool set_key(struct config *c, const char *key, const char *value, const char *origin,
                    struct err *e) {
    const struct option *o = find_option(key);
    if (!set_value(c, o, key, value, origin, e))
        return err_prefix(e, "%s: %.100s", origin, key);
    if (o != NULL) {
        bool is_hidden = o->kind == KIND_SECRET && value[0] != '\0';
        replace(&c->settings[o - options].text, is_hidden ? MASK : value);
        replace(&c->settings[o - options].origin, origin);
    }
    return true;
}

/* --- sources --- */

static bool set_defaults(struct config *c, struct err *e) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (!set_key(c, options[i].key, options[i].fallback, "default", e))
            return false;
    return true;
}

struct file_context {
    struct config *config;
    const char *path;
};

static bool set_from_line(void *context, size_t line, const char *key, const char *value,
                          struct err *e) {
    const struct file_context *file = context;
    struct buf origin = {0};
    buf_printf(&origin, "%s:%zu", file->path, line);
    bool ok = set_key(file->config, key, value, buf_cstr(&origin), e);
    buf_release(&origin);
    return ok;
}

/* Makes "STREAMER_LATE_WINDOW" of "late.window". */
static const char *env_name(struct buf *out, const char *prefix, const char *key) {
    buf_clear(out);
    buf_printf(out, ENV_PREFIX "%s%s", prefix, key);
    for (size_t i = 0; i < out->n; i++)
        out->p[i] = (char)(out->p[i] == '.' ? '_' : toupper((unsigned char)out->p[i]));
    return buf_cstr(out);
}

/* Whether a variable is no setting: the tests' own, or one that Kubernetes and Docker make for a
 * service called "streamer". */
static bool is_foreign_variable(const char *name) {
    static const char *const exact[] = {"STREAMER_BIN", "STREAMER_PORT", "STREAMER_NAME",
                                        "STREAMER_SERVICE_HOST"};
    for (size_t i = 0; i < ARRAY_LEN(exact); i++)
        if (strcmp(name, exact[i]) == 0)
            return true;
    return has_prefix(name, "STREAMER_PORT_") || has_prefix(name, "STREAMER_SERVICE_PORT") ||
           has_prefix(name, "STREAMER_ENV_");
}

/* Puts the key that the variable `name` sets into `key`. It searches the tables instead of
 * translating the name, because '_' may stand for '.' or for itself. False: no key; the error names
 * the nearest variable. */
static bool key_of_variable(const char *name, struct buf *key, struct err *e) {
    struct nearest nearest = nearest_to(name);
    struct buf candidate = {0};
    struct kafka_property_names kafka;
    kafka_property_names_init(&kafka);
    bool found = false;
    for (size_t i = 0; i < OPTION_COUNT + kafka.count && !found; i++) {
        bool own = i < OPTION_COUNT;
        const char *prefix = own ? "" : KAFKA_PREFIX;
        const char *suffix = own ? options[i].key : kafka.names[i - OPTION_COUNT];
        (void)env_name(&candidate, prefix, suffix);
        buf_clear(key);
        buf_printf(key, "%s%s", prefix, suffix);
        found = strcmp(buf_cstr(&candidate), name) == 0;
        nearest_offer(&nearest, buf_cstr(&candidate));
    }
    if (!found && nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "%.100s: unknown environment variable, did you mean %s?", name,
                      nearest.best);
    else if (!found)
        (void)err_set(e, ERR_CONFIG,
                      "%.100s: unknown environment variable, `streamer help` lists the valid keys",
                      name);
    buf_release(&candidate);
    kafka_property_names_release(&kafka);
    return found;
}

static bool set_from_environment(struct config *c, struct err *e) {
    bool ok = true;
    struct buf name = {0}, key = {0};
    for (char **variable = environ; ok && variable != NULL && *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        if (equals == NULL || !has_prefix(*variable, ENV_PREFIX))
            continue;
        buf_set(&name, slice_of(*variable, (size_t)(equals - *variable)));
        if (is_foreign_variable(buf_cstr(&name)))
            continue;
        ok = key_of_variable(buf_cstr(&name), &key, e) &&
             set_key(c, buf_cstr(&key), equals + 1, buf_cstr(&name), e);
    }
    buf_release(&name);
    buf_release(&key);
    return ok;
}

static bool set_from_argument(struct config *c, const char *set, struct err *e) {
    char *pair = mem_strdup(set);
    char *key, *value;
    bool ok;
    if (properties_split(pair, strlen(pair), &key, &value))
        ok = set_key(c, key, value, "--set", e);
    else if (strchr(set, '=') != NULL)
        ok = err_set(e, ERR_CONFIG, "--set: there is no key before '=', write --set key=value");
    else /* a secret may follow the key */
        ok = err_set(e, ERR_CONFIG, "--set: \"%.*s\" has no '=', write --set key=value",
                     (int)strcspn(set, ": \t"), set);
    free(pair);
    return ok;
}

static bool set_from_arguments(struct config *c, const char *const *sets, size_t set_count,
                               struct err *e) {
    for (size_t i = 0; i < set_count; i++)
        if (!set_from_argument(c, sets[i], e))
            return false;
    return true;
}

/* --- the whole --- */

/* The option that names topic `t`. NULL: an internal topic, whose name comes from app.id. */
static const struct option *topic_option(const struct config *c, enum topic t) {
    size_t offset = (size_t)((const char *)&c->topics[t] - (const char *)c);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].offset == offset)
            return &options[i];
    return NULL;
}

const char *config_topic_key(const struct config *c, enum topic t) {
    const struct option *option = topic_option(c, t);
    return option != NULL ? option->key : NULL;
}

static const struct setting *setting_of(const struct config *c, const char *key) {
    const struct option *o = find_option(key);
    assert(o != NULL);
    return &c->settings[o - options];
}

bool config_is_default(const struct config *c, const char *key) {
    return strcmp(setting_of(c, key)->origin, "default") == 0;
}

/* Kafka treats '.' and '_' in topic names as the same, as its metrics cannot tell them apart. */
static bool topics_collide(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if (*a != *b && (strchr("._", *a) == NULL || strchr("._", *b) == NULL))
            return false;
    return *a == *b;
}

/* The error names the topic that the user set. One of a and b is an option, because two internal
 * topics never clash. */
static bool topics_clash(const struct config *c, enum topic a, enum topic b, struct err *e) {
    const struct option *option = topic_option(c, a);
    if (option == NULL || config_is_default(c, option->key))
        return topics_clash(c, b, a, e);
    const struct option *rival = topic_option(c, b);
    return err_set(e, ERR_CONFIG, "%s: %s: \"%s\" is taken by %s (\"%s\"), use another name",
                   setting_of(c, option->key)->origin, option->key, c->topics[a],
                   rival != NULL ? rival->key : "an internal topic of app.id", c->topics[b]);
}

static bool check_topics_distinct(const struct config *c, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int other = 0; other < t; other++)
            if (topics_collide(c->topics[t], c->topics[other]))
                return topics_clash(c, (enum topic)t, (enum topic)other, e);
    return true;
}

/* The error names topic.owners, or the other topic if topic.owners has its default. */
static bool owners_clash(const struct config *c, enum topic t, struct err *e) {
    const struct setting *owners = setting_of(c, "topic.owners");
    const char *key = config_topic_key(c, t);
    if (key != NULL && strcmp(owners->origin, "default") == 0)
        return err_set(e, ERR_CONFIG,
                       "%s: %s: \"%s\" is taken by topic.owners (\"%s\"), use another name",
                       setting_of(c, key)->origin, key, c->topics[t], c->owners_topic);
    return err_set(e, ERR_CONFIG,
                   "%s: topic.owners: \"%s\" is taken by %s (\"%s\"), use another name",
                   owners->origin, c->owners_topic,
                   key != NULL ? key : "an internal topic of app.id", c->topics[t]);
}

static bool check_owners_topic(const struct config *c, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topics_collide(c->topics[t], c->owners_topic))
            return owners_clash(c, (enum topic)t, e);
    return true;
}

static bool replayed_clash(const struct config *c, const char *key, const char *name,
                           struct err *e) {
    return err_set(e, ERR_CONFIG,
                   "%s: %s: \"%s\" is taken by an internal topic of app.id (\"%s\"), use another "
                   "name",
                   setting_of(c, key)->origin, key, name, c->replayed_topic);
}

static bool check_replayed_topic(const struct config *c, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const char *key = config_topic_key(c, (enum topic)t); /* internal topics never clash */
        if (key != NULL && topics_collide(c->topics[t], c->replayed_topic))
            return replayed_clash(c, key, c->topics[t], e);
    }
    return !topics_collide(c->owners_topic, c->replayed_topic) ||
           replayed_clash(c, "topic.owners", c->owners_topic, e);
}

static bool check_replication(const struct config *c, struct err *e) {
    return c->replication_factor != 0 || err_set(e, ERR_CONFIG,
                                                 "%s: replication.factor: 0 is out of range, "
                                                 "use 1 to 100, or -1 for the broker's default",
                                                 setting_of(c, "replication.factor")->origin);
}

/* The error names the setting that the user changed. */
static bool check_rates(const struct config *c, struct err *e) {
    int32_t highest = rates_highest_milli(&c->rates);
    if (highest <= RATES_HIGHEST_MILLI)
        return true;
    const char *key = "rates.loan.bonus";
    if (config_is_default(c, key))
        key = "rates.tiers";
    return err_set(
        e, ERR_CONFIG,
        "%s: %s: the highest tier and the bonus of a loan make %d.%03d, use at most 1.000",
        setting_of(c, key)->origin, key, (int)highest / 1000, (int)highest % 1000);
}

/* The error names the setting that the user changed. */
static bool check_freshness(const struct config *c, struct err *e) {
    const struct setting *error = setting_of(c, "freshness.error");
    bool is_default = strcmp(error->origin, "default") == 0;
    const struct setting *at = is_default ? setting_of(c, "freshness.warn") : error;
    return c->freshness_warn_ms <= c->freshness_error_ms ||
           err_set(e, ERR_CONFIG,
                   "%s: %s: freshness.warn (%s) is more than freshness.error (%s), change one",
                   at->origin, is_default ? "freshness.warn" : "freshness.error",
                   duration_text(c->freshness_warn_ms).text,
                   duration_text(c->freshness_error_ms).text);
}

static const struct kafka_property *find_kafka(const struct config *c, const char *prefix) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (has_prefix(c->kafka[i].name, prefix))
            return &c->kafka[i];
    return NULL;
}

/* Without a mechanism librdkafka would choose Kerberos, and report what that lacks. */
static bool check_mechanism(const struct config *c, struct err *e) {
    const struct kafka_property *protocol = find_kafka(c, "security.protocol");
    if (protocol == NULL || strncasecmp(protocol->value, "sasl_", 5) != 0 ||
        find_kafka(c, "sasl.mechanism") != NULL || find_kafka(c, "sasl.kerberos.") != NULL)
        return true;
    return err_set(e, ERR_CONFIG,
                   "%s: kafka.security.protocol: %s needs a mechanism, "
                   "set kafka.sasl.mechanism (SCRAM-SHA-512, "
                   "SCRAM-SHA-256, PLAIN, OAUTHBEARER or GSSAPI)",
                   protocol->origin, protocol->value);
}

/* If other machines can reach http.listen, requests need a token, or http.insecure must allow them
 * without one. */
static bool check_http(const struct config *c, struct err *e) {
    struct address listen;
    const struct setting *where = setting_of(c, "http.listen");
    bool is_alone =
        c->http_listen[0] == '\0' ||
        (address_parse(slice_str(c->http_listen), &listen) && address_is_loopback(&listen));
    if (!is_alone && c->http_token_file[0] == '\0' && !c->http_insecure)
        return err_set(
            e, ERR_CONFIG,
            "%s: http.listen: %s is reachable from other machines; set http.token.file, or, where "
            "everybody who can reach it may see all data, http.insecure=true",
            where->origin, c->http_listen);
    bool has_certificate = c->http_tls_certificate[0] != '\0', has_key = c->http_tls_key[0] != '\0';
    return has_certificate == has_key ||
           err_set(e, ERR_CONFIG, "%s: %s is set without %s, TLS needs both",
                   setting_of(c, has_key ? "http.tls.key" : "http.tls.certificate")->origin,
                   has_key ? "http.tls.key" : "http.tls.certificate",
                   has_key ? "http.tls.certificate" : "http.tls.key");
}

/* Reads the secret whose file the option behind it names. */
static bool read_own_secret(struct config *c, const struct option *o, struct err *e) {
    char **value = (char **)(void *)((char *)c + o->offset);
    const char *path = *(char **)(void *)((char *)c + o[1].offset);
    if (path[0] == '\0')
        return true;
    const char *origin = c->settings[o + 1 - options].origin;
    if ((*value)[0] != '\0')
        return err_set(e, ERR_CONFIG, "%s: %s: %s sets %s, remove one of the two", origin, o[1].key,
                       c->settings[o - options].origin, o->key);
    char *text = secret_file_read(path, e);
    if (text == NULL || !o->check(text, e)) {
        free(text);
        return err_prefix(e, "%s: %s", origin, o[1].key);
    }
    free(*value);
    *value = text;
    return true;
}

static bool read_secrets(struct config *c, struct err *e) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].kind == KIND_SECRET && !read_own_secret(c, &options[i], e))
            return false;
    return read_kafka_secrets(c, e);
}

static bool check_registry(const struct config *c, struct err *e) {
    const struct registry_settings *r = &c->registry;
    bool has_certificate = r->certificate[0] != '\0', has_key = r->key[0] != '\0';
    if (has_certificate != has_key)
        return err_set(e, ERR_CONFIG,
                       "%s: schema.registry.ssl.%s.location is set without "
                       "schema.registry.ssl.%s.location, set both",
                       setting_of(c, has_key ? "schema.registry.ssl.key.location"
                                             : "schema.registry.ssl.certificate.location")
                           ->origin,
                       has_key ? "key" : "certificate", has_key ? "certificate" : "key");
    return r->bearer_token[0] == '\0' || r->user_info[0] == '\0' ||
           err_set(e, ERR_CONFIG,
                   "schema.registry.bearer.token and schema.registry.basic.auth.user.info are both "
                   "set, remove one of the two");
}

static bool check_output(const struct config *c, struct err *e) {
    if (c->output_format == OUTPUT_AVRO && c->registry.urls[0] == '\0')
        return err_set(e, ERR_CONFIG,
                       "%s: output.format: avro needs a schema registry, set schema.registry.url",
                       setting_of(c, "output.format")->origin);
    return c->output_decimals == OUTPUT_DECIMALS_STRING || c->output_format == OUTPUT_JSON ||
           err_set(e, ERR_CONFIG,
                   "%s: output.decimals: number is for output.format=json only, the other formats "
                   "have decimals of their own; remove it",
                   setting_of(c, "output.decimals")->origin);
}

static char *internal_topic(const struct config *c, const char *suffix) {
    struct buf name = {0};
    buf_printf(&name, "%s-%s", c->app_id, suffix);
    (void)buf_cstr(&name);
    return name.p;
}

static void derive_internal_topics(struct config *c) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (internal_suffixes[t] != NULL)
            c->topics[t] = internal_topic(c, internal_suffixes[t]);
    c->replayed_topic = internal_topic(c, "replayed");
}

bool config_load(struct config *c, const char *path, const char *const *sets, size_t set_count,
                 struct err *e) {
    *c = (struct config){.settings = mem_calloc(OPTION_COUNT + 1, sizeof *c->settings)};
    if (!set_defaults(c, e) ||
        (path != NULL &&
         !properties_read(path, set_from_line, &(struct file_context){c, path}, e)) ||
        !set_from_environment(c, e) || !set_from_arguments(c, sets, set_count, e) ||
        !read_secrets(c, e))
        goto fail;
    derive_internal_topics(c);
    if (check_topics_distinct(c, e) && check_owners_topic(c, e) && check_replayed_topic(c, e) &&
        check_replication(c, e) && check_rates(c, e) && check_mechanism(c, e) && check_http(c, e) &&
        check_registry(c, e) && check_output(c, e) && check_freshness(c, e))
        return true;
fail:
    config_release(c);
    return false;
}

void config_release(struct config *c) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].kind == KIND_TEXT || options[i].kind == KIND_OPTIONAL_TEXT ||
            options[i].kind == KIND_SECRET)
            free(*(char **)(void *)((char *)c + options[i].offset));
        if (c->settings != NULL) {
            free(c->settings[i].text);
            free(c->settings[i].origin);
        }
    }
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (internal_suffixes[t] != NULL)
            free(c->topics[t]);
    free(c->replayed_topic);
    for (size_t i = 0; i < c->kafka_count; i++) {
        free(c->kafka[i].name);
        free(c->kafka[i].value);
        free(c->kafka[i].file);
        free(c->kafka[i].origin);
    }
    free(c->kafka);
    free(c->settings);
    *c = (struct config){0};
}

/* --- what the table says --- */

#define KAFKA_HELP                                                                                 \
    "Any other property of librdkafka, as it is (TLS, SASL, ...), "                                \
    "but those that exactly-once depends on; a secret can come "                                   \
    "from a file: kafka.sasl.password.file=PATH"

/* The range of an option: "1 to 100000", or "". */
static void set_range(const struct option *o, char *out, size_t size) {
    struct buf range = {0};
    for (int i = 0; o->choices != NULL && o->choices[i] != NULL; i++)
        buf_printf(&range, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    if (o->kind == KIND_INTEGER)
        buf_printf(&range, "%" PRId64 " to %" PRId64, o->min, o->max);
    else if (o->kind == KIND_DURATION)
        buf_printf(&range, "%s to %s", duration_text(o->min).text, duration_text(o->max).text);
    (void)snprintf(out, size, "%s", buf_cstr(&range));
    buf_release(&range);
}

bool config_describe(size_t i, struct setting_text *s) {
    static const struct option kafka = {
        .key = KAFKA_PREFIX "*", .fallback = "", .help = KAFKA_HELP};
    if (i > OPTION_COUNT)
        return false;
    const struct option *o = i < OPTION_COUNT ? &options[i] : &kafka;
    *s = (struct setting_text){o->key, o->fallback, o->help, o->choices, ""};
    set_range(o, s->range, sizeof s->range);
    return true;
}

void config_print_markdown(void) {
    struct setting_text s;
    (void)printf("| key | default | range | what |\n|---|---|---|---|\n");
    for (size_t i = 0; config_describe(i, &s); i++) {
        const char *tick = s.fallback[0] != '\0' ? "`" : "";
        (void)printf("| `%s` | %s%s%s | %s | %s |\n", s.key, tick, s.fallback, tick, s.range,
                     s.help);
    }
}

void config_print_effective(const struct config *c) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        (void)printf("%s=%s  (%s)\n", options[i].key, c->settings[i].text, c->settings[i].origin);
    for (size_t i = 0; i < c->kafka_count; i++) {
        const struct kafka_property *p = &c->kafka[i];
        const char *shown = kafka_property_is_secret(p->name) ? MASK : p->value;
        (void)printf(KAFKA_PREFIX "%s=%s  (%s%s%s)\n", p->name, shown, p->origin,
                     p->file != NULL ? ", from " : "", p->file != NULL ? p->file : "");
    }
}

void config_put_effective(const struct config *c, struct buf *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        buf_printf(out, "%s=%s\n", options[i].key, c->settings[i].text);
    for (size_t i = 0; i < c->kafka_count; i++) {
        const struct kafka_property *p = &c->kafka[i];
        buf_printf(out, KAFKA_PREFIX "%s=%s\n", p->name,
                   kafka_property_is_secret(p->name) ? MASK : p->value);
    }
}
