/* kafka: makes handles of librdkafka from the configuration, and the requests that many files of
 * this room make. What a consumer or a producer adds to the base configuration is set where that
 * client is made. */
#ifndef STREAMER_KAFKA_KAFKA_H
#define STREAMER_KAFKA_KAFKA_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

/* --- configuration --- */

/* The base configuration of every client: brokers, client.id, the user's kafka.* settings, and
 * librdkafka's log sent to ours. Clients report to config.brokers and config.logins, if those are
 * set. The caller owns the result, and usually gives it to kafka_client. NULL with an error. */
rd_kafka_conf_t *kafka_conf(const struct config *c, struct err *e);

/* A value for fetch.queue.backoff.ms of consumers: how long a thread that fetches waits when its
 * queue is full. With librdkafka's default of a second, throughput is limited to what the queue
 * holds. */
#define KAFKA_QUEUE_BACKOFF_MS "2"

/* rd_kafka_conf_set with an error that names the property. */
bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e);
/* The same for a property that the user's kafka.* settings may override. */
bool kafka_conf_set_default(rd_kafka_conf_t *conf, const struct config *c, const char *name,
                            const char *value, struct err *e);

/* Appends http.advertised.url, if it is set, to the client.id, where peers.h finds it. */
#define KAFKA_URL_SEPARATOR '@'
bool kafka_conf_advertise(rd_kafka_conf_t *conf, const struct config *c, struct err *e);

/* Makes clients of `conf` count into `breaks`, on librdkafka's threads, the connections to brokers
 * that end. `breaks` must outlive the client. Connections to bootstrap.servers do not count,
 * because librdkafka itself ends them once it knows the brokers. (Its error events cannot be
 * counted instead: it leaves out identical ones for 30 s.) */
bool kafka_conf_count_breaks(rd_kafka_conf_t *conf, atomic_int *breaks, struct err *e);

/* The log callback that kafka_conf sets; called on librdkafka's threads. syslog_level: 0 to 7. `rk`
 * may be NULL. */
void kafka_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text);
/* The same for clients that report to config.brokers. That logs once for all of them when a broker
 * is lost, so the failed connections of a single client are only logged at level debug. */
void kafka_log_watched(const rd_kafka_t *rk, int syslog_level, const char *facility,
                       const char *text);

/* --- clients --- */

/* rd_kafka_new. Takes ownership of `conf` whether it succeeds or not. `conf` may be NULL, and then
 * `e` stays as the failed kafka_conf left it. NULL with an error. The caller ends the handle with
 * rd_kafka_destroy or kafka_destroy. */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *e);

/* rd_kafka_destroy with a deadline of some seconds: librdkafka 2.0.2 waits for ever for one of its
 * threads after a topic that it knew was deleted, and in rarer cases (its issues 4187, 4724).
 * False: the handle is left behind, and the log says so. Its threads then live on and use what its
 * callbacks use. */
bool kafka_destroy(rd_kafka_t *rk);

/* Waits until all clients of this process have ended. False: after timeout_ms some have not, and
 * their threads still run. */
bool kafka_clients_ended(int timeout_ms);

/* The version of the librdkafka that runs, such as "2.14.2". */
const char *kafka_library_version(void);

/* --- requests --- */

/* The topic `name` in the metadata, or NULL. */
const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *m,
                                                           const char *name);

/* The class of an error that may pass: ERR_DENIED if a right is missing, else ERR_RETRY. */
enum err_class kafka_class_of(rd_kafka_resp_err_t code);

/* rd_kafka_assign, which also waits until the partitions from before are no longer read: librdkafka
 * 2.0.2 failed an assertion if a partition was taken away a second time before that. */
rd_kafka_resp_err_t kafka_assign(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *list);

/* The first offset of each partition of the list, and the one behind the last, into low[i] and
 * high[i]. The client must be read_uncommitted. ERR_RETRY or ERR_DENIED names the first partition
 * that failed. */
bool kafka_watermarks(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, int64_t *low,
                      int64_t *high, int timeout_ms, struct err *e);

/* Options for a request about a group, which the caller destroys. Such a request never times out by
 * itself: if it did before the group's coordinator is found, librdkafka (2.14.2,
 * rd_kafka_admin_coord_request; its pull request 5397 mends it) would use freed memory and crash
 * once it finds it. So the caller has to stop waiting by himself, and must have few such requests
 * under way. */
rd_kafka_AdminOptions_t *kafka_group_options(rd_kafka_t *client, rd_kafka_admin_op_t request);

/* Waits for the answer to an admin request on `queue`, for longer than such requests live. NULL
 * with an error (ERR_RETRY) that begins with `what`. Else the caller looks at the single results,
 * and destroys the event. */
rd_kafka_event_t *kafka_admin_result(rd_kafka_queue_t *queue, const char *what, struct err *e);
/* The same, but ends with ERR_STOP soon after `stop` (NULL: nobody stops it) has become true, and
 * with ERR_DENIED if a right is missing. */
rd_kafka_event_t *kafka_admin_result_unless(rd_kafka_queue_t *queue, const atomic_bool *stop,
                                            const char *what, struct err *e);

#endif
