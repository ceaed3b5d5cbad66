#include "streamer/kafka/broker_watch.h"

#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES 2 /* in a row, after which a broker is unreachable */
#define FORGOTTEN_MS 60000
#define NO_PORT 0     /* librdkafka's handle for a coordinator, whose broker may change */
#define ADDRESS_N 300 /* of "host:port" */
#define STATE_UP "UP" /* librdkafka's names of the states of a broker */
#define STATE_DOWN "DOWN"
#define STATE_TRY "TRY_CONNECT"

struct broker {
    char address[ADDRESS_N];
    bool is_lost;
    int64_t since_ms, tried_ms; /* the first and the last failure while it is lost */
    int64_t up_ms;              /* when a client last connected; 0: never */
};

struct broker_watch {
    pthread_mutex_t lock;
    struct broker *brokers;
    size_t count;
    int users; /* the clients that report, and the owner */
};

/* A client has one or more handles for a broker: one for its address in bootstrap.servers, and one
 * for its id. */
struct link {
    char address[ADDRESS_N];
    int32_t broker_id;
    bool is_trying; /* it tries to connect */
    int failures;   /* attempts that failed since the last connection */
    /* The first and the last failure; the end of a connection counts as the first. */
    int64_t since_ms, tried_ms;
    int64_t began_ms; /* when the last attempt began */
    const char *why;
};

struct client {
    struct broker_watch *watch;
    struct link *links;
    size_t count;
    bool is_ending;
};

struct broker_watch *broker_watch_new(void) {
    struct broker_watch *watch = mem_calloc(1, sizeof *watch);
    (void)pthread_mutex_init(&watch->lock, NULL);
    watch->users = 1;
    return watch;
}

void broker_watch_release(struct broker_watch *watch) {
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    bool is_last = --watch->users == 0;
    (void)pthread_mutex_unlock(&watch->lock);
    if (!is_last)
        return;
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch->brokers);
    free(watch);
}

/* --- what all clients together know; with the lock held --- */

static struct broker *broker_at(struct broker_watch *watch, const char *address) {
    for (size_t i = 0; i < watch->count; i++)
        if (strcmp(watch->brokers[i].address, address) == 0)
            return &watch->brokers[i];
    watch->brokers = mem_realloc(watch->brokers, (watch->count + 1) * sizeof *watch->brokers);
    struct broker *broker = &watch->brokers[watch->count++];
    *broker = (struct broker){0};
    (void)snprintf(broker->address, sizeof broker->address, "%s", address);
    return broker;
}

static bool is_lost_now(const struct broker *broker) {
    return broker->is_lost &&
           clock_ms(clock_of_machine(), CLOCK_REALTIME) - broker->tried_ms <= FORGOTTEN_MS;
}

static void note_lost(struct broker_watch *watch, const struct link *link) {
    struct broker *broker = broker_at(watch, link->address);
    bool is_known = is_lost_now(broker);
    if (link->began_ms <= broker->up_ms)
        return; /* another client has connected since this attempt began */
    broker->tried_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    if (is_known)
        return;
    broker->is_lost = true;
    broker->since_ms = link->since_ms;
    struct buf since = {0};
    timestamp_put_iso(&since, broker->since_ms);
    log_warn("broker unreachable, trying again", "broker=%s since=%s reason=\"%s\"",
             broker->address, buf_cstr(&since), link->why);
    buf_release(&since);
}

static void note_up(struct broker_watch *watch, const char *address) {
    struct broker *broker = broker_at(watch, address);
    broker->up_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    if (!broker->is_lost)
        return;
    broker->is_lost = false;
    log_info("broker reachable again", "broker=%s seconds=%lld", address,
             (long long)(broker->up_ms - broker->since_ms) / 1000);
}

/* --- what a client sees --- */

static struct link *link_of(struct client *c, int32_t broker_id, const char *name, int port) {
    char address[ADDRESS_N];
    (void)snprintf(address, sizeof address, "%s:%d", name, port);
    for (size_t i = 0; i < c->count; i++)
        if (c->links[i].broker_id == broker_id && strcmp(c->links[i].address, address) == 0)
            return &c->links[i];
    c->links = mem_realloc(c->links, (c->count + 1) * sizeof *c->links);
    struct link *link = &c->links[c->count++];
    *link = (struct link){.broker_id = broker_id, .why = "no connection"};
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    return link;
}

/* The reason for a failure, which follows from the last state that the attempt reached. NULL: the
 * state tells nothing about it. */
static const char *why_after(const char *state) {
    if (strcmp(state, "CONNECT") == 0)
        return "no connection";
    if (strcmp(state, "SSL_HANDSHAKE") == 0)
        return "the TLS handshake does not end well";
    if (strcmp(state, "APIVERSION_QUERY") == 0)
        return "it takes connections but does not answer";
    return strncmp(state, "AUTH", 4) == 0 ? "the login does not end well" : NULL;
}

static void note_down(struct client *c, struct link *link) {
    int64_t now = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    if (link->since_ms == 0 || now - link->tried_ms > FORGOTTEN_MS) {
        link->since_ms = now;
        link->failures = 0;
    }
    link->tried_ms = now;
    link->failures += link->is_trying;
    link->is_trying = false;
    if (link->failures >= FAILURES)
        note_lost(c->watch, link);
}

static void note_state(struct client *c, struct link *link, const char *state) {
    const char *why = why_after(state);
    if (strcmp(state, STATE_DOWN) == 0) {
        note_down(c, link);
    } else if (strcmp(state, STATE_UP) == 0) {
        link->is_trying = false;
        link->failures = 0;
        link->since_ms = 0;
        note_up(c->watch, link->address);
    } else if (strcmp(state, STATE_TRY) == 0) {
        link->is_trying = true;
        link->began_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
        link->why = "no connection";
    } else if (why != NULL) {
        link->why = why;
    }
}

static rd_kafka_resp_err_t on_state(rd_kafka_t *rk, int32_t broker_id, const char *protocol,
                                    const char *name, int port, const char *state, void *opaque) {
    (void)rk, (void)protocol;
    struct client *c = opaque;
    (void)pthread_mutex_lock(&c->watch->lock);
    if (port != NO_PORT && !c->is_ending)
        note_state(c, link_of(c, broker_id, name, port), state);
    (void)pthread_mutex_unlock(&c->watch->lock);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The client closes its connections from now on, so their ends are no failures. */
static rd_kafka_resp_err_t on_destroy(rd_kafka_t *rk, void *opaque) {
    (void)rk;
    struct client *c = opaque;
    (void)pthread_mutex_lock(&c->watch->lock);
    c->is_ending = true;
    (void)pthread_mutex_unlock(&c->watch->lock);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *why, size_t why_size) {
    (void)conf, (void)why, (void)why_size;
    rd_kafka_resp_err_t code = rd_kafka_interceptor_add_on_destroy(rk, "watch", on_destroy, opaque);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR
               ? code
               : rd_kafka_interceptor_add_on_broker_state_change(rk, "watch", on_state, opaque);
}

/* The client has ended, with all its threads, or could not be made. */
static rd_kafka_resp_err_t on_end(void *opaque) {
    struct client *c = opaque;
    broker_watch_release(c->watch);
    free(c->links);
    free(c);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool broker_watch_conf(struct broker_watch *watch, rd_kafka_conf_t *conf, struct err *e) {
    struct client *c = mem_calloc(1, sizeof *c);
    c->watch = watch;
    (void)pthread_mutex_lock(&watch->lock);
    watch->users++;
    (void)pthread_mutex_unlock(&watch->lock);
    rd_kafka_resp_err_t code =
        rd_kafka_conf_interceptor_add_on_conf_destroy(conf, "watch", on_end, c);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)on_end(c);
    else
        code = rd_kafka_conf_interceptor_add_on_new(conf, "watch", on_new, c);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "kafka: cannot watch brokers: %s", rd_kafka_err2str(code));
}

void broker_watch_put_json(struct broker_watch *watch, struct buf *out) {
    (void)pthread_mutex_lock(&watch->lock);
    buf_put_byte(out, '[');
    size_t told = 0;
    for (size_t i = 0; i < watch->count && told < BROKERS_TOLD_MAX; i++) {
        const struct broker *broker = &watch->brokers[i];
        if (!is_lost_now(broker))
            continue;
        buf_printf(out, "%s{\"broker\":", told++ > 0 ? "," : "");
        json_put_string(out, slice_str(broker->address));
        buf_put_str(out, ",\"since\":\"");
        timestamp_put_iso(out, broker->since_ms);
        buf_put_str(out, "\"}");
    }
    buf_put_byte(out, ']');
    (void)pthread_mutex_unlock(&watch->lock);
}

size_t broker_watch_lost(struct broker_watch *watch, struct lost_broker *out, size_t max) {
    size_t count = 0;
    (void)pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < watch->count && count < max; i++) {
        if (!is_lost_now(&watch->brokers[i]))
            continue;
        out[count].since_ms = watch->brokers[i].since_ms;
        (void)snprintf(out[count].address, sizeof out->address, "%s", watch->brokers[i].address);
        count++;
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return count;
}
