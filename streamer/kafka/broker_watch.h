/* broker_watch: which brokers cannot be reached, and since when. All clients of a process share one
 * watch. So the log has one line when a broker is lost and one when it is back, no matter how many
 * connections to it there were.
 *
 * A broker is unreachable after a client without a connection to it has failed twice to connect. It
 * is reachable again when any client has set up a connection, login included. A broker is forgotten
 * if no client has tried to reach it for a minute, because none needs it any more. */
#ifndef STREAMER_KAFKA_BROKER_WATCH_H
#define STREAMER_KAFKA_BROKER_WATCH_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

struct broker_watch;

struct broker_watch *broker_watch_new(void);
/* Gives up the owner's reference. The watch is freed when the last client that reports to it has
 * ended. NULL is allowed. */
void broker_watch_release(struct broker_watch *watch);

/* Makes clients of `conf` report to the watch, on librdkafka's threads. */
bool broker_watch_conf(struct broker_watch *watch, rd_kafka_conf_t *conf, struct err *e);

#define BROKERS_TOLD_MAX 50

/* Appends a JSON list of the brokers that are unreachable now, of BROKERS_TOLD_MAX at most. Any
 * thread.
 * [{"broker":"host:port","since":"2026-01-01T00:00:00.000Z"}, …] */
void broker_watch_put_json(struct broker_watch *watch, struct buf *out);

struct lost_broker {
    char address[300]; /* "host:port" */
    int64_t since_ms;  /* since 1970 */
};
/* The same into `out`, of which there is room for `max`. Returns how many. Any thread. */
size_t broker_watch_lost(struct broker_watch *watch, struct lost_broker *out, size_t max);

#endif
