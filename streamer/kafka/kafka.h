/* kafka: makes librdkafka handles from the configuration. What consumers, producers and the rest
 * add to the base configuration is their own business. */
#ifndef STREAMER_KAFKA_KAFKA_H
#define STREAMER_KAFKA_KAFKA_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

/* The base of every client: brokers, client.id, the user's kafka.*, librdkafka's log into ours,
 * config.brokers. The caller owns the result (kafka_client takes it); NULL with an error. */
rd_kafka_conf_t *kafka_conf(const struct config *c, struct err *e);

/* fetch.queue.backoff.ms of consumers: how long a thread that fetches looks away from a queue that
 * was full. At librdkafka's default of a second, throughput is what the queue holds. */
#define KAFKA_QUEUE_BACKOFF_MS "2"

/* rd_kafka_conf_set with an error that names the property. */
bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e);
/* The same for a property that the user's kafka.* may override. */
bool kafka_conf_set_default(rd_kafka_conf_t *conf, const struct config *c, const char *name,
                            const char *value, struct err *e);

/* Puts http.advertised.url, if there is one, behind the client.id, where peers.h finds it. */
#define KAFKA_URL_SEPARATOR '@'
bool kafka_conf_advertise(rd_kafka_conf_t *conf, const struct config *c, struct err *e);

/* rd_kafka_new. Takes ownership of `conf` whether it succeeds or not; `conf` may be NULL (then `e`
 * stays as the kafka_conf that failed left it). NULL with an error. The caller ends the handle with
 * rd_kafka_destroy.
 */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *e);

/* rd_kafka_destroy, with a deadline: librdkafka 2.0.2 waits for ever for a thread of its own after
 * a topic that it knew was deleted, and in rarer cases (its issues 4187, 4724). Then the handle is
 * left behind, and the log says so. False: its threads live on, and with them what its callbacks
 * use. */
bool kafka_destroy(rd_kafka_t *rk);

/* Makes a client of `conf` count into `breaks`, on librdkafka's threads, the connections to brokers
 * that end. `breaks` must outlive the client. Not counted are those to bootstrap.servers, which
 * librdkafka itself ends when it knows the brokers. (Its error events are no measure: identical
 * ones are left out for 30 s.) */
bool kafka_conf_count_breaks(rd_kafka_conf_t *conf, atomic_int *breaks, struct err *e);

/* Of the librdkafka that runs, "2.14.2". */
const char *kafka_library_version(void);

/* The log callback that kafka_conf sets; called on librdkafka's threads. syslog_level: 0 … 7. rk
 * may be NULL. */
void kafka_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text);

/* The same for clients of config.brokers, which says it once for all of them when a broker is lost:
 * each connection that fails is for the level debug. */
void kafka_log_watched(const rd_kafka_t *rk, int syslog_level, const char *facility,
                       const char *text);

/* Why connections fail, as librdkafka last said it. Filled on the thread that polls the handle. */
struct kafka_trouble {
    char text[400];     /* "": none so far */
    char mechanism[32]; /* sasl.mechanism; "": the login is not by SASL */
    bool is_refused_login;
    /* Set on librdkafka's threads; 0: none. */
    atomic_int certificate_error; /* of the broker's, by openssl/x509_vfy.h */
    atomic_int token_failure; /* HTTP status of a token server that gave no token; -1: no answer */
    atomic_int kinit_failure; /* exit code of the kinit that got no Kerberos ticket; -1: a signal */
};
/* Makes a client of `conf` report into `trouble`, which must outlive it, and wait some seconds
 * before it connects to a broker again. Takes error_cb, log_cb, ssl_cert_verify_cb and opaque. */
bool kafka_conf_set_trouble(rd_kafka_conf_t *conf, struct kafka_trouble *trouble, struct err *e);
/* A producer that reports into `trouble`, to ask the brokers something. NULL with an error. */
rd_kafka_t *kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                struct err *e);
/* Trying again will not help: a login that is refused, a certificate. */
bool kafka_trouble_lasts(const struct kafka_trouble *trouble);

/* What the cluster says of its brokers and of all topics (it creates none by being asked). Waits
 * for a broker for at most timeout_ms, and no longer if that cannot help; `trouble` (NULL: none)
 * explains why none answered. NULL with an error (ERR_STOP), else for rd_kafka_metadata_destroy. */
const struct rd_kafka_metadata *kafka_metadata(rd_kafka_t *client, const char *servers,
                                               int timeout_ms, const struct kafka_trouble *trouble,
                                               struct err *e);
/* The topic `name` in it, or NULL. */
const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *m,
                                                           const char *name);

/* What is to be done about an error that may pass: ERR_DENIED if a right is missing, else
 * ERR_RETRY. */
enum err_class kafka_class_of(rd_kafka_resp_err_t code);

/* rd_kafka_assign; waits until what was read before is not read any more (librdkafka 2.0.2 failed
 * an assertion if a partition was taken away a second time before that). */
rd_kafka_resp_err_t kafka_assign(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *list);

/* The first and one behind the last offset of each partition of the list, into low[i] and high[i];
 * of a handle that is read_uncommitted. ERR_RETRY or ERR_DENIED names the first partition that
 * failed. */
bool kafka_watermarks(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, int64_t *low,
                      int64_t *high, int timeout_ms, struct err *e);

/* Options for a request about a group, which the caller destroys. Such a request never runs out of
 * time by itself: where it does before the group's coordinator is found, librdkafka (2.14.2,
 * rd_kafka_admin_coord_request; its pull request 5397 mends it) uses freed memory, and the process
 * ends, as soon as it is found. So whoever asks gives up waiting by himself, and has but one such
 * request out, or few. */
rd_kafka_AdminOptions_t *kafka_group_options(rd_kafka_t *client, rd_kafka_admin_op_t request);

/* Waits for the answer to an admin request on `queue`, longer than such requests live. NULL with an
 * error (ERR_RETRY) that begins with `what`; else the caller destroys it, and looks at the single
 * results. */
rd_kafka_event_t *kafka_admin_result(rd_kafka_queue_t *queue, const char *what, struct err *e);

#endif
