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
#define ADMIN_ANSWER_MS 65000    /* longer than librdkafka's own timeout of such requests */
#define ADMIN_STEP_MS 100        /* how often it looks whether to stop */
#define GROUP_REQUEST_MS 3600000 /* the longest time that librdkafka accepts */
#define DESTROY_S 5              /* the deadline of kafka_destroy */
#define SYSLOG_DEBUG 7

/* Lines of librdkafka's log that say nothing new. Every client gets all of the user's kafka.*
 * settings, so librdkafka warns of producer properties in consumers and the reverse. Clients that
 * shall not connect have no brokers (preflight.c). Why a connection fails is logged for the broker
 * (facility FAIL), and once more as the client's error. */
static bool is_noise(const char *facility, const char *text) {
    return (strcmp(facility, "CONFWARN") == 0 &&
            (strstr(text, " property and will be ignored by this ") != NULL ||
             strstr(text, "No `bootstrap.servers` configured") != NULL)) ||
           (strcmp(facility, "ERROR") == 0 &&
            (strstr(text, "Connect to ") != NULL || strstr(text, " brokers are down") != NULL));
}

/* What librdkafka calls an error (a lost connection) is a warning: it recovers by itself. */
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

/* Bounds how long an answer, and the setup of a connection, may take. A frozen broker is given up
 * after that time, so it also bounds how long results wait once the other brokers have chosen
 * another leader. It must not exceed transaction.timeout.ms. */
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

/* The id of bootstrap.servers, and of the coordinators, whose broker may change. */
#define NO_BROKER_ID (-1)

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

bool kafka_clients_ended(int timeout_ms) {
    return rd_kafka_wait_destroyed(timeout_ms) == 0;
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

/* librdkafka never asks again for the leaders of topics that the handle does not consume. Without
 * this, a leader that is gone would be asked for ever. */
static void refresh_leaders(rd_kafka_t *client, int timeout_ms) {
    const struct rd_kafka_metadata *all;
    if (rd_kafka_metadata(client, 1, NULL, &all, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(all);
}

/* which: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END, which the protocol accepts as times. */
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

/* Waits until the partitions are stopped. librdkafka's main thread serves requests in order: the
 * first answer comes after it has sent the stops, the second one after they are done. */
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

static bool is_stopped(const atomic_bool *stop) {
    return stop != NULL && atomic_load(stop);
}

static rd_kafka_event_t *next_event(rd_kafka_queue_t *queue, const atomic_bool *stop) {
    rd_kafka_event_t *event = NULL;
    for (int left_ms = ADMIN_ANSWER_MS; event == NULL && left_ms > 0 && !is_stopped(stop);
         left_ms -= ADMIN_STEP_MS)
        event = rd_kafka_queue_poll(queue, ADMIN_STEP_MS);
    return event;
}

rd_kafka_event_t *kafka_admin_result(rd_kafka_queue_t *queue, const char *what, struct err *e) {
    rd_kafka_event_t *event = kafka_admin_result_unless(queue, NULL, what, e);
    if (event == NULL)
        e->class = ERR_RETRY;
    return event;
}

rd_kafka_event_t *kafka_admin_result_unless(rd_kafka_queue_t *queue, const atomic_bool *stop,
                                            const char *what, struct err *e) {
    rd_kafka_event_t *event = next_event(queue, stop);
    if (event == NULL && is_stopped(stop)) {
        (void)err_set(e, ERR_STOP, "%s: interrupted", what);
        return NULL;
    }
    if (event == NULL) {
        (void)err_set(e, ERR_RETRY, "%s: no answer from the brokers", what);
        return NULL;
    }
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    (void)err_set(e, kafka_class_of(rd_kafka_event_error(event)), "%s: %s", what,
                  rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    return NULL;
}
