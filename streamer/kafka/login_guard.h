/* login_guard: keeps the clients of a process from locking their account. A broker that has refused
 * a login is connected to again when a minute is over, by one client; once it lets that one in, by
 * all. (librdkafka tries anew within a second, with each client and for as long as it lives.) */
#ifndef STREAMER_KAFKA_LOGIN_GUARD_H
#define STREAMER_KAFKA_LOGIN_GUARD_H

#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <sys/socket.h>

#define LOGIN_GUARD_PAUSE_MS INT64_C(60000)

struct login_guard;

struct login_guard *login_guard_new(void);
/* Leaves it behind if a client has threads left (kafka_destroy). NULL is allowed. */
void login_guard_free(struct login_guard *g);

/* Makes a client of `conf` ask `g`, which must outlive it, before it connects. Takes connect_cb. */
bool login_guard_watch(rd_kafka_conf_t *conf, struct login_guard *g, struct err *e);
/* For the log callback of such a client, on librdkafka's threads: only its log tells at once that a
 * login was refused. True: it need not be shown, as login_guard_refusal has it. */
bool login_guard_take_log(const char *facility, const char *text);

/* False: no broker has refused a login in the last two minutes without accepting one since. Else
 * `text` says which one and why. now_ms is monotonic. Any thread; g may be NULL. */
bool login_guard_refusal(struct login_guard *g, int64_t now_ms, char *text, size_t size);

/* What the rest is made of, with monotonic times; addresses as connect() takes them. */
bool login_guard_may_try(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                         int64_t now_ms);
void login_guard_note_refused(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                              const char *why, int64_t now_ms);
void login_guard_note_accepted(struct login_guard *g, const struct sockaddr *broker,
                               socklen_t size);

#endif
