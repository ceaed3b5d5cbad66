#include "streamer/kafka/kafka.h"

#include "streamer/base/buf.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/kafka/login_guard.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUEST_TIMEOUT_MS 5000
#define ADMIN_ANSWER_MS 65000
#define GROUP_REQUEST_MS 3600000 /* the longest that librdkafka takes */
#define DESTROY_S 5
#define FIRST_ANSWER_MS 1000
#define RECONNECT_MS "3000"
#define SYSLOG_ERROR 3
#define SYSLOG_DEBUG 7

/* Every client gets the user's whole kafka.*, so a consumer hears about producer properties and the
 * reverse. Clients that are not to connect have no brokers (preflight.c). And why a connection
 * fails is logged of each broker (facility FAIL), and once more as the client's error. */
static bool is_noise(const char *facility, const char *text) {
    return (strcmp(facility, "CONFWARN") == 0 &&
            (strstr(text, " property and will be ignored by this ") != NULL ||
             strstr(text, "No `bootstrap.servers` configured") != NULL)) ||
           (strcmp(facility, "ERROR") == 0 &&
            (strstr(text, "Connect to ") != NULL || strstr(text, " brokers are down") != NULL));
}

/* syslog levels: what librdkafka calls an error (a connection lost) it mends itself. */
static enum log_level level_of(int syslog_level) {
    if (syslog_level <= 2)
        return LOG_ERROR;
    if (syslog_level <= 4)
        return LOG_WARN;
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

void kafka_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text) {
    if (!login_guard_take_log(facility, text) && !is_noise(facility, text))
        log_line(level_of(syslog_level), "librdkafka", "client=%s facility=%s text=%s",
                 rk != NULL ? rd_kafka_name(rk) : "none", facility,
                 log_quote(&(struct log_value){0}, text));
}

void kafka_log_watched(const rd_kafka_t *rk, int syslog_level, const char *facility,
                       const char *text) {
    bool is_connection = strcmp(facility, "FAIL") == 0 || strcmp(facility, "REQTMOUT") == 0;
    kafka_log(rk, is_connection ? SYSLOG_DEBUG : syslog_level, facility, text);
}

bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e) {
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    why[strcspn(why, "\r\n")] = '\0';
    return err_set(e, ERR_CONFIG, "kafka.%s: %s", name, why);
}

bool kafka_conf_set_default(rd_kafka_conf_t *conf, const struct config *c, const char *name,
                            const char *value, struct err *e) {
    for (size_t i = 0; i < c->kafka_count; i++)
        if (strcmp(c->kafka[i].name, name) == 0)
            return true;
    return kafka_conf_set(conf, name, value, e);
}

/* How long an answer may take, and the setup of a connection. A broker that is frozen is given up
 * after that, so it bounds how long results wait when the others have chosen another leader. It may
 * not be longer than a transaction. */
static bool set_request_timeout(rd_kafka_conf_t *conf, const struct config *c, struct err *e) {
    char text[24];
    int64_t ms = c->transaction_timeout_ms < REQUEST_TIMEOUT_MS ? c->transaction_timeout_ms
                                                                : REQUEST_TIMEOUT_MS;
    (void)snprintf(text, sizeof text, "%lld", (long long)ms);
    return kafka_conf_set(conf, "socket.timeout.ms", text, e) &&
           kafka_conf_set(conf, "socket.connection.setup.timeout.ms", text, e) &&
           kafka_conf_set(conf, "api.version.request.timeout.ms", text, e) &&
           kafka_conf_set(conf, "request.timeout.ms", text, e);
}

rd_kafka_conf_t *kafka_conf(const struct config *c, struct err *e) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    bool ok = kafka_conf_set(conf, "bootstrap.servers", c->bootstrap, e) &&
              kafka_conf_set(conf, "client.id", "streamer", e) &&
              kafka_conf_set(conf, "reconnect.backoff.max.ms", "1000", e) &&
              set_request_timeout(conf, c, e);
    for (size_t i = 0; ok && i < c->kafka_count; i++)
        ok = kafka_conf_set(conf, c->kafka[i].name, c->kafka[i].value, e);
    if (ok && c->brokers != NULL) {
        rd_kafka_conf_set_log_cb(conf, kafka_log_watched);
        ok = broker_watch_conf(c->brokers, conf, e);
    }
    ok = ok && (c->logins == NULL || login_guard_watch(conf, c->logins, e));
    if (ok)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

bool kafka_conf_advertise(rd_kafka_conf_t *conf, const struct config *c, struct err *e) {
    char client_id[1024] = "";
    size_t size = sizeof client_id;
    if (c->http_advertised_url[0] == '\0' || c->http_listen[0] == '\0')
        return true;
    (void)rd_kafka_conf_get(conf, "client.id", client_id, &size);
    struct buf text = {0};
    buf_printf(&text, "%s%c%s", client_id, KAFKA_URL_SEPARATOR, c->http_advertised_url);
    bool ok = kafka_conf_set(conf, "client.id", buf_cstr(&text), e);
    buf_release(&text);
    return ok;
}

rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *e) {
    if (conf == NULL)
        return NULL;
    char why[512];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client != NULL)
        return client;
    enum err_class class =
        rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? ERR_STOP : ERR_CONFIG;
    rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it over only when it succeeds */
    why[strcspn(why, "\r\n")] = '\0';
    bool is_key = strncmp(why, "ssl.key.", strlen("ssl.key.")) == 0;
    (void)err_set(
        e, class, "kafka: no %s: %s, check %s", type == RD_KAFKA_PRODUCER ? "producer" : "consumer",
        why, is_key ? "kafka.ssl.key.location and kafka.ssl.key.password" : "the kafka.* settings");
    return NULL;
}

#define NO_BROKER_ID                                                                               \
    (-1) /* of bootstrap.servers, and of the coordinators, whose broker may change */

static rd_kafka_resp_err_t note_state(rd_kafka_t *rk, int32_t broker_id, const char *protocol,
                                      const char *name, int port, const char *state, void *breaks) {
    (void)rk;
    (void)protocol;
    (void)port;
    bool is_coordinator =
        strcmp(name, "GroupCoordinator") == 0 || strcmp(name, "TxnCoordinator") == 0;
    if (strcmp(state, "DOWN") == 0 && (broker_id != NO_BROKER_ID || is_coordinator))
        atomic_fetch_add((atomic_int *)breaks, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t watch_states(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *breaks,
                                        char *why, size_t why_size) {
    (void)conf;
    (void)why;
    (void)why_size;
    return rd_kafka_interceptor_add_on_broker_state_change(rk, "breaks", note_state, breaks);
}

bool kafka_conf_count_breaks(rd_kafka_conf_t *conf, atomic_int *breaks, struct err *e) {
    rd_kafka_resp_err_t code =
        rd_kafka_conf_interceptor_add_on_new(conf, "breaks", watch_states, breaks);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "kafka: cannot watch connections: %s", rd_kafka_err2str(code));
}

const char *kafka_library_version(void) {
    return rd_kafka_version_str();
}

static void *destroy(void *rk) {
    rd_kafka_destroy(rk);
    return NULL;
}

bool kafka_destroy(rd_kafka_t *rk) {
    pthread_t thread;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DESTROY_S;
    if (pthread_create(&thread, NULL, destroy, rk) != 0) {
        rd_kafka_destroy(rk);
    } else if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        log_warn("a Kafka client does not end and is left behind", "seconds=%d", DESTROY_S);
        (void)pthread_detach(thread);
        return false;
    }
    return true;
}

/* Verification errors of a certificate, as openssl/x509_vfy.h numbers them. */
enum {
    CERTIFICATE_OK = 0,
    NOT_YET_VALID = 9,
    HAS_EXPIRED = 10,
    OTHER_HOST = 62,
    OTHER_ADDRESS = 64
};

static const char *certificate_advice(int error) {
    switch (error) {
    case NOT_YET_VALID:
        return "the broker's certificate is not valid yet, compare the clocks";
    case HAS_EXPIRED:
        return "the broker's certificate has expired, it needs a new one";
    case OTHER_HOST:
    case OTHER_ADDRESS:
        return "the broker's certificate is of another host, use the name that is in it in kafka.bootstrap.servers and in the "
               "broker's advertised.listeners";
    default:
        return "the broker's certificate is signed by nobody whom kafka.ssl.ca.location holds, put its authority there";
    }
}

/* On librdkafka's threads. */
static int verify_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
                              const char *bytes, size_t size, char *why, size_t why_size,
                              void *opaque) {
    struct kafka_trouble *trouble = opaque;
    (void)rk, (void)broker, (void)id, (void)depth, (void)bytes, (void)size;
    if (*error == CERTIFICATE_OK)
        return 1;
    atomic_store(&trouble->certificate_error, *error);
    (void)snprintf(why, why_size, "%s", certificate_advice(*error));
    return 0;
}

/* The client's own error, where there is no token to log in with. */
#define NO_TOKEN "Failed to acquire SASL OAUTHBEARER token"
enum { NO_ANSWER = -1, BAD_REQUEST = 400, UNAUTHORIZED = 401, FORBIDDEN = 403 };

static const char *token_advice(int failure) {
    switch (failure) {
    case 0:
        return "what the token server sent is no token, check kafka.sasl.oauthbearer.token.endpoint.url and "
               "kafka.sasl.oauthbearer.sub.claim.name";
    case NO_ANSWER:
        return "the token server cannot be reached, check kafka.sasl.oauthbearer.token.endpoint.url, and for https "
               "kafka.https.ca.location";
    case BAD_REQUEST:
    case UNAUTHORIZED:
    case FORBIDDEN:
        return "the token server refuses the client, check kafka.sasl.oauthbearer.client.id, kafka.sasl.oauthbearer.client.secret "
               "and kafka.sasl.oauthbearer.scope";
    default:
        return "the token server answers with an error, check kafka.sasl.oauthbearer.token.endpoint.url";
    }
}

#define COMMAND_NOT_FOUND 127 /* the shell's exit code */

static const char *kerberos_advice(const struct kafka_trouble *trouble) {
    int code = atomic_load(&trouble->kinit_failure);
    if (code == COMMAND_NOT_FOUND)
        return "there is no kinit to get a Kerberos ticket with, install krb5-user";
    if (code != 0)
        return "kinit gets no Kerberos ticket and says why above, check kafka.sasl.kerberos.keytab, "
               "kafka.sasl.kerberos.principal and /etc/krb5.conf";
    if (strstr(trouble->text, "no mechanism available") != NULL)
        return "libsasl2 cannot speak Kerberos, install libsasl2-modules-gssapi-mit";
    if (strstr(trouble->text, "not found in Kerberos database") != NULL)
        return "the realm has no such service, check kafka.sasl.kerberos.service.name, and that the brokers' names "
               "(advertised.listeners) are those of their principals";
    return "the broker refuses the Kerberos ticket, check kafka.sasl.kerberos.service.name and the broker's keytab";
}

static const char *login_advice(const struct kafka_trouble *trouble) {
    if (strcmp(trouble->mechanism, "GSSAPI") == 0)
        return kerberos_advice(trouble);
    if (strcmp(trouble->mechanism, "OAUTHBEARER") == 0)
        return "the broker refuses the token, compare its issuer, audience and scope with those that the broker expects";
    return "the broker refuses the login, check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password";
}

/* What to do about it. */
static const char *advice(const struct kafka_trouble *trouble) {
    if (trouble != NULL && atomic_load(&trouble->certificate_error) != CERTIFICATE_OK)
        return certificate_advice(atomic_load(&trouble->certificate_error));
    if (trouble != NULL && strncmp(trouble->text, NO_TOKEN, strlen(NO_TOKEN)) == 0)
        return token_advice(atomic_load(&trouble->token_failure));
    if (trouble != NULL && trouble->is_refused_login)
        return login_advice(trouble);
    if (trouble != NULL && trouble->text[0] == '\0' &&
        strcmp(trouble->mechanism, "OAUTHBEARER") == 0)
        return "the token server has not answered yet, check kafka.sasl.oauthbearer.token.endpoint.url";
    if (trouble != NULL && trouble->text[0] == '\0' && strcmp(trouble->mechanism, "GSSAPI") == 0)
        return "kinit has not ended yet, check the KDC in /etc/krb5.conf";
    if (trouble != NULL && strstr(trouble->text, "SSL alert") != NULL)
        return "the broker asks for a client certificate and has got none, or one that it does not trust, check "
               "kafka.ssl.certificate.location and kafka.ssl.key.location";
    if (trouble != NULL &&
        strstr(trouble->text, " brokers are down") != NULL) /* and no connection was refused */
        return "they take connections and end them, as when they ask for another kafka.security.protocol (PLAINTEXT, SSL, "
               "SASL_PLAINTEXT, SASL_SSL)";
    return "check kafka.bootstrap.servers and the kafka.security.*, kafka.ssl.* and kafka.sasl.* settings";
}

bool kafka_trouble_lasts(const struct kafka_trouble *trouble) {
    return trouble->is_refused_login ||
           atomic_load(&trouble->certificate_error) != CERTIFICATE_OK ||
           strstr(trouble->text, "SSL alert") != NULL;
}

static void note_trouble(rd_kafka_t *rk, int code, const char *text, void *opaque) {
    (void)rk;
    struct kafka_trouble *trouble = opaque;
    trouble->is_refused_login |= code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
    /* "all brokers are down" says less than what came before it */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || trouble->text[0] == '\0')
        (void)snprintf(trouble->text, sizeof trouble->text, "%.*s", (int)strcspn(text, "\r\n"),
                       text);
}

/* The number behind the last `before` in a text, 0: none. */
static int number_behind(const char *text, const char *before) {
    const char *last = NULL;
    for (const char *at = strstr(text, before); at != NULL; at = strstr(at + 1, before))
        last = at;
    return last != NULL ? atoi(last + strlen(before)) : 0;
}

/* Only the log tells how a token server or kinit failed. False: it is about something else; the
 * client's error says the rest. */
static bool take_failure(struct kafka_trouble *trouble, const char *facility, const char *text) {
    if (strcmp(facility, "OIDC") == 0)
        atomic_store(&trouble->token_failure, number_behind(text, " ("));
    else if (strcmp(facility, "SASLREFRESH") == 0)
        atomic_store(&trouble->kinit_failure, strstr(text, "received signal") != NULL
                                                  ? -1
                                                  : number_behind(text, "exited with code "));
    else
        return strcmp(facility, "LIBSASL") == 0;
    return true;
}

/* On librdkafka's threads. */
static void log_trouble(const rd_kafka_t *rk, int syslog_level, const char *facility,
                        const char *text) {
    struct kafka_trouble *trouble = rk != NULL ? rd_kafka_opaque(rk) : NULL;
    bool is_error = trouble != NULL && syslog_level <= SYSLOG_ERROR;
    if (!is_error || !take_failure(trouble, facility, text))
        kafka_log(rk, syslog_level, facility, text);
}

static bool has_value(const rd_kafka_conf_t *conf, const char *name, const char *expected) {
    char value[64] = "";
    size_t size = sizeof value;
    (void)rd_kafka_conf_get(conf, name, value, &size);
    return strcmp(value, expected) == 0;
}

static bool uses_sasl(const rd_kafka_conf_t *conf) {
    return has_value(conf, "security.protocol", "sasl_ssl") ||
           has_value(conf, "security.protocol", "sasl_plaintext");
}

bool kafka_conf_set_trouble(rd_kafka_conf_t *conf, struct kafka_trouble *trouble, struct err *e) {
    *trouble = (struct kafka_trouble){0};
    size_t size = sizeof trouble->mechanism;
    if (uses_sasl(conf))
        (void)rd_kafka_conf_get(conf, "sasl.mechanism", trouble->mechanism, &size);
    rd_kafka_conf_set_error_cb(conf, note_trouble);
    rd_kafka_conf_set_log_cb(conf, log_trouble);
    rd_kafka_conf_set_opaque(conf, trouble);
    if (has_value(conf, "enable.ssl.certificate.verification", "true"))
        (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, verify_certificate);
    /* Longer than it takes to see that a login was refused: accounts get locked by a few of those.
     */
    return kafka_conf_set(conf, "reconnect.backoff.max.ms", RECONNECT_MS, e) &&
           kafka_conf_set(conf, "reconnect.backoff.ms", RECONNECT_MS, e);
}

rd_kafka_t *kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !kafka_conf_set_trouble(conf, trouble, e)) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return kafka_client(RD_KAFKA_PRODUCER, conf, e);
}

const struct rd_kafka_metadata *kafka_metadata(rd_kafka_t *client, const char *servers,
                                               int timeout_ms, const struct kafka_trouble *trouble,
                                               struct err *e) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    bool lasts = false;
    for (int left_ms = timeout_ms, step_ms = FIRST_ANSWER_MS; left_ms > 0 && !lasts;
         left_ms -= step_ms, step_ms *= 2) {
        code = rd_kafka_metadata(client, 1, NULL, &metadata, step_ms < left_ms ? step_ms : left_ms);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return metadata;
        (void)rd_kafka_poll(client, 0); /* serves the error callback */
        lasts = trouble != NULL && kafka_trouble_lasts(trouble);
    }
    const char *why =
        trouble != NULL && trouble->text[0] != '\0' ? trouble->text : rd_kafka_err2str(code);
    if (lasts)
        (void)err_set(e, ERR_STOP, "kafka: %s: %s (%s)", servers, advice(trouble), why);
    else
        (void)err_set(e, ERR_STOP, "kafka: no answer from %s within %d s: %s, %s", servers,
                      timeout_ms / 1000, why, advice(trouble));
    return NULL;
}

const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *m,
                                                           const char *name) {
    for (int i = 0; i < m->topic_cnt; i++)
        if (strcmp(m->topics[i].topic, name) == 0)
            return &m->topics[i];
    return NULL;
}

enum err_class kafka_class_of(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ERR_DENIED;
    default:
        return ERR_RETRY;
    }
}

/* librdkafka takes leaders from what it knows of the cluster, and of topics that a handle does not
 * consume it never asks again: a leader that is gone would be one for good. */
static void refresh_leaders(rd_kafka_t *client, int timeout_ms) {
    const struct rd_kafka_metadata *all;
    if (rd_kafka_metadata(client, 1, NULL, &all, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(all);
}

/* which: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END, which the protocol takes for times. */
static bool list_offsets(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list,
                         int64_t which, int64_t *offsets, int timeout_ms, struct err *e) {
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < asked->cnt; i++)
        asked->elems[i].offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, asked, timeout_ms);
    bool ok = true;
    for (int i = 0; ok && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_find(
            asked, list->elems[i].topic, list->elems[i].partition);
        rd_kafka_resp_err_t own = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : tp->err;
        ok = (own == RD_KAFKA_RESP_ERR_NO_ERROR && tp->offset >= 0) ||
             err_set(e, kafka_class_of(own), "offsets of %s partition %d: %s", tp->topic,
                     tp->partition,
                     own != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(own) : "not known");
        offsets[i] = tp->offset;
    }
    rd_kafka_topic_partition_list_destroy(asked);
    if (!ok)
        refresh_leaders(client, timeout_ms);
    return ok;
}

/* Waits for librdkafka's main thread, which serves requests in their order: the first answer comes
 * when the stops are on their way, the second one when they are through. */
static void wait_for_stops(rd_kafka_t *consumer) {
    for (int i = 0; i < 2; i++) {
        rd_kafka_topic_partition_list_t *ignored = NULL;
        if (rd_kafka_assignment(consumer, &ignored) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_topic_partition_list_destroy(ignored);
    }
}

rd_kafka_resp_err_t kafka_assign(rd_kafka_t *consumer,
                                 const rd_kafka_topic_partition_list_t *list) {
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, list);
    wait_for_stops(consumer);
    return code;
}

bool kafka_watermarks(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, int64_t *low,
                      int64_t *high, int timeout_ms, struct err *e) {
    return list->cnt == 0 ||
           (list_offsets(client, list, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms, e) &&
            list_offsets(client, list, RD_KAFKA_OFFSET_END, high, timeout_ms, e));
}

rd_kafka_AdminOptions_t *kafka_group_options(rd_kafka_t *client, rd_kafka_admin_op_t request) {
    char why[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, request);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, GROUP_REQUEST_MS, why, sizeof why);
    return options;
}

rd_kafka_event_t *kafka_admin_result(rd_kafka_queue_t *queue, const char *what, struct err *e) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_ANSWER_MS);
    if (event == NULL) {
        (void)err_set(e, ERR_RETRY, "%s: no answer from the brokers", what);
        return NULL;
    }
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    (void)err_set(e, ERR_RETRY, "%s: %s", what, rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    return NULL;
}
