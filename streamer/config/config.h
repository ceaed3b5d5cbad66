/* config: everything that a user can set. One option table (config.c) drives parsing, defaults,
 * ranges, `--help`, the table in docker/README.md and "did you mean". The sources are the defaults,
 * the properties file (-c), the environment (STREAMER_APP_ID for app.id) and --set key=value; later
 * ones win. */
#ifndef STREAMER_CONFIG_CONFIG_H
#define STREAMER_CONFIG_CONFIG_H

#include "streamer/base/err.h"
#include "streamer/base/log.h"
#include "streamer/model/event.h"
#include "streamer/model/rates.h"
#include "streamer/model/topic.h"

#include <stdatomic.h>
#include <stdint.h>

struct broker_watch;
struct schema_source;

/* order.*: what decides the order of a topic's records (rule O1). */
enum order { ORDER_AUTO, ORDER_EVENT_TIME, ORDER_LOG };
enum truncate { TRUNCATE_APPLY, TRUNCATE_QUARANTINE };
enum output_headers { OUTPUT_HEADERS_SOURCE, OUTPUT_HEADERS_NONE };
enum output_format { OUTPUT_JSON, OUTPUT_AVRO, OUTPUT_CONNECT_JSON };
enum output_decimals { OUTPUT_DECIMALS_STRING, OUTPUT_DECIMALS_NUMBER };

enum http_forward { HTTP_FORWARD_REDIRECT, HTTP_FORWARD_PROXY };

/* A kafka.* property that goes to librdkafka as it is, without the prefix. */
struct kafka_property {
    char *name, *value;
    char *file;   /* the value comes from this file (kafka.<name>.file); NULL: it was set itself */
    char *origin; /* where it was set, as in struct setting */
};

/* schema.registry.*: how the schema registry is reached. Texts are "" where nothing is set. */
struct registry_settings {
    char *urls;         /* schema.registry.url: HTTP URLs, comma-separated; "": there is none */
    int auto_register;  /* schema.registry.auto.register (true) */
    char *bearer_token; /* schema.registry.bearer.token, or what its .file holds; a secret */
    char *bearer_token_file;
    char *user_info; /* schema.registry.basic.auth.user.info, or what its .file holds; a secret */
    char *user_info_file;
    char *ca;                /* schema.registry.ssl.ca.location */
    char *certificate, *key; /* schema.registry.ssl.certificate.location, .key.location: both or
                                none */
};

/* An option's value as the user wrote it, or asterisks for a secret. */
struct setting {
    char *text;
    char *origin; /* "streamer.conf:12", "STREAMER_APP_ID", "--set", "default" */
};

struct config {
    char *app_id;                 /* app.id */
    char *instance_id;            /* instance.id: static group membership; NULL: dynamic */
    char *state_dir;              /* state.dir */
    int64_t state_memory_bytes;   /* state.memory.bytes */
    char *bootstrap;              /* kafka.bootstrap.servers */
    struct kafka_property *kafka; /* the other kafka.* */
    size_t kafka_count;

    char *topics[TOPIC_COUNT]; /* topic.<default name>; internal names derived from app_id */
    char *owners_topic;        /* topic.owners (streamer-owners) */
    char *replayed_topic;      /* <app.id>-replayed: the marks of `quarantine replay` */
    /* partitions: of result and internal topics; 0: as many as the larger input has */
    int64_t partitions;
    int64_t replication_factor; /* replication.factor of created topics; -1: the broker's default */

    enum order orders[ENTITY_COUNT]; /* order.customers, order.accounts (auto) */
    /* fields.customers, fields.accounts: "field=name,..."; "": none */
    char *field_names[ENTITY_COUNT];
    enum truncate truncate;               /* truncate (apply) */
    enum output_headers output_headers;   /* output.headers (source) */
    enum output_format output_format;     /* output.format (json) */
    enum output_decimals output_decimals; /* output.decimals (string) */
    struct registry_settings registry;
    char *schemas_dir;         /* schemas.dir; "": none */
    int64_t late_window_ms;    /* late.window (3d) */
    int64_t future_window_ms;  /* future.window (1d) */
    int64_t record_max_bytes;  /* record.max.bytes (1048576) */
    int64_t batch_max_records; /* batch.max.records: of one transaction (1 … 100000, 5000) */
    /* batch.max.ms: how long a batch is collected while input keeps coming (100) */
    int64_t batch_max_ms;
    /* transaction.max.messages: output of one transaction (40000) */
    int64_t transaction_max_messages;
    int64_t confirmations_max;                     /* confirmations.max: for one id (10000) */
    int64_t transaction_timeout_ms;                /* transaction.timeout (15s) */
    int64_t freshness_warn_ms, freshness_error_ms; /* freshness.warn (24h), freshness.error (48h) */
    int64_t retry_timeout_ms;                      /* retry.timeout (15m) */
    int64_t workers;                               /* workers: threads that process (1) */

    struct rates rates; /* rates.tiers (10000:0.01,20000:0.015,*:0.02), rates.loan.bonus (0.005) */

    char *http_listen;              /* http.listen (127.0.0.1:9464); "" : none */
    int64_t http_max_connections;   /* http.max.connections: answers (64) */
    char *http_advertised_url;      /* http.advertised.url: a URL of address.h; "": none */
    char *http_hosts;               /* http.hosts: patterns of address.h */
    char *http_token_file;          /* http.token.file; "": none */
    enum http_forward http_forward; /* http.forward (redirect) */
    char *http_peers;      /* http.peers: patterns of address.h; "": no instance is trusted */
    char *http_tls_ca;     /* http.tls.ca; "": the system's authorities */
    int http_insecure;     /* http.insecure (false) */
    int http_metrics_open; /* http.metrics.open (false) */
    int http_show_values;  /* http.show.values (false) */
    char *http_tls_certificate, *http_tls_key; /* http.tls.certificate, .key: both or none ("") */

    /* quality.scan.rows_per_second: rows that the checks read in a second (20000) */
    int64_t quality_scan_rows_per_second;
    /* quality.quarantine.warn, .error: shares of rejected records, in thousandths (10, 100) */
    int32_t quality_quarantine_warn_milli, quality_quarantine_error_milli;
    int64_t quality_orphans_warn_ms; /* quality.orphans.warn (1h) */

    char *alert_webhook_url; /* alert.webhook.url, or what its .file holds; a secret; "": none */
    char *alert_webhook_url_file;
    char *alert_webhook_ca;    /* alert.webhook.ssl.ca.location; "": the system's authorities */
    char *openlineage_url;     /* openlineage.url; "": none */
    char *openlineage_api_key; /* openlineage.api.key, or what its .file holds; a secret */
    char *openlineage_api_key_file;
    char *openlineage_ca;       /* openlineage.ssl.ca.location; "": the system's authorities */
    enum log_level log_level;   /* log.level */
    enum log_format log_format; /* log.format (logfmt) */

    /* Not a setting: all clients report here which brokers they reach. NULL: they report nothing.
     * Borrowed. */
    struct broker_watch *brokers;

    /* Not a setting: the service sets it for all clients of the process. NULL: none. Borrowed. */
    struct login_guard *logins;

    /* Not a setting: true once the user has interrupted the command, which then waits for no broker
     * any more. NULL: nobody can. Borrowed. */
    const atomic_bool *stop;

    /* Not a setting: where decoders find the schemas that records were written with. The service
     * sets it. NULL: nowhere. Borrowed. */
    struct schema_source *schemas;
    /* Not a setting: the numbers that the registry gave to the schemas of the results, by enum
     * row_result. The service sets it before any worker starts, if output.format is avro. Borrowed.
     */
    const uint32_t *result_schema_ids;

    /* Of every option, in the order of the option table, and then one without a text; for `check`
     * and messages. */
    struct setting *settings;
};

/* Reads `path` (NULL: no file), the environment and the `sets` ("key=value"). False: the error
 * names file, line, key and, for an unknown key, the nearest valid one. */
bool config_load(struct config *c, const char *path, const char *const *sets, size_t set_count,
                 struct err *e);
void config_release(struct config *c);

/* The setting that names the topic, "topic.quarantine". NULL: an internal topic, whose name comes
 * from app.id. */
const char *config_topic_key(const struct config *c, enum topic t);

/* Whether nobody has set the option, which must exist. */
bool config_is_default(const struct config *c, const char *key);

/* A setting as the option table describes it. The last one, "kafka.*", stands for many. */
struct setting_text {
    const char *key, *fallback, *help; /* the default may be "" */
    const char *const *choices;        /* ended by NULL; NULL: not one of few */
    char range[64];                    /* "1 to 100000", "auto, event_time, log"; "": any */
};
/* Describes the setting number `i`, in the order of the table. False: there are no more. */
bool config_describe(size_t i, struct setting_text *s);
/* Prints all of them as the table of docker/README.md; a test compares the two. */
void config_print_markdown(void);
/* Prints every setting in effect and where it comes from, with secrets masked:
 * `app.id=streamer  (default)`. */
void config_print_effective(const struct config *c);
/* Appends every setting in effect, `app.id=streamer` and a line end each, with secrets masked. */
void config_put_effective(const struct config *c, struct buf *out);

#endif
