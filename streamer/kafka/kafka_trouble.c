#include "streamer/kafka/kafka_trouble.h"

#include "streamer/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ANSWER_MS                                                                            \
    1000 /* the first try of kafka_metadata; each further one takes twice that */
#define RECONNECT_MS "3000"
#define SYSLOG_ERROR 3
#define SYSLOG_DEBUG 7

/* --- what the user can do --- */

/* Verification errors of a certificate, from openssl/x509_vfy.h. */
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
        return "the broker's certificate is of another host, use the name that is in it in "
               "kafka.bootstrap.servers and in the broker's advertised.listeners";
    default:
        return "the broker's certificate is signed by nobody whom kafka.ssl.ca.location holds, "
               "put its authority there";
    }
}

/* Called on librdkafka's threads. */
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

/* The error of a client that got no token to log in with. */
#define NO_TOKEN "Failed to acquire SASL OAUTHBEARER token"
enum { NO_ANSWER = -1, BAD_REQUEST = 400, UNAUTHORIZED = 401, FORBIDDEN = 403 };

static const char *token_advice(int failure) {
    switch (failure) {
    case 0:
        return "what the token server sent is no token, check "
               "kafka.sasl.oauthbearer.token.endpoint.url and "
               "kafka.sasl.oauthbearer.sub.claim.name";
    case NO_ANSWER:
        return "the token server cannot be reached, check "
               "kafka.sasl.oauthbearer.token.endpoint.url, and for https kafka.https.ca.location";
    case BAD_REQUEST:
    case UNAUTHORIZED:
    case FORBIDDEN:
        return "the token server refuses the client, check kafka.sasl.oauthbearer.client.id, "
               "kafka.sasl.oauthbearer.client.secret and kafka.sasl.oauthbearer.scope";
    default:
        return "the token server answers with an error, check "
               "kafka.sasl.oauthbearer.token.endpoint.url";
    }
}

#define COMMAND_NOT_FOUND 127 /* the shell's exit code */

static const char *kerberos_advice(const struct kafka_trouble *trouble) {
    int code = atomic_load(&trouble->kinit_failure);
    if (code == COMMAND_NOT_FOUND)
        return "there is no kinit to get a Kerberos ticket with, install krb5-user";
    if (code != 0)
        return "kinit gets no Kerberos ticket and says why above, check "
               "kafka.sasl.kerberos.keytab, kafka.sasl.kerberos.principal and /etc/krb5.conf";
    if (strstr(trouble->text, "no mechanism available") != NULL)
        return "libsasl2 cannot speak Kerberos, install libsasl2-modules-gssapi-mit";
    if (strstr(trouble->text, "not found in Kerberos database") != NULL)
        return "the realm has no such service, check kafka.sasl.kerberos.service.name, and that "
               "the brokers' names (advertised.listeners) are those of their principals";
    return "the broker refuses the Kerberos ticket, check kafka.sasl.kerberos.service.name and "
           "the broker's keytab";
}

static const char *login_advice(const struct kafka_trouble *trouble) {
    if (strcmp(trouble->mechanism, "GSSAPI") == 0)
        return kerberos_advice(trouble);
    if (strcmp(trouble->mechanism, "OAUTHBEARER") == 0)
        return "the broker refuses the token, compare its issuer, audience and scope with those "
               "that the broker expects";
    return "the broker refuses the login, check kafka.sasl.mechanism, kafka.sasl.username and "
           "kafka.sasl.password";
}

/* Whether a broker took the connection and ended it without a word. "All brokers are down" stays
 * only if no broker has refused a connection. The end can also reach the client while it sends: it
 * then names the state that only an open connection has. */
static bool is_hung_up(const char *text) {
    return strstr(text, " brokers are down") != NULL || strstr(text, " in state UP)") != NULL ||
           strstr(text, " in state APIVERSION_QUERY)") != NULL;
}

/* What the user can do about it. */
static const char *advice(const struct kafka_trouble *trouble) {
    if (trouble != NULL && atomic_load(&trouble->certificate_error) != CERTIFICATE_OK)
        return certificate_advice(atomic_load(&trouble->certificate_error));
    if (trouble != NULL && strncmp(trouble->text, NO_TOKEN, strlen(NO_TOKEN)) == 0)
        return token_advice(atomic_load(&trouble->token_failure));
    if (trouble != NULL && trouble->is_refused_login)
        return login_advice(trouble);
    if (trouble != NULL && trouble->text[0] == '\0' &&
        strcmp(trouble->mechanism, "OAUTHBEARER") == 0)
        return "the token server has not answered yet, check "
               "kafka.sasl.oauthbearer.token.endpoint.url";
    if (trouble != NULL && trouble->text[0] == '\0' && strcmp(trouble->mechanism, "GSSAPI") == 0)
        return "kinit has not ended yet, check the KDC in /etc/krb5.conf";
    if (trouble != NULL && strstr(trouble->text, "SSL alert") != NULL)
        return "the broker asks for a client certificate and has got none, or one that it does "
               "not trust, check kafka.ssl.certificate.location and kafka.ssl.key.location";
    if (trouble != NULL && is_hung_up(trouble->text))
        return "they take connections and end them, as when they ask for another "
               "kafka.security.protocol (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL)";
    return "check kafka.bootstrap.servers and the kafka.security.*, kafka.ssl.* and "
           "kafka.sasl.* settings";
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
    /* "All brokers are down" says less than the error before it. */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || trouble->text[0] == '\0')
        (void)snprintf(trouble->text, sizeof trouble->text, "%.*s", (int)strcspn(text, "\r\n"),
                       text);
}

/* The number that follows the last `before` in a text; 0: there is none. */
static int number_behind(const char *text, const char *before) {
    const char *last = NULL;
    for (const char *at = strstr(text, before); at != NULL; at = strstr(at + 1, before))
        last = at;
    return last != NULL ? atoi(last + strlen(before)) : 0;
}

/* Notes how a token server or kinit failed, which only the log tells. True: the line need not be
 * shown, because the client's error will say what is wrong. False: the line is about something
 * else. */
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

/* Called on librdkafka's threads. */
static void log_trouble(const rd_kafka_t *rk, int syslog_level, const char *facility,
                        const char *text) {
    struct kafka_trouble *trouble = rk != NULL ? rd_kafka_opaque(rk) : NULL;
    bool is_error = trouble != NULL && syslog_level <= SYSLOG_ERROR;
    if (is_error && take_failure(trouble, facility, text))
        return;
    if (trouble != NULL && trouble->is_watched)
        kafka_log_watched(rk, syslog_level, facility, text);
    else
        kafka_log(rk, SYSLOG_DEBUG, facility, text);
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

static bool has_one_server(const rd_kafka_conf_t *conf) {
    char servers[512] = "";
    size_t size = sizeof servers;
    return rd_kafka_conf_get(conf, "bootstrap.servers", servers, &size) == RD_KAFKA_CONF_OK &&
           strchr(servers, ',') == NULL;
}

/* A client with sparse connections leaves bootstrap.servers as soon as it knows the brokers, and
 * then waits for half of reconnect.backoff.ms, up to a second, before it connects to one of them
 * (rd_kafka_connect_any; seen). Without them a wrong password would be tried at each of
 * bootstrap.servers. */
static bool connect_at_once(rd_kafka_conf_t *conf, struct err *e) {
    return (uses_sasl(conf) && !has_one_server(conf)) ||
           kafka_conf_set(conf, "enable.sparse.connections", "false", e);
}

bool kafka_conf_set_trouble(rd_kafka_conf_t *conf, const struct config *c,
                            struct kafka_trouble *trouble, struct err *e) {
    *trouble = (struct kafka_trouble){.is_watched = c->brokers != NULL, .stop = c->stop};
    size_t size = sizeof trouble->mechanism;
    if (uses_sasl(conf))
        (void)rd_kafka_conf_get(conf, "sasl.mechanism", trouble->mechanism, &size);
    rd_kafka_conf_set_error_cb(conf, note_trouble);
    rd_kafka_conf_set_log_cb(conf, log_trouble);
    rd_kafka_conf_set_opaque(conf, trouble);
    if (has_value(conf, "enable.ssl.certificate.verification", "true"))
        (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, verify_certificate);
    /* Time enough to notice that a login was refused: a few of those lock an account. */
    return connect_at_once(conf, e) &&
           kafka_conf_set(conf, "reconnect.backoff.max.ms", RECONNECT_MS, e) &&
           kafka_conf_set(conf, "reconnect.backoff.ms", RECONNECT_MS, e);
}

rd_kafka_t *kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !kafka_conf_set_trouble(conf, c, trouble, e)) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return kafka_client(RD_KAFKA_PRODUCER, conf, e);
}

static bool is_stopped(const struct kafka_trouble *trouble) {
    return trouble != NULL && trouble->stop != NULL && atomic_load(trouble->stop);
}

/* Who may be stopped looks every two seconds at least. */
static int next_step(int step_ms, const struct kafka_trouble *trouble) {
    bool may_be_stopped = trouble != NULL && trouble->stop != NULL;
    return may_be_stopped && step_ms > FIRST_ANSWER_MS ? step_ms : 2 * step_ms;
}

const struct rd_kafka_metadata *kafka_metadata(rd_kafka_t *client, const char *servers,
                                               int timeout_ms, const struct kafka_trouble *trouble,
                                               struct err *e) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    bool lasts = false;
    for (int left_ms = timeout_ms, step_ms = FIRST_ANSWER_MS;
         left_ms > 0 && !lasts && !is_stopped(trouble);
         left_ms -= step_ms, step_ms = next_step(step_ms, trouble)) {
        code = rd_kafka_metadata(client, 1, NULL, &metadata, step_ms < left_ms ? step_ms : left_ms);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return metadata;
        (void)rd_kafka_poll(client, 0); /* serves the error callback */
        lasts = trouble != NULL && kafka_trouble_lasts(trouble);
    }
    const char *why =
        trouble != NULL && trouble->text[0] != '\0' ? trouble->text : rd_kafka_err2str(code);
    if (is_stopped(trouble))
        (void)err_set(e, ERR_STOP, "interrupted before %s answered", servers);
    else if (lasts)
        (void)err_set(e, ERR_STOP, "kafka: %s: %s (%s)", servers, advice(trouble), why);
    else
        (void)err_set(e, ERR_STOP, "kafka: no answer from %s within %d s: %s, %s", servers,
                      timeout_ms / 1000, why, advice(trouble));
    return NULL;
}
