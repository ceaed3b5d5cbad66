#include "streamer/service/preflight.h"

#include "streamer/kafka/kafka.h"
#include "streamer/service/limits.h"
#include "streamer/service/state_dir.h"

#include <inttypes.h>
#include <stdio.h>

static bool set_integer(rd_kafka_conf_t *conf, const char *name, int64_t value, struct err *e) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return kafka_conf_set(conf, name, text, e);
}

static void fetch_no_token(rd_kafka_t *rk, const char *settings, void *opaque) {
    (void)rk, (void)settings, (void)opaque;
}

/* Keeps a client from asking for a token or a Kerberos ticket, which it would do as soon as it is
 * made. */
static void get_nothing_to_log_in_with(rd_kafka_conf_t *conf) {
    char why[1];
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, fetch_no_token);
    /* A librdkafka without Kerberos refuses this; then there is nothing to turn off. */
    (void)rd_kafka_conf_set(conf, "sasl.kerberos.min.time.before.relogin", "0", why, sizeof why);
}

static bool make_client(const struct config *c, rd_kafka_type_t type, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf == NULL)
        return false;
    get_nothing_to_log_in_with(conf);
    bool ok = kafka_conf_set(conf, "bootstrap.servers", "", e); /* it must not connect */
    if (type == RD_KAFKA_CONSUMER)
        ok = ok && kafka_conf_set(conf, "group.id", c->app_id, e);
    else
        ok = ok && kafka_conf_set(conf, "transactional.id", c->app_id, e) &&
             set_integer(conf, "transaction.timeout.ms", c->transaction_timeout_ms, e);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_t *client = kafka_client(type, conf, e);
    if (client != NULL)
        rd_kafka_destroy(client);
    return client != NULL;
}

bool preflight_clients(const struct config *c, struct err *e) {
    return make_client(c, RD_KAFKA_PRODUCER, e) && make_client(c, RD_KAFKA_CONSUMER, e);
}

bool preflight(const struct config *c, bool embedded, struct err *e) {
    return limits_prepare(c, e) && preflight_clients(c, e) && (embedded || state_dir_prepare(c, e));
}
