/* broker_watch: which brokers cannot be reached, and since when. All clients of a process share
 * one: each broker that is lost is one line in the log, and one more when it is back, however many
 * connections to it there were.
 *
 * A broker is unreachable once a client that lost it, or never had it, has tried twice to connect
 * without success. It is reachable again when any client has a connection that is set up (login
 * included). A broker that nobody has tried to reach for a minute, because nobody needs it any
 * more, is neither. */
#ifndef STREAMER_KAFKA_BROKER_WATCH_H
#define STREAMER_KAFKA_BROKER_WATCH_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>

struct broker_watch;

struct broker_watch *broker_watch_new(void);
/* Gives it up; it is freed when the last client that reports to it has ended. NULL is allowed. */
void broker_watch_release(struct broker_watch *watch);

/* Makes clients of `conf` report, on librdkafka's threads. */
bool broker_watch_conf(struct broker_watch *watch, rd_kafka_conf_t *conf, struct err *e);

/* Appends a JSON list of those that are unreachable now:
 * [{"broker":"host:port","since":"2026-01-01T00:00:00.000Z"}, …]. On any thread. */
void broker_watch_put_json(struct broker_watch *watch, struct buf *out);

#endif
