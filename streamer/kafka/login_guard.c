#include "streamer/kafka/login_guard.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGET_MS (2 * LOGIN_GUARD_PAUSE_MS)

struct refusal {
    struct sockaddr_storage broker;
    socklen_t size;
    char why[300];
    int64_t last_ms, next_ms; /* the last refusal, and when a client may try again; monotonic */
};

struct login_guard {
    pthread_mutex_t lock;
    /* Of the brokers that have accepted no login since they refused one. */
    struct refusal *refusals;
    size_t count;
    atomic_int threads; /* the running threads of all clients */
};

/* The state of one thread of librdkafka. Each broker of each client has such a thread, and nothing
 * else tells connect_cb which client calls it. */
static _Thread_local struct {
    struct login_guard *guard;
    struct sockaddr_storage broker; /* the last one that the thread connected to */
    socklen_t size;
} this_thread;

struct login_guard *login_guard_new(void) {
    struct login_guard *g = mem_calloc(1, sizeof *g);
    (void)pthread_mutex_init(&g->lock, NULL);
    return g;
}

void login_guard_free(struct login_guard *g) {
    if (g == NULL || atomic_load(&g->threads) > 0)
        return;
    (void)pthread_mutex_destroy(&g->lock);
    free(g->refusals);
    free(g);
}

/* --- who refuses --- */

/* The refusal of the broker, or NULL. The caller holds the lock. */
static struct refusal *find(const struct login_guard *g, const struct sockaddr *broker,
                            socklen_t size) {
    for (size_t i = 0; i < g->count; i++)
        if (g->refusals[i].size == size && memcmp(&g->refusals[i].broker, broker, size) == 0)
            return &g->refusals[i];
    return NULL;
}

bool login_guard_may_try(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                         int64_t now_ms) {
    (void)pthread_mutex_lock(&g->lock);
    struct refusal *r = find(g, broker, size);
    bool may = r == NULL || now_ms >= r->next_ms;
    if (r != NULL && may)
        r->next_ms = now_ms + LOGIN_GUARD_PAUSE_MS; /* the other clients wait for the outcome */
    (void)pthread_mutex_unlock(&g->lock);
    return may;
}

void login_guard_note_refused(struct login_guard *g, const struct sockaddr *broker, socklen_t size,
                              const char *why, int64_t now_ms) {
    (void)pthread_mutex_lock(&g->lock);
    struct refusal *r = find(g, broker, size);
    if (r == NULL) {
        g->refusals = mem_realloc(g->refusals, (g->count + 1) * sizeof *g->refusals);
        r = &g->refusals[g->count++];
        *r = (struct refusal){.size = size};
        memcpy(&r->broker, broker, size);
    }
    const char *end = strstr(why, " (after "); /* librdkafka appends the state, and for how long */
    int length = (int)(end != NULL ? (size_t)(end - why) : strlen(why));
    (void)snprintf(r->why, sizeof r->why, "%.*s", length, why);
    r->last_ms = now_ms;
    r->next_ms = now_ms + LOGIN_GUARD_PAUSE_MS;
    (void)pthread_mutex_unlock(&g->lock);
}

void login_guard_note_accepted(struct login_guard *g, const struct sockaddr *broker,
                               socklen_t size) {
    (void)pthread_mutex_lock(&g->lock);
    struct refusal *r = find(g, broker, size);
    if (r != NULL)
        *r = g->refusals[--g->count];
    (void)pthread_mutex_unlock(&g->lock);
}

/* Forgets brokers that no client has tried again: they are gone, or nobody needs them any more. */
static void forget_old(struct login_guard *g, int64_t now_ms) {
    for (size_t i = g->count; i-- > 0;)
        if (now_ms - g->refusals[i].last_ms > FORGET_MS)
            g->refusals[i] = g->refusals[--g->count];
}

bool login_guard_refusal(struct login_guard *g, int64_t now_ms, char *text, size_t size) {
    if (g == NULL)
        return false;
    (void)pthread_mutex_lock(&g->lock);
    forget_old(g, now_ms);
    bool refused = g->count > 0;
    if (refused) {
        const struct refusal *r = &g->refusals[0];
        char host[64] = "?", port[16] = "?";
        (void)getnameinfo((const struct sockaddr *)&r->broker, r->size, host, sizeof host, port,
                          sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        (void)snprintf(text, size, "the broker %s port %s refuses the login (%s)", host, port,
                       r->why);
    }
    (void)pthread_mutex_unlock(&g->lock);
    return refused;
}

/* --- on librdkafka's threads --- */

/* The error of a connection that the guard does not allow. Nothing else returns this error, so the
 * log line can be recognized. */
#define NOT_YET EKEYREJECTED

static int connect_if_allowed(int fd, const struct sockaddr *broker, int size, const char *name,
                              void *opaque) {
    (void)name, (void)opaque;
    this_thread.size = (socklen_t)size;
    memcpy(&this_thread.broker, broker, this_thread.size);
    if (this_thread.guard != NULL &&
        !login_guard_may_try(this_thread.guard, broker, this_thread.size,
                             clock_ms(clock_of_machine(), CLOCK_MONOTONIC)))
        return NOT_YET;
    return connect(fd, broker, this_thread.size) == 0 || errno == EINPROGRESS ? 0 : errno;
}

static rd_kafka_resp_err_t note_state(rd_kafka_t *rk, int32_t broker_id, const char *protocol,
                                      const char *name, int port, const char *state, void *guard) {
    (void)rk, (void)broker_id, (void)protocol, (void)name, (void)port;
    if (this_thread.size > 0 && strcmp(state, "UP") == 0)
        login_guard_note_accepted(guard, (const struct sockaddr *)&this_thread.broker,
                                  this_thread.size);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t note_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name,
                                      void *guard) {
    (void)rk, (void)type, (void)name;
    this_thread.guard = guard;
    atomic_fetch_add(&this_thread.guard->threads, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t note_exit(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name,
                                     void *guard) {
    (void)rk, (void)type, (void)name;
    this_thread.guard = NULL;
    atomic_fetch_sub(&((struct login_guard *)guard)->threads, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t watch_client(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *guard,
                                        char *why, size_t why_size) {
    (void)conf, (void)why, (void)why_size;
    rd_kafka_resp_err_t code =
        rd_kafka_interceptor_add_on_thread_start(rk, "logins", note_start, guard);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_interceptor_add_on_thread_exit(rk, "logins", note_exit, guard);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_interceptor_add_on_broker_state_change(rk, "logins", note_state, guard);
    return code;
}

bool login_guard_watch(rd_kafka_conf_t *conf, struct login_guard *g, struct err *e) {
    rd_kafka_conf_set_connect_cb(conf, connect_if_allowed);
    rd_kafka_resp_err_t code =
        rd_kafka_conf_interceptor_add_on_new(conf, "logins", watch_client, g);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "kafka: cannot watch logins: %s", rd_kafka_err2str(code));
}

/* Why the broker refused the login. NULL: the text is about something else, such as a connection
 * that ended during the login. */
static const char *refusal_in(const char *text) {
    static const char refused[] = "SASL authentication error: ";
    const char *why = strstr(text, refused);
    if (why != NULL)
        why += strlen(refused);
    else
        why = strstr(text, "Failed to initialize SASL authentication: ");
    return why == NULL || strstr(why, "SaslAuthenticateRequest failed") != NULL ? NULL : why;
}

bool login_guard_take_log(const char *facility, const char *text) {
    const char *why = refusal_in(text);
    if (strcmp(facility, "ERROR") == 0) /* the same error again, on the thread that polls */
        return why != NULL || strstr(text, strerrordesc_np(NOT_YET)) != NULL;
    if (this_thread.guard == NULL || strcmp(facility, "FAIL") != 0)
        return false;
    if (why != NULL)
        login_guard_note_refused(this_thread.guard, (const struct sockaddr *)&this_thread.broker,
                                 this_thread.size, why,
                                 clock_ms(clock_of_machine(), CLOCK_MONOTONIC));
    return why != NULL || strstr(text, strerrordesc_np(NOT_YET)) != NULL;
}
