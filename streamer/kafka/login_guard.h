/* login_guard: keeps the clients of a process from locking their account. After a broker has
 * refused a login, one client tries again each minute. The others connect once the broker has
 * accepted a login. (Without the guard, librdkafka would try again each second, with every client
 * of the process.) */
#ifndef STREAMER_KAFKA_LOGIN_GUARD_H
#define STREAMER_KAFKA_LOGIN_GUARD_H

#include "streamer/base/err.h"

#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <sys/socket.h>

#define LOGIN_GUARD_PAUSE_MS INT64_C(60000)

struct login_guard;

struct login_guard *login_guard_new(void);
/* Does not free the guard if a client has left threads behind (kafka_destroy). NULL is allowed. */
void login_guard_free(struct login_guard *g);

/* Makes a client of `conf` ask `g`, which must outlive it, before it connects. Sets connect_cb. */
bool login_guard_watch(rd_kafka_conf_t *conf, struct login_guard *g, struct err *e);
/* To be called from the log callback of such a client, on librdkafka's threads, because only the
 * log tells at once that a login was refused. True: the line need not be shown, because
 * login_guard_refusal tells the same. */
bool login_guard_take_log(const char *facility, const char *text);

/* Whether a broker has refused a login in the last two minutes and has accepted none since. `text`
 * then says which broker, and why. now_ms is monotonic. Any thread. `g` may be NULL (false). */
bool login_guard_refusal(struct login_guard *g, int64_t now_ms, char *text, size_t size);

/* --- the parts of it, for tests; times are monotonic, addresses are those of connect() --- */

/* Whether a client may connect now. True for one client each minute after a refusal. */
bool login_guard_may_try(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                         int64_t now_ms);
void login_guard_note_refused(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                              const char *why, int64_t now_ms);
void login_guard_note_accepted(struct login_guard *g, const struct sockaddr *broker,
                               socklen_t size);

#endif
